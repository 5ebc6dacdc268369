//! A run with very many steps takes turns that do not grow with the square of them.

use crate::scene::{Scene, plan};
use domain::{Moment, Outcome, Phase, PlanStep, StepKind};
use engine::ports::WorkOrder;
use engine::testkit::{self, Script};
use std::time::Duration;

const STEPS: u64 = 2_000;
/// So many times fewer, to compare with.
const FEWER: u64 = 4;

/// What the processor has done for this test, in ticks: a busy machine makes everybody wait, and works for nobody the
/// longer.
fn worked() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // The name in parentheses may hold anything. Eleven fields after it comes the time in the program, then in the kernel.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

fn quick() -> impl Script {
    |order: &WorkOrder, _: Moment| {
        let spread = u64::try_from(order.task.bits() % 50).unwrap();
        testkit::Scene::says("done", 5 + spread)
    }
}

/// What a run of so many steps takes.
async fn run_of(count: u64) -> u64 {
    let begun = worked();
    let scene = Scene::open(64, quick()).await;
    let steps = (0..count).map(|number| PlanStep::new(format!("step-{number}"), StepKind::Agent));
    scene.outside.book.set("wide", plan(steps));
    let run = scene.start(1, "wide", None).await;
    scene.pass(Duration::from_secs(600)).await;
    assert_eq!(scene.run(run).phase(), Phase::Ended(Outcome::Completed));
    worked() - begun
}

#[tokio::test(start_paused = true)]
async fn two_thousand_steps_at_once_in_one_run() {
    let few = run_of(STEPS / FEWER).await;
    let many = run_of(STEPS).await;
    println!("{STEPS} steps took {many} ticks, a part of {FEWER} took {few}");
    // Each of the turns looks at all steps once: so many times the turns, each so many times as long, and some more.
    assert!(many < few.max(1) * FEWER * FEWER * 2, "{many}, {few}");
}
