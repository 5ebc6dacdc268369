//! Looks whether a home's state keeps its promises, by asking the rows and by making the views again.

use crate::blobs::Blobs;
use crate::connection::open_reader;
use crate::error::{BackupError, OpenError};
use crate::home::Home;
use crate::{backup, history, view};
use domain::{Event, Phase, Run, RunEvent, RunId, StepKey, Stream, TaskId, duties, follow};
use engine::ports::Recorded;
use rusqlite::{Connection, types::Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Why a home could not be looked at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The database does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The copy to compare with could not be made.
    #[error("cannot copy the database: {0}")]
    Copy(#[from] BackupError),
    /// SQLite failed.
    #[error("SQLite failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// An event is damaged.
    #[error("the history cannot be read: {0}")]
    History(String),
    /// A file refused.
    #[error("cannot use {0}: {1}")]
    File(std::path::PathBuf, std::io::Error),
}

/// Events read at a time.
const CHUNK: usize = 1_000;

/// Every promise that is broken, in words; empty when all hold. Nothing is changed: the work is done on a copy, which
/// is removed again. Blocks.
///
/// # Errors
/// When the home cannot be looked at.
pub fn verify(home: &Home) -> Result<Vec<String>, VerifyError> {
    let file = |path: std::path::PathBuf| move |error| VerifyError::File(path, error);
    let folder = home.backups().join("verify");
    match std::fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(file(folder)(error)),
        Ok(()) | Err(_) => {}
    }
    crate::home::make_private_folder(&folder).map_err(file(folder.clone()))?;
    let copy = folder.join("copy.db");
    backup::copy(&open_reader(&home.database())?, &copy, || {})?;
    let blobs = Blobs::look(home.blobs());
    let broken = verify_copy(&backup::unfinished(&copy), &blobs);
    std::fs::remove_dir_all(&folder).map_err(file(folder))?;
    broken
}

/// What happened in a home after a position, in order. Nothing is changed, and a daemon may be at work on it. Blocks.
///
/// # Errors
/// When the home cannot be looked at, or an event is damaged.
pub fn read_history(home: &Home, after: u64) -> Result<Vec<Recorded>, VerifyError> {
    let connection = open_reader(&home.database())?;
    let blobs = Blobs::look(home.blobs());
    history::after(&connection, &blobs, after, usize::MAX).map_err(|error| match error {
        history::HistoryError::Sqlite(error) => VerifyError::Sqlite(error),
        damaged => VerifyError::History(damaged.to_string()),
    })
}

fn verify_copy(path: &Path, blobs: &Blobs) -> Result<Vec<String>, VerifyError> {
    let kept = Connection::open(path)?;
    let mut broken = Vec::new();
    check_files(&kept, &mut broken)?;
    check_numbers(&kept, &mut broken)?;
    check_history(&kept, blobs, &mut broken)?;
    check_tasks(&kept, &mut broken)?;
    if broken.is_empty() {
        let mut remade = Connection::open_in_memory()?;
        rusqlite::backup::Backup::new(&kept, &mut remade)?.step(-1)?;
        match view::rebuild(&remade, blobs) {
            Ok(()) => compare(&kept, &remade, &mut broken)?,
            Err(error) => broken.push(format!("the views cannot be made again: {error}")),
        }
    }
    Ok(broken)
}

fn check_files(kept: &Connection, broken: &mut Vec<String>) -> rusqlite::Result<()> {
    let mut statement = kept.prepare("PRAGMA integrity_check")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let said: String = row.get(0)?;
        if said != "ok" {
            broken.push(said);
        }
    }
    let mut statement = kept.prepare("SELECT \"table\", rowid, parent FROM pragma_foreign_key_check")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (table, id, parent): (String, Option<i64>, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        broken.push(format!("row {id:?} of {table} points at no row of {parent}"));
    }
    Ok(())
}

