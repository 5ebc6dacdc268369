//! A run's line of commits: writers one after another, merges of fan-outs, and the branch that shows it.

use crate::world::*;
use domain::{
    Attention, AttentionKind, Change, Choice, Duty, FailureClass, Input, Merge, Refusal, Role, RunEvent,
    Value,
};

fn publish(from: Option<&str>, to: &str) -> Duty {
    Duty::Publish {
        from: from.map(str::to_owned),
        to: to.to_owned(),
    }
}

fn published(head: &str) -> Input {
    Input::Published {
        head: head.to_owned(),
    }
}

fn merges(step: &str, onto: &str, heads: &[&str]) -> Duty {
    Duty::Merge {
        key: key(step),
        onto: onto.to_owned(),
        heads: heads.iter().map(|head| (*head).to_owned()).collect(),
    }
}

fn merged(step: &str, merge: Merge) -> Input {
    Input::Merged {
        key: key(step),
        merge,
    }
}

fn two_writers() -> World {
    run_of([agent("one").writing(), agent("two").writing(), agent("reader")])
}

#[test]
fn writers_of_one_line_work_one_after_another_in_the_order_of_the_plan() {
    let mut world = two_writers();
    assert_eq!(world.duties(), [begins("one"), begins("reader")]);

    world = world.working(&["one"]);
    assert_eq!(world.duties(), [work("one", 1), begins("reader")]);
    assert_eq!(world.take(admit("two")), Err(Refusal::StepNotOpen(key("two"))));

    world = world.done(&["one"]);
    assert_eq!(world.duties(), [begins("two"), begins("reader")]);
}

#[test]
fn a_writer_whose_gate_is_owed_still_has_the_line() {
    let mut world = run_of([agent("one").writing().gated(), agent("two").writing()]).done(&["one"]);

    assert_eq!(world.duties(), [begins_as("one", Role::Gate, "command", None)]);
    let refused = Err(Refusal::StepNotOpen(key("two")));
    assert_eq!(world.take(admit("two")), refused, "its gate is owed");

    world = world.working(&["one"]);
    assert_eq!(world.duties(), [work("one", 2)]);
    assert_eq!(world.take(admit("two")), refused, "its gate is under way");
}

#[test]
fn a_writer_that_waits_for_its_next_try_keeps_its_turn() {
    let world = run_of([agent("one").writing().pauses(3, 3), agent("two").writing()])
        .ended("one", badly(FailureClass::Transient));

    // A quarter of three milliseconds leaves nothing to chance.
    assert_eq!(world.duties(), [begins_at("one", NOW.plus_ms(3))]);
}

#[test]
fn writers_of_a_fan_out_work_side_by_side() {
    let world = run_of([agent("fix").each("size.angles").writing()]);

    assert_eq!(world.duties(), [begins("fix[0]"), begins("fix[1]")]);
}

#[test]
fn what_a_writer_left_moves_the_line_and_the_branch_is_owed() {
    let mut world = run_of([agent("fix").writing()]).working(&["fix"]);

    assert_eq!(
        world.take(ends(task("fix", 1), wrote("c1"))),
        Ok(vec![
            task_ended(task("fix", 1), wrote("c1")),
            completed("fix", Value::Null, Some(change("c1"))),
        ])
    );
    assert_eq!((world.run.line(), world.run.published()), ("c1", BASE));
    assert_eq!(world.duties(), [publish(None, "c1")]);

    assert_eq!(
        world.take(published("c1")),
        Ok(vec![RunEvent::LinePublished {
            head: "c1".to_owned()
        }])
    );
    assert_eq!(world.duties(), [Duty::Report]);
}

#[test]
fn the_branch_follows_the_line_one_by_one() {
    let mut world = run_of([agent("one").writing(), agent("two").writing().after(&["one"])])
        .ended("one", wrote("c1"))
        .ended("two", wrote("c2"));

    assert_eq!(world.duties(), [publish(None, "c1")]);
    assert_eq!(world.take(published("c2")), Err(Refusal::NothingToDo));

    world = world.and(published("c1"));
    assert_eq!(world.duties(), [publish(Some("c1"), "c2")]);
    assert_eq!(
        world.take(published("c1")),
        Err(Refusal::NothingToDo),
        "said twice"
    );

    world = world.and(published("c2"));
    assert_eq!(world.duties(), [Duty::Report]);
}

#[test]
fn a_writer_that_changed_nothing_moves_nothing() {
    let world = run_of([agent("fix").writing()]).ended("fix", wrote(BASE));

    assert_eq!(world.duties(), [Duty::Report]);
}

#[test]
fn a_branch_that_somebody_else_moved_is_put_to_a_person_and_holds_the_run() {
    let mut world = run_of([agent("one").writing(), agent("two").after(&["one"])]).ended("one", wrote("c1"));
    let failed = || Input::PublishFailed {
        reason: "the branch is at c9".to_owned(),
    };

    assert_eq!(
        world.take(failed()),
        Ok(vec![RunEvent::AttentionRaised(Box::new(Attention {
            id: question(1),
            kind: AttentionKind::Conflict,
            key: None,
            title: "the branch of run `calm-otter` could not be moved".to_owned(),
            body: "the branch is at c9".to_owned(),
            choices: vec![Choice::Retry, Choice::Cancel],
            trusts: None,
        }))])
    );
    assert_eq!(world.duties(), []);
    assert_eq!(
        world.take(failed()),
        Err(Refusal::NothingToDo),
        "it is asked already"
    );

    world = world.and(answer(1, Choice::Retry));
    assert_eq!(world.duties(), [begins("two"), publish(None, "c1")]);
}

