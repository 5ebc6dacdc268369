//! Opens connections with the settings that the promises rest on, and checks that they took.
//!
//! Nobody else opens the database: a second SQLite in the process, or a plain open and close of the file, would drop
//! the locks that keep it whole.

use crate::error::OpenError;
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// "Part", so that nobody mistakes another program's database for ours.
pub(crate) const APPLICATION_ID: i32 = 0x5061_7274;

/// Before this version, two connections at a checkpoint could corrupt the file.
const SQLITE_OLDEST: i32 = 3_051_003;

const BUSY_TIMEOUT_MS: u64 = 5_000;
const STATEMENTS_CACHED: usize = 256;

pub(crate) fn assert_version() -> Result<(), OpenError> {
    if rusqlite::version_number() < SQLITE_OLDEST {
        return Err(OpenError::SqliteTooOld {
            found: rusqlite::version(),
        });
    }
    Ok(())
}

/// The only connection that writes.
pub(crate) fn open_writer(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(OpenError::sqlite(path))?;
    let journal: String = connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(OpenError::sqlite(path))?;
    if journal != "wal" {
        return Err(OpenError::Setting("journal_mode = WAL"));
    }
    configure(&connection).map_err(OpenError::sqlite(path))?;
    connection
        .execute_batch(
            "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864;
             PRAGMA cache_size = -16384;",
        )
        .map_err(OpenError::sqlite(path))?;
    assert_pragma(&connection, "foreign_keys", 1, "foreign_keys = ON")?;
    assert_pragma(&connection, "synchronous", 2, "synchronous = FULL")?;
    Ok(connection)
}

/// A connection that only reads.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(OpenError::sqlite(path))?;
    configure(&connection).map_err(OpenError::sqlite(path))?;
    connection
        .execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -8192;")
        .map_err(OpenError::sqlite(path))?;
    assert_pragma(&connection, "query_only", 1, "query_only = ON")?;
    Ok(connection)
}

/// What every connection has in common.
fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(std::time::Duration::from_millis(BUSY_TIMEOUT_MS))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    connection.execute_batch(
        "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;
         PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY;",
    )?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    // Else SQLite compiles a statement again whenever its LIMIT is bound to another value, which takes longer than
    // most of our reads. Nothing is lost: without statistics no plan depends on a value.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, 256 * 1024 * 1024)?;
    connection.set_limit(Limit::SQLITE_LIMIT_SQL_LENGTH, 1024 * 1024)?;
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    connection.set_limit(Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 10)?;
    Ok(())
}

fn assert_pragma(
    connection: &Connection,
    name: &str,
    wanted: i64,
    said: &'static str,
) -> Result<(), OpenError> {
    match connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)) {
        Ok(found) if found == wanted => Ok(()),
        Ok(_) | Err(_) => Err(OpenError::Setting(said)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::{StatementStatus, params};

    #[test]
    fn a_cached_statement_is_not_compiled_again_for_another_page() {
        let connection = Connection::open_in_memory().unwrap();
        configure(&connection).unwrap();
        connection
            .execute_batch("CREATE TABLE events (position INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT")
            .unwrap();
        let sql = "SELECT body FROM events WHERE position > ?1 ORDER BY position LIMIT ?2";
        for (after, limit) in [(0, 10), (10, 500), (510, 3)] {
            let mut statement = connection.prepare_cached(sql).unwrap();
            assert!(
                statement
                    .query(params![after, limit])
                    .unwrap()
                    .next()
                    .unwrap()
                    .is_none()
            );
            assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
        }
    }
}
