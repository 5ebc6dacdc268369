//! A run with very many steps takes turns that do not grow with the square of them.

use crate::scene::{Scene, plan};
use domain::{Moment, Outcome, Phase, PlanStep, StepKind};
use engine::ports::WorkOrder;
use engine::testkit::{self, Script};
use std::time::{Duration, Instant};

const STEPS: u32 = 2_000;

fn quick() -> impl Script {
    |order: &WorkOrder, _: Moment| {
        let spread = u64::try_from(order.task.bits() % 50).unwrap();
        testkit::Scene::says("done", 5 + spread)
    }
}

#[tokio::test(start_paused = true)]
async fn two_thousand_steps_at_once_in_one_run() {
    let begun = Instant::now();
    let scene = Scene::open(64, quick()).await;
    let steps = (0..STEPS).map(|number| PlanStep::new(format!("step-{number}"), StepKind::Agent));
    scene.outside.book.set("wide", plan(steps));
    let run = scene.start(1, "wide", None).await;
    scene.pass(Duration::from_secs(600)).await;

    assert_eq!(scene.run(run).phase(), Phase::Ended(Outcome::Completed));
    let took = begun.elapsed();
    println!("{STEPS} steps took {took:?}");
    assert!(took < Duration::from_secs(25), "{took:?}");
}
