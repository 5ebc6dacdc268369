//! Approvals: steps that a person decides on, and commands that nobody trusts yet.

use crate::world::*;
use domain::{
    Attention, AttentionKind, Choice, Duty, Input, Outcome, Phase, Refusal, RunEvent, Trusted, Untrusted,
    Value,
};

fn approval_asked(serial: u32, step: &str) -> RunEvent {
    RunEvent::AttentionRaised(Box::new(Attention {
        id: question(serial),
        kind: AttentionKind::Approval,
        key: Some(key(step)),
        title: key(step).step.to_string(),
        body: "Run `calm-otter` goes on when this is approved.".to_owned(),
        choices: vec![Choice::Approve, Choice::Reject],
        trusts: None,
    }))
}

fn says(serial: u32, choice: Choice, text: &str) -> Input {
    Input::Answered {
        attention: question(serial),
        choice,
        text: text.to_owned(),
        by: ADA.to_owned(),
    }
}

fn said(serial: u32, choice: Choice, text: &str) -> RunEvent {
    RunEvent::AttentionAnswered {
        attention: question(serial),
        choice,
        text: text.to_owned(),
        by: ADA.to_owned(),
    }
}

fn release() -> World {
    run_of([
        agent("build"),
        approval("ok").after(&["build"]),
        agent("ship").after(&["ok"]),
    ])
}

#[test]
fn an_approval_is_asked_for_once_its_needs_are_done() {
    let world = release();
    assert_eq!(world.run.attention().len(), 0);

    let world = world.done(&["build"]);
    assert_eq!(world.history.last(), Some(&approval_asked(1, "ok")));
    assert_eq!(world.duties(), []);
}

#[test]
fn an_approved_step_is_completed_with_what_was_said() {
    let mut world = release().done(&["build"]);

    assert_eq!(
        world.take(says(1, Choice::Approve, "fine by me")),
        Ok(vec![
            said(1, Choice::Approve, "fine by me"),
            completed(
                "ok",
                Value::map([
                    ("approved", Value::Bool(true)),
                    ("text", Value::from("fine by me"))
                ]),
                None,
            ),
        ])
    );
    assert_eq!(world.duties(), [begins("ship")]);
}

#[test]
fn a_rejected_step_fails_and_says_who_and_why() {
    let rejected = |text: &str| {
        let mut world = release().done(&["build"]);
        let events = world.take(says(1, Choice::Reject, text));
        assert_eq!(world.duties(), [Duty::Report]);
        events
    };

    assert_eq!(
        rejected("not today"),
        Ok(vec![
            said(1, Choice::Reject, "not today"),
            step_failed("ok", "rejected by ada: not today"),
        ])
    );
    assert_eq!(
        rejected(""),
        Ok(vec![
            said(1, Choice::Reject, ""),
            step_failed("ok", "rejected by ada"),
        ])
    );
}

#[test]
fn every_approval_of_one_moment_is_its_own_question() {
    let world = run_of([approval("a").each("size.angles"), approval("b")]);

    assert_eq!(
        world.since_start()[1..],
        [
            approval_asked(1, "a[0]"),
            approval_asked(2, "a[1]"),
            approval_asked(3, "b"),
        ]
    );
    assert_eq!(world.run.attention().len(), 3);
}

#[test]
fn an_approval_that_waits_holds_nothing_else_up() {
    let world = run_of([approval("ok"), agent("scan")]);

    assert_eq!(world.duties(), [begins("scan")]);
}

fn untrusted() -> World {
    let untrusted = Untrusted {
        hash: "h-commands".to_owned(),
        shown: "make test".to_owned(),
    };
    World::begun(start_of([command("test"), agent("scan")]), Some(untrusted))
}

fn commands_asked() -> RunEvent {
    RunEvent::AttentionRaised(Box::new(Attention {
        id: question(1),
        kind: AttentionKind::Approval,
        key: None,
        title: "flow `review` brings commands along that run in the sandbox".to_owned(),
        body: "make test".to_owned(),
        choices: vec![Choice::Approve, Choice::Cancel],
        trusts: Some("h-commands".to_owned()),
    }))
}

#[test]
fn commands_that_nobody_trusts_hold_the_run_until_they_are_approved() {
    let mut world = untrusted();
    assert_eq!(
        world.since_start(),
        [commands_asked(), planned_only(&["test", "scan"])]
    );
    assert_eq!(world.duties(), []);
    assert_eq!(world.take(admit("scan")), Err(Refusal::StepNotOpen(key("scan"))));

    assert_eq!(
        world.take(answer(1, Choice::Approve)),
        Ok(vec![answered(1, Choice::Approve)])
    );

    assert_eq!(world.duties().len(), 2);
    let trusted = Trusted {
        hash: "h-commands".to_owned(),
        by: ADA.to_owned(),
    };
    assert_eq!(world.run.trusted(), Some(&trusted));
}

#[test]
fn commands_that_are_not_approved_cancel_the_run_and_are_trusted_by_nobody() {
    let mut world = untrusted();

    assert_eq!(
        world.take(answer(1, Choice::Cancel)),
        Ok(vec![
            answered(1, Choice::Cancel),
            RunEvent::CancelRequested { by: ADA.to_owned() },
            step_cancelled("scan"),
            step_cancelled("test"),
            RunEvent::Cancelled,
        ])
    );
    assert_eq!(world.run.phase(), Phase::Ended(Outcome::Cancelled));
    assert_eq!(world.run.trusted(), None);
}
