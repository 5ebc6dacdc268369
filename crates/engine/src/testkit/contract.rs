//! What every `Store` does alike, in memory and on a disk. Each room that has one calls [`store`] from its tests.
//!
//! A broken promise panics with the promise: this is for tests.

use crate::ports::{Answered, Append, Batch, CommitError, Idempotency, Store};
use domain::{
    BoardEvent, Ending, Event, FlowRef, Moment, Name, Plan, PlannedStep, ProcessIdentity, ProjectId, Role,
    RunEvent, RunId, RunInput, RunStarted, Size, StepKey, StepKind, Stream, TaskId, TaskOrdered, UnitCreated,
    UnitEvent, UnitId, UnitPhase, UnitStatus, Usage,
};
use std::collections::BTreeMap;
use std::sync::Arc;

const AT: Moment = Moment::from_ms(1_700_000_000_000);
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
const PROJECT: ProjectId = ProjectId::from_bits(0x11);

/// Checks all promises; `fresh` gives an empty store each time.
///
/// # Panics
/// When a promise is broken.
pub async fn store<F: Future<Output = Arc<dyn Store>>>(fresh: impl Fn() -> F) {
    positions_and_seqs_have_no_gaps(&*fresh().await).await;
    a_batch_is_all_or_nothing(&*fresh().await).await;
    a_request_is_answered_once(&*fresh().await).await;
    a_batch_without_events_keeps_its_answer(&*fresh().await).await;
    a_question_keeps_nothing(&*fresh().await).await;
    an_answer_is_forgotten_after_a_day(&*fresh().await).await;
    runs_are_open_until_they_end(&*fresh().await).await;
    units_are_listed_until_deleted(&*fresh().await).await;
    blobs_are_named_by_their_content(&*fresh().await).await;
    batches_at_once_are_one_after_another(fresh().await).await;
}

fn batch(appends: Vec<Append>) -> Batch {
    Batch {
        at: AT,
        appends,
        idempotency: None,
        wakes: Vec::new(),
    }
}

fn append(stream: Stream, expected_seq: u64, events: Vec<Event>) -> Append {
    Append {
        stream,
        expected_seq,
        events,
    }
}

fn slots(slots: u32) -> Event {
    Event::Board(BoardEvent::SlotsChanged { slots })
}

fn request(key: &str, body: &str) -> Idempotency {
    Idempotency {
        key: key.to_owned(),
        body_hash: body.to_owned(),
        answer: format!("answer to {key}"),
    }
}

fn run(number: u128) -> RunId {
    RunId::from_bits(0x2000 + number)
}

fn started() -> Event {
    let plan = Plan {
        steps: vec![domain::PlanStep::new("scan", StepKind::Agent)],
        size: BTreeMap::new(),
    };
    Event::Run(RunEvent::Started(Box::new(RunStarted {
        project: PROJECT,
        unit: None,
        slug: "calm-otter".to_owned(),
        flow: FlowRef {
            name: Name::from("review"),
            version: 1,
            hash: "00".repeat(32),
        },
        plan: Arc::new(plan),
        input: RunInput {
            question: "why".to_owned(),
            size: Size::Small,
            fast: false,
            agent: Name::from("ada"),
            model: None,
            extra: BTreeMap::new(),
        },
        base: "c0".to_owned(),
    })))
}

fn planned() -> Event {
    Event::Run(RunEvent::StepsPlanned {
        steps: vec![PlannedStep {
            key: StepKey::only("scan"),
            item: domain::Value::Null,
        }],
    })
}

fn ordered(run: RunId) -> Event {
    let key = StepKey::only("scan");
    Event::Run(RunEvent::TaskOrdered(Box::new(TaskOrdered {
        task: TaskId::of(run, &key, 1),
        chat: key.chat(run),
        key,
        role: Role::Work,
        serial: 1,
        agent: Name::from("ada"),
        model: None,
        prompt: "look".to_owned(),
    })))
}

fn task_of(run: RunId) -> TaskId {
    TaskId::of(run, &StepKey::only("scan"), 1)
}