fn check_numbers(kept: &Connection, broken: &mut Vec<String>) -> rusqlite::Result<()> {
    let (count, first, last): (i64, i64, i64) = kept.query_row(
        "SELECT count(*), coalesce(min(position), 1), coalesce(max(position), 0) FROM events",
        [],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    if first != 1 || count != last {
        broken.push(format!("{count} events have positions from {first} to {last}"));
    }
    let mut statement = kept.prepare(
        "SELECT stream_kind, stream_id, count(*), min(seq), max(seq) FROM events
         GROUP BY stream_kind, stream_id HAVING min(seq) <> 1 OR count(*) <> max(seq)",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (kind, id): (String, String) = (row.get(0)?, row.get(1)?);
        let (count, first, last): (i64, i64, i64) = (row.get(2)?, row.get(3)?, row.get(4)?);
        broken.push(format!(
            "{count} events of {kind} {id} have numbers from {first} to {last}"
        ));
    }
    Ok(())
}

/// Reads every event, with its checksum and its blobs, and follows what it says of steps, tasks and runs.
fn check_history(kept: &Connection, blobs: &Blobs, broken: &mut Vec<String>) -> rusqlite::Result<()> {
    let mut followed = Followed::default();
    let mut position = 0;
    loop {
        let events = match history::after(kept, blobs, position, CHUNK) {
            Ok(events) => events,
            Err(history::HistoryError::Sqlite(error)) => return Err(error),
            Err(error) => {
                broken.push(error.to_string());
                return Ok(());
            }
        };
        let Some(last) = events.last() else { break };
        position = last.position;
        for recorded in &events {
            if let (Stream::Run(run), Event::Run(event)) = (recorded.stream, &recorded.event) {
                followed.take(run, event, broken);
            }
        }
    }
    followed.check_what_is_owed(broken);
    Ok(())
}

/// What the history says of runs so far.
#[derive(Default)]
struct Followed {
    completed: BTreeSet<(RunId, StepKey)>,
    ended: BTreeSet<TaskId>,
    runs: BTreeMap<RunId, Run>,
}

impl Followed {
    fn take(&mut self, run: RunId, event: &RunEvent, broken: &mut Vec<String>) {
        let said = match event {
            RunEvent::StepCompleted { key, .. } => {
                let is_first = self.completed.insert((run, key.clone()));
                (!is_first).then(|| format!("step `{key}` of run {run} was completed twice"))
            }
            RunEvent::StepReopened { key, .. } => {
                self.completed.remove(&(run, key.clone()));
                None
            }
            RunEvent::TaskOrdered(ordered) => {
                let key = &ordered.key;
                let is_late = self.completed.contains(&(run, key.clone()));
                is_late.then(|| format!("step `{key}` of run {run} was begun after it was completed"))
            }
            RunEvent::TaskEnded { task, .. } => {
                let is_first = self.ended.insert(*task);
                (!is_first).then(|| format!("task {task} of run {run} ended twice"))
            }
            _ => None,
        };
        broken.extend(said);
        match (self.runs.get_mut(&run), event) {
            (Some(known), event) => known.apply(event),
            (None, RunEvent::Started(started)) => {
                self.runs.insert(run, Run::started(run, started));
            }
            (None, _) => {}
        }
    }

    /// A run that goes on owes something, waits for a person, or is paused: else nothing will ever happen to it.
    fn check_what_is_owed(&self, broken: &mut Vec<String>) {
        for (id, run) in &self.runs {
            let is_over = matches!(run.phase(), Phase::Ended(_));
            let is_moved = || !duties(run).is_empty() || !follow(run).is_empty();
            let is_waiting = || !run.attention().is_empty() || run.is_paused();
            if !is_over && !is_moved() && !is_waiting() {
                broken.push(format!("run {id} goes on, owes nothing and waits for nothing"));
            }
        }
    }
}

fn check_tasks(kept: &Connection, broken: &mut Vec<String>) -> rusqlite::Result<()> {
    let mut statement = kept.prepare(
        "SELECT t.task_id, r.id, r.status FROM task_log t JOIN flow_runs r ON r.id = t.run_id
         WHERE t.state IN ('starting', 'running') AND r.status <> 'running'",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (task, run, status): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        broken.push(format!("task {task} is under way, and its run {run} is {status}"));
    }
    Ok(())
}

/// Compares the views row by row, in the order of their keys.
fn compare(kept: &Connection, remade: &Connection, broken: &mut Vec<String>) -> rusqlite::Result<()> {
    for table in view::TABLES {
        let sql = format!("SELECT * FROM {table} ORDER BY 1");
        let (mut kept, mut remade) = (kept.prepare(&sql)?, remade.prepare(&sql)?);
        let width = remade.column_count();
        if !kept.column_names().eq(remade.column_names()) {
            broken.push(format!("{table} has other columns than it should"));
            continue;
        }
        let read = |row: &rusqlite::Row<'_>| (0..width).map(|index| row.get(index)).collect();
        let (mut kept, mut remade) = (kept.query_map([], read)?, remade.query_map([], read)?);
        loop {
            let pair: (Option<Vec<Value>>, Option<Vec<Value>>) =
                (kept.next().transpose()?, remade.next().transpose()?);
            match pair {
                (None, None) => break,
                (Some(kept), Some(remade)) if kept == remade => {}
                (kept, remade) => {
                    broken.push(format!("{table} has {kept:?} where the history makes {remade:?}"));
                    break;
                }
            }
        }
    }
    Ok(())
}
