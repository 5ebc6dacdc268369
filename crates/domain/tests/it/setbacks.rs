//! What happens when a task does not do: retries, interruptions, limits, and the person's matters.

use crate::common::*;
use domain::{AttentionKind, Duty, FailureClass, Name, PlanStep, Refusal, Retry, Role, RunEvent, next_wake};

fn tried(max: u32) -> PlanStep {
    PlanStep {
        retry: Retry {
            max,
            base_ms: 1_000,
            cap_ms: 3_000,
        },
        ..agent("scan")
    }
}

/// When the step may be tried again, which the event must say.
fn pause(events: &[RunEvent], failures: u32) -> u64 {
    match events {
        [
            RunEvent::TaskEnded { .. },
            RunEvent::RetryScheduled {
                key: step,
                failures: counted,
                not_before,
            },
        ] if *step == key("scan") && *counted == failures => not_before.as_ms(),
        other => panic!("a retry was expected: {other:?}"),
    }
}

#[test]
fn a_failure_is_tried_again_after_pauses_that_double_up_to_the_cap_as_often_as_allowed() {
    let mut tale = Tale::of(vec![tried(3)]);
    for (failures, least) in [(1, 1_000), (2, 2_000), (3, 3_000)] {
        tale.admit("scan").unwrap();
        let events = tale.end("scan", failed(FailureClass::Transient), at(0)).unwrap();
        let pause = pause(&events, failures);
        assert!((least..=least + least / 4).contains(&pause), "{pause}");
        assert_eq!(next_wake(&tale.run, at(0)), Some(at(pause)));
        assert_eq!(next_wake(&tale.run, at(pause)), None);
    }
    tale.admit("scan").unwrap();
    let events = tale.end("scan", failed(FailureClass::Transient), at(0)).unwrap();
    assert_eq!(
        events,
        [
            ended("scan", 4, failed(FailureClass::Transient)),
            step_failed("scan", "no")
        ]
    );
}

#[test]
fn the_pause_of_a_task_is_always_the_same() {
    let pause_of_first = || {
        let mut tale = Tale::of(vec![tried(1)]);
        tale.admit("scan").unwrap();
        pause(
            &tale.end("scan", failed(FailureClass::Transient), at(0)).unwrap(),
            1,
        )
    };
    assert_eq!(pause_of_first(), pause_of_first());
}

#[test]
fn no_retry_means_none() {
    let mut tale = Tale::of(vec![tried(0)]);
    tale.admit("scan").unwrap();
    let events = tale.end("scan", failed(FailureClass::Transient), at(0)).unwrap();
    assert_eq!(events[1..], [step_failed("scan", "no")]);
}

#[test]
fn every_class_of_failure_has_its_remedy() {
    use FailureClass::*;
    for class in [Transient, Output, Gate, Timeout, Silence, NoSpace] {
        let mut tale = Tale::of(vec![tried(1)]);
        tale.admit("scan").unwrap();
        let events = tale.end("scan", failed(class), at(0)).unwrap();
        pause(&events, 1);
    }
    for class in [Permanent, AccessViolated] {
        let mut tale = Tale::of(vec![tried(1)]);
        tale.admit("scan").unwrap();
        let events = tale.end("scan", failed(class), at(0)).unwrap();
        assert_eq!(events[1..], [step_failed("scan", "no")]);
    }
    let titles = [
        (Authentication, "the agent of step `scan` is not logged in"),
        (Missing, "the agent of step `scan` cannot be used"),
    ];
    for (class, title) in titles {
        let mut tale = Tale::of(vec![tried(1)]);
        tale.admit("scan").unwrap();
        let events = tale.end("scan", failed(class), at(0)).unwrap();
        assert_eq!(
            events[1..],
            [asked(1, AttentionKind::Failure, Some("scan"), (title, "no"))]
        );
        assert_eq!(tale.begins(), [""; 0]);
    }
}