async fn positions_and_seqs_have_no_gaps(store: &dyn Store) {
    assert_eq!(store.position().await, Ok(0), "an empty store is at zero");
    let first = batch(vec![append(Stream::Board, 0, vec![slots(2), slots(3)])]);
    let committed = store.commit(first).await.expect("a fitting batch is kept");
    assert_eq!(committed.position, 2, "the position is the last event's");
    let second = batch(vec![
        append(Stream::Run(run(1)), 0, vec![started(), planned()]),
        append(Stream::Board, 2, vec![slots(4)]),
    ]);
    let committed = store.commit(second).await.expect("a fitting batch is kept");
    assert_eq!(committed.position, 5, "positions go on over streams");
    let all = store.after(0, 100).await.expect("what is kept can be read");
    let numbers: Vec<_> = all
        .iter()
        .map(|kept| (kept.position, kept.stream, kept.seq))
        .collect();
    let of_run = Stream::Run(run(1));
    let expected = [
        (1, Stream::Board, 1),
        (2, Stream::Board, 2),
        (3, of_run, 1),
        (4, of_run, 2),
        (5, Stream::Board, 3),
    ];
    assert_eq!(numbers, expected, "each stream counts its own events");
    assert!(
        all.iter().all(|kept| kept.at == AT),
        "the batch's moment is each event's"
    );
    assert_eq!(all[3].event, planned(), "an event is read as it was written");
    let page = store.after(1, 2).await.expect("what is kept can be read");
    assert_eq!(page, all[1..3], "a page begins after its position");
    let tail = store
        .load(Stream::Board, 1)
        .await
        .expect("what is kept can be read");
    assert_eq!(
        tail,
        [all[1].clone(), all[4].clone()],
        "a stream is read after a seq"
    );
    assert_eq!(
        store.load(Stream::Run(run(9)), 0).await,
        Ok(Vec::new()),
        "an unknown stream is empty"
    );
}

async fn a_batch_is_all_or_nothing(store: &dyn Store) {
    let fits = || append(Stream::Run(run(1)), 0, vec![started()]);
    for wrong in [1, 7] {
        let mut both = batch(vec![fits(), append(Stream::Board, wrong, vec![slots(2)])]);
        both.idempotency = Some(request("both", "a"));
        both.wakes = vec![(run(1), Some(AT))];
        let refused = store.commit(both).await;
        assert_eq!(
            refused,
            Err(CommitError::Conflict(Stream::Board)),
            "the moved stream is named"
        );
    }
    assert_eq!(
        store.position().await,
        Ok(0),
        "nothing of a refused batch is kept"
    );
    assert_eq!(store.open_runs().await, Ok(Vec::new()), "no view of it either");
    let mut again = batch(vec![fits()]);
    again.idempotency = Some(request("both", "a"));
    assert!(store.commit(again).await.is_ok(), "nor its answer");
    let stale = store.commit(batch(vec![fits()])).await;
    assert_eq!(
        stale,
        Err(CommitError::Conflict(Stream::Run(run(1)))),
        "a run starts once"
    );
}

async fn a_request_is_answered_once(store: &dyn Store) {
    let ask = |body: &str, seq| Batch {
        idempotency: Some(request("key", body)),
        ..batch(vec![append(Stream::Board, seq, vec![slots(2)])])
    };
    assert!(
        store.commit(ask("a", 0)).await.is_ok(),
        "the first time it is done"
    );
    let answer = "answer to key".to_owned();
    for seq in [0, 1] {
        let again = store.commit(ask("a", seq)).await;
        let before = CommitError::Repeated {
            answer: answer.clone(),
        };
        assert_eq!(
            again,
            Err(before),
            "the same request gets the same answer, before any conflict"
        );
    }
    let other = store.commit(ask("b", 1)).await;
    assert_eq!(
        other,
        Err(CommitError::KeyReused),
        "another request must not use the key"
    );
    assert_eq!(store.position().await, Ok(1), "it was done once");
}

async fn a_batch_without_events_keeps_its_answer(store: &dyn Store) {
    let empty = || Batch {
        idempotency: Some(request("key", "a")),
        ..batch(Vec::new())
    };
    for _ in 0..2 {
        let probed = store.commit(batch(Vec::new())).await.expect("there is room");
        assert_eq!(probed.position, 0, "the position stays");
    }
    let committed = store.commit(empty()).await.expect("there is room");
    assert_eq!(committed.position, 0, "the position stays");
    let before = CommitError::Repeated {
        answer: "answer to key".to_owned(),
    };
    assert_eq!(
        store.commit(empty()).await,
        Err(before),
        "what changed nothing is answered once too"
    );
}

