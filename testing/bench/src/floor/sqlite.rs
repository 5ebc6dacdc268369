//! Bare SQLite: commits the rows that the store kept, grouped like the store groups them, with nothing else to do.
//!
//! Every event and every row of a view is inserted once, as it was in the end; batch by batch as they were committed,
//! each stream waiting for its own acknowledgement, with the same pragmas that decide what a commit costs.

use crate::world::Kept;
use anyhow::Context as _;
use rusqlite::Connection;
use rusqlite::types::Value;
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Instant;
use tokio::sync::{Semaphore, oneshot};

const GROUP_MAX: usize = 256;

/// The rows of a database, batch by batch, and the tables they go to.
pub(crate) struct Rows {
    schema: Vec<String>,
    /// The batches of each stream, in order.
    streams: Vec<Vec<Vec<Row>>>,
    batches: usize,
}

/// A row: how it is inserted, and its columns.
#[derive(Clone)]
struct Row {
    insert: Arc<str>,
    values: Vec<Value>,
}

impl Rows {
    /// Those that a closed database got with these commits.
    pub(crate) fn read(database: &Path, kept: &[Kept]) -> anyhow::Result<Self> {
        let connection = Connection::open(database)?;
        let schema = column(
            &connection,
            "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid",
        )?;
        let first = kept
            .iter()
            .map(|kept| kept.last + 1 - kept.events)
            .min()
            .unwrap_or(0);
        let mut by_position = by_position(&connection, first)?;
        let mut streams: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for kept in kept {
            let positions = kept.last + 1 - kept.events..=kept.last;
            let rows: Vec<Row> = positions
                .flat_map(|position| by_position.remove(&position).unwrap_or_default())
                .collect();
            anyhow::ensure!(
                rows.len() as u64 >= kept.events,
                "a commit's events are in the history"
            );
            streams.entry(kept.stream).or_default().push(rows);
        }
        Ok(Self {
            schema,
            batches: kept.len(),
            streams: streams.into_values().collect(),
        })
    }

    /// Commits them to a new database; `at_once` streams wait for an answer at a time. Batches in a second.
    pub(crate) fn commit(&self, database: &Path, at_once: usize) -> anyhow::Result<f64> {
        let connection = open(database, &self.schema)?;
        let (queue, waiting) = mpsc::sync_channel::<Waiting>(1_024);
        let writer = std::thread::spawn(move || write(&connection, &waiting));
        let runtime = crate::world::runtime()?;
        let streams = self.streams.clone();
        let begun = Instant::now();
        runtime.block_on(async {
            let places = Arc::new(Semaphore::new(at_once));
            let producers: Vec<_> = streams
                .into_iter()
                .map(|batches| tokio::spawn(produce(batches, queue.clone(), Arc::clone(&places))))
                .collect();
            for producer in producers {
                producer.await??;
            }
            anyhow::Ok(())
        })?;
        let took = begun.elapsed();
        drop(queue);
        writer
            .join()
            .map_err(|_| anyhow::anyhow!("the bare writer broke"))??;
        Ok(self.batches as f64 / took.as_secs_f64())
    }
}

type Waiting = (Vec<Row>, oneshot::Sender<()>);

async fn produce(
    batches: Vec<Vec<Row>>,
    queue: mpsc::SyncSender<Waiting>,
    places: Arc<Semaphore>,
) -> anyhow::Result<()> {
    for batch in batches {
        // Like a run that takes its turn for a slot, step by step.
        let _place = places.acquire().await?;
        let (reply, answer) = oneshot::channel();
        queue
            .send((batch, reply))
            .ok()
            .context("the bare writer is gone")?;
        answer.await?;
    }
    Ok(())
}

fn write(connection: &Connection, waiting: &mpsc::Receiver<Waiting>) -> anyhow::Result<()> {
    while let Ok(first) = waiting.recv() {
        let mut group = vec![first];
        while group.len() < GROUP_MAX {
            let Ok(next) = waiting.try_recv() else { break };
            group.push(next);
        }
        connection.execute_batch("BEGIN IMMEDIATE")?;
        for row in group.iter().flat_map(|(rows, _)| rows) {
            connection
                .prepare_cached(&row.insert)?
                .execute(rusqlite::params_from_iter(&row.values))?;
        }
        connection.execute_batch("COMMIT")?;
        for (_, reply) in group {
            // Whoever waited may have broken; the measurement then says so.
            let _unheard = reply.send(());
        }
    }
    Ok(())
}

fn open(path: &Path, schema: &[String]) -> anyhow::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000;
         PRAGMA foreign_keys = OFF;",
    )?;
    for statement in schema {
        connection.execute_batch(statement)?;
    }
    Ok(connection)
}

/// The rows that each event led to, by its position.
fn by_position(connection: &Connection, first: u64) -> anyhow::Result<BTreeMap<u64, Vec<Row>>> {
    let mut all: BTreeMap<u64, Vec<Row>> = BTreeMap::new();
    for table in ["events", "flow_runs", "flow_steps"] {
        for (position, row) in placed(connection, table, first)? {
            all.entry(position).or_default().push(row);
        }
    }
    let mut tasks = VecDeque::from(rows(connection, "task_log", "ORDER BY rowid DESC")?);
    let ordered = format!(
        "SELECT position FROM events WHERE kind = 'run.task_ordered' AND position >= {first} ORDER BY position DESC"
    );
    for position in column::<i64>(connection, &ordered)? {
        let row = tasks.pop_front().context("every ordered task has its row")?;
        all.entry(u64::try_from(position)?).or_default().push(row);
    }
    Ok(all)
}

/// Rows with the position of the event that made them.
fn placed(connection: &Connection, table: &str, first: u64) -> anyhow::Result<Vec<(u64, Row)>> {
    let order = format!("WHERE position >= {first} ORDER BY position, rowid");
    let positions = column::<i64>(connection, &format!("SELECT position FROM {table} {order}"))?;
    let positions = positions
        .into_iter()
        .map(u64::try_from)
        .collect::<Result<Vec<_>, _>>()?;
    Ok(positions
        .into_iter()
        .zip(rows(connection, table, &order)?)
        .collect())
}

fn rows(connection: &Connection, table: &str, order: &str) -> anyhow::Result<Vec<Row>> {
    let mut statement = connection.prepare(&format!("SELECT * FROM {table} {order}"))?;
    let width = statement.column_count();
    let holes = vec!["?"; width].join(", ");
    let insert: Arc<str> = format!("INSERT INTO {table} VALUES ({holes})").into();
    let found = statement.query_map([], |row| (0..width).map(|index| row.get(index)).collect())?;
    found
        .map(|values| {
            Ok(Row {
                insert: Arc::clone(&insert),
                values: values?,
            })
        })
        .collect()
}

fn column<T: rusqlite::types::FromSql>(connection: &Connection, sql: &str) -> anyhow::Result<Vec<T>> {
    let mut statement = connection.prepare(sql)?;
    let found = statement.query_map([], |row| row.get(0))?;
    Ok(found.collect::<Result<_, _>>()?)
}
