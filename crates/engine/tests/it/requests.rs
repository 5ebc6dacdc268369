//! Requests: repeated ones get their first answer, and trust that was given once survives a crash.

use crate::scene::{PROJECT, Scene, ask, plan};
use domain::{
    Access, BoardInput, Choice, Event, Input, Moment, Outcome, Phase, PlanStep, Refusal, RunEvent, RunId,
    StepKind,
};
use engine::EngineError;
use engine::ports::{Clock, Idempotency, UntrustedCommands, WorkOrder};
use engine::testkit::{self, FakeClock, Fault, Life, MemoryStore, Script};
use std::sync::Arc;
use std::time::Duration;

fn slow() -> impl Script {
    |_: &WorkOrder, _: Moment| testkit::Scene::says("done", 5_000)
}

fn request(key: &str) -> Option<Idempotency> {
    Some(Idempotency {
        key: key.to_owned(),
        body_hash: "body".to_owned(),
        answer: format!("answer to {key}"),
    })
}

fn repeated(key: &str) -> Result<(), EngineError> {
    Err(EngineError::Repeated {
        answer: format!("answer to {key}"),
    })
}

fn one_step() -> domain::Plan {
    plan([PlanStep::new("look", StepKind::Agent)])
}

#[tokio::test(start_paused = true)]
async fn a_request_that_would_be_refused_now_gets_the_answer_that_it_got_first() {
    let scene = Scene::open(2, slow()).await;
    scene.outside.book.set("one", one_step());
    let run = scene.start(1, "one", request("start")).await;
    let cancel = || Input::Cancel { by: "sam".to_owned() };

    assert_eq!(
        scene.engine.tell_run(run, cancel(), request("cancel")).await,
        Ok(())
    );
    assert_eq!(
        scene.engine.tell_run(run, cancel(), request("cancel")).await,
        repeated("cancel")
    );
    scene.pass(Duration::from_secs(60)).await;
    assert_eq!(scene.run(run).phase(), Phase::Ended(Outcome::Cancelled));
    assert_eq!(
        scene.engine.tell_run(run, cancel(), request("cancel")).await,
        repeated("cancel")
    );
    // However often it is asked: a refusal is not taken for the answer of something that was done.
    for _ in 0..2 {
        let other = scene.engine.tell_run(run, cancel(), request("other")).await;
        assert_eq!(other, Err(EngineError::Refused(Refusal::RunEnded)));
    }

    scene.outside.book.remove("one");
    let again = scene
        .engine
        .start_run(ask(RunId::from_bits(2), "one"), request("start"))
        .await;
    assert_eq!(again, repeated("start"));
}

#[tokio::test(start_paused = true)]
async fn requests_of_one_moment_do_not_share_their_fate() {
    let scene = Scene::open(2, slow()).await;
    scene.outside.book.set("one", one_step());
    let run = scene.start(1, "one", None).await;
    let pause = || Input::Pause { by: "sam".to_owned() };
    let resume = || Input::Resume { by: "sam".to_owned() };
    scene
        .engine
        .tell_run(run, pause(), request("pause"))
        .await
        .unwrap();
    scene.engine.tell_run(run, resume(), None).await.unwrap();

    let (again, fresh) = tokio::join!(
        scene.engine.tell_run(run, pause(), request("pause")),
        scene.engine.tell_run(run, pause(), None),
    );

    assert_eq!((again, fresh), (repeated("pause"), Ok(())));
}

#[tokio::test(start_paused = true)]
async fn an_approval_of_commands_is_trusted_for_good_whenever_the_daemon_dies() {
    let scene = Scene::open(2, slow()).await;
    let commands = UntrustedCommands {
        hash: "beef".to_owned(),
        shown: vec!["make test".to_owned()],
    };
    scene.outside.book.set_with("one", one_step(), Some(commands));
    let run = scene.start(1, "one", None).await;
    let item = scene.run(run).attention().values().next().unwrap().clone();
    let approve = Input::Answered {
        attention: item.id,
        choice: Choice::Approve,
        text: String::new(),
        by: "sam".to_owned(),
    };
    let (now, outside) = (scene.now(), scene.outside.clone());
    scene.life.end();

    // This life stores the answer and dies when it is to store the trust.
    let life = Life::default();
    let clock: Arc<dyn Clock> = Arc::new(FakeClock::at(now));
    let store = MemoryStore::new(&outside.disk, &life, &clock).with_faults(|batch| {
        let is_trust =
            |event: &Event| matches!(event, Event::Board(domain::BoardEvent::CommandsApproved { .. }));
        let dies = batch
            .appends
            .iter()
            .flat_map(|append| &append.events)
            .any(is_trust);
        (0, if dies { Fault::DieBefore } else { Fault::None })
    });
    let ports = engine::Ports {
        store: Arc::new(store),
        ..outside.ports(&life, now, Arc::new(slow()))
    };
    let engine = engine::Engine::open(ports, engine::Config::default())
        .await
        .unwrap();
    engine.tell_run(run, approve, None).await.unwrap();
    life.over().await;
    assert!(!engine.board().approved.contains("beef"));

    let scene = Scene::over(outside, now, slow()).await;
    scene.pass(Duration::from_secs(60)).await;
    assert!(scene.engine.board().approved.contains("beef"));
    let next = scene.start(2, "one", None).await;
    assert!(scene.run(next).attention().is_empty(), "nobody is asked twice");
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_project_was_removed_is_not_opened_again() {
    let scene = Scene::open(2, |_: &WorkOrder, _: Moment| {
        testkit::Scene::ends(
            domain::Ending::Failed {
                class: domain::FailureClass::Permanent,
                reason: "no".to_owned(),
            },
            10,
        )
    })
    .await;
    scene.outside.book.set("one", one_step());
    let run = scene.start(1, "one", None).await;
    let remove = || BoardInput::RemoveProject {
        project: PROJECT,
        is_busy: false,
    };
    let busy = scene.engine.change_board(remove(), None).await;
    assert_eq!(busy, Err(EngineError::Refused(Refusal::ProjectBusy)));
    scene.pass(Duration::from_secs(60)).await;
    scene.engine.change_board(remove(), None).await.unwrap();
    let retry = Input::Retry {
        key: None,
        by: "sam".to_owned(),
    };
    let refused = scene.engine.tell_run(run, retry, None).await;
    assert_eq!(refused, Err(EngineError::Refused(Refusal::UnknownProject)));
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_wrote_has_failed() {
    let scene = Scene::open(2, slow()).await;
    let mut look = PlanStep::new("look", StepKind::Agent);
    look.access = Access::Read;
    scene.outside.book.set("one", plan([look]));
    let run = scene.start(1, "one", None).await;
    scene.outside.git.touch(run, &domain::StepKey::only("look"));
    scene.pass(Duration::from_secs(60)).await;
    let reason = "step `look` failed: it had no write access, yet these files changed: touched";
    let is_it = |event: &RunEvent| matches!(event, RunEvent::Failed { reason: known, .. } if known == reason);
    assert_eq!(scene.count(is_it), 1);
}
