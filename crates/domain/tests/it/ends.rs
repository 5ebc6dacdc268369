//! How a run ends: when nothing can become or do anything more, and the branch shows everything.

use crate::common::*;
use domain::{Duty, Refusal, RunEvent, StepKind, Trigger, duties};

#[test]
fn a_run_completes_when_all_is_done_and_reported() {
    let mut tale = Tale::of(vec![agent("one")]);
    assert_eq!(tale.report(), Err(Refusal::NothingToDo));
    tale.complete("one");
    assert_eq!(duties(&tale.run), [Duty::Report]);
    assert_eq!(tale.report(), Ok(vec![run_completed()]));
    assert_eq!(tale.report(), Err(Refusal::RunEnded));
}

#[test]
fn a_failure_that_a_later_step_accepts_does_not_fail_the_run() {
    let mut last = step("last", StepKind::Agent, &["one"]);
    last.trigger = Trigger::AllDone;
    let mut tale = Tale::of(vec![agent("one"), last]);
    tale.fail("one");
    tale.complete("last");
    assert_eq!(tale.report(), Ok(vec![run_completed()]));
}

#[test]
fn a_step_that_does_not_apply_makes_up_for_nothing() {
    let mut last = step("last", StepKind::Agent, &["one"]);
    last.trigger = Trigger::AllDone;
    last.when = expression("input.fast");
    let mut tale = Tale::of(vec![agent("one"), last]);
    tale.fail("one");
    let reason = "step `one` failed: no".to_owned();
    let report = "# report".to_owned();
    assert_eq!(tale.report(), Ok(vec![RunEvent::Failed { reason, report }]));
}

#[test]
fn one_failed_instance_fails_its_fan_out() {
    let mut one = agent("one");
    one.each = expression("size.angles");
    let mut tale = Tale::of(vec![one]);
    tale.complete("one[0]");
    tale.fail("one[1]");
    let reason = "step `one[1]` failed: no".to_owned();
    let report = "# report".to_owned();
    assert_eq!(tale.report(), Ok(vec![RunEvent::Failed { reason, report }]));
}

#[test]
fn a_plan_without_steps_is_done_at_once() {
    let mut tale = Tale::of(Vec::new());
    assert_eq!(tale.report(), Ok(vec![run_completed()]));
}
