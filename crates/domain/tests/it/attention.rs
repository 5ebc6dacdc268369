//! What waits for a person: which answers are taken, what they lead to, and what is only offered for a look.

use crate::world::*;
use domain::{Attention, AttentionKind, Choice, Duty, FailureClass, Input, Refusal, RunEvent};

fn asking() -> World {
    run_of([agent("scan"), agent("look").after(&["scan"])]).ended("scan", badly(FailureClass::Authentication))
}

#[test]
fn a_step_that_a_person_wants_again_begins_again() {
    let mut world = asking();
    assert_eq!(world.duties(), []);

    assert_eq!(
        world.take(answer(1, Choice::Retry)),
        Ok(vec![answered(1, Choice::Retry)])
    );
    assert_eq!(world.duties(), [begins("scan")]);
}

#[test]
fn a_step_that_a_person_gives_up_is_skipped() {
    let mut world = asking();

    assert_eq!(
        world.take(answer(1, Choice::Skip)),
        Ok(vec![answered(1, Choice::Skip), skipped("scan")])
    );
    assert_eq!(world.duties(), [begins("look")]);
}

#[test]
fn a_run_that_a_person_gives_up_is_cancelled() {
    let mut world = asking();

    assert_eq!(
        world.take(answer(1, Choice::Cancel)),
        Ok(vec![
            answered(1, Choice::Cancel),
            RunEvent::CancelRequested { by: ADA.to_owned() },
            step_cancelled("look"),
            step_cancelled("scan"),
            RunEvent::Cancelled,
        ])
    );
}

#[test]
fn only_open_questions_and_offered_choices_are_answered() {
    let mut world = asking();

    assert_eq!(
        world.take(answer(1, Choice::Approve)),
        Err(Refusal::WrongChoice(question(1)))
    );
    assert_eq!(
        world.take(answer(2, Choice::Retry)),
        Err(Refusal::UnknownAttention(question(2)))
    );
    let mut world = world.and(answer(1, Choice::Retry));
    assert_eq!(
        world.take(answer(1, Choice::Retry)),
        Err(Refusal::UnknownAttention(question(1))),
        "an answer is taken once"
    );
}

#[test]
fn a_question_that_is_asked_again_is_another_question() {
    let world = asking()
        .and(answer(1, Choice::Retry))
        .ended("scan", badly(FailureClass::Authentication));

    let open: Vec<_> = world.run.attention().keys().copied().collect();
    assert_eq!(open, [question(2)]);
}

#[test]
fn a_step_that_asks_holds_up_the_end_but_no_other_step() {
    let world = run_of([agent("scan"), agent("side")]).ended("scan", badly(FailureClass::Missing));
    assert_eq!(world.duties(), [begins("side")]);

    assert_eq!(world.done(&["side"]).duties(), []);
}

fn found(hash: &str) -> Input {
    Input::DefinitionFound {
        hash: hash.to_owned(),
    }
}

fn drifted(serial: u32, hash: &str, title: &str) -> Vec<RunEvent> {
    vec![
        RunEvent::DefinitionDrifted {
            found: hash.to_owned(),
        },
        RunEvent::AttentionRaised(Box::new(Attention {
            id: question(serial),
            kind: AttentionKind::Review,
            key: None,
            title: title.to_owned(),
            body: "The run keeps to the definition that it began with.".to_owned(),
            choices: vec![Choice::Dismiss],
            trusts: None,
        })),
    ]
}

#[test]
fn a_definition_that_changed_under_a_run_is_said_and_holds_nothing_up() {
    let mut world = run_of([agent("scan")]);

    let changed = "flow `review` was changed since run `calm-otter` began";
    assert_eq!(world.take(found("h2")), Ok(drifted(1, "h2", changed)));

    assert!(world.run.has_noticed_drift("h2"));
    assert!(!world.run.has_noticed_drift("h3"));
    assert_eq!(world.duties(), [begins("scan")]);
    let mut world = world.done(&["scan"]);
    assert_eq!(world.duties(), [Duty::Report]);
    assert_eq!(world.take(report()), Ok(vec![withdrawn(1), run_completed()]));
}

#[test]
fn a_definition_that_is_gone_is_said_as_well() {
    let mut world = run_of([agent("scan")]);

    let gone = "flow `review` is gone since run `calm-otter` began";
    assert_eq!(world.take(found("")), Ok(drifted(1, "", gone)));
    assert!(world.run.has_noticed_drift(""));
}

#[test]
fn the_definition_that_the_run_follows_is_no_news() {
    let mut world = run_of([agent("scan")]);

    assert_eq!(world.take(found("h1")), Err(Refusal::NothingToDo));
}

#[test]
fn what_was_looked_at_is_dismissed() {
    let mut world = run_of([agent("scan")]).and(found("h2"));

    assert_eq!(
        world.take(answer(1, Choice::Dismiss)),
        Ok(vec![answered(1, Choice::Dismiss)])
    );
    assert_eq!(world.run.attention().len(), 0);
}

#[test]
fn a_choice_is_known_by_its_word() {
    for choice in [
        Choice::Retry,
        Choice::Skip,
        Choice::Cancel,
        Choice::Approve,
        Choice::Reject,
        Choice::Dismiss,
    ] {
        assert_eq!(Choice::of_word(choice.word()), Some(choice));
    }
    assert_eq!(Choice::of_word("RETRY"), None);
}
