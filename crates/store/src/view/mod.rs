//! Keeps the views in step with the history: each event changes its rows in the transaction that stores it.
//!
//! Everything in a view comes from events and their time, so all of them can be dropped and made again.

mod attention;
mod board;
mod run;
mod step;
mod task;
mod work_unit;

use crate::blobs::Blobs;
use crate::history::{self, HistoryError};
use crate::time::iso;
use domain::{Event, Moment, RunId, Stream, UnitId};
use rusqlite::{Connection, Params};

/// What makes the views.
pub(crate) const SCHEMA: &str = include_str!("../schema/views.sql");

/// The views, those that point at others first.
pub(crate) const TABLES: [&str; 11] = [
    "attention_items",
    "flow_steps",
    "task_log",
    "flow_runs",
    "status_log",
    "work_units",
    "projects",
    "accounts",
    "settings",
    "approved_commands",
    "claims",
];

/// Events read at a time while rebuilding.
const REBUILD_CHUNK: usize = 1_000;

/// Where and when an event happened, as the rows say it.
pub(crate) struct Fact<'a> {
    pub(crate) position: u64,
    pub(crate) at: &'a str,
}

/// Writes what an event changes.
pub(crate) fn apply(
    connection: &Connection,
    fact: &Fact<'_>,
    stream: Stream,
    event: &Event,
) -> rusqlite::Result<()> {
    match (stream, event) {
        (Stream::Run(run), Event::Run(event)) => run::apply(
            &Scene {
                connection,
                fact,
                subject: run,
            },
            event,
        ),
        (Stream::Unit(unit), Event::Unit(event)) => work_unit::apply(
            &Scene {
                connection,
                fact,
                subject: unit,
            },
            event,
        ),
        (Stream::Board, Event::Board(event)) => board::apply(
            &Scene {
                connection,
                fact,
                subject: (),
            },
            event,
        ),
        (Stream::Run(_) | Stream::Unit(_) | Stream::Board, event) => {
            tracing::error!(
                ?stream,
                ?event,
                "bug: an event in a stream of another kind changes no view"
            );
            Ok(())
        }
    }
}

/// What the writers of rows share: the connection, the event's place and time, and what it happened to.
struct Scene<'a, T> {
    connection: &'a Connection,
    fact: &'a Fact<'a>,
    subject: T,
}

type RunScene<'a> = Scene<'a, RunId>;
type UnitScene<'a> = Scene<'a, UnitId>;
type BoardScene<'a> = Scene<'a, ()>;

impl<T> Scene<'_, T> {
    fn write(&self, sql: &'static str, values: impl Params) -> rusqlite::Result<usize> {
        self.connection.prepare_cached(sql)?.execute(values)
    }

    /// For rows that the rules promise to be there. A missing one is a bug of ours, and no reason to lose the event.
    fn write_one(&self, sql: &'static str, values: impl Params) -> rusqlite::Result<()> {
        let changed = self.write(sql, values)?;
        if changed != 1 {
            tracing::error!(
                position = self.fact.position,
                changed,
                sql,
                "bug: an event found no row of its own"
            );
        }
        Ok(())
    }

    const fn at(&self) -> &str {
        self.fact.at
    }

    fn position(&self) -> i64 {
        int(self.fact.position)
    }
}

/// SQLite's integers have a sign.
fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn instant(moment: Option<Moment>) -> Option<String> {
    moment.map(iso)
}

/// Drops every view, makes it anew and fills it from the history. The caller's transaction makes it all or nothing.
pub(crate) fn rebuild(connection: &Connection, blobs: &Blobs) -> Result<(), HistoryError> {
    for table in TABLES {
        connection.execute_batch(&format!("DROP TABLE IF EXISTS {table}"))?;
    }
    connection.execute_batch(SCHEMA)?;
    let mut after = 0;
    loop {
        let events = history::after(connection, blobs, after, REBUILD_CHUNK)?;
        let Some(last) = events.last() else { return Ok(()) };
        after = last.position;
        for recorded in &events {
            let fact = Fact {
                position: recorded.position,
                at: &iso(recorded.at),
            };
            apply(connection, &fact, recorded.stream, &recorded.event)?;
        }
    }
}
