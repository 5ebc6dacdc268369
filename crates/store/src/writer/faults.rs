//! What a failing disk and a refusing schema do to those who wait: driven from inside, where the fault can be set.

use super::{Ends, Handle, Writer};
use crate::ballast::Ballast;
use crate::blobs::Blobs;
use crate::home::Home;
use crate::record::{Spill, encode};
use crate::time::iso;
use crate::{Health, history, migrate};
use domain::{Event, Moment, RunEvent, RunId, Stream, UnitCreated, UnitEvent, UnitId, UnitPhase, UnitStatus};
use engine::ports::{Append, Batch, CommitError, Committed};
use rusqlite::{Connection, ffi};
use std::collections::VecDeque;
use std::fs;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;
use tokio::sync::watch;

const AT: Moment = Moment::from_ms(1_790_000_000_000);

/// A writer that was not started yet, over a home of its own.
struct Bench {
    _folder: tempfile::TempDir,
    home: Home,
    handle: Handle,
    health: watch::Receiver<Health>,
    writer: Writer,
    connection: Connection,
}

/// The ballast is a small file that says to be huge: it can be released, and never taken again.
fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path());
    home.prepare().unwrap();
    let blobs = Arc::new(Blobs::open(home.blobs()).unwrap());
    let connection = migrate::open(&home, &blobs, AT).unwrap();
    fs::write(home.ballast(), "heavy").unwrap();
    let (sender, health) = watch::channel(Health::Fine);
    let (handle, queue) = Handle::new();
    let writer = Writer {
        queue,
        aside: VecDeque::new(),
        blobs,
        position: 0,
        ends: Ends::default(),
        epoch: 0,
        ballast: Ballast::new(home.ballast(), u64::MAX / 4),
        health: sender,
        log: home.write_ahead_log(),
        checkpointed: Instant::now(),
        looked: Instant::now(),
        is_log_dirty: false,
    };
    Bench {
        _folder: folder,
        home,
        handle,
        health,
        writer,
        connection,
    }
}

async fn commit(handle: &Handle, append: Append) -> Result<Committed, CommitError> {
    let records = append
        .events
        .iter()
        .map(|event| encode(event, &mut Spill::default()))
        .collect();
    let batch = Batch {
        at: AT,
        appends: vec![append],
        idempotency: None,
        wakes: Vec::new(),
    };
    handle.commit(batch, iso(AT), records).await
}

async fn probe(handle: &Handle) -> Result<Committed, CommitError> {
    let batch = Batch {
        at: AT,
        appends: Vec::new(),
        idempotency: None,
        wakes: Vec::new(),
    };
    handle.commit(batch, iso(AT), Vec::new()).await
}

fn paused(expected_seq: u64) -> Append {
    let by = "x".repeat(2_000);
    Append {
        stream: Stream::Run(RunId::from_bits(1)),
        expected_seq,
        events: vec![Event::Run(RunEvent::Paused { by })],
    }
}

fn created(bits: u128, chunk: &str) -> Append {
    let unit = UnitCreated {
        chunk: chunk.to_owned(),
        phase: UnitPhase::Goal,
        status: UnitStatus::Ready,
        blocked_by: Vec::new(),
        priority: 0,
        project: None,
        order: None,
    };
    let events = vec![Event::Unit(UnitEvent::Created(Box::new(unit)))];
    Append {
        stream: Stream::Unit(UnitId::from_bits(bits)),
        expected_seq: 0,
        events,
    }
}

fn start(writer: Writer, connection: Connection) -> JoinHandle<()> {
    std::thread::spawn(move || writer.run(connection))
}

#[tokio::test]
async fn f_56_a_full_disk_loses_nothing_that_was_acknowledged_and_gives_up_the_ballast() {
    let Bench {
        _folder,
        home,
        handle,
        health,
        writer,
        connection,
    } = bench();
    let pages: i64 = connection
        .pragma_query_value(None, "page_count", |row| row.get(0))
        .unwrap();
    connection
        .pragma_update(None, "max_page_count", pages + 20)
        .unwrap();
    let thread = start(writer, connection);
    let mut kept = 0;
    let refusal = loop {
        match commit(&handle, paused(kept)).await {
            Ok(committed) => {
                kept += 1;
                assert_eq!(committed.position, kept);
            }
            Err(refusal) => break refusal,
        }
    };
    assert_eq!(refusal, CommitError::Full);
    assert_eq!(*health.borrow(), Health::Full);
    assert!(kept > 3 && !home.ballast().exists());
    assert_eq!(probe(&handle).await, Err(CommitError::Full));
    handle.close().await;
    thread.join().unwrap();
    let connection = Connection::open(home.database()).unwrap();
    assert_eq!(history::position(&connection).unwrap(), kept);
    assert_eq!(crate::verify(&home).unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn f_56_once_there_is_room_the_ballast_is_back_and_all_is_fine() {
    let Bench {
        _folder,
        home,
        handle,
        health,
        mut writer,
        connection,
    } = bench();
    writer.ballast = Ballast::new(home.ballast(), 4_096);
    let thread = start(writer, connection);
    handle.disk_is_full();
    assert!(probe(&handle).await.is_ok());
    assert_eq!(*health.borrow(), Health::Fine);
    assert!(home.ballast().exists());
    handle.close().await;
    thread.join().unwrap();
}

#[tokio::test]
async fn f_08_after_a_failed_flush_nothing_more_is_kept() {
    let Bench {
        _folder,
        home: _home,
        handle,
        health,
        mut writer,
        connection,
    } = bench();
    let failure = rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_IOERR_FSYNC), None);
    assert!(matches!(writer.failed(&failure), CommitError::Down(_)));
    let thread = start(writer, connection);
    assert!(matches!(
        commit(&handle, paused(0)).await,
        Err(CommitError::Down(_))
    ));
    assert!(matches!(probe(&handle).await, Err(CommitError::Down(_))));
    assert!(matches!(&*health.borrow(), Health::Down(_)));
    handle.close().await;
    thread.join().unwrap();
}

/// All of them wait before the writer starts, so that they are one group.
#[tokio::test]
async fn in_a_group_a_refused_batch_leaves_nothing_and_stops_no_other() {
    let Bench {
        _folder,
        home,
        handle,
        health: _health,
        writer,
        connection,
    } = bench();
    let waiting: Vec<_> = [
        created(1, "lamp"),
        created(2, "lamp"),
        created(3, "wick"),
        created(3, "oil"),
        // What was refused of this stream before is not counted.
        created(2, "wax"),
    ]
    .into_iter()
    .map(|append| {
        let handle = handle.clone();
        tokio::spawn(async move { commit(&handle, append).await.map(|committed| committed.position) })
    })
    .collect();
    tokio::task::yield_now().await;
    let thread = start(writer, connection);
    let mut answers = Vec::new();
    for answer in waiting {
        answers.push(answer.await.unwrap());
    }
    let conflict = |bits| Err(CommitError::Conflict(Stream::Unit(UnitId::from_bits(bits))));
    assert_eq!(answers, [Ok(1), conflict(2), Ok(2), conflict(3), Ok(3)]);
    handle.close().await;
    thread.join().unwrap();
    assert_eq!(crate::verify(&home).unwrap(), Vec::<String>::new());
}
