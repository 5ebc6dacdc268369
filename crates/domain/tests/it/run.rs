//! Runs as people steer them: cancelled, paused, resumed, done again; and reports that come late or twice.

use crate::world::*;
use domain::{
    Duty, FailureClass, Input, Outcome, Phase, Refusal, Run, RunEvent, StepState, TaskState, Value, next_wake,
};

fn cancel_requested() -> RunEvent {
    RunEvent::CancelRequested { by: ADA.to_owned() }
}

fn two_working() -> World {
    run_of([agent("a"), agent("b"), agent("c").after(&["a"])]).working(&["a", "b"])
}

#[test]
fn a_cancelled_run_stops_its_tasks_and_does_not_end_before_they_have() {
    let mut world = two_working();

    assert_eq!(world.take(cancel()), Ok(vec![cancel_requested()]));
    let mut stops = vec![stop("a", 1), stop("b", 1)];
    let mut duties = world.duties();
    let by_text = |duty: &Duty| format!("{duty:?}");
    stops.sort_by_key(by_text);
    duties.sort_by_key(by_text);
    assert_eq!(duties, stops);
    assert_eq!(world.run.phase(), Phase::Cancelling);

    let stopped = domain::Ending::Cancelled;
    assert_eq!(
        world.take(ends(task("a", 1), stopped.clone())),
        Ok(vec![task_ended(task("a", 1), stopped.clone())])
    );
    assert_eq!(world.duties(), [stop("b", 1)]);

    assert_eq!(
        world.take(ends(task("b", 1), stopped.clone())),
        Ok(vec![
            task_ended(task("b", 1), stopped),
            step_cancelled("a"),
            step_cancelled("b"),
            step_cancelled("c"),
            RunEvent::Cancelled,
        ])
    );
    assert_eq!(world.run.phase(), Phase::Ended(Outcome::Cancelled));
    assert_eq!(world.duties(), []);
}

#[test]
fn a_run_without_live_tasks_ends_with_its_cancellation_and_asks_nobody_any_more() {
    let mut world = run_of([agent("a"), agent("b")])
        .done(&["b"])
        .ended("a", badly(FailureClass::Missing));

    assert_eq!(
        world.take(cancel()),
        Ok(vec![
            cancel_requested(),
            step_cancelled("a"),
            withdrawn(1),
            RunEvent::Cancelled,
        ])
    );
    assert_eq!(world.run.attention().len(), 0);
    assert_eq!(*world.state("b"), StepState::Completed);
}

#[test]
fn a_task_that_ends_well_while_it_is_being_stopped_completes_its_step() {
    let mut world = run_of([agent("a")]).working(&["a"]).and(cancel());

    assert_eq!(
        world.take(ends(task("a", 1), well(Value::Null))),
        Ok(vec![
            task_ended(task("a", 1), well(Value::Null)),
            completed("a", Value::Null, None),
            RunEvent::Cancelled,
        ])
    );
}

#[test]
fn a_task_that_ends_badly_while_it_is_being_stopped_is_neither_tried_again_nor_asked_about() {
    for class in [
        FailureClass::Transient,
        FailureClass::Missing,
        FailureClass::Permanent,
    ] {
        let mut world = run_of([agent("a")]).working(&["a"]).and(cancel());

        assert_eq!(
            world.take(ends(task("a", 1), badly(class))),
            Ok(vec![
                task_ended(task("a", 1), badly(class)),
                step_cancelled("a"),
                RunEvent::Cancelled,
            ]),
            "{class:?}"
        );
    }
}

#[test]
fn a_run_that_is_being_cancelled_refuses_everything_new() {
    let mut world = two_working().and(cancel());

    for input in [
        admit("c"),
        spawned(task("a", 1)),
        cancel(),
        pause(),
        resume(),
        retry(None),
        skip("c"),
        report(),
        answer(1, domain::Choice::Retry),
        Input::DefinitionFound {
            hash: "h2".to_owned(),
        },
    ] {
        assert_eq!(
            world.take(input.clone()),
            Err(Refusal::RunCancelling),
            "{input:?}"
        );
    }
}

#[test]
fn a_run_that_ended_refuses_everything_new() {
    let mut world = run_of([agent("a")]).done(&["a"]).and(report());

    for input in [
        admit("a"),
        cancel(),
        pause(),
        resume(),
        retry(None),
        retry(Some("a")),
        skip("a"),
        report(),
        answer(1, domain::Choice::Retry),
        Input::DefinitionFound {
            hash: "h2".to_owned(),
        },
    ] {
        assert_eq!(world.take(input.clone()), Err(Refusal::RunEnded), "{input:?}");
    }
}