#[test]
fn s4_25_an_interrupted_task_is_done_again_at_once_and_spends_no_retry() {
    let mut tale = Tale::of(vec![tried(0)]);
    for serial in [1, 2] {
        tale.admit("scan").unwrap();
        let events = tale.end("scan", interrupted(), at(0)).unwrap();
        assert_eq!(events, [ended("scan", serial, interrupted())]);
        assert_eq!(tale.begins(), ["scan"]);
    }
    assert_eq!(tale.run.step(&key("scan")).unwrap().failures, 0);
}

#[test]
fn the_third_interruption_in_a_row_goes_to_a_person() {
    let mut tale = Tale::of(vec![tried(0)]);
    for _ in 0..2 {
        tale.admit("scan").unwrap();
        tale.end("scan", interrupted(), at(0)).unwrap();
    }
    tale.admit("scan").unwrap();
    let events = tale.end("scan", interrupted(), at(0)).unwrap();
    let said = ("step `scan` was interrupted 3 times in a row", "cable");
    assert_eq!(events[1..], [asked(1, AttentionKind::Stuck, Some("scan"), said)]);
    assert_eq!(tale.begins(), [""; 0]);
}

#[test]
fn a_failure_between_starts_the_count_of_interruptions_anew() {
    let mut tale = Tale::of(vec![tried(5)]);
    for ending in [
        interrupted(),
        interrupted(),
        failed(FailureClass::Transient),
        interrupted(),
        interrupted(),
    ] {
        tale.admit("scan").unwrap();
        tale.end("scan", ending, at(0)).unwrap();
    }
    assert_eq!(tale.begins(), ["scan"]);
}

#[test]
fn a_parked_task_waits_for_the_reset_and_spends_no_retry() {
    let mut tale = Tale::of(vec![tried(0)]);
    tale.admit("scan").unwrap();
    let events = tale.end("scan", parked(Some(at(9_000))), at(0)).unwrap();
    assert_eq!(events, [ended("scan", 1, parked(Some(at(9_000))))]);
    assert_eq!(next_wake(&tale.run, at(0)), Some(at(9_000)));
    assert_eq!(tale.run.step(&key("scan")).unwrap().failures, 0);
}

#[test]
fn a_task_parked_without_a_reset_waits_for_the_board_alone() {
    let mut tale = Tale::of(vec![tried(0)]);
    tale.admit("scan").unwrap();
    tale.end("scan", parked(None), at(0)).unwrap();
    assert_eq!(next_wake(&tale.run, at(0)), None);
    assert_eq!(tale.begins(), ["scan"]);
}

#[test]
fn the_next_agent_takes_over_from_a_parked_one_and_the_last_one_waits() {
    let mut scan = tried(0);
    scan.agents = vec![Name::from("ada"), Name::from("bob")];
    let mut tale = Tale::of(vec![scan]);
    tale.admit("scan").unwrap();
    let events = tale.end("scan", parked(Some(at(9_000))), at(0)).unwrap();
    let changed = RunEvent::AgentChanged {
        key: key("scan"),
        agent: Name::from("bob"),
    };
    assert_eq!(events[1..], [changed]);
    assert_eq!(next_wake(&tale.run, at(0)), None);
    assert_eq!(
        tale.admit("scan"),
        Ok(vec![ordered("scan", Role::Work, 2, "bob")])
    );
    let events = tale.end("scan", parked(Some(at(9_000))), at(0)).unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(next_wake(&tale.run, at(0)), Some(at(9_000)));
}

#[test]
fn a_report_of_a_task_that_is_not_under_way_is_refused() {
    let mut tale = Tale::of(vec![tried(1)]);
    tale.admit("scan").unwrap();
    let task = tale.task("scan");
    tale.end("scan", interrupted(), at(0)).unwrap();
    assert_eq!(
        tale.when(task_ended(task, done()), at(0)),
        Err(Refusal::StaleTask(task))
    );
}

#[test]
fn s4_25_a_task_that_was_ordered_must_be_under_way() {
    let mut tale = Tale::of(vec![tried(0)]);
    tale.admit("scan").unwrap();
    let task = tale.task("scan");
    assert_eq!(domain::duties(&tale.run), [Duty::Work { task }]);
}
