//! Two who want the same home: fifty starts at once, what a dead owner leaves behind, and an owner that was taken for
//! dead and goes on.

use crate::daemon::{Daemon, Switches};
use crate::oracle::{self, Seen, Watch, judge};
use crate::person::{Person, While};
use crate::world::{World, await_that, is_alive, said, sized};
use api::NewWorkUnit;
use cases::Case;
use engine::faults::CrashPoint;
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

#[test]
fn f_20_of_fifty_starts_at_once_one_daemon_lives() {
    let mut case = Case::open("F-20");
    for _ in 0..sized(5, 20) {
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
    case.pass(245);
}

/// A killed daemon leaves its number and its socket. The lock decides, whoever has the number by now.
#[test]
fn f_21_s3_20_a_stale_pid_file_and_socket_are_no_obstacle() {
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
    said(&format!("ready again after {slowest:?} at most"));
    assert!(slowest < Duration::from_secs(30), "{slowest:?}");
    case.pass(10);
}

/// What a process has open: the number, and what it is.
fn open_files(pid: u32) -> Vec<(u32, PathBuf)> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten();
    let open = entries.flatten().filter_map(|entry| {
        let number = entry.file_name().to_str()?.parse().ok()?;
        Some((number, std::fs::read_link(entry.path()).ok()?))
    });
    open.collect()
}

fn parent(pid: u32) -> u32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let parent = stat
        .rsplit(')')
        .next()
        .and_then(|rest| rest.split_whitespace().nth(1));
    parent.and_then(|parent| parent.parse().ok()).unwrap_or(0)
}

/// Whether it only holds a task: the guard, which has a socket of its own by which it hears of the daemon's death, or
/// the wrapper of the sandbox.
fn is_guard(pid: u32, daemon: &Daemon) -> bool {
    parent(pid) == daemon.pid() || shown(pid).contains("(bwrap)")
}

/// A process, for whoever reads a failure.
fn shown(pid: u32) -> String {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let mark = environment
        .split(|byte| *byte == 0)
        .find(|entry| entry.starts_with(b"PARTITA_TASK="));
    let mark = String::from_utf8_lossy(mark.unwrap_or_default()).into_owned();
    format!("{} {mark}", stat.chars().take(60).collect::<String>())
}

/// The processes of a run's tasks, the guards of the tasks among them.
fn processes(world: &World) -> Vec<u32> {
    let seen = Seen::look(world);
    let tasks: BTreeSet<String> = seen.tasks.keys().map(ToString::to_string).collect();
    oracle::alive(&tasks)
}

/// What processes of tasks hold that they should not: anything of the daemon's, or anything but their own pipes.
fn held(world: &World, daemon: &Daemon, own: &BTreeSet<PathBuf>) -> Vec<String> {
    let mut held = Vec::new();
    for pid in processes(world) {
        for (number, what) in open_files(pid) {
            let said = what.to_string_lossy();
            let is_little = number <= 2 || said.starts_with("pipe:") || said == "/dev/null";
            if own.contains(&what) {
                held.push(format!("{} holds {said} of the daemon's as {number}", shown(pid)));
            } else if !is_little && !is_guard(pid, daemon) {
                held.push(format!("{} holds {said} as {number}", shown(pid)));
            }
        }
    }
    held
}

#[test]
fn f_22_no_agent_holds_what_is_the_daemons() {
    let mut case = Case::open("F-22");
    let mut slowest = Duration::ZERO;
    for _ in 0..sized(3, 50) {
        // Each time anew: tasks that were interrupted three times in a row wait for a person.
        let world = World::new(4);
        slowest = slowest.max(look_at_what_is_held(&mut case, &world));
    }
    said(&format!("the lock was free after {slowest:?} at most"));
    assert!(slowest < Duration::from_secs(20), "{slowest:?}");
    case.pass(12);
}