#[test]
fn a_run_whose_work_is_done_is_cancelled_no_more_although_its_report_is_owed() {
    let mut world = run_of([agent("a")]).done(&["a"]);
    assert_eq!(world.duties(), [Duty::Report]);
    assert_eq!(world.take(cancel()), Err(Refusal::RunEnded));
    assert_eq!(world.take(report()), Ok(vec![run_completed()]));

    let mut failed = run_of([agent("a")]).failed(&["a"]);
    assert_eq!(failed.take(cancel()), Err(Refusal::RunEnded));

    // The branch is a part of what was done.
    let mut writing = run_of([agent("a").writing()]).ended("a", wrote("c1"));
    assert_eq!(writing.take(cancel()), Err(Refusal::RunEnded));
    let moves = Input::Published {
        head: "c1".to_owned(),
    };
    assert_eq!(writing.and(moves).duties(), [Duty::Report]);
}

#[test]
fn a_run_whose_branch_cannot_be_moved_can_still_be_cancelled() {
    let mut world = run_of([agent("a").writing()])
        .ended("a", wrote("c1"))
        .and(Input::PublishFailed {
            reason: "the branch is at c9".to_owned(),
        });

    assert_eq!(
        world.take(cancel()).map(|events| events[0].clone()),
        Ok(cancel_requested())
    );
}

#[test]
fn a_paused_run_begins_nothing_and_keeps_what_is_under_way() {
    let mut world = run_of([agent("a"), agent("b")]).working(&["a"]);

    assert_eq!(
        world.take(pause()),
        Ok(vec![RunEvent::Paused { by: ADA.to_owned() }])
    );
    assert_eq!(world.duties(), [work("a", 1)]);
    assert_eq!(world.take(admit("b")), Err(Refusal::StepNotOpen(key("b"))));
    assert_eq!(world.take(pause()), Err(Refusal::PauseUnchanged));

    let mut world = world.done(&["a"]);
    assert_eq!(world.duties(), []);
    assert_eq!(
        world.take(resume()),
        Ok(vec![RunEvent::Resumed { by: ADA.to_owned() }])
    );
    assert_eq!(world.duties(), [begins("b")]);
    assert_eq!(world.take(resume()), Err(Refusal::PauseUnchanged));
}

#[test]
fn a_paused_run_is_cancelled_like_any_other() {
    let world = two_working().and(pause()).and(cancel());

    assert_eq!(world.duties().len(), 2);
    assert_eq!(next_wake(&world.run, NOW), None);
}

#[test]
fn a_failed_step_of_an_active_run_is_opened_again_by_a_person() {
    let mut world = run_of([agent("a").tries(1).pauses(0, 0), agent("b")])
        .ended("a", badly(FailureClass::Transient))
        .ended("a", badly(FailureClass::Transient));

    assert_eq!(world.take(retry(Some("a"))), Ok(vec![reopened("a")]));
    assert_eq!(world.duties(), [begins("a"), begins("b")]);

    // Its tries are counted anew; its tasks are not.
    let world = world.ended("a", badly(FailureClass::Transient));
    assert_eq!(world.duties(), [begins_at("a", NOW), begins("b")]);
    assert_eq!(world.run.step(&key("a")).expect("a step").serial, 3);
}

#[test]
fn only_what_failed_is_opened_again() {
    let mut world = run_of([agent("a"), agent("b")]).done(&["a"]).working(&["b"]);

    assert_eq!(world.take(retry(Some("a"))), Err(Refusal::StepNotEnded(key("a"))));
    assert_eq!(world.take(retry(Some("b"))), Err(Refusal::StepNotEnded(key("b"))));
    assert_eq!(world.take(retry(Some("x"))), Err(Refusal::UnknownStep(key("x"))));
    assert_eq!(world.take(retry(None)), Err(Refusal::NothingToDo));
}

#[test]
fn s4_25_resume_opens_what_failed_and_what_was_cancelled_and_keeps_what_is_done() {
    let mut world = run_of([
        agent("a"),
        agent("b"),
        agent("c"),
        agent("d").after(&["b"]),
        agent("e").after(&["d"]),
    ])
    .gave("a", Value::from("kept"))
    .failed(&["b", "c"])
    .and(report());
    assert_eq!(world.run.phase(), Phase::Ended(Outcome::Failed));

    assert_eq!(
        world.take(retry(None)),
        Ok(vec![reopened("b"), reopened("c"), reopened("d"), reopened("e")])
    );

    assert_eq!(world.run.phase(), Phase::Active);
    assert_eq!(world.run.report(), None);
    assert_eq!(world.duties(), [begins("b"), begins("c")]);
    let kept = world.run.step(&key("a")).expect("a step");
    assert_eq!(kept.output, Some(Value::from("kept")));

    let mut world = world.done(&["b", "c", "d", "e"]);
    assert_eq!(world.take(report()), Ok(vec![run_completed()]));
}

