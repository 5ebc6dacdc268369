//! What the `Store` port promises, against the SQLite store.

use crate::common::history::{self, RUN};
use crate::common::{TestHome, batch, commit, later, paused};
use domain::{Event, RunEvent, RunId, Stream};
use engine::ports::{Append, Batch, CommitError, Idempotency, OpenRun, Store};
use std::sync::Arc;

#[tokio::test]
async fn what_every_store_promises_holds_for_sqlite() {
    let homes = std::cell::RefCell::new(Vec::new());
    engine::testkit::contract::store(|| {
        let home = TestHome::new();
        let store: Arc<dyn Store> = Arc::new(home.open());
        homes.borrow_mut().push(home);
        std::future::ready(store)
    })
    .await;
}

#[tokio::test]
async fn what_was_committed_is_loaded_in_order_and_survives_a_restart() {
    let home = TestHome::new();
    let batches = history::everything();
    let store = home.filled().await;
    let total = batches
        .iter()
        .flat_map(|batch| &batch.appends)
        .map(|append| append.events.len())
        .sum::<usize>();
    assert_eq!(store.position().await, Ok(total as u64));
    store.close().await;
    drop(store);

    let store = home.open();
    let kept = store.after(0, usize::MAX).await.unwrap();
    let written = batches.iter().flat_map(|batch| {
        let at = batch.at;
        batch.appends.iter().flat_map(move |append| {
            let seqs = append.expected_seq + 1..;
            append
                .events
                .iter()
                .zip(seqs)
                .map(move |(event, seq)| (append.stream, seq, at, event.clone()))
        })
    });
    let kept_again: Vec<_> = kept
        .iter()
        .map(|kept| (kept.stream, kept.seq, kept.at, kept.event.clone()))
        .collect();
    assert_eq!(kept_again, written.collect::<Vec<_>>());
    assert!(kept.iter().map(|kept| kept.position).eq(1..=total as u64));
    let stream: Vec<_> = store.load(Stream::Run(RUN), 3).await.unwrap();
    let expected: Vec<_> = kept
        .into_iter()
        .filter(|kept| kept.stream == Stream::Run(RUN) && kept.seq > 3)
        .collect();
    assert_eq!(stream, expected);
    assert_eq!(store.after(2, 3).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_batch_that_expects_another_length_is_refused_whole() {
    let home = TestHome::new();
    let store = home.filled().await;
    let position = store.position().await.unwrap();
    for wrong in [0, 2, 1_000] {
        let fresh = RunId::from_bits(0x99);
        let both = Batch {
            appends: vec![
                Append {
                    events: vec![Event::Run(history::started("x", None))],
                    ..paused(fresh, 0)
                },
                paused(RUN, wrong),
            ],
            ..batch(paused(RUN, wrong))
        };
        assert_eq!(
            store.commit(both).await,
            Err(CommitError::Conflict(Stream::Run(RUN)))
        );
    }
    assert_eq!(store.position().await, Ok(position));
    assert_eq!(
        store.load(Stream::Run(RunId::from_bits(0x99)), 0).await.unwrap(),
        Vec::new()
    );
}

#[tokio::test]
async fn of_many_who_expect_the_same_length_one_is_kept() {
    let home = TestHome::new();
    let store = Arc::new(home.open());
    let racers: Vec<_> = (0..40)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { commit(&store, paused(RUN, 0)).await })
        })
        .collect();
    let mut kept = 0;
    for racer in racers {
        match racer.await.unwrap() {
            Ok(committed) => {
                assert_eq!(committed.position, 1);
                kept += 1;
            }
            Err(error) => assert_eq!(error, CommitError::Conflict(Stream::Run(RUN))),
        }
    }
    assert_eq!((kept, store.position().await), (1, Ok(1)));
}

/// Many writers at once, each on its own stream and each committing half of its batches wrongly: nothing is lost,
/// nothing is doubled, positions have no gap.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_17_parallel_writers_lose_nothing() {
    let home = TestHome::new();
    let store = Arc::new(home.open());
    let writers: Vec<_> = (0..16_u128)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let run = RunId::from_bits(number);
                for seq in 0..20 {
                    assert!(commit(&store, paused(run, seq)).await.is_ok());
                    let stale = commit(&store, paused(run, seq)).await;
                    assert_eq!(stale, Err(CommitError::Conflict(Stream::Run(run))));
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let events = store.after(0, usize::MAX).await.unwrap();
    assert!(events.iter().map(|event| event.position).eq(1..=320));
    for number in 0..16_u128 {
        let stream = store
            .load(Stream::Run(RunId::from_bits(number)), 0)
            .await
            .unwrap();
        assert!(stream.iter().map(|event| event.seq).eq(1..=20));
    }
}

#[tokio::test]
async fn a_repeated_request_is_answered_as_before_for_a_day() {
    let home = TestHome::new();
    let store = home.open();
    let ask = |key: &str, body: &str, answer: &str, at, seq| Batch {
        at,
        idempotency: Some(Idempotency {
            key: key.to_owned(),
            body_hash: body.to_owned(),
            answer: answer.to_owned(),
        }),
        ..batch(paused(RUN, seq))
    };
    let day = 24 * 60 * 60 * 1_000;
    assert!(store.commit(ask("k", "body", "first", later(0), 0)).await.is_ok());
    // The stream has moved on since: the repetition is recognised all the same.
    let again = store.commit(ask("k", "body", "second", later(day), 0)).await;
    assert_eq!(
        again,
        Err(CommitError::Repeated {
            answer: "first".to_owned()
        })
    );
    let other = store.commit(ask("k", "other", "third", later(day), 1)).await;
    assert_eq!(other, Err(CommitError::KeyReused));
    // A refused batch does not remember its key.
    let stale = store.commit(ask("k2", "body", "x", later(0), 7)).await;
    assert_eq!(stale, Err(CommitError::Conflict(Stream::Run(RUN))));
    assert!(store.commit(ask("k2", "body", "y", later(0), 1)).await.is_ok());
    assert!(
        store
            .commit(ask("k", "other", "fourth", later(day + 1), 2))
            .await
            .is_ok()
    );
    let remembered = store
        .reader()
        .answered("k".to_owned(), later(0))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(remembered.answer, "fourth");
}

