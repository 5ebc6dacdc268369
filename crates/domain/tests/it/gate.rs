//! Gates: done is a checked claim, never an agent's word.

use crate::world::*;
use domain::{
    AttentionKind, Choice, Duty, Ending, FailureClass, Role, RunEvent, StepState, Trigger, Value, next_wake,
};

fn fixed() -> World {
    run_of([
        agent("fix").gated().tries(1).pauses(0, 0),
        agent("next").after(&["fix"]),
    ])
    .gave("fix", Value::from("done, I swear"))
}

fn gate_begins() -> Duty {
    begins_as("fix", Role::Gate, "command", None)
}

fn refuses() -> Ending {
    Ending::Failed {
        class: FailureClass::Gate,
        reason: "2 tests fail".to_owned(),
    }
}

#[test]
fn work_that_ended_well_is_not_done_before_its_gate_passed() {
    let mut world = run_of([agent("fix").gated()]).working(&["fix"]);

    let events = world.take(ends(task("fix", 1), well(Value::Null)));

    assert_eq!(events, Ok(vec![task_ended(task("fix", 1), well(Value::Null))]));
    assert_eq!(world.duties(), [gate_begins()]);
}

#[test]
fn the_gate_is_a_task_of_the_same_step() {
    let mut world = fixed();

    assert_eq!(
        world.take(admit("fix")),
        Ok(vec![ordered_as("fix", 2, Role::Gate, "command")])
    );
    assert_eq!(world.duties(), [work("fix", 2)]);
}

#[test]
fn a_gate_that_passes_completes_the_step_with_what_the_work_gave() {
    let mut world = fixed().working(&["fix"]);
    let gate_said = well(Value::from("all tests pass"));

    let events = world.take(ends(task("fix", 2), gate_said.clone()));

    assert_eq!(
        events,
        Ok(vec![
            task_ended(task("fix", 2), gate_said),
            completed("fix", Value::from("done, I swear"), None),
        ])
    );
    assert_eq!(world.duties(), [begins("next")]);
}

#[test]
fn a_gate_that_refuses_leads_to_another_try_that_is_told_why() {
    let mut world = fixed().working(&["fix"]);

    let events = world.take(ends(task("fix", 2), refuses()));

    assert_eq!(
        events,
        Ok(vec![
            task_ended(task("fix", 2), refuses()),
            RunEvent::RetryScheduled {
                key: key("fix"),
                failures: 1,
                not_before: NOW,
            },
        ])
    );
    assert_eq!(world.duties(), [begins_at("fix", NOW)]);
    let step = world.run.step(&key("fix")).expect("a step");
    assert_eq!(step.before.as_deref(), Some("2 tests fail"));
}

#[test]
fn a_gate_that_keeps_refusing_fails_the_step_with_its_words() {
    let mut world = fixed().ended("fix", refuses()).done(&["fix"]).working(&["fix"]);

    let events = world.take(ends(task("fix", 4), refuses()));

    assert_eq!(
        events,
        Ok(vec![
            task_ended(task("fix", 4), refuses()),
            step_failed("fix", "2 tests fail"),
        ])
    );
}

#[test]
fn an_interrupted_gate_is_owed_again_and_the_work_stays_done() {
    let world = fixed().ended("fix", interrupted());

    assert_eq!(world.duties(), [gate_begins()]);
    assert_eq!(
        *world.state("fix"),
        StepState::Checking {
            task: None,
            not_before: None,
            output: Value::from("done, I swear"),
            change: None,
        }
    );
}

