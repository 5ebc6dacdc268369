//! What arrives late or twice, and what was set aside for a question.

use crate::world::*;
use domain::{Choice, Input, Merge, Refusal, Role, Value};

#[test]
fn a_start_that_is_reported_twice_is_refused_the_second_time() {
    let mut world = run_of([agent("a")]).working(&["a"]).and(spawned(task("a", 1)));

    assert_eq!(
        world.take(spawned(task("a", 1))),
        Err(Refusal::StaleTask(task("a", 1)))
    );
}

#[test]
fn a_gate_that_was_interrupted_too_often_is_owed_again_by_the_answer_and_the_work_stays_done() {
    let world = run_of([agent("fix").gated()])
        .gave("fix", Value::from("done, I swear"))
        .ended("fix", interrupted())
        .ended("fix", interrupted())
        .ended("fix", interrupted())
        .and(answer(1, Choice::Retry));

    assert_eq!(world.duties(), [begins_as("fix", Role::Gate, "command", None)]);
}

#[test]
fn only_a_merge_that_is_owed_is_reported() {
    let merged = |step| Input::Merged {
        key: key(step),
        merge: Merge::Done(None),
    };
    let mut world = run_of([
        agent("fix").each("size.angles").writing(),
        merge("join").after(&["fix"]),
        agent("a"),
    ]);

    let refused = |step| Err(Refusal::StepNotOpen(key(step)));
    assert_eq!(
        world.take(merged("join")),
        refused("join"),
        "its needs are not done"
    );
    assert_eq!(world.take(merged("a")), refused("a"), "it is no merge");
}

#[test]
fn a_branch_that_moved_after_all_is_asked_about_no_longer() {
    let world = run_of([agent("a").writing()])
        .ended("a", wrote("c1"))
        .and(Input::PublishFailed {
            reason: "the branch is at c9".to_owned(),
        })
        .and(Input::Published {
            head: "c1".to_owned(),
        });

    assert_eq!(world.duties(), [domain::Duty::Report]);
}