/// Looks, kills the daemon, and says after how long its lock was free.
fn look_at_what_is_held(case: &mut Case, world: &World) -> Duration {
    let mut person = Person::new(world);
    person.wants_run("live");
    let mut daemon = world.start_well();
    let are_both_there = |_: &mut Person<'_>| {
        let history = store::read_history(&store::Home::at(world.home()), 0).unwrap();
        oracle::live_tasks(&history) == 2
    };
    assert_eq!(person.live(&mut daemon, are_both_there), While::Done);
    let agents = || {
        let all = processes(world).into_iter();
        all.filter(|pid| !is_guard(*pid, &daemon)).count()
    };
    await_that(|| agents() >= 2, "an agent and a command are there");
    let own: BTreeSet<PathBuf> = open_files(daemon.pid())
        .into_iter()
        .map(|(_, what)| what)
        .filter(|what| what.starts_with(world.home()) || what.to_string_lossy().starts_with("socket:"))
        .collect();
    let is_locked = own.contains(&world.home().join("orchestrator.pid"));
    assert!(
        is_locked && own.len() > 3,
        "the daemon has the lock, the database and a socket: {own:#?}"
    );
    // What is on its way to become another program has everything for a moment; who keeps it has it still.
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let held = held(world, &daemon, &own);
        if held.is_empty() {
            break;
        }
        assert!(Instant::now() < until, "{held:#?}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
    let looked_at = processes(world).len() as u64;
    case.tried_times(looked_at);
    case.hit_times(looked_at);
    daemon.kill();
    let killed = Instant::now();
    let lock = std::fs::File::open(world.home().join("orchestrator.pid")).unwrap();
    await_that(
        || lock.try_lock().is_ok(),
        "the lock is free once its holder is gone",
    );
    killed.elapsed()
}

/// A daemon that does not move, so that somebody takes it for dead and removes what says that it lives; then a second
/// one takes the home.
fn taken_over(world: &World, first: &Daemon) -> Daemon {
    first.signal(Signal::STOP);
    std::fs::remove_file(world.home().join("orchestrator.pid")).unwrap();
    world.start_well()
}

/// What must come of the one that was taken for dead, once it has something to write.
#[track_caller]
fn judge_stale(first: &mut Daemon, went_on: Instant) {
    let (status, _) = first.end(Duration::from_secs(20));
    let after = went_on.elapsed();
    said(&format!("the stale owner ended after {after:?}: {status}"));
    assert_eq!(status.signal(), Some(Signal::ABORT.as_raw()), "it ends whole");
}

#[test]
fn f_24_a_stale_owner_that_is_asked_for_something_changes_nothing() {
    let mut case = Case::open("F-24");
    for _ in 0..sized(2, 50) {
        case.tried();
        let world = World::new(4);
        let mut first = world.start_well();
        // Its connection stays with the first, whoever has the socket's name by then.
        let old = world.client();
        assert_eq!(world.wait(old.status()).unwrap().pid, first.pid());
        let second = taken_over(&world, &first);
        let before = Seen::look(&world).history.len();
        let went_on = Instant::now();
        first.signal(Signal::CONT);
        let unit = |chunk: &str| NewWorkUnit {
            chunk: chunk.to_owned(),
            ..NewWorkUnit::default()
        };
        let refused = world.wait(old.keyed(world.key()).create_work_unit(&unit("of-the-first")));
        judge_stale(&mut first, went_on);
        case.hit();
        // The answer was lost, so the client asked again, and was answered by the one that has the home.
        let is_of_second = refused.is_ok_and(|unit| unit.chunk == "of-the-first");
        let history = Seen::look(&world).history;
        assert_eq!(
            history.len(),
            before + usize::from(is_of_second),
            "nobody else wrote"
        );
        let new = world.client();
        let done = world.wait(new.create_work_unit(&unit("of-the-second"))).unwrap();
        assert_eq!(done.chunk, "of-the-second");
        second.stop();
        judge(&world, &Person::new(&world), "after two owners");
    }
    case.pass(2);
}

