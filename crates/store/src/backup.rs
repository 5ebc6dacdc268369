//! Copies of the database that are known to be whole before they get their name.

use crate::connection::APPLICATION_ID;
use crate::error::BackupError;
use crate::home::{private_file, sync_folder};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Pages per step: between two steps the writer takes what waits.
const PAGES_PER_STEP: i32 = 256;

/// A copy that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Where.
    pub path: PathBuf,
    /// The last event in it.
    pub position: u64,
}

/// The name of a copy while nobody knows whether it is whole.
pub(crate) fn unfinished(to: &Path) -> PathBuf {
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".unfinished");
    to.with_file_name(name)
}

/// Copies page by page through the writer's own connection, so that its writes are carried along and never restart
/// the copy. `between` is called after every step.
pub(crate) fn copy(from: &Connection, to: &Path, mut between: impl FnMut()) -> Result<(), BackupError> {
    if to.exists() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let target = unfinished(to);
    let file = |source| BackupError::File {
        path: target.clone(),
        source,
    };
    match fs::remove_file(&target) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(file(error)),
        Ok(()) | Err(_) => {}
    }
    drop(
        private_file()
            .write(true)
            .create_new(true)
            .open(&target)
            .map_err(file)?,
    );
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut copy = Connection::open_with_flags(&target, flags)?;
    // The file is flushed as a whole at the end.
    copy.execute_batch("PRAGMA synchronous = OFF")?;
    let backup = Backup::new(from, &mut copy)?;
    loop {
        match backup.step(PAGES_PER_STEP)? {
            StepResult::Done => return Ok(()),
            _more => between(),
        }
    }
}

/// Opens the copy, checks all of it, and gives it its name.
pub(crate) fn finish(to: &Path) -> Result<Copied, BackupError> {
    let target = unfinished(to);
    let position = check(&target)?;
    let file = |source| BackupError::File {
        path: to.to_owned(),
        source,
    };
    File::open(&target)
        .and_then(|copy| copy.sync_all())
        .map_err(file)?;
    fs::rename(&target, to).map_err(file)?;
    sync_folder(to.parent().unwrap_or(to)).map_err(file)?;
    Ok(Copied {
        path: to.to_owned(),
        position,
    })
}

fn check(target: &Path) -> Result<u64, BackupError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let copy = Connection::open_with_flags(target, flags)?;
    // One file, without a write-ahead log beside it.
    copy.pragma_update_and_check(None, "journal_mode", "DELETE", |_row| Ok(()))?;
    let application: i32 = copy.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if application != APPLICATION_ID {
        return Err(BackupError::NotWhole(
            "it has another application's mark".to_owned(),
        ));
    }
    let report: String = copy.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if report != "ok" {
        return Err(BackupError::NotWhole(report));
    }
    let (count, last): (i64, i64) = copy.query_row(
        "SELECT count(*), coalesce(max(position), 0) FROM events",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    if count != last {
        return Err(BackupError::NotWhole(format!(
            "{count} events, and the last is number {last}"
        )));
    }
    Ok(u64::try_from(last).unwrap_or(0))
}
