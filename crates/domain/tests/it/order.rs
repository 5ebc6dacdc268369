//! What begins when: fan-out, conditions, triggers and what does not apply.

use crate::common::*;
use domain::{Refusal, Role, StepKind, Trigger, Value};

#[test]
fn s4_26_a_step_waits_for_what_it_needs() {
    let mut tale = Tale::of(vec![agent("scan"), after(agent("fix"), &["scan"])]);
    assert_eq!(tale.history[1..], [planned(&["scan", "fix"])]);
    assert_eq!(tale.begins(), ["scan"]);
    assert_eq!(tale.admit("fix"), Err(Refusal::StepNotOpen(key("fix"))));

    let events = tale.complete("scan");

    assert_eq!(
        events,
        [ended("scan", 1, done()), completed("scan", "done".into())]
    );
    assert_eq!(tale.begins(), ["fix"]);
}

#[test]
fn a_slot_for_a_step_orders_its_task() {
    let mut tale = Tale::of(vec![agent("scan")]);
    assert_eq!(
        tale.admit("scan"),
        Ok(vec![ordered("scan", Role::Work, 1, "ada")])
    );
    assert_eq!(tale.admit("scan"), Err(Refusal::StepNotOpen(key("scan"))));
}

#[test]
fn a_fan_out_has_one_instance_per_item_of_its_list() {
    let mut scan = agent("scan");
    scan.each = expression("size.angles");
    let tale = Tale::of(vec![scan]);
    assert_eq!(tale.history[1..], [planned(&["scan[0]", "scan[1]"])]);
    assert_eq!(tale.begins(), ["scan[0]", "scan[1]"]);
}

#[test]
fn a_fan_out_over_an_output_is_planned_when_that_is_known() {
    let mut fix = after(agent("fix"), &["scan"]);
    fix.each = expression("scan");
    let mut tale = Tale::of(vec![agent("scan"), fix]);
    assert_eq!(tale.history[1..], [planned(&["scan"])]);

    let found = Value::List(vec!["bugs".into(), "style".into()]);
    let events = tale.complete_with("scan", found.clone());

    assert_eq!(
        events[1..],
        [completed("scan", found), planned(&["fix[0]", "fix[1]"])]
    );
}

#[test]
fn s4_08_a_step_whose_condition_does_not_hold_has_no_row() {
    let mut refute = agent("refute");
    refute.when = expression("input.fast");
    let tale = Tale::of(vec![agent("scan"), refute]);
    assert_eq!(tale.history[1..], [planned(&["scan"]), left_out(&["refute"])]);
    assert_eq!(tale.run.step(&key("refute")), None);
}

#[test]
fn s4_08_a_fan_out_over_nothing_has_no_row() {
    let mut fix = after(agent("fix"), &["scan"]);
    fix.each = expression("scan");
    let mut tale = Tale::of(vec![agent("scan"), fix]);
    let events = tale.complete_with("scan", Value::List(Vec::new()));
    assert_eq!(events[2..], [left_out(&["fix"])]);
}

#[test]
fn what_follows_a_step_that_does_not_apply_still_waits_for_what_came_before_it() {
    let mut refute = after(agent("refute"), &["scan"]);
    refute.when = expression("input.fast");
    let mut tale = Tale::of(vec![agent("scan"), refute, after(agent("tell"), &["refute"])]);
    assert_eq!(tale.begins(), ["scan"]);
    tale.complete("scan");
    assert_eq!(tale.begins(), ["tell"]);
}

#[test]
fn what_follows_a_step_that_does_not_apply_fails_with_what_came_before_it() {
    let mut refute = after(agent("refute"), &["scan"]);
    refute.when = expression("input.fast");
    let mut tale = Tale::of(vec![agent("scan"), refute, after(agent("tell"), &["refute"])]);
    tale.fail("scan");
    assert_eq!(tale.begins(), [""; 0]);
    let reason = "step `scan` failed: no".to_owned();
    let report = "# report".to_owned();
    assert_eq!(
        tale.report(),
        Ok(vec![
            cancelled("tell"),
            domain::RunEvent::Failed { reason, report }
        ])
    );
}

fn two_and(trigger: Trigger) -> Tale {
    let mut last = after(agent("last"), &["one", "two"]);
    last.trigger = trigger;
    Tale::of(vec![agent("one"), agent("two"), last])
}

#[test]
fn all_success_needs_every_success() {
    let mut tale = two_and(Trigger::AllSuccess);
    tale.complete("one");
    assert_eq!(tale.begins(), ["two"]);
    tale.fail("two");
    assert_eq!(tale.begins(), [""; 0]);
    assert_eq!(tale.admit("last"), Err(Refusal::StepNotOpen(key("last"))));
}

#[test]
fn all_done_needs_every_end() {
    let mut tale = two_and(Trigger::AllDone);
    tale.fail("one");
    assert_eq!(tale.begins(), ["two"]);
    tale.fail("two");
    assert_eq!(tale.begins(), ["last"]);
}

#[test]
fn one_success_needs_the_first_success() {
    let mut tale = two_and(Trigger::OneSuccess);
    tale.fail("one");
    assert_eq!(tale.begins(), ["two"]);
    tale.complete("two");
    assert_eq!(tale.begins(), ["last"]);

    let mut tale = two_and(Trigger::OneSuccess);
    tale.complete("two");
    assert_eq!(tale.begins(), ["one", "last"]);
}

#[test]
fn one_success_never_comes_when_all_failed() {
    let mut tale = two_and(Trigger::OneSuccess);
    tale.fail("one");
    tale.fail("two");
    assert_eq!(tale.begins(), [""; 0]);
}

#[test]
fn a_fold_gathers_the_lists_of_its_needs_and_keeps_each_thing_once() {
    let mut scan = agent("scan");
    scan.each = expression("size.angles");
    let mut tale = Tale::of(vec![scan, step("fold", StepKind::Fold, &["scan"])]);
    let findings = |names: &[&str]| {
        Value::map([(
            "findings",
            names
                .iter()
                .map(|name| Value::from(*name))
                .collect::<Vec<_>>()
                .into(),
        )])
    };
    tale.complete_with("scan[1]", findings(&["b", "c"]));

    let events = tale.complete_with("scan[0]", findings(&["a", "b"]));

    let items = Value::List(vec!["a".into(), "b".into(), "c".into()]);
    let folded = Value::map([("count", Value::Int(3)), ("items", items)]);
    assert_eq!(events[2..], [completed("fold", folded)]);
}

#[test]
fn a_prompt_that_cannot_be_rendered_fails_its_step() {
    let mut tale = Tale::of(vec![agent("scan")]);
    let prompt = Err("line 3".to_owned());
    let input = domain::Input::Admitted {
        key: key("scan"),
        prompt,
    };
    assert_eq!(tale.when(input, at(0)), Ok(vec![step_failed("scan", "line 3")]));
}