#[test]
fn a_branch_that_was_not_to_be_moved_cannot_fail_to() {
    let mut world = run_of([agent("one")]);

    let reason = "late".to_owned();
    assert_eq!(
        world.take(Input::PublishFailed { reason }),
        Err(Refusal::NothingToDo)
    );
}

fn fan_out_and_merge() -> World {
    run_of([
        agent("fix").each("size.angles").writing(),
        merge("join").after(&["fix"]).writing(),
        agent("next").after(&["join"]).writing(),
    ])
}

fn to_be_merged() -> World {
    fan_out_and_merge()
        .ended("fix[1]", wrote("f1"))
        .ended("fix[0]", wrote("f0"))
}

#[test]
fn a_merge_is_owed_once_all_are_done_and_takes_them_in_the_order_of_their_items() {
    let world = fan_out_and_merge().ended("fix[1]", wrote("f1"));
    assert_eq!(world.duties(), [begins("fix[0]")]);

    let world = world.ended("fix[0]", wrote("f0"));
    assert_eq!(world.duties(), [merges("join", BASE, &["f0", "f1"])]);
    assert_eq!(world.run.line(), BASE, "a fan-out alone moves no line");
}

#[test]
fn an_instance_that_changed_nothing_has_nothing_to_merge() {
    let world = fan_out_and_merge().ended("fix[1]", wrote("f1")).done(&["fix[0]"]);

    assert_eq!(world.duties(), [merges("join", BASE, &["f1"])]);
}

#[test]
fn a_merge_that_is_done_moves_the_line() {
    let mut world = to_be_merged();
    let joined = Change {
        files: 4,
        ..change("m1")
    };

    assert_eq!(
        world.take(merged("join", Merge::Done(Some(joined.clone())))),
        Ok(vec![completed(
            "join",
            Value::map([("files", Value::Int(4))]),
            Some(joined)
        )])
    );
    assert_eq!(world.run.line(), "m1");
    assert_eq!(world.duties(), [begins("next"), publish(None, "m1")]);
    assert_eq!(
        world.take(merged("join", Merge::Done(None))),
        Err(Refusal::StepNotOpen(key("join"))),
        "a merge is done once"
    );
}

#[test]
fn changes_that_do_not_fit_are_put_to_a_person_and_merged_again_on_request() {
    let mut world = to_be_merged();
    let files = vec!["a.rs".to_owned(), "b.rs".to_owned()];

    let title = "the changes that `join` brings together do not fit";
    assert_eq!(
        world.take(merged("join", Merge::Conflict(files))),
        Ok(vec![asked(
            1,
            AttentionKind::Conflict,
            "join",
            title,
            "a.rs\nb.rs"
        )])
    );
    assert_eq!(world.duties(), []);

    world = world.and(answer(1, Choice::Retry));
    assert_eq!(world.duties(), [merges("join", BASE, &["f0", "f1"])]);
}

#[test]
fn a_merge_that_could_not_be_tried_fails_its_step() {
    let mut world = to_be_merged();

    assert_eq!(
        world.take(merged("join", Merge::Failed("no git".to_owned()))),
        Ok(vec![step_failed("join", "no git")])
    );
}

#[test]
fn a_merge_waits_for_the_writer_of_the_line_and_the_next_writer_waits_for_it() {
    let plan = || {
        [
            agent("fix").each("size.angles").writing(),
            agent("line").writing(),
            merge("join").after(&["fix"]).writing(),
        ]
    };
    let both = |world: World| world.ended("fix[0]", wrote("f0")).ended("fix[1]", wrote("f1"));

    let writer_first = both(run_of(plan()).working(&["line"]));
    assert_eq!(writer_first.duties(), [work("line", 1)]);

    let mut merge_first = both(run_of(plan()));
    assert_eq!(merge_first.duties(), [merges("join", BASE, &["f0", "f1"])]);
    assert_eq!(
        merge_first.take(admit("line")),
        Err(Refusal::StepNotOpen(key("line")))
    );

    // What the writer left meanwhile is what the merge goes on top of.
    let after_writer = writer_first.ended("line", wrote("c1"));
    assert_eq!(
        after_writer.duties(),
        [merges("join", "c1", &["f0", "f1"]), publish(None, "c1")]
    );
}

#[test]
fn a_paused_run_merges_nothing_but_shows_what_it_has() {
    let world = to_be_merged().and(pause());
    assert_eq!(world.duties(), []);

    let shown = run_of([agent("fix").writing(), agent("next").after(&["fix"])])
        .ended("fix", wrote("c1"))
        .and(pause());
    assert_eq!(shown.duties(), [publish(None, "c1")]);
}

#[test]
fn a_failed_run_shows_its_branch_before_it_ends() {
    let world = run_of([agent("one").writing(), agent("two")])
        .failed(&["two"])
        .ended("one", wrote("c1"));
    assert_eq!(world.duties(), [publish(None, "c1")]);

    assert_eq!(world.and(published("c1")).duties(), [Duty::Report]);
}
