//! Nothing survives its task, whatever it does, and nobody else is hurt.

use crate::common::*;
use domain::{Ending, ProcessIdentity};
use engine::ports::Agents;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Leaves a plain child, one in its own session, one twice forked, and one that ignores the request to end.
fn brood(token: &str) -> String {
    format!(
        "sleep {token} & setsid sleep {token} & (setsid sh -c 'sleep {token} & exit' &)
         sh -c 'trap \"\" TERM; sleep {token}; sleep {token}' &
         until [ $(grep -lasP '^sleep\\x00{token}' /proc/[0-9]*/cmdline | wc -l) -ge 4 ]; do :; done; echo brooded\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn f_31_what_a_task_leaves_behind_is_gone_with_it() {
    for (mode, config) in MODES {
        let world = World::new(config).await;
        let token = token();
        let end = world.run(world.command(&brood(&token))).await;
        assert_eq!(said(&end), "brooded", "{mode}");
        assert_eq!(alive(&token), [0_u32; 0], "{mode}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f_32_a_task_that_ignores_the_request_to_end_is_killed() {
    for (mode, config) in MODES {
        let world = World::new(&format!("{config}[agents.command]\nend = {{ grace_ms = 200 }}\n")).await;
        let token = token();
        let script = format!("trap '' TERM; echo ready; sleep {token}; sleep {token}; sleep {token}");
        let begun = world.fleet.begin(world.command(&script)).await.unwrap();
        let kept = world.kept.clone();
        let stop = Box::pin(async move {
            tokio::task::spawn_blocking(move || kept.wait_for("ready"))
                .await
                .unwrap();
        });
        let started = Instant::now();
        let end = within(begun.running.finish(stop)).await;
        assert_eq!(end.ending, Ending::Cancelled, "{mode}");
        assert_eq!(alive(&token), [0_u32; 0], "{mode}");
        assert!(started.elapsed() < Duration::from_secs(20), "{mode}");
    }
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
    let world = World::new(NOTHING).await;
    let order = world.command("");
    let mut stranger = Command::new("sleep").arg(token()).spawn().unwrap();
    let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .unwrap()
        .trim()
        .to_owned();
    let pid = stranger.id();
    for (start_ticks, boot_id) in [(1, boot_id), (1, "another boot".to_owned())] {
        let process = ProcessIdentity {
            pid,
            start_ticks,
            boot_id,
        };
        within(world.fleet.end_leftover(order.task, Some(process))).await;
    }
    assert_eq!(stranger.try_wait().unwrap(), None);
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn f_23_what_is_left_of_an_earlier_life_is_found_by_its_mark() {
    let world = World::new(NOTHING).await;
    let order = world.command("");
    let token = token();
    let mut left = Command::new("setsid")
        .args(["sh", "-c", &format!("sleep {token} & sleep {token}")])
        .env("PARTITA_TASK", order.task.to_string())
        .spawn()
        .unwrap();
    within(world.fleet.end_leftover(order.task, None)).await;
    left.wait().unwrap();
    assert_eq!(alive(&token), [0_u32; 0]);
}

const STAND_IN: &str = "PARTITA_TEST_STAND_IN";

/// A daemon to be killed: runs only when another test starts this program for it.
#[test]
fn daemon_stand_in() {
    let Ok(asked) = std::env::var(STAND_IN) else {
        return;
    };
    let (mode, token) = asked.split_once(' ').unwrap();
    let config = MODES.iter().find(|(name, _)| *name == mode).unwrap().1;
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let world = World::new(config).await;
        let scripts =
            (0..3).map(|task| format!("{}echo again; sleep {token}", brood(&format!("{token}{task}"))));
        let tasks = scripts.map(|script| world.command(&script));
        let mut running = Vec::new();
        for task in tasks {
            let begun = world.fleet.begin(task).await.unwrap();
            running.push(tokio::spawn(
                begun.running.finish(Box::pin(std::future::pending())),
            ));
        }
        let kept = world.kept.clone();
        tokio::task::spawn_blocking(move || kept.wait_for_times("again", 3))
            .await
            .unwrap();
        println!("ALL-BROODED {}", world.ground.path().display());
        std::future::pending::<()>().await;
    });
}

#[test]
fn f_30_a_killed_daemon_takes_every_task_along() {
    for (mode, _) in MODES {
        for _ in 0..3 {
            let token = token();
            let mut daemon = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "containment::daemon_stand_in", "--nocapture"])
                .env(STAND_IN, format!("{mode} {token}"))
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let lines = BufReader::new(daemon.stdout.take().unwrap()).lines();
            let ready = lines.map_while(Result::ok).find_map(|line| {
                line.split_once("ALL-BROODED ")
                    .map(|(_, ground)| ground.to_owned())
            });
            // The shell says that it began them, not that they are there.
            let deadline = Instant::now() + PATIENCE;
            let mut living = alive(&token);
            while living.len() < 12 && Instant::now() < deadline {
                std::thread::yield_now();
                living = alive(&token);
            }
            daemon.kill().unwrap();
            daemon.wait().unwrap();
            let ground = ready.expect("the daemon's tasks are under way");
            let killed = Instant::now();
            assert!(living.len() >= 12, "{mode}: {living:?}");
            assert_eq!(left_after(&living, Duration::from_secs(2)), [0_u32; 0], "{mode}");
            println!("{mode}: {} gone in {:?}", living.len(), killed.elapsed());
            assert_eq!(alive(&token), [0_u32; 0], "{mode}");
            std::fs::remove_dir_all(ground).unwrap();
        }
    }
}
