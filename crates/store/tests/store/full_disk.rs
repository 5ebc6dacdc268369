//! A disk that is really full. Not part of the usual run: `mount -t tmpfs -o size=8m tmpfs DIR`, then
//! `PARTITA_SMALL_DISK=DIR cargo test -p store -- --ignored`.

use crate::common::history::{RUN, START};
use crate::common::{commit, later, paused};
use domain::RunId;
use engine::ports::{Batch, CommitError, Store};
use std::fs;
use std::path::PathBuf;
use store::{Health, Home, Options, SqliteStore, verify};

async fn probe(store: &SqliteStore) -> bool {
    let nothing = Batch {
        at: later(0),
        appends: Vec::new(),
        idempotency: None,
        wakes: Vec::new(),
    };
    store.commit(nothing).await.is_ok()
}

#[tokio::test]
#[ignore = "needs a small disk of its own, named by PARTITA_SMALL_DISK"]
async fn the_state_is_safe_on_a_full_disk_and_goes_on_once_there_is_room() {
    let disk = PathBuf::from(std::env::var_os("PARTITA_SMALL_DISK").expect("the folder of a small disk"));
    let home = Home::at(disk.join("home"));
    let options = Options {
        ballast_bytes: 1024 * 1024,
    };
    let store = SqliteStore::open(&home, &options, START).unwrap();
    assert_eq!(store.health(), Health::Fine);
    let filler = disk.join("filler");
    fs::write(&filler, vec![b'x'; 4 * 1024 * 1024]).unwrap();

    let mut kept = 0;
    let refusal = loop {
        match commit(&store, paused(RUN, kept)).await {
            Ok(_) => kept += 1,
            Err(refusal) => break refusal,
        }
    };
    assert_eq!((refusal, store.health()), (CommitError::Full, Health::Full));
    assert!(!home.ballast().exists());
    // The ballast's room takes what must be saved now, and what must not start is told that there is no room.
    assert!(commit(&store, paused(RunId::from_bits(7), 0)).await.is_ok());
    assert!(!probe(&store).await);
    assert!(matches!(
        store.put_blob(vec![7; 6 * 1024 * 1024]).await,
        Err(CommitError::Full)
    ));

    fs::remove_file(&filler).unwrap();
    assert!(probe(&store).await);
    assert_eq!(store.health(), Health::Fine);
    assert!(commit(&store, paused(RUN, kept)).await.is_ok());
    store.close().await;
    assert_eq!(verify(&home).unwrap(), Vec::<String>::new());
    let store = SqliteStore::open(&home, &options, START).unwrap();
    assert_eq!(store.position().await, Ok(kept + 2));
    store.close().await;
}
