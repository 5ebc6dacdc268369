//! Brings a database to the schema of this version, step by step, after a copy of what was there; refuses strangers
//! and newer ones without touching them.

use crate::blobs::{Blobs, sha256};
use crate::connection::{APPLICATION_ID, open_writer};
use crate::error::OpenError;
use crate::home::{Home, private_file};
use crate::time::iso;
use crate::{backup, view};
use domain::Moment;
use engine::faults::{CrashPoint, reach};
use rusqlite::{Connection, OpenFlags, params};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// One step of the schema.
struct Migration {
    version: i64,
    sql: &'static str,
    /// Whether the views changed: they are dropped, made anew and filled from the history.
    renews_views: bool,
}

const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        sql: include_str!("schema/0001_history.sql"),
        renews_views: true,
    },
    Migration {
        version: 2,
        sql: include_str!("schema/0002_epoch.sql"),
        renews_views: false,
    },
];

/// The newest schema that this version knows.
pub(crate) const NEWEST: i64 = MIGRATIONS[MIGRATIONS.len() - 1].version;

/// After an unclean stop a file up to this size is looked through before it is used; a larger one by `verify`.
const QUICK_CHECK_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Opens the database of a home for writing, at the newest schema.
pub(crate) fn open(home: &Home, blobs: &Blobs, now: Moment) -> Result<Connection, OpenError> {
    let path = home.database();
    inspect(&path)?;
    let was_unclean = std::fs::metadata(home.write_ahead_log()).is_ok_and(|log| log.len() > 0);
    if !path.exists() {
        private_file()
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(OpenError::file("make", &path))?;
    }
    let connection = open_writer(&path)?;
    if was_unclean && std::fs::metadata(&path).is_ok_and(|file| file.len() <= QUICK_CHECK_BYTES_MAX) {
        check_quickly(&connection, &path)?;
    }
    migrate(&connection, MIGRATIONS, &Place { home, blobs, now })?;
    Ok(connection)
}

/// Looks at a file without changing a byte of it: is it ours, and not newer than we are?
fn inspect(path: &Path) -> Result<(), OpenError> {
    // A plain read is safe here and only here: this process has no connection to the file yet.
    let mut header = [0_u8; 100];
    let length = match File::open(path) {
        Ok(mut file) => read_up_to(&mut file, &mut header).map_err(OpenError::file("read", path))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(OpenError::file("read", path)(error)),
    };
    if length == 0 {
        return Ok(());
    }
    if length < header.len() || !header.starts_with(b"SQLite format 3\0") {
        return Err(OpenError::NotADatabase {
            path: path.to_owned(),
        });
    }
    let number = |at: usize| i32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    if number(68) != 0 {
        judge(path, number(68), i64::from(number(60)))?;
    }
    // What a crash left in the write-ahead log counts as well; a connection that cannot write leaves it there.
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(OpenError::sqlite(path))?;
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let application = pragma("application_id").map_err(OpenError::sqlite(path))?;
    let version = pragma("user_version").map_err(OpenError::sqlite(path))?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(OpenError::sqlite(path))?;
    // A crash between making the file and its first migration leaves an empty database without our mark.
    if application == 0 && version == 0 && tables == 0 {
        return Ok(());
    }
    judge(path, i32::try_from(application).unwrap_or(0), version)
}

fn judge(path: &Path, application: i32, version: i64) -> Result<(), OpenError> {
    if application != APPLICATION_ID {
        return Err(OpenError::Stranger {
            path: path.to_owned(),
            found: application,
        });
    }
    if version > NEWEST {
        return Err(OpenError::Newer {
            path: path.to_owned(),
            found: version,
            known: NEWEST,
        });
    }
    Ok(())
}

fn read_up_to(file: &mut File, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match file.read(&mut buffer[length..])? {
            0 => break,
            more => length += more,
        }
    }
    Ok(length)
}

fn check_quickly(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let report: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(OpenError::sqlite(path))?;
    if report == "ok" {
        Ok(())
    } else {
        Err(OpenError::Damaged {
            path: path.to_owned(),
            report,
        })
    }
}

/// Where and when migrations are applied.
struct Place<'a> {
    home: &'a Home,
    blobs: &'a Blobs,
    now: Moment,
}

fn migrate(connection: &Connection, steps: &[Migration], place: &Place<'_>) -> Result<(), OpenError> {
    let path = place.home.database();
    let version: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(OpenError::sqlite(&path))?;
    let (applied, pending) = steps.split_at(steps.partition_point(|step| step.version <= version));
    check_applied(connection, &path, applied)?;
    for step in pending {
        // A database that is just being made holds nothing yet.
        if version > 0 {
            let name = format!("before-{:04}-{}.db", step.version, place.now.as_ms());
            let copy = place.home.backups().join(name);
            backup::copy(connection, &copy, || {})?;
            backup::finish(&copy)?;
        }
        apply(connection, step, place, &path)?;
    }
    Ok(())
}

fn check_applied(connection: &Connection, path: &Path, applied: &[Migration]) -> Result<(), OpenError> {
    for step in applied {
        let known: Result<String, _> = connection.query_row(
            "SELECT checksum FROM schema_checksums WHERE version = ?1",
            [step.version],
            |row| row.get(0),
        );
        match known {
            Ok(checksum) if checksum == sha256(step.sql.as_bytes()) => {}
            Ok(_) | Err(rusqlite::Error::QueryReturnedNoRows) => {
                return Err(OpenError::ForeignMigration {
                    path: path.to_owned(),
                    version: step.version,
                });
            }
            Err(error) => return Err(OpenError::sqlite(path)(error)),
        }
    }
    Ok(())
}

