//! Owns: ending what is left of a task of an earlier life, and nobody else.

use super::identity::boot_id;
use super::{MARKER, Sought, Table};
use domain::{ProcessIdentity, TaskId};
use engine::faults::{Control, is_off};
use std::collections::{BTreeMap, BTreeSet};

/// Ends, for each that is sought, everything that carries the task's mark, is the process named, or descends from either;
/// tells each once it is gone. `take` gives those that came meanwhile: nobody waits for what is slow to die of another
/// task. Waits on processes, so it belongs on a thread that may wait.
pub(crate) fn end_leftovers(take: impl Fn() -> Vec<Sought>) {
    let boot_id = boot_id().ok();
    let mut sought: Vec<Sought> = Vec::new();
    loop {
        sought.extend(take().into_iter().map(|mut one| {
            one.process = one
                .process
                .filter(|process| boot_id.as_ref() == Some(&process.boot_id));
            one
        }));
        if sought.is_empty() {
            return;
        }
        // One look serves all who wait for one: it is younger than the wish of each.
        let table = Table::look();
        let marked = all_marked(&table);
        let mut left = BTreeSet::new();
        let mut still = Vec::new();
        for one in sought {
            let roots = marked.get(one.task.to_string().as_bytes());
            let of_it = left_of(&table, roots.cloned().unwrap_or_default(), one.process.as_ref());
            if of_it.is_empty() {
                // Whoever waited may have left.
                let _ = one.done.send(());
            } else {
                left.extend(of_it);
                still.push(one);
            }
        }
        sought = still;
        if !left.is_empty() {
            kill(&table, &left);
        }
    }
}

/// The same for a task of this very life, of whose guard we know when it started: it was the first to carry the mark.
pub(crate) fn end_what_outlived(task: TaskId, guard: &ProcessIdentity) {
    end(task, Some(guard), guard.start_ticks);
}

fn end(task: TaskId, process: Option<&ProcessIdentity>, since_ticks: u64) {
    loop {
        let table = Table::look();
        let left = left_of(&table, marked(&table, task, since_ticks), process);
        if left.is_empty() {
            return;
        }
        kill(&table, &left);
    }
}

/// What lives of these and of the process named, and all that descends from them.
fn left_of(table: &Table, mut roots: BTreeSet<u32>, process: Option<&ProcessIdentity>) -> BTreeSet<u32> {
    let named = process.filter(|process| is_it(table, process));
    roots.extend(named.map(|process| process.pid));
    if roots.is_empty() {
        return roots;
    }
    let mut left = table.below(&roots);
    left.extend(roots);
    left.retain(|pid| *pid != std::process::id() && table.0.get(pid).is_some_and(|seen| !seen.is_zombie));
    left
}

/// Ends them, and waits a while until one of them is gone.
fn kill(table: &Table, left: &BTreeSet<u32>) {
    use super::table::{signal, wait_for_any};
    use rustix::process::Signal;
    // Stopped first: what does not run cannot start another while the list is worked off.
    for wanted in [Signal::STOP, Signal::KILL] {
        for pid in left {
            signal(*pid, table.0[pid].start_ticks, wanted);
        }
    }
    wait_for_any(left, 50);
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
    let task = task.to_string();
    let young = table.0.iter().filter(|(_, seen)| seen.start_ticks >= since_ticks);
    let carries = |pid: &u32| marks_of(*pid).iter().any(|mark| mark == task.as_bytes());
    young.map(|(pid, _)| *pid).filter(carries).collect()
}

/// All processes whose environment names a task, by the task.
fn all_marked(table: &Table) -> BTreeMap<Vec<u8>, BTreeSet<u32>> {
    let mut marked: BTreeMap<Vec<u8>, BTreeSet<u32>> = BTreeMap::new();
    for pid in table.0.keys() {
        for mark in marks_of(*pid) {
            marked.entry(mark).or_default().insert(*pid);
        }
    }
    marked
}

/// The tasks that a process's environment names.
fn marks_of(pid: u32) -> Vec<Vec<u8>> {
    let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let entries = environment.split(|byte| *byte == 0);
    let marks = entries.filter_map(|entry| entry.strip_prefix(MARKER.as_bytes())?.strip_prefix(b"="));
    marks.map(<[u8]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::identify;
    use domain::{RunId, StepKey};
    use std::process::{Child, Command};
    use tokio::sync::oneshot;

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

    fn seek(task: TaskId, process: Option<ProcessIdentity>) -> (Sought, oneshot::Receiver<()>) {
        let (done, is_done) = oneshot::channel();
        (Sought { task, process, done }, is_done)
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
        let mut stranger = sleeper(task(4));

        end_what_outlived(task(1), &identity);
        assert!(!guard.wait().unwrap().success() && !after.wait().unwrap().success());
        assert!(older.try_wait().unwrap().is_none() && others.try_wait().unwrap().is_none());

        // One look for all who wait, and for those who come while it goes on.
        let (first, mut is_first_gone) = seek(task(1), None);
        let (second, mut is_second_gone) = seek(task(2), Some(identify(others.id()).unwrap()));
        let (third, mut is_third_gone) = seek(task(3), None);
        let coming = std::cell::RefCell::new(vec![vec![second, third], vec![first]]);
        end_leftovers(|| coming.borrow_mut().pop().unwrap_or_default());
        assert!(!older.wait().unwrap().success() && !others.wait().unwrap().success());
        for told in [&mut is_first_gone, &mut is_second_gone, &mut is_third_gone] {
            assert_eq!(told.try_recv(), Ok(()));
        }
        assert!(stranger.try_wait().unwrap().is_none());
        stranger.kill().unwrap();
        stranger.wait().unwrap();
    }
}
