//! `cargo xtask leftovers FILE COMMAND…`: runs a command, then writes to FILE every process that outlived it.
//!
//! Orphans anywhere below are handed to us by the system, whatever their name, session or environment, so a neighbour's
//! processes are never mistaken for ours. What is left is named, then killed: the next run must start clean.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process, wait};

use super::{Ended, Verb};

pub(super) const VERB: Verb = Verb {
    name: "leftovers",
    usage: "FILE COMMAND…",
    summary: "run a command and write down which processes outlived it",
    run,
};

/// How long a process may take to end after the command has.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(50);

fn run(_root: &Path, words: &[String]) -> anyhow::Result<Ended> {
    let [file, program, arguments @ ..] = words else {
        anyhow::bail!("wants a file and a command");
    };
    let outcome = watch(program, arguments, PATIENCE)?;
    fs::write(file, outcome.left.concat()).with_context(|| format!("writing {file}"))?;
    Ok(if outcome.code == 0 {
        Ended::Well
    } else {
        Ended::WithCode(outcome.code)
    })
}

struct Outcome {
    code: u8,
    /// A line for each process.
    left: Vec<String>,
}

fn watch<A: AsRef<OsStr>>(program: &str, arguments: &[A], patience: Duration) -> anyhow::Result<Outcome> {
    adopt_orphans()?;
    let child = Command::new(program)
        .args(arguments)
        .spawn()
        .with_context(|| format!("starting {program}"))?;
    let code = reap_until(Pid::from_child(&child)).context("waiting for the command")?;

    let deadline = Instant::now() + patience;
    let mut left = below_us()?;
    while !left.is_empty() && Instant::now() < deadline {
        thread::park_timeout(PAUSE);
        reap_ended()?;
        left = below_us()?;
    }
    let lines = left.iter().map(|pid| describe(*pid)).collect();
    kill_all()?;
    Ok(Outcome { code, left: lines })
}

/// Orphans below us become our children instead of the first process's.
#[cfg(target_os = "linux")]
fn adopt_orphans() -> anyhow::Result<()> {
    rustix::process::set_child_subreaper(Some(getpid())).context("becoming the parent of orphans")
}

#[cfg(not(target_os = "linux"))]
fn adopt_orphans() -> anyhow::Result<()> {
    anyhow::bail!("this system does not hand orphans to anyone but its first process")
}

/// Reaps whatever ends until the command itself does: a test that looks for a dead process must not find a zombie.
fn reap_until(command: Pid) -> rustix::io::Result<u8> {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == command => return Ok(code(status)),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
}

/// As a shell counts: 128 and the signal, when it was one.
fn code(status: WaitStatus) -> u8 {
    let signal = status.terminating_signal().map(|signal| signal + 128);
    u8::try_from(status.exit_status().or(signal).unwrap_or(1)).unwrap_or(1)
}

fn reap_ended() -> rustix::io::Result<()> {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) | Err(Errno::CHILD) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// Killing one may hand us its children, so this goes on until nobody is left.
fn kill_all() -> anyhow::Result<()> {
    for _ in 0..100 {
        let left = below_us()?;
        if left.is_empty() {
            return Ok(());
        }
        for pid in left.into_iter().filter_map(Pid::from_raw) {
            // It may have ended by itself in the meantime.
            kill_process(pid, Signal::KILL)
                .or_else(|error| if error == Errno::SRCH { Ok(()) } else { Err(error) })?;
        }
        thread::park_timeout(PAUSE);
        reap_ended()?;
    }
    anyhow::bail!("some processes cannot be killed")
}

fn below_us() -> anyhow::Result<BTreeSet<i32>> {
    let mut table = Vec::new();
    for entry in fs::read_dir("/proc").context("reading the table of processes")? {
        // A process may end while we read about it.
        if let Ok(stat) = fs::read_to_string(entry?.path().join("stat")) {
            table.extend(parse_stat(&stat));
        }
    }
    Ok(descendants(getpid().as_raw_pid(), &table))
}

/// A process and its parent. The name in the middle may contain anything, also brackets and blanks.
fn parse_stat(stat: &str) -> Option<(i32, i32)> {
    let (head, tail) = stat.rsplit_once(')')?;
    let pid = head.split(' ').next()?.parse().ok()?;
    let parent = tail.split_whitespace().nth(1)?.parse().ok()?;
    Some((pid, parent))
}

fn descendants(of: i32, table: &[(i32, i32)]) -> BTreeSet<i32> {
    let mut found = BTreeSet::new();
    let mut ahead = vec![of];
    while let Some(parent) = ahead.pop() {
        let children = table
            .iter()
            .filter(|(_, other)| *other == parent)
            .map(|(pid, _)| *pid);
        ahead.extend(children.filter(|pid| found.insert(*pid)));
    }
    found
}

fn describe(pid: i32) -> String {
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    format!(
        "{pid} {}\n",
        String::from_utf8_lossy(&words).replace('\0', " ").trim_end()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_process_may_contain_anything() {
        assert_eq!(parse_stat("12 (a) S 7 (b)) S 3 12 12 0"), Some((12, 3)));
        assert_eq!(parse_stat(""), None);
    }

    #[test]
    fn descendants_are_found_at_any_depth() {
        let table = [(2, 1), (3, 2), (4, 3), (5, 1), (6, 5), (1, 0)];
        assert_eq!(descendants(2, &table), BTreeSet::from([3, 4]));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_that_left_its_session_and_environment_is_still_found_and_killed() {
        let script = "env -i setsid sleep 600 >/dev/null 2>&1 & exit 3";
        let outcome = watch("sh", &["-c", script], Duration::ZERO).unwrap();

        assert_eq!((outcome.code, outcome.left.len()), (3, 1), "{:?}", outcome.left);
        assert_eq!(below_us().unwrap(), BTreeSet::new());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_command_that_leaves_nothing_is_not_waited_for() {
        let started = Instant::now();
        let outcome = watch("sh", &["-c", "kill -9 $$"], Duration::from_secs(60)).unwrap();
        assert_eq!((outcome.code, outcome.left.len()), (137, 0));
        assert!(started.elapsed() < Duration::from_secs(30));
    }
}
