//! Triggers: how the ends of its needs let a step begin, and what that means for the run's end.

use crate::world::*;
use domain::{Duty, Trigger};

fn two_then(trigger: Trigger) -> World {
    run_of([agent("a"), agent("b"), agent("c").after(&["a", "b"]).on(trigger)])
}

#[test]
fn all_success_waits_for_all_of_them() {
    let world = two_then(Trigger::AllSuccess).done(&["a"]);
    assert_eq!(world.duties(), [begins("b")]);
    assert_eq!(world.done(&["b"]).duties(), [begins("c")]);
}

#[test]
fn all_success_never_begins_after_a_failure_and_the_run_fails() {
    let mut world = two_then(Trigger::AllSuccess).failed(&["a"]);
    assert_eq!(world.duties(), [begins("b")], "what can be done is done");

    world = world.done(&["b"]);
    assert_eq!(world.duties(), [Duty::Report]);
    assert_eq!(
        world.take(report()),
        Ok(vec![
            step_cancelled("c"),
            run_failed(&format!("step `a` failed: {BROKE}")),
        ])
    );
}

#[test]
fn what_needs_a_blocked_step_is_blocked_too() {
    let plan = [agent("a"), agent("b").after(&["a"]), agent("c").after(&["b"])];
    let mut world = run_of(plan).failed(&["a"]);

    assert_eq!(
        world.take(report()),
        Ok(vec![
            step_cancelled("b"),
            step_cancelled("c"),
            run_failed(&format!("step `a` failed: {BROKE}")),
        ])
    );
}

#[test]
fn all_done_begins_when_all_ended_however_and_makes_up_for_failures() {
    let world = two_then(Trigger::AllDone).failed(&["a"]);
    assert_eq!(world.duties(), [begins("b")]);

    let mut world = world.failed(&["b"]);
    assert_eq!(world.duties(), [begins("c")]);

    world = world.done(&["c"]);
    assert_eq!(world.take(report()), Ok(vec![run_completed()]));
}

#[test]
fn all_done_that_fails_itself_makes_up_for_nothing() {
    let mut world = two_then(Trigger::AllDone)
        .failed(&["a"])
        .done(&["b"])
        .failed(&["c"]);

    assert_eq!(
        world.take(report()),
        Ok(vec![run_failed(&format!("step `a` failed: {BROKE}"))])
    );
}

#[test]
fn one_success_begins_with_the_first_success() {
    let world = two_then(Trigger::OneSuccess);
    assert_eq!(world.duties(), [begins("a"), begins("b")]);

    let world = world.failed(&["a"]);
    assert_eq!(world.duties(), [begins("b")]);

    let mut world = world.done(&["b", "c"]);
    assert_eq!(world.take(report()), Ok(vec![run_completed()]));
}

#[test]
fn one_success_does_not_wait_for_the_rest() {
    let world = two_then(Trigger::OneSuccess).done(&["b"]);

    assert_eq!(world.duties(), [begins("a"), begins("c")]);
}

#[test]
fn one_success_never_begins_when_all_failed() {
    let mut world = two_then(Trigger::OneSuccess).failed(&["a", "b"]);

    assert_eq!(
        world.take(report()),
        Ok(vec![
            step_cancelled("c"),
            run_failed(&format!("step `a` failed: {BROKE}")),
        ])
    );
}

#[test]
fn a_fan_out_fails_when_one_instance_does_but_only_after_all_ended() {
    let world = run_of([
        agent("angles").each("size.angles"),
        agent("answer").after(&["angles"]).on(Trigger::AllDone),
    ])
    .failed(&["angles[0]"]);
    assert_eq!(world.duties(), [begins("angles[1]")]);

    let mut world = world.done(&["angles[1]", "answer"]);
    assert_eq!(world.take(report()), Ok(vec![run_completed()]));
}

#[test]
fn a_skipped_need_is_a_success() {
    let world = two_then(Trigger::AllSuccess).and(skip("a")).done(&["b"]);

    assert_eq!(world.duties(), [begins("c")]);
}

#[test]
fn a_step_that_does_not_apply_makes_up_for_nothing() {
    let mut world = run_of([
        agent("a"),
        agent("b").after(&["a"]).on(Trigger::AllDone).when("input.fast"),
    ])
    .failed(&["a"]);

    assert_eq!(
        world.take(report()),
        Ok(vec![run_failed(&format!("step `a` failed: {BROKE}"))])
    );
}
