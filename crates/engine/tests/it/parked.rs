//! Waiting costs nothing: a run that waits for a moment is in nobody's memory.

use crate::scene::{BEGIN, Scene, plan};
use domain::{Ending, Moment, Name, PlanStep, RunEvent, StepKind};
use engine::ports::WorkOrder;
use engine::testkit::{self, Script};
use std::time::Duration;

const RUNS: u128 = 10_000;
const HOUR_MS: u64 = 3_600_000;

/// The account is at its limit for an hour.
fn limited() -> impl Script {
    |_: &WorkOrder, now: Moment| {
        let reset = BEGIN.plus_ms(HOUR_MS);
        if now >= reset {
            return testkit::Scene::says("done", 10);
        }
        let ending = Ending::Parked {
            account: Name::from("ada/main"),
            until: Some(reset),
            reason: "limit".to_owned(),
        };
        testkit::Scene::ends(ending, 10)
    }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_parked_runs_cost_no_keeper_and_wake_at_the_reset() {
    let scene = Scene::open(64, limited()).await;
    let step = PlanStep::new("look", StepKind::Agent);
    scene.outside.book.set("one", plan([step]));
    for number in 1..=RUNS {
        scene.start(number, "one", None).await;
    }
    scene.pass(Duration::from_secs(60)).await;

    assert_eq!(scene.engine.load().keepers, 0);
    assert_eq!(scene.engine.load().busy, 0);
    let is_ordered = |event: &RunEvent| matches!(event, RunEvent::TaskOrdered(_));
    let before = scene.count(is_ordered);
    assert!(before <= 64, "{before} tasks met the limit");
    scene.pass(Duration::from_secs(3_000)).await;
    assert_eq!(scene.count(is_ordered), before, "nothing begins before the reset");
    assert_eq!(scene.engine.load().keepers, 0);

    scene.pass(Duration::from_secs(600)).await;
    let is_completed = |event: &RunEvent| matches!(event, RunEvent::Completed { .. });
    assert_eq!(scene.count(is_completed), usize::try_from(RUNS).unwrap());
    assert_eq!(scene.engine.load().keepers, 0);
}

#[tokio::test(start_paused = true)]
async fn a_parked_run_sleeps_over_a_restart_and_wakes_at_the_reset() {
    let scene = Scene::open(1, limited()).await;
    let step = PlanStep::new("look", StepKind::Agent);
    scene.outside.book.set("one", plan([step]));
    for number in 1..=10 {
        scene.start(number, "one", None).await;
    }
    scene.pass(Duration::from_secs(60)).await;
    scene.life.end();

    let scene = Scene::over(scene.outside.clone(), scene.now(), limited()).await;
    scene.pass(Duration::from_secs(1)).await;
    assert_eq!(scene.engine.load().keepers, 0);
    scene.pass(Duration::from_secs(3_500)).await;
    assert_eq!(
        scene.count(|event| matches!(event, RunEvent::Completed { .. })),
        0
    );
    scene.pass(Duration::from_secs(60)).await;
    assert_eq!(
        scene.count(|event| matches!(event, RunEvent::Completed { .. })),
        10
    );
}