#[tokio::test]
async fn open_runs_say_their_wake_and_whether_a_task_is_live() {
    let home = TestHome::new();
    let store = home.filled().await;
    assert_eq!(store.open_runs().await, Ok(Vec::new()));
    let (idle, busy) = (RunId::from_bits(0x41), RunId::from_bits(0x42));
    let key = domain::StepKey::only("check");
    let events = |events: Vec<RunEvent>| events.into_iter().map(Event::Run).collect();
    let mut first = batch(Append {
        events: events(vec![history::started("a", None)]),
        ..paused(idle, 0)
    });
    first.wakes = vec![(idle, Some(later(5_000))), (busy, Some(later(1)))];
    store.commit(first).await.unwrap();
    let mut second = batch(Append {
        events: events(vec![
            history::started("b", None),
            history::planned(std::slice::from_ref(&key)),
            history::ordered(busy, &key, domain::Role::Work, 1),
        ]),
        ..paused(busy, 0)
    });
    second.wakes = vec![(busy, None)];
    store.commit(second).await.unwrap();
    let project = history::PROJECT;
    assert_eq!(
        store.open_runs().await,
        Ok(vec![
            OpenRun {
                run: idle,
                project,
                wake: Some(later(5_000)),
                has_live_task: false
            },
            OpenRun {
                run: busy,
                project,
                wake: None,
                has_live_task: true
            },
        ])
    );
}

#[tokio::test]
async fn units_that_were_not_deleted_are_listed() {
    let home = TestHome::new();
    let store = home.filled().await;
    assert_eq!(store.units().await, Ok(vec![history::UNIT]));
}

#[tokio::test]
async fn a_taken_chunk_is_a_conflict_of_the_second_unit() {
    let home = TestHome::new();
    let store = home.filled().await;
    let other = Stream::Unit(domain::UnitId::from_bits(0x55));
    let created = history::everything()
        .into_iter()
        .flat_map(|batch| batch.appends)
        .find(|append| append.stream == Stream::Unit(history::UNIT))
        .unwrap();
    let refused = commit(
        &store,
        Append {
            stream: other,
            ..created
        },
    )
    .await;
    assert_eq!(refused, Err(CommitError::Conflict(other)));
    assert_eq!(store.load(other, 0).await, Ok(Vec::new()));
}

#[tokio::test]
async fn blobs_are_kept_under_their_hash() {
    let home = TestHome::new();
    let store = home.open();
    let hash = store.put_blob(b"abc".to_vec()).await.unwrap();
    assert_eq!(
        hash,
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    assert_eq!(store.blob(hash).await, Ok(b"abc".to_vec()));
    assert!(store.blob("0".repeat(64)).await.is_err());
}

#[tokio::test]
async fn an_empty_batch_keeps_nothing_and_says_that_it_could() {
    let home = TestHome::new();
    let store = home.filled().await;
    let position = store.position().await.unwrap();
    let nothing = Batch {
        at: later(0),
        appends: Vec::new(),
        idempotency: None,
        wakes: Vec::new(),
    };
    assert_eq!(
        store.commit(nothing).await.map(|committed| committed.position),
        Ok(position)
    );
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let home = TestHome::new();
    let store = home.open();
    store.close().await;
    assert!(matches!(
        commit(&store, paused(RUN, 0)).await,
        Err(CommitError::Down(_))
    ));
}

/// A run in the middle of its work: what is owed after a restart is what was owed before it.
#[tokio::test]
async fn s4_03_what_runs_next_follows_from_the_stored_events_alone() {
    let batches = history::everything();
    for kept in 1..batches.len() {
        let events = |batches: &[Batch]| -> Vec<RunEvent> {
            let appends = batches.iter().flat_map(|batch| &batch.appends);
            let of_run = appends.filter(|append| append.stream == Stream::Run(RUN));
            let events = of_run.flat_map(|append| &append.events);
            events
                .filter_map(|event| {
                    if let Event::Run(event) = event {
                        Some(event.clone())
                    } else {
                        None
                    }
                })
                .collect()
        };
        let before = domain::Run::replay(RUN, &events(&batches[..kept]));
        let home = TestHome::new();
        let store = home.open();
        for batch in batches[..kept].iter().cloned() {
            store.commit(batch).await.unwrap();
        }
        store.close().await;
        let stored = home.open().load(Stream::Run(RUN), 0).await.unwrap();
        let stored: Vec<_> = stored
            .into_iter()
            .filter_map(|recorded| {
                if let Event::Run(event) = recorded.event {
                    Some(event)
                } else {
                    None
                }
            })
            .collect();
        let after = domain::Run::replay(RUN, &stored);
        assert_eq!(after, before);
        assert_eq!(
            after.as_ref().map(domain::duties),
            before.as_ref().map(domain::duties)
        );
    }
}
