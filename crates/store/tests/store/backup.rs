//! Copies of the database while it is written.

use crate::common::history::RUN;
use crate::common::{TestHome, commit, paused};
use domain::RunId;
use rusqlite::Connection;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use store::BackupError;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_60_a_copy_made_during_writes_is_whole_and_a_prefix_of_the_history() {
    let home = TestHome::new();
    let store = Arc::new(home.filled().await);
    let is_over = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..4_u128)
        .map(|number| {
            let (store, is_over) = (Arc::clone(&store), Arc::clone(&is_over));
            tokio::spawn(async move {
                let run = RunId::from_bits(0x1000 + number);
                let mut seq = 0;
                while !is_over.load(Ordering::Relaxed) {
                    commit(&store, paused(run, seq)).await.unwrap();
                    seq += 1;
                }
            })
        })
        .collect();
    for number in 0..20 {
        let to = home.folder().join(format!("copy-{number}.db"));
        let copied = store.backup(to.clone()).await.unwrap();
        let copy = Connection::open(&to).unwrap();
        let (count, last): (u64, u64) = copy
            .query_row("SELECT count(*), max(position) FROM events", [], |row| {
                Ok((
                    row.get::<_, i64>(0)?.cast_unsigned(),
                    row.get::<_, i64>(1)?.cast_unsigned(),
                ))
            })
            .unwrap();
        assert_eq!((count, last), (copied.position, copied.position));
        let digests = |connection: &Connection| -> Vec<i64> {
            let mut statement = connection
                .prepare("SELECT digest FROM events WHERE position <= ?1 ORDER BY position")
                .unwrap();
            let rows = statement
                .query_map([copied.position.cast_signed()], |row| row.get(0))
                .unwrap();
            rows.collect::<Result<_, _>>().unwrap()
        };
        assert_eq!(digests(&copy), digests(&home.sqlite()));
    }
    is_over.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
}

#[tokio::test]
async fn a_copy_never_replaces_a_file() {
    let home = TestHome::new();
    let store = home.filled().await;
    let to = home.folder().join("copy.db");
    std::fs::write(&to, "mine").unwrap();
    assert!(matches!(
        store.backup(to.clone()).await,
        Err(BackupError::Exists(_))
    ));
    assert_eq!(std::fs::read(&to).unwrap(), b"mine");
}

#[tokio::test]
async fn a_copy_opens_as_a_home() {
    let home = TestHome::new();
    let store = home.filled().await;
    let other = TestHome::new();
    std::fs::create_dir_all(other.home.root()).unwrap();
    store.backup(other.home.database()).await.unwrap();
    // The blobs lie beside the database, and are copied by whoever copies the home.
    let restored = other.open();
    let list = restored
        .reader()
        .runs(store::RunFilter::default(), store::PageAsk::default())
        .await
        .unwrap();
    assert!(list.items.iter().any(|run| run.id == RUN));
}