async fn a_question_keeps_nothing(store: &dyn Store) {
    for _ in 0..2 {
        assert_eq!(
            store.answered("key".to_owned(), AT).await,
            Ok(None),
            "nobody asked before"
        );
    }
    let ask = Batch {
        idempotency: Some(request("key", "a")),
        ..batch(vec![append(Stream::Board, 0, vec![slots(2)])])
    };
    assert!(store.commit(ask).await.is_ok(), "a question uses up no key");
    let first = Answered {
        body_hash: "a".to_owned(),
        answer: "answer to key".to_owned(),
    };
    let within = AT.plus_ms(DAY_MS - 1);
    assert_eq!(
        store.answered("key".to_owned(), within).await,
        Ok(Some(first)),
        "it says what was answered before"
    );
    let after = AT.plus_ms(DAY_MS + 1);
    assert_eq!(
        store.answered("key".to_owned(), after).await,
        Ok(None),
        "for a day"
    );
}

async fn an_answer_is_forgotten_after_a_day(store: &dyn Store) {
    let ask = |at: Moment, seq| Batch {
        at,
        idempotency: Some(request("key", "a")),
        ..batch(vec![append(Stream::Board, seq, vec![slots(2)])])
    };
    assert!(
        store.commit(ask(AT, 0)).await.is_ok(),
        "the first time it is done"
    );
    let soon = store.commit(ask(AT.plus_ms(DAY_MS - 1), 1)).await;
    assert!(
        matches!(soon, Err(CommitError::Repeated { .. })),
        "within a day it is remembered"
    );
    let late = store.commit(ask(AT.plus_ms(DAY_MS + 1), 1)).await;
    assert!(late.is_ok(), "after a day it is a new request");
}

async fn runs_are_open_until_they_end(store: &dyn Store) {
    let (first, second) = (run(2), run(1));
    for id in [first, second] {
        let begun = batch(vec![append(Stream::Run(id), 0, vec![started(), planned()])]);
        store.commit(begun).await.expect("a run starts");
    }
    let open = store.open_runs().await.expect("runs can be listed");
    let listed: Vec<_> = open
        .iter()
        .map(|open| (open.run, open.project, open.wake, open.has_live_task))
        .collect();
    let waiting = |run| (run, PROJECT, None, false);
    assert_eq!(
        listed,
        [waiting(first), waiting(second)],
        "the oldest comes first"
    );

    let task = task_of(first);
    let process = ProcessIdentity {
        pid: 7,
        start_ticks: 8,
        boot_id: "boot".to_owned(),
    };
    let mut working = batch(vec![append(
        Stream::Run(first),
        2,
        vec![
            ordered(first),
            Event::Run(RunEvent::TaskStarted { task, process }),
        ],
    )]);
    working.wakes = vec![(first, Some(AT.plus_ms(5))), (second, Some(AT.plus_ms(9)))];
    store.commit(working).await.expect("a task starts");
    let open = store.open_runs().await.expect("runs can be listed");
    assert!(open[0].has_live_task, "a task that started is live");
    assert_eq!(open[0].wake, Some(AT.plus_ms(5)), "the wake is kept");
    assert_eq!(open[1].wake, Some(AT.plus_ms(9)), "for any run of the batch");

    let reason = "it is gone".to_owned();
    let ended = Event::Run(RunEvent::TaskEnded {
        task,
        ending: Ending::Interrupted { reason },
        usage: Usage::default(),
    });
    let mut over = batch(vec![append(Stream::Run(first), 4, vec![ended])]);
    over.wakes = vec![(first, None)];
    store.commit(over).await.expect("a task ends");
    let open = store.open_runs().await.expect("runs can be listed");
    assert!(!open[0].has_live_task, "a task that ended is not live");
    assert_eq!(open[0].wake, None, "a wake can be taken back");

    let (key, reason) = (StepKey::only("scan"), "no".to_owned());
    let failed = vec![
        Event::Run(RunEvent::StepFailed {
            key: key.clone(),
            reason: reason.clone(),
        }),
        Event::Run(RunEvent::Failed {
            reason,
            report: "# report".to_owned(),
        }),
    ];
    let mut end = batch(vec![append(Stream::Run(first), 5, failed)]);
    end.wakes = vec![(first, Some(AT))];
    store.commit(end).await.expect("a run ends");
    let open = store.open_runs().await.expect("runs can be listed");
    assert_eq!(open.len(), 1, "a run that ended is not open");
    let unreleased = store.unreleased().await;
    assert_eq!(unreleased, Ok(vec![first]), "only a run that ended is unreleased");
    let mut released = batch(Vec::new());
    released.wakes = vec![(first, None)];
    store.commit(released).await.expect("a run is let go of");
    let unreleased = store.unreleased().await;
    assert_eq!(unreleased, Ok(Vec::new()), "it is let go of once");
    let by = "sam".to_owned();
    let reopened = Event::Run(RunEvent::StepReopened { key, by });
    store
        .commit(batch(vec![append(Stream::Run(first), 7, vec![reopened])]))
        .await
        .expect("a run is opened again");
    let open = store.open_runs().await.expect("runs can be listed");
    let listed: Vec<_> = open.iter().map(|open| open.run).collect();
    assert_eq!(listed, [first, second], "a run that was opened again is open");
}