#[test]
fn s4_25_resume_with_one_step_leaves_the_other_failures_as_they_are() {
    let mut world = run_of([agent("a"), agent("b"), agent("c").after(&["a", "b"])])
        .failed(&["a", "b"])
        .and(report());

    assert_eq!(
        world.take(retry(Some("b"))),
        Ok(vec![reopened("b"), reopened("c")])
    );
    assert_eq!(world.duties(), [begins("b")]);

    let mut world = world.done(&["b"]);
    assert_eq!(
        world.take(report()),
        Ok(vec![
            step_cancelled("c"),
            run_failed(&format!("step `a` failed: {BROKE}")),
        ])
    );
}

#[test]
fn s4_25_resume_by_skipping_goes_on_without_the_failed_step() {
    let mut world = run_of([agent("a"), agent("b").after(&["a"])])
        .failed(&["a"])
        .and(report());

    assert_eq!(
        world.take(skip("a")),
        Ok(vec![reopened("a"), reopened("b"), skipped("a")])
    );
    assert_eq!(world.duties(), [begins("b")]);
}

#[test]
fn s4_25_resume_in_each_state_of_a_task_after_a_crash_is_an_interruption() {
    let starting = run_of([agent("a")]).working(&["a"]);
    let running = starting.clone().and(spawned(task("a", 1)));
    let states = [TaskState::Starting, TaskState::Running];

    for (mut world, state) in [starting, running].into_iter().zip(states) {
        assert_eq!(world.run.tasks()[&task("a", 1)].state, state);
        assert_eq!(world.duties(), [work("a", 1)]);

        let events = world.take(ends(task("a", 1), interrupted()));

        assert_eq!(events, Ok(vec![task_ended(task("a", 1), interrupted())]));
        assert_eq!(world.duties(), [begins("a")]);
        assert_eq!(world.take(admit("a")), Ok(vec![ordered("a", 2)]));
    }
}

#[test]
fn a_task_starts_once_its_process_is_known() {
    let mut world = run_of([agent("a")]).working(&["a"]);

    assert_eq!(
        world.take(spawned(task("a", 1))),
        Ok(vec![RunEvent::TaskStarted {
            task: task("a", 1),
            process: process(),
        }])
    );
    assert_eq!(world.run.tasks()[&task("a", 1)].process, Some(process()));
}

#[test]
fn reports_of_tasks_that_ended_or_never_were_are_refused() {
    let mut world = run_of([agent("a")]).ended("a", interrupted()).working(&["a"]);

    for (old, what) in [(task("a", 1), "it has ended"), (task("a", 9), "it never was")] {
        let refused = Err(Refusal::StaleTask(old));
        assert_eq!(world.take(ends(old, well(Value::Null))), refused, "{what}");
        assert_eq!(world.take(ends(old, interrupted())), refused, "{what}");
        assert_eq!(world.take(spawned(old)), refused, "{what}");
    }
    assert_eq!(world.duties(), [work("a", 2)]);
}

#[test]
fn an_end_that_is_reported_twice_is_refused_the_second_time() {
    let mut world = run_of([agent("a").pauses(0, 0)]).ended("a", badly(FailureClass::Transient));

    assert_eq!(
        world.take(ends(task("a", 1), badly(FailureClass::Transient))),
        Err(Refusal::StaleTask(task("a", 1)))
    );
    assert_eq!(world.duties(), [begins_at("a", NOW)]);
}

#[test]
fn what_a_run_used_is_the_sum_over_its_tasks_however_they_ended() {
    let used = |input_uncached, cost_micros| domain::Usage {
        input_uncached,
        cost_micros,
        ..domain::Usage::default()
    };
    let ended = |serial, ending, usage| Input::TaskEnded {
        task: task("a", serial),
        ending,
        usage,
    };
    let world = run_of([agent("a")])
        .working(&["a"])
        .and(ended(1, interrupted(), used(10, None)))
        .working(&["a"])
        .and(ended(2, well(Value::Null), used(5, Some(7))));

    assert_eq!(world.run.usage(), used(15, Some(7)));
}

#[test]
fn a_history_that_does_not_begin_with_a_start_is_no_run() {
    let world = run_of([agent("a")]);

    assert_eq!(Run::replay(RUN, world.since_start()), None);
    assert_eq!(Run::replay(RUN, &[]), None);
    assert_eq!(world.run.seq(), world.history.len() as u64);
}
