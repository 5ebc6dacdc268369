//! Steps and their instances: conditions, lists, and what does not apply.

use crate::world::*;
use domain::{AttentionKind, Choice, FailureClass, Input, Moment, Refusal, Role, StepState, Value};

#[test]
fn a_run_begins_with_all_that_depends_on_no_other_step() {
    let world = run_of([agent("scan"), agent("look").after(&["scan"])]);

    assert_eq!(world.since_start(), [planned_only(&["scan", "look"])]);
    assert_eq!(world.duties(), [begins("scan")]);
}

#[test]
fn a_list_gives_one_instance_per_item() {
    let world = run_of([agent("angles").each("size.angles")]);

    assert_eq!(
        world.since_start(),
        [planned(&[
            ("angles[0]", Value::from("bugs")),
            ("angles[1]", Value::from("style")),
        ])]
    );
    assert_eq!(world.duties(), [begins("angles[0]"), begins("angles[1]")]);
}

#[test]
fn a_list_that_another_step_gives_is_waited_for() {
    let world = run_of([agent("scan"), agent("look").after(&["scan"]).each("scan.files")]);
    assert_eq!(world.since_start(), [planned_only(&["scan"])]);

    let mut world = world.working(&["scan"]);
    let output = Value::map([("files", texts(&["a.rs", "b.rs"]))]);
    let events = world.take(ends(task("scan", 1), well(output.clone())));

    assert_eq!(
        events,
        Ok(vec![
            task_ended(task("scan", 1), well(output.clone())),
            completed("scan", output, None),
            planned(&[("look[0]", Value::from("a.rs")), ("look[1]", Value::from("b.rs"))]),
        ])
    );
    assert_eq!(world.duties(), [begins("look[0]"), begins("look[1]")]);
}

#[test]
fn what_is_no_list_counts_as_a_list_of_one() {
    let world = run_of([agent("ask").each("input.question")]);

    assert_eq!(world.since_start(), [planned(&[("ask[0]", Value::from("why?"))])]);
}

#[test]
fn a_fan_out_is_read_as_the_list_of_its_outputs_in_the_order_of_its_items() {
    let world = run_of([
        agent("angles").each("size.angles"),
        agent("answer").after(&["angles"]).each("angles.said"),
    ])
    .gave("angles[1]", Value::map([("said", Value::from("second"))]))
    .gave("angles[0]", Value::map([("said", Value::from("first"))]));

    assert_eq!(
        world.history.last(),
        Some(&planned(&[
            ("answer[0]", Value::from("first")),
            ("answer[1]", Value::from("second")),
        ]))
    );
}

#[test]
fn a_condition_on_another_step_is_decided_once_that_is_done() {
    let plan = || {
        [
            agent("scan"),
            agent("fix").after(&["scan"]).when("scan.count > 0"),
        ]
    };
    let output = |count| Value::map([("count", Value::Int(count))]);

    let none = run_of(plan()).gave("scan", output(0));
    let some = run_of(plan()).gave("scan", output(2));

    assert_eq!(none.history.last(), Some(&left_out(&["fix"])));
    assert_eq!(some.history.last(), Some(&planned_only(&["fix"])));
}

#[test]
fn s4_08_a_step_that_does_not_apply_has_no_instance() {
    let world = run_of([
        agent("deep").when("input.fast"),
        agent("none").each("size.none"),
        agent("absent").each("size.absent"),
        agent("scan"),
    ]);

    assert_eq!(
        world.since_start(),
        [planned_only(&["scan"]), left_out(&["deep", "none", "absent"])]
    );
    let steps: Vec<String> = world.run.steps().keys().map(ToString::to_string).collect();
    assert_eq!(steps, ["scan"]);
}

#[test]
fn s4_08_what_follows_a_left_out_step_still_follows_what_came_before_it() {
    let world = run_of([
        agent("scan"),
        agent("deep").after(&["scan"]).when("input.fast"),
        agent("answer").after(&["deep"]),
    ]);
    assert_eq!(world.duties(), [begins("scan")]);

    let world = world.done(&["scan"]);
    assert_eq!(world.duties(), [begins("answer")]);
}

#[test]
fn s4_08_a_run_in_which_nothing_applies_owes_its_report() {
    let mut world = run_of([agent("deep").when("input.fast")]);
    assert_eq!(world.duties(), [domain::Duty::Report]);

    assert_eq!(world.take(report()), Ok(vec![run_completed()]));
}

#[test]
fn a_command_is_done_by_the_command_agent_and_asks_for_no_model() {
    let mut start = start_of([command("test").by(&["claude"]), agent("scan")]);
    start.input.model = Some("large".to_owned());
    let world = World::begun(start, None);

    let models: Vec<_> = world.duties();
    let domain::Duty::Begin(test) = &models[0] else {
        panic!("the command begins: {models:?}")
    };
    let domain::Duty::Begin(scan) = &models[1] else {
        panic!("the agent begins: {models:?}")
    };
    assert_eq!((test.agent.as_str(), test.model.as_deref()), ("command", None));
    assert_eq!(
        (scan.agent.as_str(), scan.model.as_deref()),
        (HAND, Some("large"))
    );
}

#[test]
fn an_admitted_step_gets_a_task_with_its_own_words() {
    let mut world = run_of([agent("scan").by(&["claude", "codex"])]);

    assert_eq!(
        world.take(admit("scan")),
        Ok(vec![ordered_as("scan", 1, Role::Work, "claude")])
    );
    assert_eq!(world.duties(), [work("scan", 1)]);
}

