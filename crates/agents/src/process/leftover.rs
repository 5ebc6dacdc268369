//! Owns: ending what is left of a task of an earlier life, and nobody else.

use super::identity::boot_id;
use super::{MARKER, Table};
use domain::{ProcessIdentity, TaskId};
use engine::faults::{Control, is_off};
use std::collections::BTreeSet;

/// Ends everything that carries the task's mark, is the process named, or descends from either; returns once it is
/// gone. Waits on processes, so it belongs on a thread that may wait.
pub(crate) fn end_leftover(task: TaskId, process: Option<&ProcessIdentity>) {
    use super::table::{signal, wait_for_any};
    use rustix::process::Signal;
    let process = process.filter(|process| boot_id().is_ok_and(|now| now == process.boot_id));
    loop {
        let table = Table::look();
        let mut roots = marked(&table, task);
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

/// Processes whose environment names the task.
fn marked(table: &Table, task: TaskId) -> BTreeSet<u32> {
    let mark = format!("{MARKER}={task}");
    let carries = |pid: &u32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|entry| entry == mark.as_bytes())
    };
    table.0.keys().copied().filter(carries).collect()
}
