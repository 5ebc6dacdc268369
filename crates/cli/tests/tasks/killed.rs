//! The whole daemon is killed with five agents under it, each with a tree of its own.

use crate::world::*;
use cases::Case;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

const TASKS: usize = 5;
/// A plain child, one in a session of its own, one twice forked, one deaf to the request to end.
const CHILDREN: usize = 4;

/// Each reader leaves a tree behind and hangs. What its children live for is what they are found by.
fn script(token: u64) -> String {
    let fork = |how: &str| format!("{{ fork = {{ seconds = {token}{how} }} }}");
    let forks = [
        "",
        ", setsid = true",
        ", setsid = true, double = true",
        ", ignore_term = true",
    ]
    .map(fork);
    format!("do = [{}, {{ hang = true }}]\n", forks.join(", "))
}

fn kill_with_trees(world: &World, mode: &str, rounds: u64) {
    let mut case = Case::open("F-30");
    let mut slowest = Duration::ZERO;
    let mut last: Option<String> = None;
    for round in 0..rounds {
        if let Some(run) = last.take() {
            // Its tasks began again with the next daemon; this round has its own.
            world.run(&["run", "cancel", &run]).ok();
            world.end_of(&run);
        }
        let token = 1_000_000_000 + u64::from(std::process::id()) * 1_000 + round;
        world.script(&script(token));
        let run = world.begin("readers");
        let children = || holding("cmdline", &format!("--child\0{token}")).len();
        await_that(|| children() == TASKS * CHILDREN, "every tree has grown");
        let shown = world.show(&run);
        let ids = shown["tasks"].as_array().unwrap().iter();
        let marks: BTreeSet<String> = ids
            .map(|task| format!("PARTITA_TASK={}", task["id"].as_str().unwrap()))
            .collect();
        assert_eq!(marks.len(), TASKS);
        let all: Vec<u32> = marks.iter().flat_map(|mark| holding("environ", mark)).collect();
        assert!(all.len() >= TASKS * (CHILDREN + 2), "{mode}: {all:?}");
        case.tried();
        world.kill_daemon();
        let killed = Instant::now();
        // A number is given to others only long after.
        let left = || all.iter().filter(|pid| is_alive(**pid)).count();
        // Two seconds are promised; a busy machine takes its time.
        while left() > 0 && killed.elapsed() < Duration::from_secs(10) {
            std::thread::yield_now();
        }
        slowest = slowest.max(killed.elapsed());
        let seen: Vec<u32> = marks.iter().flat_map(|mark| holding("environ", mark)).collect();
        let strays = holding("cmdline", &format!("--child\0{token}"));
        let is_clean = left() == 0 && seen.is_empty() && strays.is_empty();
        for pid in all.iter().chain(&seen).chain(&strays).filter(|_| !is_clean) {
            signal(*pid, rustix::process::Signal::KILL);
        }
        assert!(is_clean, "{mode}: {seen:?} {strays:?} outlived the daemon");
        case.hit();
        last = Some(run);
    }
    println!("{mode}: {rounds} kills, {TASKS} tasks each; all gone after {slowest:?} at most");
    case.pass(rounds);
}

#[test]
fn f_30_in_a_sandbox_of_bubblewrap_nothing_outlives_the_daemon() {
    let (mode, sandbox) = MODES[0];
    kill_with_trees(&World::new(sandbox), mode, sized(20, 100));
}

#[test]
fn f_30_in_a_namespace_of_bubblewrap_nothing_outlives_the_daemon() {
    let (mode, sandbox) = MODES[1];
    kill_with_trees(&World::new(sandbox), mode, sized(3, 100));
}

#[test]
fn f_30_under_the_shim_alone_nothing_outlives_the_daemon() {
    let (mode, sandbox) = MODES[2];
    kill_with_trees(&World::new(sandbox), mode, sized(20, 100));
}

#[test]
fn f_30_of_an_ordinary_user_nothing_outlives_the_daemon() {
    for (mode, sandbox) in MODES {
        let Some(world) = World::of_nobody(sandbox) else {
            eprintln!("skipped: becoming another user needs root");
            return;
        };
        kill_with_trees(&world, &format!("{mode}, as nobody"), sized(3, 20));
    }
}