#[test]
fn f_24_a_stale_owner_with_tasks_under_way_changes_nothing() {
    let mut case = Case::open("F-24");
    let world = World::new(4);
    let mut person = Person::new(&world);
    person.wants_large_run("long");
    let mut first = world.start_well();
    let is_busy = |_: &mut Person<'_>| {
        oracle::live_tasks(&store::read_history(&store::Home::at(world.home()), 0).unwrap()) == 4
    };
    assert_eq!(person.live(&mut first, is_busy), While::Done);
    case.tried();
    let before = processes(&world);
    let mut second = taken_over(&world, &first);
    assert_eq!(person.live(&mut second, is_busy), While::Done);
    // The kernel takes its moment to clear them away: none of them runs any more.
    await_that(
        || !before.iter().any(|pid| is_alive(*pid)),
        "the second ends what the first had begun",
    );
    let went_on = Instant::now();
    first.signal(Signal::CONT);
    judge_stale(&mut first, went_on);
    case.hit();
    world.write("effects/go", "");
    assert_eq!(person.live(&mut second, |person| person.open() == 0), While::Done);
    second.stop();
    judge(&world, &person, "after two owners");
    case.pass(1);
}

/// The tasks of the first are alive until the second ends them: it has room for more, and waits.
#[test]
fn f_24_nothing_begins_before_what_the_other_had_begun_is_gone() {
    let mut case = Case::open("F-24");
    let world = World::new(2);
    let mut person = Person::new(&world);
    person.wants_large_run("long");
    let mut first = world.start_well();
    let busy = |tasks| {
        let history = store::read_history(&store::Home::at(world.home()), 0).unwrap();
        oracle::live_tasks(&history) == tasks
    };
    assert_eq!(person.live(&mut first, |_| busy(2)), While::Done);
    case.tried();
    let mut watch = Watch::default();
    watch.look(&world);
    world.set_slots(6);
    let mut second = taken_over(&world, &first);
    assert_eq!(person.live(&mut second, |_| busy(6)), While::Done);
    watch.look(&world);
    assert!(watch.early.is_empty(), "{:?} began too early", watch.early);
    case.hit();
    first.kill();
    second.kill();
    judge(&world, &person, "after two owners");
    case.pass(1);
}

/// It stopped on its way to move the branch, with nothing else under way. By the time it goes on, the run is done and
/// the branch has moved on.
#[test]
fn f_24_a_stale_owner_moves_no_branch() {
    let mut case = Case::open("F-24");
    let world = World::new(4);
    let mut person = Person::new(&world);
    person.wants_run("change");
    let point = CrashPoint::BeforeBranchMoved.name();
    let mut first = world.start(&Switches::default().with("PARTITA_STOP_AT", point));
    let stopped = || std::fs::read_to_string(world.path("crashes")).is_ok_and(|log| log.contains(point));
    assert_eq!(person.live(&mut first, |_| stopped()), While::Done);
    case.tried();
    let mut second = taken_over(&world, &first);
    assert_eq!(person.live(&mut second, |person| person.open() == 0), While::Done);
    let branch = world.git(&["for-each-ref", "refs/heads/partita", "--format=%(refname)"]);
    let branch = branch.trim();
    let later = world.git(&[
        "commit-tree",
        "-p",
        branch,
        "-m",
        "later",
        &format!("{branch}^{{tree}}"),
    ]);
    world.git(&["update-ref", branch, later.trim()]);
    std::fs::write(world.path("crashes.go-on"), "").unwrap();
    let went_on = Instant::now();
    first.signal(Signal::CONT);
    judge_stale(&mut first, went_on);
    case.hit();
    assert_eq!(world.git(&["rev-parse", branch]), later);
    second.stop();
    judge(&world, &person, "after two owners");
    case.pass(1);
}

/// One that has nothing to write hears nothing; what it removes when it is told to stop is its own.
#[test]
fn f_24_a_stale_owner_that_stops_leaves_the_other_its_lock_and_socket() {
    let mut case = Case::open("F-24");
    let world = World::new(4);
    let first = world.start_well();
    case.tried();
    let second = taken_over(&world, &first);
    first.signal(Signal::CONT);
    first.stop();
    case.hit();
    let holder = std::fs::read_to_string(world.home().join("orchestrator.pid")).unwrap();
    assert_eq!(holder.trim(), second.pid().to_string());
    assert_eq!(world.wait(world.client().status()).unwrap().pid, second.pid());
    let third = world.start(&Switches::default()).word().to_owned();
    assert!(third.contains("already_running"), "{third}");
    second.stop();
    case.pass(1);
}
