//! Ids that are made here are hashes of what they name: a crash between deciding and doing mints no second one.

use crate::world::*;
use domain::{AttentionId, ChatId, RunEvent, RunId, StepKey, TaskId};
use std::collections::BTreeSet;

#[test]
fn the_same_run_driven_twice_has_the_same_history() {
    let history = || {
        run_of([agent("scan").each("size.angles"), approval("ok").after(&["scan"])])
            .ended("scan[1]", interrupted())
            .ended("scan[0]", badly(domain::FailureClass::Transient))
            .done(&["scan[0]", "scan[1]"])
            .history
    };

    assert_eq!(history(), history());
}

#[test]
fn what_is_decided_again_after_a_crash_is_the_same_task() {
    let before = run_of([agent("scan")]);
    let (mut first, mut second) = (before.clone(), before);

    assert_eq!(first.take(admit("scan")), second.take(admit("scan")));
}

#[test]
fn every_task_of_every_instance_of_every_run_has_its_own_id() {
    let keys = ["a", "a[0]", "a[1]", "b"].map(key);
    let mut tasks = BTreeSet::new();
    let mut chats = BTreeSet::new();
    let mut questions = BTreeSet::new();
    for run in [1, 2].map(RunId::from_bits) {
        for step in &keys {
            chats.insert(step.chat(run));
            tasks.extend([1, 2, 3].map(|serial| TaskId::of(run, step, serial)));
        }
        questions.extend([1, 2, 3].map(|serial| AttentionId::of(run, serial)));
    }

    assert_eq!((tasks.len(), chats.len(), questions.len()), (24, 8, 6));
}

#[test]
fn all_tasks_of_an_instance_speak_in_its_one_stream() {
    let world = run_of([agent("scan").gated()]).done(&["scan"]).working(&["scan"]);

    let chats = world.history.iter().filter_map(|event| match event {
        RunEvent::TaskOrdered(order) => Some(order.chat),
        _ => None,
    });
    let chat = StepKey::only("scan").chat(RUN);
    assert_eq!(chats.collect::<Vec<ChatId>>(), [chat, chat]);
}
