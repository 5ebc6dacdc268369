//! Nothing survives its task, whatever it does, and nobody else is hurt.

use crate::common::*;
use cases::Case;
use domain::{Ending, ProcessIdentity};
use engine::ports::Agents;
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Leaves ten children: seven plain ones, two in sessions of their own, one that ignores the request to end.
fn ten(token: &str) -> String {
    format!(
        "for child in 1 2 3 4 5 6 7; do sleep {token} & done
         setsid sleep {token} & setsid sleep {token} &
         (trap '' TERM; exec sleep {token}) &
         until [ -e go ]; do sleep 0.02; done; echo left\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn f_31_what_a_task_leaves_behind_is_gone_with_it() {
    let mut case = Case::open("F-31");
    for (mode, config) in ALL_MODES {
        let world = World::new(config).await;
        let token = Token::new();
        let begun = world.fleet.begin(world.command(&ten(&token))).await.unwrap();
        let running = tokio::spawn(begun.running.finish(Box::pin(std::future::pending())));
        until(|| sleepers(&token).len() == 10);
        let children = sleepers(&token);
        case.tried_times(10);
        std::fs::write(world.place().join("go"), "").unwrap();
        let end = within(running).await.unwrap();
        assert_eq!(said(&end), "left", "{mode}");
        case.hit_times(10);
        let ended = Instant::now();
        let left = left_after(&children, Duration::from_secs(7));
        println!(
            "{mode}: {} children gone after {:?}",
            children.len(),
            ended.elapsed()
        );
        assert_eq!(left, [0_u32; 0], "{mode}");
        // Not even as a corpse that nobody took note of.
        let corpses = |pid: &&u32| std::fs::exists(format!("/proc/{pid}")).unwrap();
        assert_eq!(children.iter().filter(corpses).count(), 0, "{mode}");
        assert_eq!(alive(&token), [0_u32; 0], "{mode}");
    }
    case.pass(30);
}

/// The guard cannot say any more that nothing is left: it is looked for.
#[tokio::test(flavor = "multi_thread")]
async fn f_31_a_task_whose_guard_is_killed_leaves_nothing_behind() {
    let mut case = Case::open("F-31");
    for (mode, config) in ALL_MODES {
        let world = World::new(config).await;
        let token = Token::new();
        let begun = world.fleet.begin(world.command(&ten(&token))).await.unwrap();
        let guard = rustix::process::Pid::from_raw(begun.process.pid.cast_signed()).unwrap();
        let running = tokio::spawn(begun.running.finish(Box::pin(std::future::pending())));
        until(|| sleepers(&token).len() == 10);
        case.tried();
        rustix::process::kill_process(guard, rustix::process::Signal::KILL).unwrap();
        let end = within(running).await.unwrap();
        assert!(!matches!(end.ending, Ending::Completed { .. }), "{mode}: {end:?}");
        // A namespace that lost its parent goes by itself, and at once.
        assert_eq!(
            left_after(&sleepers(&token), Duration::from_secs(2)),
            [0_u32; 0],
            "{mode}"
        );
        assert_eq!(alive(&token), [0_u32; 0], "{mode}");
        case.hit();
    }
    case.pass(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn f_32_a_task_that_ignores_the_request_to_end_is_killed() {
    const GRACE: Duration = Duration::from_millis(1_500);
    /// A second is what is promised; a busy machine takes its time.
    const BUSY: Duration = Duration::from_secs(10);
    let mut case = Case::open("F-32");
    for (mode, config) in ALL_MODES {
        let grace_ms = GRACE.as_millis();
        let world = World::new(&format!(
            "{config}[agents.command]\nend = {{ grace_ms = {grace_ms} }}\n"
        ))
        .await;
        let token = Token::new();
        let script =
            format!("trap 'echo asked' TERM; echo ready; while :; do sleep {token} & wait; echo again; done");
        let begun = world.fleet.begin(world.command(&script)).await.unwrap();
        let kept = world.kept.clone();
        let asked = Arc::new(OnceLock::new());
        let at = Arc::clone(&asked);
        let stop = Box::pin(async move {
            tokio::task::spawn_blocking(move || kept.wait_for("ready"))
                .await
                .unwrap();
            at.set(Instant::now()).unwrap();
        });
        case.tried();
        let end = within(begun.running.finish(stop)).await;
        let took = asked.get().unwrap().elapsed();
        // It heard the request, and went on.
        assert!(
            world.kept.raw().contains("asked"),
            "{mode}: {:?}",
            world.kept.all()
        );
        case.hit();
        println!("{mode}: dead {took:?} after it was asked to end");
        assert_eq!(end.ending, Ending::Cancelled, "{mode}");
        assert_eq!(alive(&token), [0_u32; 0], "{mode}");
        assert!(took >= GRACE && took < GRACE + BUSY, "{mode}: {took:?}");
    }
    case.pass(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_polite_task_gets_to_say_goodbye() {
    for (mode, config) in MODES {
        let world = World::new(config).await;
        let script = "trap 'echo goodbye; exit 0' TERM; echo ready; while :; do sleep 0.05; done";
        let begun = world.fleet.begin(world.command(script)).await.unwrap();
        let kept = world.kept.clone();
        let stop = Box::pin(async move {
            tokio::task::spawn_blocking(move || kept.wait_for("ready"))
                .await
                .unwrap();
        });
        let end = within(begun.running.finish(stop)).await;
        assert_eq!(end.ending, Ending::Cancelled, "{mode}");
        assert!(
            world.kept.raw().contains("goodbye"),
            "{mode}: {:?}",
            world.kept.all()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_is_never_released_does_nothing_and_goes() {
    let world = World::new(BWRAP).await;
    let begun = world.fleet.begin(world.command("echo x > began")).await.unwrap();
    let pid = begun.process.pid;
    drop(begun);
    assert_eq!(left_after(&[pid], PATIENCE), [0_u32; 0]);
    assert!(!world.place().join("began").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn f_23_a_stranger_with_the_same_number_is_left_alone() {
    let mut case = Case::open("F-23");
    let world = World::new(NOTHING).await;
    let order = world.command("");
    let mut stranger = Command::new("sleep").arg(token()).spawn().unwrap();
    let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .unwrap()
        .trim()
        .to_owned();
    let pid = stranger.id();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let its_own = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .nth(19)
        .unwrap();
    for (start_ticks, boot_id) in [
        (1, boot_id),
        (its_own.parse().unwrap(), "another boot".to_owned()),
    ] {
        let process = ProcessIdentity {
            pid,
            start_ticks,
            boot_id,
        };
        case.tried();
        within(world.fleet.end_leftover(order.task, Some(process))).await;
        case.hit();
    }
    assert_eq!(stranger.try_wait().unwrap(), None);
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    case.pass(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn f_23_what_is_left_of_an_earlier_life_is_found_by_its_mark() {
    let mut case = Case::open("F-23");
    let world = World::new(NOTHING).await;
    let order = world.command("");
    let token = Token::new();
    let mut left = Command::new("setsid")
        .args(["sh", "-c", &format!("sleep {token} & sleep {token}")])
        .env("PARTITA_TASK", order.task.to_string())
        .spawn()
        .unwrap();
    until(|| sleepers(&token).len() == 2);
    case.tried();
    within(world.fleet.end_leftover(order.task, None)).await;
    assert_eq!(sleepers(&token), [0_u32; 0]);
    left.wait().unwrap();
    assert_eq!(alive(&token), [0_u32; 0]);
    case.hit();
    case.pass(1);
}
