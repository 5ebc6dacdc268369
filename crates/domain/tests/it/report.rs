//! How a run ends: by its report, once nothing can become or do anything more.

use crate::world::*;
use domain::{Duty, FailureClass, Outcome, Phase, Refusal, Value};

#[test]
fn a_report_is_owed_once_all_is_done_and_ends_the_run() {
    let mut world = run_of([agent("a"), agent("b").after(&["a"])]).done(&["a"]);
    assert_eq!(world.duties(), [begins("b")]);

    world = world.done(&["b"]);
    assert_eq!(world.duties(), [Duty::Report]);

    assert_eq!(world.take(report()), Ok(vec![run_completed()]));
    assert_eq!(world.duties(), []);
    assert_eq!(world.run.report(), Some("# Report"));
}

#[test]
fn s4_26_a_run_is_running_completed_failed_or_cancelled_and_never_queued() {
    // Every way in which a run waits is the one phase of a run that is not over.
    let waiting = [
        run_of([agent("a")]),
        run_of([agent("a")]).and(pause()),
        run_of([agent("a")]).working(&["a"]),
        run_of([agent("a")]).ended("a", parked(Some(at_ms(u64::MAX)))),
        run_of([agent("a")]).ended("a", badly(FailureClass::Authentication)),
        run_of([approval("a")]),
        run_of([agent("a")]).done(&["a"]),
    ];
    for world in waiting {
        assert_eq!(world.run.phase(), Phase::Active, "{:?}", world.run.steps());
    }
    let ended = [
        (
            run_of([agent("a")]).done(&["a"]).and(report()),
            Outcome::Completed,
        ),
        (run_of([agent("a")]).failed(&["a"]).and(report()), Outcome::Failed),
        (run_of([agent("a")]).and(cancel()), Outcome::Cancelled),
    ];
    for (world, outcome) in ended {
        assert_eq!(world.run.phase(), Phase::Ended(outcome));
    }
}

#[test]
fn a_report_that_is_not_owed_is_refused() {
    let not_ready = [
        run_of([agent("a")]),
        run_of([agent("a")]).working(&["a"]),
        run_of([agent("a")]).ended("a", badly(FailureClass::Missing)),
        run_of([agent("a").gated()]).done(&["a"]),
        run_of([agent("a").writing()]).ended("a", wrote("c1")),
    ];
    for mut world in not_ready {
        assert_eq!(world.take(report()), Err(Refusal::NothingToDo));
    }
}

#[test]
fn a_failed_run_says_which_instance_failed_and_why() {
    let mut world = run_of([agent("angles").each("size.angles")])
        .gave("angles[0]", Value::Null)
        .failed(&["angles[1]"]);

    assert_eq!(
        world.take(report()),
        Ok(vec![run_failed(&format!("step `angles[1]` failed: {BROKE}"))])
    );
}

#[test]
fn the_first_failed_step_of_the_plan_is_the_reason() {
    let mut world = run_of([agent("z"), agent("a")]).failed(&["a", "z"]);

    assert_eq!(
        world.take(report()),
        Ok(vec![run_failed(&format!("step `z` failed: {BROKE}"))])
    );
}

#[test]
fn a_paused_run_in_which_all_is_done_still_ends() {
    let world = run_of([agent("a")]).working(&["a"]).and(pause()).done(&["a"]);

    assert_eq!(world.duties(), [Duty::Report]);
}
