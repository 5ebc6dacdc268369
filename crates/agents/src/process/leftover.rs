//! Owns: ending what is left of a task of an earlier life, and nobody else.

use super::identity::boot_id;
use super::{MARKER, Table};
use domain::{ProcessIdentity, TaskId};
use engine::faults::{Control, is_off};
use std::collections::BTreeSet;

/// Ends everything that carries the task's mark, is the process named, or descends from either; returns once it is
/// gone. Waits on processes, so it belongs on a thread that may wait.
pub(crate) fn end_leftover(task: TaskId, process: Option<&ProcessIdentity>) {
    let process = process.filter(|process| boot_id().is_ok_and(|now| now == process.boot_id));
    end(task, process, 0);
}

/// The same for a task of this very life, of whose guard we know when it started: it was the first to carry the mark.
pub(crate) fn end_what_outlived(task: TaskId, guard: &ProcessIdentity) {
    end(task, Some(guard), guard.start_ticks);
}

fn end(task: TaskId, process: Option<&ProcessIdentity>, since_ticks: u64) {
    use super::table::{signal, wait_for_any};
    use rustix::process::Signal;
    loop {
        let table = Table::look();
        let mut roots = marked(&table, task, since_ticks);
        roots.extend(
            process
                .filter(|process| is_it(&table, process))
                .map(|process| process.pid),
        );
        let mut left = table.below(&roots);
        left.extend(roots);
        left.retain(|pid| *pid != std::process::id() && table.0.get(pid).is_some_and(|seen| !seen.is_zombie));
        if left.is_empty() {
            return;
        }
        // Stopped first: what does not run cannot start another while the list is worked off.
        for wanted in [Signal::STOP, Signal::KILL] {
            for pid in &left {
                signal(*pid, table.0[pid].start_ticks, wanted);
            }
        }
        wait_for_any(&left, 50);
    }
}

fn is_it(table: &Table, process: &ProcessIdentity) -> bool {
    table
        .0
        .get(&process.pid)
        .is_some_and(|seen| seen.start_ticks == process.start_ticks || is_off(Control::ProcessIdentity))
}

/// Processes whose environment names the task, among those that are not older: to read the environment of every process
/// of the machine costs more than all else here.
fn marked(table: &Table, task: TaskId, since_ticks: u64) -> BTreeSet<u32> {
    let mark = format!("{MARKER}={task}");
    let carries = |pid: &u32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|entry| entry == mark.as_bytes())
    };
    let young = table.0.iter().filter(|(_, seen)| seen.start_ticks >= since_ticks);
    young.map(|(pid, _)| *pid).filter(carries).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::identify;
    use domain::{RunId, StepKey};
    use std::process::{Child, Command};

    fn sleeper(task: TaskId) -> Child {
        Command::new("sleep")
            .arg("600")
            .env(MARKER, task.to_string())
            .spawn()
            .unwrap()
    }

    /// A process that is younger than another, by the clock that the kernel dates them with.
    fn younger(task: TaskId, than: &Child) -> (Child, ProcessIdentity) {
        let than = identify(than.id()).unwrap();
        loop {
            let mut child = sleeper(task);
            let identity = identify(child.id()).unwrap();
            if identity.start_ticks > than.start_ticks {
                return (child, identity);
            }
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    #[test]
    fn what_outlived_its_guard_is_no_older_than_the_guard() {
        let task = |number| {
            TaskId::of(
                RunId::from_bits(u128::from(std::process::id())),
                &StepKey::only("t"),
                number,
            )
        };
        let mut older = sleeper(task(1));
        let (mut guard, identity) = younger(task(1), &older);
        let (mut after, mut others) = (sleeper(task(1)), sleeper(task(2)));

        end_what_outlived(task(1), &identity);
        assert!(!guard.wait().unwrap().success() && !after.wait().unwrap().success());
        assert!(older.try_wait().unwrap().is_none() && others.try_wait().unwrap().is_none());

        end_leftover(task(1), None);
        assert!(!older.wait().unwrap().success());
        end_leftover(task(2), None);
        assert!(!others.wait().unwrap().success());
    }
}
