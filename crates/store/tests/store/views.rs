//! The views as readers get them, and that the history alone makes them.

use crate::common::history::{self, CANCELLED_RUN, FAILED_RUN, OTHER_UNIT, PROJECT, RUN, UNIT};
use crate::common::{TestHome, batch, later};
use domain::{Event, RunEvent, RunId, StepKey, Stream, TaskId, UnitPhase, UnitStatus};
use engine::ports::{Append, Store};
use store::{PageAsk, RunFilter, RunStatus, UnitFilter, iso, verify};

#[tokio::test]
async fn views_are_what_the_history_makes_of_them() {
    let home = TestHome::new();
    let store = home.filled().await;
    assert_eq!(verify(&home.home).unwrap(), Vec::<String>::new());
    let before = store.reader().run(RUN).await.unwrap();
    store.rebuild_views().await.unwrap();
    assert_eq!(store.reader().run(RUN).await.unwrap(), before);
    assert_eq!(verify(&home.home).unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_view_that_differs_from_the_history_is_found() {
    for damage in [
        "UPDATE flow_runs SET slug = 'other' WHERE rowid = 1",
        "DELETE FROM status_log WHERE id = 2",
        "UPDATE settings SET value = '5'",
        "UPDATE task_log SET state = 'running' WHERE rowid = 1",
        "UPDATE events SET body = replace(body, 'claimed', 'clamed')",
        "DELETE FROM events WHERE position = 9",
    ] {
        let home = TestHome::new();
        home.filled().await.close().await;
        assert!(home.sqlite().execute(damage, []).unwrap() > 0, "{damage}");
        assert!(!verify(&home.home).unwrap().is_empty(), "{damage}");
    }
}

#[tokio::test]
async fn a_run_is_read_with_its_steps_tasks_and_questions() {
    let home = TestHome::new();
    let store = home.filled().await;
    let detail = store.reader().run(RUN).await.unwrap().unwrap();
    assert_eq!(detail.at_position, store.position().await.unwrap());
    assert_eq!(
        (detail.run.slug.as_str(), detail.run.status),
        ("calm-otter", RunStatus::Completed)
    );
    assert_eq!(detail.run.input["question"], "Is the lock released?");
    assert_eq!(
        (
            detail.run.input["size"].as_str(),
            detail.run.input["branch"].as_str()
        ),
        (Some("medium"), Some("main"))
    );
    assert_eq!(detail.run.manifest.len(), 5);
    let accesses = detail.run.manifest.iter().map(|step| step.access.as_deref());
    assert!(accesses.clone().all(|access| access.is_some()));
    assert!(
        accesses.clone().any(|access| access == Some("write")),
        "one of them writes"
    );
    assert_eq!(detail.run.usage.cost_micros, Some(8 * 4_000 - 4_000));
    assert_eq!(
        detail.report.as_deref().map(str::len),
        Some("# Report\n".len() + history::long_text().len())
    );
    let steps: Vec<_> = detail
        .steps
        .iter()
        .map(|step| (step.key.to_string(), step.status.as_str()))
        .collect();
    assert_eq!(
        steps,
        [
            ("angles[0]", "completed"),
            ("angles[1]", "completed"),
            ("fold", "completed"),
            ("approve", "completed")
        ]
        .map(|(key, status)| (key.to_owned(), status))
    );
    assert!(detail.steps[3].is_skipped && !detail.steps[0].is_skipped);
    assert_eq!(detail.steps[0].kind, "agent");
    assert_eq!(detail.steps[0].chat, StepKey::item("angles", 0).chat(RUN));
    let states: Vec<_> = detail.tasks.iter().map(|task| task.state.as_str()).collect();
    assert_eq!(
        states,
        [
            "failed",
            "parked",
            "completed",
            "completed",
            "interrupted",
            "completed",
            "completed"
        ]
    );
    let gate = &detail.tasks[3];
    assert_eq!(
        (gate.role.as_str(), gate.serial, gate.is_orchestrator),
        ("gate", 4, false)
    );
    assert_eq!(gate.process.as_ref().map(|process| process.pid), Some(4_242));
    assert_eq!(detail.tasks[0].failure_class.as_deref(), Some("transient"));
    let asked: Vec<_> = detail
        .attention
        .iter()
        .map(|item| (item.kind.as_str(), item.state.as_str()))
        .collect();
    assert_eq!(asked, [("approval", "answered"), ("review", "withdrawn")]);
    assert_eq!(store.reader().run(RunId::from_bits(0xdead)).await.unwrap(), None);
}

#[tokio::test]
async fn s4_05_a_long_output_is_stored_whole_and_survives_a_restart() {
    let home = TestHome::new();
    home.filled().await.close().await;
    let store = home.open();
    let output = store
        .reader()
        .step_output(StepKey::item("angles", 1).chat(RUN))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(output.as_str(), Some(history::long_text().as_str()));
    let short = store
        .reader()
        .step_output(StepKey::only("fold").chat(RUN))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(short["items"][0], "the lock leaks");
    let prompt = store
        .reader()
        .task_prompt(TaskId::of(RUN, &StepKey::item("angles", 0), 1))
        .await
        .unwrap();
    assert_eq!(prompt.as_deref(), Some("Look at angles[0]."));
}

#[tokio::test]
async fn runs_are_listed_newest_first_by_pages() {
    let home = TestHome::new();
    let store = home.filled().await;
    let reader = store.reader();
    let ask = |after| PageAsk {
        after,
        limit: Some(2),
    };
    let first = reader.runs(RunFilter::default(), ask(None)).await.unwrap();
    let second = reader
        .runs(RunFilter::default(), ask(first.next.clone()))
        .await
        .unwrap();
    let ids = |page: &store::Page<store::RunView>| page.items.iter().map(|run| run.id).collect::<Vec<_>>();
    assert_eq!(
        (ids(&first), ids(&second)),
        (vec![CANCELLED_RUN, FAILED_RUN], vec![RUN])
    );
    assert_eq!(second.next, None);
    for (project, status, expected) in [
        (Some(PROJECT), None, 3),
        (Some(PROJECT), Some(RunStatus::Failed), 1),
        (None, Some(RunStatus::Running), 0),
        (None, Some(RunStatus::Completed), 1),
    ] {
        let page = reader
            .runs(RunFilter { project, status }, PageAsk::default())
            .await
            .unwrap();
        assert_eq!(page.items.len(), expected);
    }
    assert!(
        reader
            .runs(RunFilter::default(), ask(Some("x".to_owned())))
            .await
            .is_err()
    );
    assert_eq!(
        reader.run_of_slug("brave-heron".to_owned()).await.unwrap(),
        Some(FAILED_RUN)
    );
}

#[tokio::test]
async fn s3_09_a_unit_has_what_a_work_unit_carries() {
    let home = TestHome::new();
    let store = home.open();
    for batch in history::everything().into_iter().take(3) {
        store.commit(batch).await.unwrap();
    }
    let unit = store.reader().unit("docs".to_owned()).await.unwrap().unwrap();
    assert_eq!(
        (unit.chunk.as_str(), unit.phase, unit.status),
        ("docs", UnitPhase::Plan, UnitStatus::Blocked)
    );
    assert_eq!(
        (unit.blocked_by, unit.worktree),
        (vec!["lock-leak".to_owned()], None)
    );
    assert_eq!(
        (unit.created_at.as_str(), unit.updated_at.as_str()),
        (&*iso(later(2_000)), &*iso(later(2_000)))
    );
}

#[tokio::test]
async fn s3_15_units_are_listed_read_and_counted() {
    let home = TestHome::new();
    let store = home.filled().await;
    let reader = store.reader();
    let unit = reader.unit("lock-leak".to_owned()).await.unwrap().unwrap();
    assert_eq!(
        (unit.id, unit.phase, unit.status),
        (UNIT, UnitPhase::Goal, UnitStatus::Done)
    );
    assert_eq!(
        (unit.run, unit.project, unit.priority),
        (Some(RUN), Some(PROJECT), 5)
    );
    assert_eq!(unit.created_at, iso(later(1_000)));
    assert!(unit.updated_at > unit.created_at);
    let page = reader
        .units(UnitFilter::default(), PageAsk::default())
        .await
        .unwrap();
    assert_eq!(page.items, [unit]);
    let counts = reader.unit_counts().await.unwrap();
    assert_eq!(
        counts.iter().map(|(_, count)| count).collect::<Vec<_>>(),
        [&0, &0, &0, &0, &1]
    );
}

#[tokio::test]
async fn s3_16_every_status_is_logged_and_stays_when_its_unit_is_gone() {
    let home = TestHome::new();
    let store = home.filled().await;
    let log = store.reader().unit_history(OTHER_UNIT).await.unwrap();
    let changes: Vec<_> = log
        .iter()
        .map(|change| (change.old_status, change.new_status, change.is_forced))
        .collect();
    assert_eq!(
        changes,
        [
            (None, UnitStatus::Blocked, false),
            (Some(UnitStatus::Blocked), UnitStatus::Ready, false),
            (Some(UnitStatus::Ready), UnitStatus::Done, true),
        ]
    );
    assert_eq!((log[0].chunk.as_str(), log[2].chunk.as_str()), ("docs", "manual"));
    assert_eq!(store.reader().unit("manual".to_owned()).await.unwrap(), None);
    assert_eq!(
        store.reader().chunk_history("manual".to_owned()).await.unwrap(),
        log[1..]
    );
}

#[tokio::test]
async fn what_spans_runs_is_read() {
    let home = TestHome::new();
    let store = home.filled().await;
    let reader = store.reader();
    let projects = reader.projects().await.unwrap();
    assert_eq!(
        projects
            .iter()
            .map(|project| project.name.as_str())
            .collect::<Vec<_>>(),
        ["lamp"]
    );
    assert_eq!(reader.project(PROJECT).await.unwrap().as_ref(), projects.first());
    let accounts = reader.accounts().await.unwrap();
    assert_eq!(accounts[0].limited_until, None);
    assert_eq!(
        (accounts[1].limited_until.clone(), accounts[1].strikes),
        (Some(iso(later(7_200_000))), 2)
    );
    assert_eq!(reader.slots().await.unwrap(), Some(4));
    assert!(reader.are_commands_approved("c0de".repeat(16)).await.unwrap());
    assert!(!reader.are_commands_approved("beef".to_owned()).await.unwrap());
}

#[tokio::test]
async fn open_questions_and_live_tasks_are_listed() {
    let home = TestHome::new();
    let store = home.filled().await;
    assert_eq!(
        store
            .reader()
            .open_attention(PageAsk::default())
            .await
            .unwrap()
            .items,
        []
    );
    assert_eq!(store.reader().live_tasks().await.unwrap(), []);
    let run = RunId::from_bits(0x77);
    let key = StepKey::only("check");
    let item = domain::Attention {
        id: domain::AttentionId::of(run, 1),
        kind: domain::AttentionKind::Stuck,
        key: Some(key.clone()),
        title: "Nothing moves".to_owned(),
        body: history::long_text(),
        choices: vec![domain::Choice::Retry],
        trusts: None,
    };
    let events = [
        history::started("a", None),
        history::planned(std::slice::from_ref(&key)),
        history::ordered(run, &key, domain::Role::Work, 1),
        RunEvent::AttentionRaised(Box::new(item.clone())),
    ];
    let events = events.into_iter().map(Event::Run).collect();
    store
        .commit(batch(Append {
            stream: Stream::Run(run),
            expected_seq: 0,
            events,
        }))
        .await
        .unwrap();
    let open = store
        .reader()
        .open_attention(PageAsk::default())
        .await
        .unwrap()
        .items;
    assert_eq!((open[0].id, open[0].body.len()), (item.id, item.body.len()));
    let live = store.reader().live_tasks().await.unwrap();
    assert_eq!(
        (live[0].id, live[0].state.as_str()),
        (TaskId::of(run, &key, 1), "starting")
    );
    let detail = store.reader().run(run).await.unwrap().unwrap();
    assert_eq!(detail.steps[0].waiting_for, Some(item.id));
    assert_eq!(
        store.reader().attention(item.id).await.unwrap().unwrap().choices,
        ["retry"]
    );
    assert_eq!(verify(&home.home).unwrap(), Vec::<String>::new());
}
