//! Opening a home: what is made, what is refused, and that a refusal changes nothing.

use crate::common::history::START;
use crate::common::{TestHome, options};
use cases::Case;
use rusqlite::Connection;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use store::{OpenError, SqliteStore};

fn refused(home: &TestHome) -> OpenError {
    match SqliteStore::open(&home.home, &options(), START) {
        Ok(_) => panic!("the home was opened"),
        Err(error) => error,
    }
}

/// Opens the home, expects a refusal, and that the database has the bytes that it had.
fn refused_untouched(home: &TestHome) -> OpenError {
    let before = fs::read(home.home.database()).unwrap();
    let error = refused(home);
    assert_eq!(fs::read(home.home.database()).unwrap(), before, "{error}");
    error
}

#[tokio::test]
async fn nobody_else_may_read_a_home() {
    let home = TestHome::new();
    let store = home.filled().await;
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let database = home.home.database();
    for file in [
        database.clone(),
        home.home.write_ahead_log(),
        database.with_extension("db-shm"),
        home.home.ballast(),
    ] {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    for folder in [
        home.home.root().to_owned(),
        home.home.blobs(),
        home.home.transcripts(),
        home.home.backups(),
    ] {
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
    }
    drop(store);
}

#[tokio::test]
async fn f_26_a_newer_schema_is_refused_and_left_byte_identical() {
    let mut case = Case::open("F-26");
    let home = TestHome::new();
    home.filled().await.close().await;
    home.sqlite().execute_batch("PRAGMA user_version = 9999").unwrap();
    case.tried();
    assert!(matches!(
        refused_untouched(&home),
        OpenError::Newer { found: 9_999, .. }
    ));
    case.hit();
    case.pass(1);
}

/// The version that a crash left in the write-ahead log counts as well.
#[tokio::test]
async fn f_26_a_newer_schema_in_the_log_is_refused_and_left_byte_identical() {
    let mut case = Case::open("F-26");
    let home = TestHome::new();
    home.filled().await.close().await;
    let crashed = home.sqlite();
    crashed
        .execute_batch("PRAGMA wal_autocheckpoint = 0; PRAGMA user_version = 9999")
        .unwrap();
    let kept: Vec<_> = ["db", "db-wal"]
        .map(|end| {
            let path = home.home.database().with_extension(end);
            (path.clone(), fs::read(path).unwrap())
        })
        .into();
    drop(crashed);
    kept.iter()
        .for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
    case.tried();
    assert!(matches!(refused_untouched(&home), OpenError::Newer { .. }));
    case.hit();
    case.pass(1);
}

#[test]
fn a_database_of_another_program_is_refused_untouched() {
    let home = TestHome::new();
    fs::create_dir_all(home.home.root()).unwrap();
    home.sqlite().execute_batch("CREATE TABLE notes (text)").unwrap();
    assert!(matches!(
        refused_untouched(&home),
        OpenError::Stranger { found: 0, .. }
    ));
    home.sqlite().execute_batch("PRAGMA application_id = 7").unwrap();
    assert!(matches!(
        refused_untouched(&home),
        OpenError::Stranger { found: 7, .. }
    ));
}

#[test]
fn f_59_what_is_no_database_is_refused_untouched() {
    let home = TestHome::new();
    fs::create_dir_all(home.home.root()).unwrap();
    for bytes in [b"hello".to_vec(), vec![0; 4_096], vec![0x55; 10_000]] {
        fs::write(home.home.database(), bytes).unwrap();
        assert!(matches!(refused_untouched(&home), OpenError::NotADatabase { .. }));
    }
}

#[tokio::test]
async fn f_59_a_damaged_database_is_refused_untouched_or_found_out() {
    let home = TestHome::new();
    home.filled().await.close().await;
    let good = fs::read(home.home.database()).unwrap();
    let mut refusals = 0;
    for cut in [200, 4_096, good.len() / 2] {
        fs::write(home.home.database(), &good[..cut]).unwrap();
        match SqliteStore::open(&home.home, &options(), START) {
            Ok(store) => {
                store.close().await;
                let found = store::verify(&home.home);
                assert!(!found.is_ok_and(|broken| broken.is_empty()), "cut at {cut}");
            }
            Err(error) => {
                assert!(
                    matches!(error, OpenError::Damaged { .. } | OpenError::NotADatabase { .. }),
                    "{error}"
                );
                refusals += 1;
            }
        }
    }
    assert!(refusals > 0);
}

/// Flips bits all over a database: whoever reads gets the truth, an error, or an answer that `verify` finds out.
#[tokio::test]
async fn f_59_no_flipped_bit_changes_the_history_silently() {
    let home = TestHome::new();
    let store = home.filled().await;
    store.close().await;
    let path = home.home.database();
    let good = fs::read(&path).unwrap();
    let truth = history_of(&home);
    let mut told = 0;
    for flip in 0..150_u64 {
        // Spread over the file by a multiplier, so that the same bytes are hit in every run of the test.
        let at = usize::try_from((flip * 2_654_435_761) % good.len() as u64).unwrap();
        let mut bad = good.clone();
        bad[at] ^= 1 << (flip % 8);
        fs::write(&path, &bad).unwrap();
        match history_of(&home) {
            Ok(history) if Ok(&history) == truth.as_ref() => {}
            Ok(history) => {
                // Events that vanish from an index or the end of the table are found by their numbers.
                let broken = store::verify(&home.home);
                assert!(
                    !broken.is_ok_and(|broken| broken.is_empty()),
                    "byte {at}: {} events",
                    history.len()
                );
                told += 1;
            }
            Err(_) => told += 1,
        }
    }
    assert!(told > 0);
}

fn history_of(home: &TestHome) -> Result<Vec<engine::ports::Recorded>, String> {
    use engine::ports::Store;
    let store = SqliteStore::open(&home.home, &options(), START).map_err(|error| error.to_string())?;
    let runtime = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let events = runtime
            .block_on(store.after(0, usize::MAX))
            .map_err(|error| error.to_string());
        runtime.block_on(store.close());
        events
    });
    runtime.join().unwrap()
}

#[tokio::test]
async fn a_migration_that_is_not_ours_is_refused() {
    let home = TestHome::new();
    home.filled().await.close().await;
    home.sqlite()
        .execute("UPDATE schema_checksums SET checksum = 'other'", [])
        .unwrap();
    assert!(matches!(
        refused(&home),
        OpenError::ForeignMigration { version: 1, .. }
    ));
}

/// A crash at any statement of the first migration leaves a home that opens.
#[test]
fn f_27_an_empty_database_without_our_mark_is_taken() {
    let home = TestHome::new();
    fs::create_dir_all(home.home.root()).unwrap();
    fs::write(home.home.database(), b"").unwrap();
    drop(home.open());
    let other = TestHome::new();
    fs::create_dir_all(other.home.root()).unwrap();
    other.sqlite().execute_batch("PRAGMA journal_mode = WAL").unwrap();
    drop(other.open());
}

#[test]
fn s3_05_one_sqlite_is_linked_and_it_is_new_enough() {
    assert!(rusqlite::version_number() >= 3_051_003);
    let found: String = Connection::open_in_memory()
        .unwrap()
        .query_row("SELECT sqlite_version()", [], |row| row.get(0))
        .unwrap();
    assert_eq!(found, rusqlite::version());
}
