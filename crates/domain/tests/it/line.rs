//! The run's line of commits: one writer at a time, merges, and the branch that follows.

use crate::common::*;
use domain::{
    Access, AttentionKind, Choice, Duty, Input, Merge, PlanStep, Refusal, RunEvent, StepKind, Value, duties,
};

fn writer(id: &str) -> PlanStep {
    PlanStep {
        access: Access::Write,
        ..agent(id)
    }
}

fn fan_out(id: &str) -> PlanStep {
    PlanStep {
        each: expression("size.angles"),
        ..writer(id)
    }
}

fn published(head: &str) -> Input {
    Input::Published {
        head: head.to_owned(),
    }
}

fn publish(from: Option<&str>, to: &str) -> Duty {
    Duty::Publish {
        from: from.map(str::to_owned),
        to: to.to_owned(),
    }
}

#[test]
fn writers_of_one_run_work_one_after_another_in_the_order_of_the_plan() {
    let mut tale = Tale::of(vec![writer("zeta"), writer("alpha")]);
    assert_eq!(tale.begins(), ["zeta"]);
    tale.admit("zeta").unwrap();
    assert_eq!(tale.begins(), [""; 0]);
    assert_eq!(tale.admit("alpha"), Err(Refusal::StepNotOpen(key("alpha"))));
    tale.end("zeta", done(), at(0)).unwrap();
    assert_eq!(tale.begins(), ["alpha"]);
}

#[test]
fn readers_and_fan_out_writers_wait_for_no_writer() {
    let mut tale = Tale::of(vec![writer("fix"), agent("look"), fan_out("try")]);
    tale.admit("fix").unwrap();
    assert_eq!(tale.begins(), ["look", "try[0]", "try[1]"]);
}

#[test]
fn a_writer_moves_the_line_and_the_branch_must_follow() {
    let mut tale = Tale::of(vec![writer("fix")]);
    tale.write("fix", "c0", "c1");
    assert_eq!(tale.run.line(), "c1");
    assert_eq!(duties(&tale.run), [publish(None, "c1")]);
    let head = "c1".to_owned();
    assert_eq!(
        tale.when(published("c1"), at(0)),
        Ok(vec![RunEvent::LinePublished { head }])
    );
    assert_eq!(duties(&tale.run), [Duty::Report]);
}

#[test]
fn the_branch_follows_one_commit_after_another_so_that_a_crash_leaves_it_where_we_know() {
    let mut tale = Tale::of(vec![writer("one"), writer("two")]);
    tale.write("one", "c0", "c1");
    tale.write("two", "c1", "c2");
    assert_eq!(duties(&tale.run), [publish(None, "c1")]);
    assert_eq!(tale.when(published("c2"), at(0)), Err(Refusal::NothingToDo));
    tale.when(published("c1"), at(0)).unwrap();
    assert_eq!(duties(&tale.run), [publish(Some("c1"), "c2")]);
    assert_eq!(tale.when(published("c1"), at(0)), Err(Refusal::NothingToDo));
}

#[test]
fn a_branch_that_cannot_be_moved_holds_the_run_until_somebody_answers() {
    let mut tale = Tale::of(vec![writer("fix"), after(agent("look"), &["fix"])]);
    tale.write("fix", "c0", "c1");
    let failed = || Input::PublishFailed {
        reason: "moved".to_owned(),
    };
    let said = ("the branch of run `calm-otter` could not be moved", "moved");
    assert_eq!(
        tale.when(failed(), at(0)),
        Ok(vec![asked(1, AttentionKind::Conflict, None, said)])
    );
    assert_eq!(duties(&tale.run), []);
    assert_eq!(tale.when(failed(), at(0)), Err(Refusal::NothingToDo));
    assert_eq!(tale.answer(Choice::Retry), Ok(vec![answered(1, Choice::Retry)]));
    assert_eq!(tale.begins(), ["look"]);
    assert!(duties(&tale.run).contains(&publish(None, "c1")));
}

fn two_and_merge() -> Tale {
    let merge = step("merge", StepKind::Merge, &["try"]);
    Tale::of(vec![fan_out("try"), merge, after(writer("polish"), &["try"])])
}

fn merged(merge: Merge) -> Input {
    Input::Merged {
        key: key("merge"),
        merge,
    }
}

#[test]
fn a_merge_brings_the_changes_of_fan_out_writers_onto_the_line_before_any_other_writer() {
    let mut tale = two_and_merge();
    tale.write("try[0]", "c0", "c1");
    tale.write("try[1]", "c0", "c2");
    assert_eq!(tale.run.line(), "c0");
    let merge = Duty::Merge {
        key: key("merge"),
        onto: "c0".to_owned(),
        heads: vec!["c1".to_owned(), "c2".to_owned()],
    };
    assert_eq!(duties(&tale.run), [merge]);
    assert_eq!(tale.admit("polish"), Err(Refusal::StepNotOpen(key("polish"))));

    let change = change("c0", "c3");
    let events = tale.when(merged(Merge::Done(Some(change.clone()))), at(0));

    let output = Value::map([("files", Value::Int(1))]);
    let done = RunEvent::StepCompleted {
        key: key("merge"),
        output,
        change: Some(change),
    };
    assert_eq!(events, Ok(vec![done]));
    assert_eq!(tale.run.line(), "c3");
    assert_eq!(tale.begins(), ["polish"]);
}

#[test]
fn a_merge_waits_for_the_writer_that_is_under_way() {
    let merge = step("merge", StepKind::Merge, &["try"]);
    let mut tale = Tale::of(vec![fan_out("try"), merge, writer("polish")]);
    tale.admit("polish").unwrap();
    tale.write("try[0]", "c0", "c1");
    tale.write("try[1]", "c0", "c2");
    let task = tale.task("polish");
    assert_eq!(duties(&tale.run), [Duty::Work { task }]);
}

#[test]
fn changes_that_do_not_fit_go_to_a_person() {
    let mut tale = two_and_merge();
    tale.write("try[0]", "c0", "c1");
    tale.write("try[1]", "c0", "c2");
    let files = vec!["a.rs".to_owned(), "b.rs".to_owned()];
    let said = (
        "the changes that `merge` brings together do not fit",
        "a.rs\nb.rs",
    );
    assert_eq!(
        tale.when(merged(Merge::Conflict(files)), at(0)),
        Ok(vec![asked(1, AttentionKind::Conflict, Some("merge"), said)])
    );
    assert_eq!(tale.begins(), ["polish"]);
    tale.answer(Choice::Retry).unwrap();
    assert!(matches!(duties(&tale.run)[..], [Duty::Merge { .. }]));
}

#[test]
fn a_merge_that_could_not_be_tried_fails_its_step_and_a_late_one_is_refused() {
    let mut tale = two_and_merge();
    tale.write("try[0]", "c0", "c1");
    tale.write("try[1]", "c0", "c2");
    let reason = "disk".to_owned();
    assert_eq!(
        tale.when(merged(Merge::Failed(reason)), at(0)),
        Ok(vec![step_failed("merge", "disk")])
    );
    assert_eq!(
        tale.when(merged(Merge::Done(None)), at(0)),
        Err(Refusal::StepNotOpen(key("merge")))
    );
}
