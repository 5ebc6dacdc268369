//! Usage limits as a run sees them: it waits for the reset or goes on with the next agent, and spends no try.

use crate::world::*;
use domain::{Name, Role, RunEvent, StepState, next_wake};

#[test]
fn a_parked_step_waits_for_the_reset_and_spends_no_try() {
    let mut world = run_of([agent("scan").tries(0)]).working(&["scan"]);
    let reset = NOW.plus_ms(3_600_000);

    let events = world.take(ends(task("scan", 1), parked(Some(reset))));

    assert_eq!(events, Ok(vec![task_ended(task("scan", 1), parked(Some(reset)))]));
    assert_eq!(
        *world.state("scan"),
        StepState::Pending {
            not_before: Some(reset),
            parked: Some(Name::from("hand/default")),
        }
    );
    assert_eq!(world.duties(), [begins_at("scan", reset)]);
    assert_eq!(next_wake(&world.run, NOW), Some(reset));
}

#[test]
fn a_parked_step_without_a_known_reset_is_left_to_the_boards_guess() {
    let world = run_of([agent("scan")]).ended("scan", parked(None));

    assert_eq!(world.duties(), [begins("scan")]);
    assert_eq!(next_wake(&world.run, NOW), None);
}

#[test]
fn the_next_agent_of_the_step_takes_over_at_once() {
    let mut world = run_of([agent("scan").by(&["claude", "codex"])]).working(&["scan"]);
    let ending = parked(Some(NOW.plus_ms(1)));

    let events = world.take(ends(task("scan", 1), ending.clone()));

    assert_eq!(
        events,
        Ok(vec![
            task_ended(task("scan", 1), ending),
            RunEvent::AgentChanged {
                key: key("scan"),
                agent: Name::from("codex"),
            },
        ])
    );
    assert_eq!(world.duties(), [begins_as("scan", Role::Work, "codex", None)]);
}

#[test]
fn the_last_agent_of_the_step_waits() {
    let reset = Some(NOW.plus_ms(1));
    let world = run_of([agent("scan").by(&["claude", "codex"])])
        .ended("scan", parked(None))
        .ended("scan", parked(reset));

    assert_eq!(world.duties(), [begins_as("scan", Role::Work, "codex", reset)]);
}

#[test]
fn one_instance_changes_its_agent_and_the_others_keep_theirs() {
    let world =
        run_of([agent("scan").each("size.angles").by(&["claude", "codex"])]).ended("scan[1]", parked(None));

    assert_eq!(
        world.duties(),
        [
            begins_as("scan[0]", Role::Work, "claude", None),
            begins_as("scan[1]", Role::Work, "codex", None),
        ]
    );
}

#[test]
fn the_first_moment_ahead_is_the_one_to_be_woken_at() {
    let world = run_of([agent("a"), agent("b"), agent("c")])
        .ended("a", parked(Some(at_ms(300))))
        .ended("b", parked(Some(at_ms(200))))
        .ended("c", parked(Some(at_ms(100))));

    assert_eq!(next_wake(&world.run, at_ms(0)), Some(at_ms(100)));
    assert_eq!(next_wake(&world.run, at_ms(100)), Some(at_ms(200)));
    assert_eq!(next_wake(&world.run, at_ms(299)), Some(at_ms(300)));
    assert_eq!(next_wake(&world.run, at_ms(300)), None);
}

#[test]
fn a_paused_or_ended_run_is_not_woken() {
    let parked_until = |moment| run_of([agent("scan")]).ended("scan", parked(Some(moment)));
    let at = at_ms(500);

    assert_eq!(next_wake(&parked_until(at).and(pause()).run, at_ms(0)), None);
    assert_eq!(next_wake(&parked_until(at).and(cancel()).run, at_ms(0)), None);
    let resumed = parked_until(at).and(pause()).and(resume());
    assert_eq!(next_wake(&resumed.run, at_ms(0)), Some(at));
}