/// One transaction: a crash leaves the old schema or the new one.
fn apply(connection: &Connection, step: &Migration, place: &Place<'_>, path: &Path) -> Result<(), OpenError> {
    let sqlite = OpenError::sqlite(path);
    let transaction = connection.unchecked_transaction().map_err(&sqlite)?;
    if step.version == 1 {
        transaction.execute_batch(BOOKKEEPING).map_err(&sqlite)?;
        transaction
            .pragma_update(None, "application_id", APPLICATION_ID)
            .map_err(&sqlite)?;
    }
    transaction.execute_batch(step.sql).map_err(&sqlite)?;
    reach(CrashPoint::MidMigration);
    if step.renews_views {
        view::rebuild(&transaction, place.blobs).map_err(|error| OpenError::History(error.to_string()))?;
    }
    transaction
        .execute(
            "INSERT INTO schema_migrations (version, applied_at) VALUES (?1, ?2)",
            params![step.version, iso(place.now)],
        )
        .map_err(&sqlite)?;
    transaction
        .execute(
            "INSERT INTO schema_checksums (version, checksum) VALUES (?1, ?2)",
            params![step.version, sha256(step.sql.as_bytes())],
        )
        .map_err(&sqlite)?;
    transaction
        .pragma_update(None, "user_version", step.version)
        .map_err(&sqlite)?;
    transaction.commit().map_err(&sqlite)
}

const BOOKKEEPING: &str = "
    CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL) STRICT;
    CREATE TABLE schema_checksums (
        version INTEGER PRIMARY KEY REFERENCES schema_migrations (version), checksum TEXT NOT NULL
    ) STRICT;";

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment::from_ms(1_790_000_000_000);

    fn at_the_newest() -> (tempfile::TempDir, Home, Blobs, Connection) {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        home.prepare().unwrap();
        let blobs = Blobs::open(home.blobs()).unwrap();
        let connection = open(&home, &blobs, NOW).unwrap();
        connection
            .execute_batch("INSERT INTO wakes (run, at_ms) VALUES ('a', 1)")
            .unwrap();
        (folder, home, blobs, connection)
    }

    /// The step after the newest that there is.
    const NEXT: i64 = NEWEST + 1;

    fn with(sql: &'static str) -> Vec<Migration> {
        let known = MIGRATIONS.iter().map(|known| Migration { ..*known });
        let next = Migration {
            version: NEXT,
            sql,
            renews_views: true,
        };
        known.chain([next]).collect()
    }

    fn version(connection: &Connection) -> i64 {
        connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap()
    }

    #[test]
    fn s3_14_a_migration_comes_after_a_copy_and_is_applied_once() {
        let (_folder, home, blobs, connection) = at_the_newest();
        let steps = with("ALTER TABLE wakes ADD COLUMN reason TEXT");
        let place = Place {
            home: &home,
            blobs: &blobs,
            now: NOW,
        };
        migrate(&connection, &steps, &place).unwrap();
        migrate(&connection, &steps, &place).unwrap();
        let applied = "SELECT group_concat(version || ' ' || applied_at) FROM schema_migrations";
        let applied: String = connection.query_row(applied, [], |row| row.get(0)).unwrap();
        let expected: Vec<_> = (1..=NEXT).map(|step| format!("{step} {}", iso(NOW))).collect();
        assert_eq!(applied, expected.join(","));
        assert_eq!(
            connection.query_row("SELECT count(reason) FROM wakes", [], |row| row.get(0)),
            Ok(0)
        );
        let copies: Vec<_> = std::fs::read_dir(home.backups()).unwrap().flatten().collect();
        assert_eq!(copies.len(), 1, "what was just made needs no copy");
        let copy = home
            .backups()
            .join(format!("before-{NEXT:04}-{}.db", NOW.as_ms()));
        let copy = Connection::open(copy).unwrap();
        assert_eq!(version(&copy), NEWEST);
        assert_eq!(
            copy.query_row("SELECT run FROM wakes", [], |row| row.get(0)),
            Ok("a".to_owned())
        );
        // Whoever knows only the first step leaves it alone.
        drop(connection);
        assert!(matches!(
            open(&home, &blobs, NOW),
            Err(OpenError::Newer {
                found: NEXT,
                known: NEWEST,
                ..
            })
        ));
    }

    #[test]
    fn f_27_a_migration_that_fails_leaves_the_old_schema() {
        let (_folder, home, blobs, connection) = at_the_newest();
        let steps = with("ALTER TABLE wakes ADD COLUMN reason TEXT; DROP TABLE nobody_has");
        let place = Place {
            home: &home,
            blobs: &blobs,
            now: NOW,
        };
        assert!(migrate(&connection, &steps, &place).is_err());
        assert_eq!(version(&connection), NEWEST);
        assert!(connection.prepare("SELECT reason FROM wakes").is_err());
        migrate(&connection, MIGRATIONS, &place).unwrap();
    }

    #[test]
    fn s3_14_migrations_count_up_from_one() {
        for (index, step) in MIGRATIONS.iter().enumerate() {
            assert_eq!(step.version, i64::try_from(index).unwrap() + 1);
        }
    }

    /// Whoever changes `views.sql` adds a migration that renews the views, and then pins both here.
    #[test]
    fn s3_14_a_change_of_the_views_comes_with_a_migration() {
        let newest = MIGRATIONS.iter().rfind(|step| step.renews_views).unwrap();
        let pinned = (1, "25242242dee33a64");
        assert_eq!((newest.version, &sha256(view::SCHEMA.as_bytes())[..16]), pinned);
    }
}
