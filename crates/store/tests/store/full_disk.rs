//! A disk that is really full: a file system of eight mebibytes, mounted for the test. Who may not mount skips it and
//! says so.

use crate::common::history::{RUN, START};
use crate::common::{commit, later, paused};
use cases::Case;
use domain::RunId;
use engine::ports::{Batch, CommitError, Store};
use std::fs;
use std::path::Path;
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

/// A small file system, gone with this value.
struct Disk(tempfile::TempDir);

impl Disk {
    /// None where the test may not mount.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let flags = rustix::mount::MountFlags::empty();
        rustix::mount::mount("none", folder.path(), "tmpfs", flags, c"size=8m,mode=700").ok()?;
        Some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let detached = rustix::mount::UnmountFlags::DETACH;
        rustix::mount::unmount(self.path(), detached).unwrap();
    }
}

#[tokio::test]
async fn f_56_the_state_is_safe_on_a_full_disk_and_goes_on_once_there_is_room() {
    let Some(disk) = Disk::mount() else {
        eprintln!("skipped: a small file system needs root");
        return;
    };
    let disk = disk.path();
    let mut case = Case::open("F-56");
    case.tried();
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
    case.hit();
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
    case.pass(1);
}
