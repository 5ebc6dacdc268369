//! Two who want the same home: fifty starts at once, and what a dead owner leaves behind.

use crate::world::{World, await_that, is_alive, sized};
use cases::Case;
use std::process::Stdio;
use std::time::{Duration, Instant};

#[test]
fn f_20_of_fifty_starts_at_once_one_daemon_lives() {
    let mut case = Case::open("F-20");
    for _ in 0..sized(2, 20) {
        let world = World::new(4);
        let start = |_| {
            let mut command = world.command(&["start"]);
            command
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        };
        let children: Vec<_> = (0..50).map(start).collect();
        let ends: Vec<_> = children
            .into_iter()
            .map(|child| child.wait_with_output().unwrap())
            .collect();
        let lives = ends.iter().filter(|end| end.status.success()).count();
        assert_eq!(lives, 1, "{ends:#?}");
        let holder = std::fs::read_to_string(world.home().join("orchestrator.pid")).unwrap();
        let holder = holder.trim();
        for end in ends.iter().filter(|end| !end.status.success()) {
            case.tried();
            let said = String::from_utf8_lossy(&end.stderr);
            assert_eq!(end.status.code(), Some(3), "{said}");
            let is_named = said.contains(&format!("process {holder} holds"))
                || said.contains("a process that is just starting holds");
            assert!(is_named, "{said}");
            case.hit();
        }
        let status = world.wait(world.client().status()).unwrap();
        assert_eq!(status.pid.to_string(), holder);
        assert!(world.command(&["stop"]).output().unwrap().status.success());
        await_that(|| !is_alive(status.pid), "the daemon is gone");
    }
    case.pass(98);
}

/// A killed daemon leaves its number and its socket. The lock decides, whoever has the number by now.
#[test]
fn f_21_a_stale_pid_file_and_socket_are_no_obstacle() {
    let mut case = Case::open("F-21");
    let world = World::new(4);
    let mut slowest = Duration::ZERO;
    for round in 0..sized(10, 200) {
        case.tried();
        let mut daemon = world.start_well();
        daemon.kill();
        let pid_file = world.home().join("orchestrator.pid");
        assert!(pid_file.exists() && world.socket().exists(), "the kill left both");
        if round % 2 == 0 {
            // The number of somebody who lives, and is not a daemon.
            std::fs::write(&pid_file, format!("{}\n", std::process::id())).unwrap();
        }
        let began = Instant::now();
        let mut next = world.start_well();
        slowest = slowest.max(began.elapsed());
        let status = world.wait(world.client().status()).unwrap();
        assert_eq!(status.pid, next.pid());
        case.hit();
        next.kill();
    }
    println!("ready again after {slowest:?} at most");
    assert!(slowest < Duration::from_secs(10), "{slowest:?}");
    case.pass(10);
}