#[test]
fn a_gate_that_came_to_no_verdict_is_tried_again_alone_after_the_pause() {
    for class in [
        FailureClass::NoSpace,
        FailureClass::Silence,
        FailureClass::Timeout,
        FailureClass::Transient,
    ] {
        let mut world = run_of([agent("fix").gated().tries(1).pauses(1, 1)])
            .gave("fix", Value::from("done, I swear"))
            .working(&["fix"]);

        let events = world.take_at(ends(task("fix", 2), badly(class)), at_ms(100));

        let again = RunEvent::RetryScheduled {
            key: key("fix"),
            failures: 1,
            not_before: at_ms(101),
        };
        let ended = task_ended(task("fix", 2), badly(class));
        assert_eq!(events, Ok(vec![ended, again]), "{class:?}");
        let owed = begins_as("fix", Role::Gate, "command", Some(at_ms(101)));
        assert_eq!(world.duties(), [owed]);
        assert_eq!(next_wake(&world.run, at_ms(100)), Some(at_ms(101)));
        assert_eq!(next_wake(&world.run, at_ms(101)), None);

        let passed = world.done(&["fix"]);
        let kept = passed.run.step(&key("fix")).and_then(|step| step.output.clone());
        assert_eq!(
            kept,
            Some(Value::from("done, I swear")),
            "the work is the first one"
        );
    }
}

#[test]
fn a_gate_that_keeps_coming_to_no_verdict_fails_the_step() {
    let mut world = fixed()
        .ended("fix", badly(FailureClass::Timeout))
        .working(&["fix"]);

    let events = world.take(ends(task("fix", 3), badly(FailureClass::Timeout)));

    let ended = task_ended(task("fix", 3), badly(FailureClass::Timeout));
    assert_eq!(events, Ok(vec![ended, step_failed("fix", BROKE)]));
}

#[test]
fn a_gate_without_room_is_owed_again_by_the_answer_and_the_work_stays_done() {
    let world = run_of([agent("fix").gated().tries(0)])
        .gave("fix", Value::from("done, I swear"))
        .ended("fix", badly(FailureClass::NoSpace));
    assert_eq!(world.duties(), [], "a person is asked");

    assert_eq!(world.and(answer(1, Choice::Retry)).duties(), [gate_begins()]);
}

#[test]
fn a_gate_that_cannot_be_started_is_put_to_a_person() {
    let mut world = fixed().working(&["fix"]);

    let events = world.take(ends(task("fix", 2), badly(FailureClass::Missing)));

    let title = "the agent of step `fix` cannot be used";
    assert_eq!(
        events,
        Ok(vec![
            task_ended(task("fix", 2), badly(FailureClass::Missing)),
            asked(1, AttentionKind::Failure, "fix", title, BROKE),
        ])
    );
}

#[test]
fn a_gate_of_a_run_that_was_paused_waits() {
    let mut world = fixed().and(pause());
    assert_eq!(world.duties(), []);
    assert_eq!(
        world.take(admit("fix")),
        Err(domain::Refusal::StepNotOpen(key("fix")))
    );

    assert_eq!(world.and(resume()).duties(), [gate_begins()]);
}

#[test]
fn a_gate_that_was_interrupted_too_often_may_be_skipped_by_the_answer() {
    let mut world = fixed()
        .ended("fix", interrupted())
        .ended("fix", interrupted())
        .ended("fix", interrupted());

    assert_eq!(
        world.take(answer(1, Choice::Skip)),
        Ok(vec![answered(1, Choice::Skip), skipped("fix")])
    );
}

#[test]
fn a_gate_does_not_wait_for_what_was_opened_again_since_its_work_began() {
    let mut world = run_of([
        agent("scan").tries(0).writing(),
        agent("fix")
            .after(&["scan"])
            .on(Trigger::AllDone)
            .gated()
            .writing(),
    ])
    .failed(&["scan"])
    .working(&["fix"])
    .and(retry(Some("scan")))
    .ended("fix", well(Value::Null));

    assert_eq!(
        world.duties(),
        [gate_begins()],
        "the line is kept until the gate spoke"
    );
    world.take(admit("fix")).unwrap();
    world.take(ends(task("fix", 2), well(Value::Null))).unwrap();
    assert_eq!(world.duties(), [begins("scan")]);
}