async fn units_are_listed_until_deleted(store: &dyn Store) {
    let created = |chunk: &str| {
        Event::Unit(UnitEvent::Created(Box::new(UnitCreated {
            chunk: chunk.to_owned(),
            phase: UnitPhase::Goal,
            status: UnitStatus::Ready,
            blocked_by: Vec::new(),
            priority: 0,
            project: None,
            order: None,
        })))
    };
    let (first, second) = (UnitId::from_bits(9), UnitId::from_bits(3));
    for (unit, chunk) in [(first, "one"), (second, "two")] {
        let begun = batch(vec![append(Stream::Unit(unit), 0, vec![created(chunk)])]);
        store.commit(begun).await.expect("a unit is made");
    }
    assert_eq!(
        store.units().await,
        Ok(vec![first, second]),
        "the oldest comes first"
    );
    let gone = vec![Event::Unit(UnitEvent::Deleted)];
    let deleted = batch(vec![append(Stream::Unit(first), 1, gone)]);
    store.commit(deleted).await.expect("a unit is deleted");
    assert_eq!(
        store.units().await,
        Ok(vec![second]),
        "a deleted one is not listed"
    );
    let history = store.load(Stream::Unit(first), 0).await.expect("history stays");
    assert_eq!(history.len(), 2, "its history stays");
}

async fn blobs_are_named_by_their_content(store: &dyn Store) {
    let hash = store.put_blob(b"abc".to_vec()).await.expect("bytes are kept");
    let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(hash, sha256, "the name is the SHA-256 of the bytes");
    assert_eq!(
        store.put_blob(b"abc".to_vec()).await,
        Ok(hash.clone()),
        "twice is once"
    );
    assert_eq!(store.blob(hash).await, Ok(b"abc".to_vec()), "the bytes come back");
    assert!(
        store.blob("00".repeat(32)).await.is_err(),
        "an unknown name is an error"
    );
}

async fn batches_at_once_are_one_after_another(store: Arc<dyn Store>) {
    let commits = (0..20).map(|number| {
        let begun = batch(vec![append(Stream::Run(run(number)), 0, vec![started()])]);
        let twice = batch(vec![append(Stream::Board, 0, vec![slots(2)])]);
        let store = &store;
        async move { (store.commit(begun).await, store.commit(twice).await) }
    });
    let results = futures::future::join_all(commits).await;
    let kept = results.iter().filter(|(begun, _)| begun.is_ok()).count();
    assert_eq!(kept, 20, "batches over different streams do not meet");
    let won = results.iter().filter(|(_, board)| board.is_ok()).count();
    assert_eq!(won, 1, "of batches that expect the same, one is kept");
    assert_eq!(store.position().await, Ok(21), "positions have no gaps");
}