#[test]
fn a_prompt_that_cannot_be_rendered_fails_the_step() {
    let mut world = run_of([agent("scan")]);

    let events = world.take(Input::Admitted {
        key: key("scan"),
        prompt: Err("`size.depth` is not there".to_owned()),
    });

    assert_eq!(events, Ok(vec![step_failed("scan", "`size.depth` is not there")]));
}

#[test]
fn only_what_is_owed_is_admitted() {
    let plan = [
        agent("scan"),
        agent("look").after(&["scan"]),
        fold("all").after(&["look"]),
    ];
    let mut world = run_of(plan).working(&["scan"]);

    let not_open = |step: &str| Err(Refusal::StepNotOpen(key(step)));
    assert_eq!(world.take(admit("scan")), not_open("scan"), "it has a task");
    assert_eq!(
        world.take(admit("look")),
        not_open("look"),
        "it waits for its need"
    );
    assert_eq!(world.take(admit("all")), not_open("all"), "it needs no task");
    assert_eq!(world.take(admit("none")), Err(Refusal::UnknownStep(key("none"))));
}

#[test]
fn a_pending_step_is_skipped_and_counts_as_done() {
    let mut world = run_of([agent("scan"), agent("look").after(&["scan"])]);

    assert_eq!(world.take(skip("scan")), Ok(vec![skipped("scan")]));
    assert_eq!(world.duties(), [begins("look")]);
}

#[test]
fn a_step_whose_gate_is_owed_is_skipped() {
    let mut world = run_of([agent("fix").gated()]).done(&["fix"]);

    assert_eq!(world.take(skip("fix")), Ok(vec![skipped("fix")]));
}

#[test]
fn a_step_that_asks_is_skipped_and_its_question_withdrawn() {
    let mut world = run_of([agent("scan")]).ended("scan", badly(FailureClass::Missing));

    assert_eq!(world.take(skip("scan")), Ok(vec![withdrawn(1), skipped("scan")]));
    assert_eq!(world.run.attention().len(), 0);
}

#[test]
fn a_failed_step_is_reopened_and_skipped() {
    let mut world = run_of([agent("scan"), agent("look").after(&["scan"])]).failed(&["scan"]);

    assert_eq!(
        world.take(skip("scan")),
        Ok(vec![reopened("scan"), skipped("scan")])
    );
    assert_eq!(world.duties(), [begins("look")]);
}

#[test]
fn what_a_task_does_is_not_skipped_nor_is_what_ended_well() {
    let refused = |world: World, step: &str| {
        let mut world = world;
        assert_eq!(
            world.take(skip(step)),
            Err(Refusal::StepNotOpen(key(step))),
            "{:?}",
            world.state(step)
        );
    };
    let plan = || [agent("scan").gated(), agent("look")];

    refused(run_of(plan()).working(&["scan"]), "scan");
    refused(run_of(plan()).done(&["scan"]).working(&["scan"]), "scan");
    refused(run_of(plan()).done(&["look"]), "look");
    refused(run_of(plan()).and(skip("scan")), "scan");
}

#[test]
fn a_skipped_step_gave_nothing() {
    let world = run_of([
        agent("scan"),
        agent("look").after(&["scan"]).when("scan.count > 0"),
    ])
    .and(skip("scan"));

    assert_eq!(world.history.last(), Some(&left_out(&["look"])));
}

#[test]
fn a_step_is_interrupted_three_times_in_a_row_before_a_person_is_asked() {
    let mut world = run_of([agent("scan").tries(0)])
        .ended("scan", interrupted())
        .ended("scan", interrupted());
    assert_eq!(world.duties(), [begins("scan")], "an interruption spends no try");

    world = world.working(&["scan"]);
    let events = world.take(ends(task("scan", 3), interrupted()));

    let title = "step `scan` was interrupted 3 times in a row";
    assert_eq!(
        events,
        Ok(vec![
            task_ended(task("scan", 3), interrupted()),
            asked(1, AttentionKind::Stuck, "scan", title, "the machine went away"),
        ])
    );
    assert_eq!(world.duties(), []);
}

#[test]
fn interruptions_are_counted_anew_after_another_end_and_after_an_answer() {
    let broken = run_of([agent("scan").pauses(0, 0)])
        .ended("scan", interrupted())
        .ended("scan", interrupted())
        .ended("scan", badly(FailureClass::Transient))
        .ended("scan", interrupted())
        .ended("scan", interrupted());
    assert_eq!(broken.duties(), [begins("scan")]);

    let answered = run_of([agent("scan")])
        .ended("scan", interrupted())
        .ended("scan", interrupted())
        .ended("scan", interrupted())
        .and(answer(1, Choice::Retry))
        .ended("scan", interrupted())
        .ended("scan", interrupted());
    assert_eq!(answered.duties(), [begins("scan")]);
}

#[test]
fn the_next_try_is_told_of_the_interruption() {
    let world = run_of([agent("scan")]).ended("scan", interrupted());

    let step = world.run.step(&key("scan")).expect("a step");
    assert_eq!(
        step.before.as_deref(),
        Some("the try before this one was interrupted: the machine went away")
    );
    assert_eq!(
        step.state,
        StepState::Pending {
            not_before: None,
            parked: None
        }
    );
    assert_eq!(domain::next_wake(&world.run, Moment::from_ms(0)), None);
}
