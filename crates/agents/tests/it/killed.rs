//! The daemon is killed with trees of processes under it: nothing of them survives, in any containment, whatever they
//! did to get away.

use crate::common::*;
use cases::Case;
use domain::TaskId;
use engine::ports::Agents;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const STAND_IN: &str = "PARTITA_TEST_STAND_IN";
const TASKS: usize = 5;
/// Two seconds are promised; a busy machine takes its time.
const GONE_WITHIN: Duration = Duration::from_secs(10);
/// The agent itself, a plain child, one in its own session, one twice forked, one that ignores the request to end.
const SLEEPERS_OF_A_TASK: usize = 5;

fn tree(token: &str) -> String {
    format!(
        "sleep {token} & setsid sleep {token} & (setsid sh -c 'sleep {token} & exit' &)
         sh -c 'trap \"\" TERM; sleep {token}; sleep {token}' &
         exec sleep {token}7\n"
    )
}

/// A daemon to be killed: runs only when another test starts this program for it.
#[test]
fn daemon_stand_in() {
    let Ok(asked) = std::env::var(STAND_IN) else {
        return;
    };
    let (mode, token) = asked.split_once(' ').unwrap();
    let config = ALL_MODES.iter().find(|(name, _)| *name == mode).unwrap().1;
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let world = World::new(config).await;
        let mut running = Vec::new();
        for _ in 0..TASKS {
            let order = world.command(&tree(token));
            println!("TASK {}", order.task);
            let begun = world.fleet.begin(order).await.unwrap();
            running.push(tokio::spawn(
                begun.running.finish(Box::pin(std::future::pending())),
            ));
        }
        println!("BEGUN {}", world.ground.path().display());
        std::future::pending::<()>().await;
    });
}

/// A daemon whose tasks are all under way.
struct StandIn {
    process: Child,
    ground: String,
    tasks: Vec<String>,
    sleepers: Vec<u32>,
    /// Those of them that are the agents themselves.
    agents: Vec<u32>,
}

impl StandIn {
    fn start(mode: &str, token: &str) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "killed::daemon_stand_in", "--nocapture"])
            .env(STAND_IN, format!("{mode} {token}"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut tasks = Vec::new();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let ground = lines.find_map(|line| {
            let line = line.unwrap();
            // The test's own name stands before the first line.
            tasks.extend(line.split_once("TASK ").map(|(_, task)| task.to_owned()));
            line.split_once("BEGUN ").map(|(_, ground)| ground.to_owned())
        });
        let ground = ground.expect("the daemon's tasks are under way");
        until(|| sleepers(token).len() == TASKS * SLEEPERS_OF_A_TASK);
        Self {
            process,
            ground,
            tasks,
            sleepers: sleepers(token),
            agents: sleepers(&format!("{token}7")),
        }
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    fn guards(&self) -> Vec<u32> {
        let of = |thread: std::fs::DirEntry| std::fs::read_to_string(thread.path().join("children"));
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.process.id())).unwrap();
        let children: String = threads.flatten().filter_map(|thread| of(thread).ok()).collect();
        children
            .split_whitespace()
            .map(|pid| pid.parse().unwrap())
            .collect()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _waited = self.process.wait();
        let _removed = std::fs::remove_dir_all(&self.ground);
    }
}

#[test]
fn f_30_a_killed_daemon_takes_every_task_along() {
    let mut case = Case::open("F-30");
    for (mode, _) in ALL_MODES {
        let mut slowest = Duration::ZERO;
        for _ in 0..rounds(20, 100) {
            let token = Token::new();
            let mut daemon = StandIn::start(mode, &token);
            case.tried();
            daemon.kill();
            let killed = Instant::now();
            // Those who were not seen before, too: everything that was started carries the token.
            let all: Vec<u32> = daemon.sleepers.iter().copied().chain(alive(&token)).collect();
            let left = left_after(&all, GONE_WITHIN);
            slowest = slowest.max(killed.elapsed());
            assert_eq!(left, [0_u32; 0], "{mode}");
            assert_eq!(alive(&token), [0_u32; 0], "{mode}");
            case.hit();
        }
        println!(
            "{mode}: {TASKS} tasks with {SLEEPERS_OF_A_TASK} processes each; gone after {slowest:?} at most"
        );
    }
    case.pass(60);
}

/// The guards are killed in the same moment: what was started must not depend on them alone.
#[test]
fn f_30_a_daemon_that_is_killed_with_its_guards_leaves_nothing_to_the_next() {
    let mut case = Case::open("F-30");
    for (mode, config) in ALL_MODES {
        for _ in 0..rounds(2, 20) {
            let token = Token::new();
            let mut daemon = StandIn::start(mode, &token);
            let guards = daemon.guards();
            assert_eq!(guards.len(), TASKS, "{mode}");
            case.tried();
            signal(daemon.process.id(), rustix::process::Signal::STOP);
            guards
                .iter()
                .for_each(|guard| signal(*guard, rustix::process::Signal::KILL));
            daemon.kill();
            // The namespace goes with its parent, and all in it.
            if !mode.starts_with("bwrap") {
                // The agents die with their guards; what they started is found by the next daemon.
                assert_eq!(left_after(&daemon.agents, GONE_WITHIN), [0_u32; 0], "{mode}");
                let runtime = tokio::runtime::Runtime::new().unwrap();
                runtime.block_on(async {
                    let world = World::new(config).await;
                    for task in &daemon.tasks {
                        let task: TaskId = task.parse().unwrap();
                        within(world.fleet.end_leftover(task, None)).await;
                    }
                });
            }
            let all = alive(&token);
            assert_eq!(left_after(&all, GONE_WITHIN), [0_u32; 0], "{mode}");
            assert_eq!(sleepers(&token), [0_u32; 0], "{mode}");
            case.hit();
        }
        println!("{mode}: nothing is left");
    }
    case.pass(6);
}

fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}
