//! Retries: which failures get another try, after which pause, and how often.

use crate::world::*;
use domain::{AttentionKind, Choice, Duty, FailureClass, Moment, RunEvent, next_wake};

const RETRIED: [FailureClass; 6] = [
    FailureClass::Transient,
    FailureClass::Output,
    FailureClass::Gate,
    FailureClass::Timeout,
    FailureClass::Silence,
    FailureClass::NoSpace,
];

/// The pause that the last failure led to.
fn pause_ms(world: &World) -> u64 {
    match world.history.last() {
        Some(RunEvent::RetryScheduled { not_before, .. }) => not_before.ms_since(NOW),
        other => panic!("no retry was scheduled: {other:?}"),
    }
}

fn failing(world: World) -> World {
    world.ended("scan", badly(FailureClass::Transient))
}

#[test]
fn a_failed_task_is_tried_again_after_the_pause() {
    for class in RETRIED {
        let mut world = run_of([agent("scan").tries(1).pauses(1, 1)]).working(&["scan"]);

        let events = world.take_at(ends(task("scan", 1), badly(class)), at_ms(100));

        // A quarter of one millisecond leaves nothing to chance.
        assert_eq!(
            events,
            Ok(vec![
                task_ended(task("scan", 1), badly(class)),
                RunEvent::RetryScheduled {
                    key: key("scan"),
                    failures: 1,
                    not_before: at_ms(101),
                },
            ]),
            "{class:?}"
        );
        assert_eq!(world.duties(), [begins_at("scan", at_ms(101))]);
        assert_eq!(next_wake(&world.run, at_ms(100)), Some(at_ms(101)));
        assert_eq!(next_wake(&world.run, at_ms(101)), None);
    }
}

#[test]
fn pauses_double_up_to_the_cap_and_vary_by_a_quarter_at_most() {
    let mut world = run_of([agent("scan").tries(80).pauses(1_000, 6_000)]);
    for pause in [1_000, 2_000, 4_000, 6_000, 6_000].into_iter().chain([6_000; 70]) {
        world = failing(world);
        let actual = pause_ms(&world);
        assert!(
            (pause..=pause + pause / 4).contains(&actual),
            "{actual} instead of {pause}"
        );
    }
}

#[test]
fn a_pause_varies_with_the_task_and_with_nothing_else() {
    let pauses = || -> Vec<u64> {
        let world = run_of([agent("scan").each("size.angles").pauses(1_000_000, 1_000_000)]);
        ["scan[0]", "scan[1]"]
            .map(|step| pause_ms(&world.clone().ended(step, badly(FailureClass::Transient))))
            .to_vec()
    };

    let first = pauses();
    assert_ne!(first[0], first[1], "two tasks come back apart");
    assert_eq!(first, pauses(), "the same history gives the same pause");
}

#[test]
fn a_pause_without_bounds_ends_at_the_end_of_time() {
    let world = failing(run_of([agent("scan").pauses(u64::MAX, u64::MAX)]));

    assert_eq!(world.duties(), [begins_at("scan", Moment::from_ms(u64::MAX))]);
}

#[test]
fn exactly_so_many_tries_follow_the_first() {
    for max in [0, 1, 3] {
        let mut world = run_of([agent("scan").tries(max).pauses(0, 0)]);
        for _ in 0..max {
            world = failing(world);
            assert_eq!(world.duties(), [begins_at("scan", NOW)]);
        }
        world = world.working(&["scan"]);
        let last = task("scan", max + 1);

        let events = world.take(ends(last, badly(FailureClass::Transient)));

        assert_eq!(
            events,
            Ok(vec![
                task_ended(last, badly(FailureClass::Transient)),
                step_failed("scan", BROKE),
            ]),
            "{max}"
        );
        assert_eq!(world.duties(), [Duty::Report]);
    }
}

#[test]
fn f_57_a_full_disk_is_put_to_a_person_once_no_try_is_left() {
    let full = || badly(FailureClass::NoSpace);
    let mut world = run_of([agent("scan").tries(1).pauses(0, 0), agent("b").after(&["scan"])])
        .ended("scan", full())
        .working(&["scan"]);

    let events = world.take(ends(task("scan", 2), full()));

    let title = "step `scan` has no space left";
    let body =
        format!("{BROKE}\n\nMake room on that disk, then answer `retry`: step `scan` goes on from there.");
    assert_eq!(
        events,
        Ok(vec![
            task_ended(task("scan", 2), full()),
            asked(1, AttentionKind::Failure, "scan", title, &body),
        ])
    );
    assert_eq!(
        world.duties(),
        [],
        "it waits for a person, and so does what needs it"
    );

    let world = world.and(answer(1, Choice::Retry));
    assert_eq!(world.duties(), [begins("scan")]);
    let world = world.done(&["scan", "b"]);
    assert_eq!(world.duties(), [Duty::Report]);
}

#[test]
fn what_another_try_cannot_change_fails_the_step_at_once() {
    for class in [FailureClass::Permanent, FailureClass::AccessViolated] {
        let mut world = run_of([agent("scan").tries(5)]).working(&["scan"]);

        assert_eq!(
            world.take(ends(task("scan", 1), badly(class))),
            Ok(vec![
                task_ended(task("scan", 1), badly(class)),
                step_failed("scan", BROKE),
            ]),
            "{class:?}"
        );
    }
}

#[test]
fn what_only_a_person_can_mend_is_put_to_a_person_at_once() {
    for (class, title) in [
        (
            FailureClass::Authentication,
            "the agent of step `scan` is not logged in",
        ),
        (FailureClass::Missing, "the agent of step `scan` cannot be used"),
    ] {
        let mut world = run_of([agent("scan").by(&["claude", "codex"]).tries(5)]).working(&["scan"]);

        assert_eq!(
            world.take(ends(task("scan", 1), badly(class))),
            Ok(vec![
                task_ended(task("scan", 1), badly(class)),
                asked(1, AttentionKind::Failure, "scan", title, BROKE),
            ]),
            "{class:?}"
        );
        assert_eq!(world.duties(), []);
    }
}

#[test]
fn interruptions_and_limits_between_failures_spend_no_try() {
    let world = failing(run_of([agent("scan").tries(1).pauses(0, 0)]))
        .ended("scan", interrupted())
        .ended("scan", parked(None))
        .ended("scan", interrupted());
    assert_eq!(world.duties(), [begins("scan")]);

    let world = failing(world);
    assert_eq!(world.history.last(), Some(&step_failed("scan", BROKE)));
}

#[test]
fn the_next_try_is_told_what_went_wrong() {
    let world = failing(run_of([agent("scan")]));

    let step = world.run.step(&key("scan")).expect("a step");
    assert_eq!(step.before.as_deref(), Some(BROKE));
}
