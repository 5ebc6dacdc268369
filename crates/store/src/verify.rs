//! Looks whether a home's state keeps its promises, by asking the rows and by making the views again.

use crate::blobs::Blobs;
use crate::connection::open_reader;
use crate::error::{BackupError, OpenError};
use crate::home::Home;
use crate::{backup, history, view};
use domain::{Event, RunEvent, RunId, StepKey, Stream};
use rusqlite::{Connection, types::Value};
use std::collections::BTreeSet;
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

/// Reads every event, with its checksum and its blobs, and counts the completions of each step instance.
fn check_history(kept: &Connection, blobs: &Blobs, broken: &mut Vec<String>) -> rusqlite::Result<()> {
    let mut completed: BTreeSet<(RunId, StepKey)> = BTreeSet::new();
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
        let Some(last) = events.last() else { return Ok(()) };
        position = last.position;
        for recorded in &events {
            let Stream::Run(run) = recorded.stream else {
                continue;
            };
            match &recorded.event {
                Event::Run(RunEvent::StepCompleted { key, .. }) => {
                    if !completed.insert((run, key.clone())) {
                        broken.push(format!("step `{key}` of run {run} was completed twice"));
                    }
                }
                Event::Run(RunEvent::StepReopened { key, .. }) => {
                    completed.remove(&(run, key.clone()));
                }
                Event::Run(_) | Event::Unit(_) | Event::Board(_) => {}
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
