//! Done is a checked claim: the gate comes between a step's work and its completion.

use crate::common::*;
use domain::{FailureClass, PlanStep, Retry, Role, RunEvent};

fn gated() -> PlanStep {
    PlanStep {
        gate: true,
        retry: Retry {
            max: 1,
            base_ms: 0,
            cap_ms: 0,
        },
        ..agent("fix")
    }
}

#[test]
fn a_gated_step_is_done_when_its_gate_passed() {
    let mut tale = Tale::of(vec![gated()]);
    tale.admit("fix").unwrap();
    assert_eq!(tale.end("fix", done(), at(0)), Ok(vec![ended("fix", 1, done())]));
    assert_eq!(
        tale.admit("fix"),
        Ok(vec![ordered("fix", Role::Gate, 2, "command")])
    );
    assert_eq!(
        tale.end("fix", done(), at(0)),
        Ok(vec![ended("fix", 2, done()), completed("fix", "done".into())])
    );
}

#[test]
fn a_gate_that_refuses_sends_the_work_back_and_says_why() {
    let mut tale = Tale::of(vec![gated()]);
    tale.complete("fix");
    tale.admit("fix").unwrap();
    let events = tale.end("fix", failed(FailureClass::Gate), at(5)).unwrap();
    let again = RunEvent::RetryScheduled {
        key: key("fix"),
        failures: 1,
        not_before: at(5),
    };
    assert_eq!(events, [ended("fix", 2, failed(FailureClass::Gate)), again]);
    assert_eq!(tale.run.step(&key("fix")).unwrap().before.as_deref(), Some("no"));
    assert_eq!(tale.admit("fix"), Ok(vec![ordered("fix", Role::Work, 3, "ada")]));
}

#[test]
fn a_gate_that_did_not_get_to_its_end_is_owed_again_and_the_work_stays_done() {
    for ending in [interrupted(), domain::Ending::Cancelled] {
        let mut tale = Tale::of(vec![gated()]);
        tale.complete("fix");
        tale.admit("fix").unwrap();
        tale.end("fix", ending, at(0)).unwrap();
        assert_eq!(
            tale.admit("fix"),
            Ok(vec![ordered("fix", Role::Gate, 3, "command")])
        );
        let events = tale.end("fix", done(), at(0)).unwrap();
        assert_eq!(events[1..], [completed("fix", "done".into())]);
    }
}
