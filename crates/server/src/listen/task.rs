//! Tells whether whoever connects is part of a task. Where mounts hide the socket no task finds it; where only Landlock
//! bounds tasks, any process of the user can connect, and a task is told by who its ancestors are.

use engine::faults::{Control, is_off};

/// The first argument of the guard that every task's processes descend from.
const GUARD: &[u8] = b"__shim";
/// The variable that marks a task's processes.
const MARK: &[u8] = b"PARTITA_TASK=";
/// No honest chain of parents is longer.
const ANCESTORS_MAX: usize = 256;

/// Whether the process belongs to a task of ours, or can no longer be asked: a guard adopts what its task leaves behind,
/// so no descendant gets out from under it.
pub(super) fn is_of_a_task(pid: Option<i32>) -> bool {
    if cfg!(not(target_os = "linux")) || is_off(Control::TasksTurnedAway) {
        // No task runs where nothing bounds it but such a look.
        return false;
    }
    let Some(mut pid) = pid.filter(|pid| *pid > 0) else {
        return true;
    };
    for _ in 0..ANCESTORS_MAX {
        if pid == 1 {
            return false;
        }
        let Some(process) = look_at(pid) else { return true };
        if process.is_marked {
            return true;
        }
        if process.parent == 0 {
            return false;
        }
        pid = process.parent;
    }
    true
}

struct Process {
    parent: i32,
    is_marked: bool,
}

fn look_at(pid: i32) -> Option<Process> {
    let read = |file: &str| std::fs::read(format!("/proc/{pid}/{file}"));
    let stat = String::from_utf8_lossy(&read("stat").ok()?).into_owned();
    let parent = stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()?;
    let line = read("cmdline").ok()?;
    let is_guard = line.split(|byte| *byte == 0).nth(1) == Some(GUARD);
    // Another user's process shows no environment, and is no task of ours.
    let environment = read("environ").unwrap_or_default();
    let has_mark = environment
        .split(|byte| *byte == 0)
        .any(|variable| variable.starts_with(MARK));
    Some(Process {
        parent,
        is_marked: is_guard || has_mark,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_17_a_process_that_nobody_can_ask_is_not_trusted() {
        assert!(is_of_a_task(None));
        assert!(is_of_a_task(Some(0)));
        assert!(is_of_a_task(Some(i32::MAX)), "it is gone");
        let mut case = cases::Case::open("A-17");
        case.tried_times(3);
        case.hit_times(3);
        case.pass(3);
    }

    #[test]
    fn a_17_we_ourselves_are_no_task() {
        assert!(!is_of_a_task(i32::try_from(std::process::id()).ok()));
    }
}
