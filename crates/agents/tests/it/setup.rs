//! A fresh working copy is set up before a task writes in it: once, in the sandbox, without the task's home.

use crate::common::*;
use domain::{Ending, FailureClass, Network};
use engine::ports::{EntryKind, Setup, WorkOrder};

fn setup(command: &str) -> Option<Setup> {
    Some(Setup {
        command: command.to_owned(),
        timeout_ms: 40_000,
        network: Network::None,
    })
}

fn order(world: &World, command: &str, script: &str) -> WorkOrder {
    WorkOrder {
        setup: setup(command),
        ..world.command(script)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_working_copy_is_set_up_once_before_its_task_and_again_when_it_was_made_again() {
    for (mode, config) in MODES {
        let world = World::new(config).await;
        let order = order(&world, "echo it-was-set-up; echo x >> made", "cat made");
        assert_eq!(said(&world.run(order.clone()).await), "x", "{mode}");
        let shown = world.kept.raw();
        assert!(shown.starts_with("it-was-set-up\n"), "{mode}: {shown}");
        let notes = world.kept.all();
        let is_noted =
            |entry: &EntryKind| matches!(entry, EntryKind::Notice(text) if text.contains("set up"));
        assert!(notes.iter().any(is_noted), "{mode}: {notes:?}");
        // A later attempt finds it as it was left.
        assert_eq!(said(&world.run(order.clone()).await), "x", "{mode}");
        std::fs::remove_dir_all(world.place()).unwrap();
        std::fs::create_dir(world.place()).unwrap();
        assert_eq!(said(&world.run(order.clone()).await), "x", "{mode}");
        let other = WorkOrder {
            setup: setup("echo y >> made"),
            ..order
        };
        assert_eq!(said(&world.run(other).await), "x\ny", "{mode}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setup_that_fails_is_the_end_of_the_task_and_is_tried_again_by_the_next() {
    let world = World::new(BWRAP).await;
    let order = order(
        &world,
        "echo no such package >&2; mkdir begun || exit 0; exit 3",
        "echo worked",
    );
    let end = world.run(order.clone()).await;
    let Ending::Failed { class, reason } = end.ending else {
        panic!("{end:?}");
    };
    assert_eq!(class, FailureClass::Permanent);
    assert_eq!(
        reason,
        "the setup of its working copy failed: exit code 3: no such package"
    );
    assert!(!world.kept.raw().contains("worked"));
    assert_eq!(said(&world.run(order).await), "worked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setup_that_takes_too_long_is_ended() {
    let world = World::new(BWRAP).await;
    let token = token();
    let mut order = order(&world, &format!("sleep {token}"), "echo worked");
    order.setup.as_mut().unwrap().timeout_ms = 1_000;
    let end = world.run(order).await;
    assert_eq!(
        end.ending,
        Ending::Failed {
            class: FailureClass::Timeout,
            reason: "the setup of its working copy was not done after 1 s".to_owned()
        }
    );
    assert_eq!(alive(&token), Vec::<u32>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setup_sees_no_login_writes_nowhere_else_and_reaches_what_it_was_allowed() {
    const AGENT: &str = "[agents.known]\ndialect = 'command'\nprogram = '/bin/sh'\n[agents.known.login]\n\
                         files = [{ path = '.k/key.json' }]\n";
    for (mode, config) in MODES {
        let world = World::new(&format!("{config}{AGENT}")).await;
        let account = world.ground.path().join("home/accounts/known/default/.k");
        std::fs::create_dir_all(&account).unwrap();
        std::fs::write(account.join("key.json"), "{\"secret\":1}").unwrap();
        let ground = world.ground.path().display();
        let look = format!(
            "find $HOME > seen; echo own > $HOME/own; for kept in {ground}/home/homes/*/*/known/home/.k/key.json; do \
             cat $kept >> seen; done; touch {ground}/outside; grep -c : /proc/net/dev >> seen; true"
        );
        let mut order = order(&world, &look, "cat ~/.k/key.json");
        order.agent = "known".into();
        assert_eq!(said(&world.run(order).await), "{\"secret\":1}", "{mode}");
        let seen = std::fs::read_to_string(world.place().join("seen")).unwrap();
        assert!(
            !seen.contains("secret") && !seen.contains("key.json"),
            "{mode}: {seen}"
        );
        assert!(!world.ground.path().join("outside").exists(), "{mode}");
        if mode == "bwrap" {
            assert!(
                seen.ends_with("\n1\n"),
                "its own loopback and nothing else: {seen}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_sandbox_nothing_is_set_up() {
    let world = World::new(NOTHING).await;
    let refused = world.refusal(order(&world, "touch ran", "true")).await;
    assert!(
        refused.to_string().contains("runs in a sandbox only"),
        "{refused}"
    );
    assert!(!world.place().join("ran").exists());
}
