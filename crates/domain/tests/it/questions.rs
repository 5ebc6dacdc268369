//! What waits for a person, and what the answer leads to.

use crate::common::*;
use domain::{
    Attention, AttentionId, AttentionKind, Choice, FailureClass, Input, Refusal, RunEvent, StepKind, Trusted,
    Untrusted, Value, begin,
};

fn asking() -> Tale {
    let mut tale = Tale::of(vec![agent("one"), after(agent("two"), &["one"])]);
    tale.admit("one").unwrap();
    tale.end("one", failed(FailureClass::Authentication), at(0))
        .unwrap();
    tale
}

#[test]
fn the_answer_retry_does_the_step_again() {
    let mut tale = asking();
    assert_eq!(tale.begins(), [""; 0]);
    assert_eq!(tale.answer(Choice::Retry), Ok(vec![answered(1, Choice::Retry)]));
    assert_eq!(tale.begins(), ["one"]);
}

#[test]
fn the_answer_skip_goes_on_without_it() {
    let mut tale = asking();
    assert_eq!(
        tale.answer(Choice::Skip),
        Ok(vec![answered(1, Choice::Skip), skipped("one")])
    );
    assert_eq!(tale.begins(), ["two"]);
}

#[test]
fn the_answer_cancel_ends_the_run() {
    let mut tale = asking();
    assert_eq!(
        tale.answer(Choice::Cancel),
        Ok(vec![
            answered(1, Choice::Cancel),
            RunEvent::CancelRequested { by: by() },
            cancelled("one"),
            cancelled("two"),
            RunEvent::Cancelled,
        ])
    );
}

#[test]
fn a_question_takes_its_own_answers_once() {
    let mut tale = asking();
    let attention = AttentionId::of(RUN, 1);
    assert_eq!(tale.answer(Choice::Approve), Err(Refusal::WrongChoice(attention)));
    tale.answer(Choice::Retry).unwrap();
    let again = Input::Answered {
        attention,
        choice: Choice::Retry,
        text: String::new(),
        by: by(),
    };
    assert_eq!(tale.when(again, at(0)), Err(Refusal::UnknownAttention(attention)));
}

#[test]
fn a_skipped_step_takes_its_question_with_it() {
    let mut tale = asking();
    let input = Input::Skip {
        key: key("one"),
        by: by(),
    };
    let attention = AttentionId::of(RUN, 1);
    assert_eq!(
        tale.when(input, at(0)),
        Ok(vec![RunEvent::AttentionWithdrawn { attention }, skipped("one")])
    );
}

const GOES_ON: &str = "Run `calm-otter` goes on when this is approved.";

#[test]
fn an_approval_is_asked_for_when_its_turn_comes() {
    let mut tale = Tale::of(vec![agent("one"), step("ship", StepKind::Approval, &["one"])]);
    let events = tale.complete("one");
    assert_eq!(
        events[2..],
        [asked(1, AttentionKind::Approval, Some("ship"), ("ship", GOES_ON))]
    );
    let output = Value::map([("approved", Value::Bool(true)), ("text", "".into())]);
    assert_eq!(
        tale.answer(Choice::Approve),
        Ok(vec![answered(1, Choice::Approve), completed("ship", output)])
    );
}

#[test]
fn a_rejected_approval_fails_its_step() {
    let mut tale = Tale::of(vec![step("ship", StepKind::Approval, &[])]);
    assert_eq!(
        tale.answer(Choice::Reject),
        Ok(vec![
            answered(1, Choice::Reject),
            step_failed("ship", "rejected by sam")
        ])
    );
}

#[test]
fn questions_of_one_moment_have_their_own_ids() {
    let mut tale = Tale::of(vec![
        agent("one"),
        step("fold", StepKind::Fold, &["one"]),
        step("ship", StepKind::Approval, &["one"]),
        step("tell", StepKind::Approval, &["fold"]),
    ]);
    tale.complete("one");
    let ids: Vec<_> = tale.run.attention().keys().copied().collect();
    let mut expected = [AttentionId::of(RUN, 1), AttentionId::of(RUN, 2)];
    expected.sort();
    assert_eq!(ids, expected);
}

fn untrusted() -> Tale {
    let commands = Untrusted {
        hash: "beef".to_owned(),
        shown: "make test".to_owned(),
    };
    Tale::begun(begin(RUN, started(plan(vec![agent("one")])), Some(commands)))
}

#[test]
fn commands_that_nobody_trusts_hold_the_run() {
    let tale = untrusted();
    let item = Attention {
        id: AttentionId::of(RUN, 1),
        kind: AttentionKind::Approval,
        key: None,
        title: "flow `review` brings commands along that run in the sandbox".to_owned(),
        body: "make test".to_owned(),
        choices: vec![Choice::Approve, Choice::Cancel],
        trusts: Some("beef".to_owned()),
    };
    assert_eq!(
        tale.history[1..],
        [RunEvent::AttentionRaised(Box::new(item)), planned(&["one"])]
    );
    assert_eq!(tale.begins(), [""; 0]);
}

#[test]
fn approved_commands_are_to_be_trusted_for_good() {
    let mut tale = untrusted();
    assert_eq!(tale.run.trusted(), None);
    assert_eq!(
        tale.answer(Choice::Approve),
        Ok(vec![answered(1, Choice::Approve)])
    );
    assert_eq!(tale.begins(), ["one"]);
    let trusted = Trusted {
        hash: "beef".to_owned(),
        by: by(),
    };
    assert_eq!(tale.run.trusted(), Some(&trusted));
}

#[test]
fn a_definition_that_changed_is_said_and_holds_nothing_up() {
    let mut tale = Tale::of(vec![agent("one")]);
    let found = |hash: &str| Input::DefinitionFound {
        hash: hash.to_owned(),
    };
    assert_eq!(tale.when(found("aa"), at(0)), Err(Refusal::NothingToDo));
    let said = (
        "flow `review` was changed since run `calm-otter` began",
        "The run keeps to the definition that it began with.",
    );
    assert_eq!(
        tale.when(found("bb"), at(0)),
        Ok(vec![
            RunEvent::DefinitionDrifted {
                found: "bb".to_owned()
            },
            asked(1, AttentionKind::Review, None, said),
        ])
    );
    assert!(tale.run.has_noticed_drift("bb"));
    tale.complete("one");
    let attention = AttentionId::of(RUN, 1);
    assert_eq!(
        tale.report(),
        Ok(vec![RunEvent::AttentionWithdrawn { attention }, run_completed()])
    );
}
