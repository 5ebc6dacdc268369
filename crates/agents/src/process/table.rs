//! Owns: one look at all processes, and who descends from whom in it.

use std::collections::{BTreeMap, BTreeSet};

/// What one line of `/proc/<pid>/stat` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Its parent.
    pub(crate) parent: u32,
    /// When it started, in clock ticks since boot.
    pub(crate) start_ticks: u64,
    /// Whether it has ended and only waits to be noticed.
    pub(crate) is_zombie: bool,
}

/// All processes, as one look showed them.
#[derive(Debug, Default)]
pub(crate) struct Table(pub(crate) BTreeMap<u32, Seen>);

impl Table {
    /// Looks. A process that ends meanwhile is left out.
    pub(crate) fn look() -> Self {
        let Ok(entries) = std::fs::read_dir("/proc") else {
            return Self::default();
        };
        let seen = entries.filter_map(|entry| {
            let pid: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
            Some((pid, parse_stat(&String::from_utf8_lossy(&stat))?))
        });
        Self(seen.collect())
    }

    /// Everything below these, themselves left out.
    pub(crate) fn below(&self, roots: &BTreeSet<u32>) -> BTreeSet<u32> {
        let mut found = BTreeSet::new();
        let mut last = roots.clone();
        while !last.is_empty() {
            let next: BTreeSet<u32> = self
                .0
                .iter()
                .filter(|(pid, seen)| {
                    last.contains(&seen.parent) && !roots.contains(pid) && !found.contains(*pid)
                })
                .map(|(pid, _)| *pid)
                .collect();
            found.extend(&next);
            last = next;
        }
        found
    }
}

/// The children of one process.
pub(crate) fn children_of(table: &Table, parent: u32) -> Vec<u32> {
    table
        .0
        .iter()
        .filter(|(_, seen)| seen.parent == parent)
        .map(|(pid, _)| *pid)
        .collect()
}

/// Reads a line of `/proc/<pid>/stat`. The program's name may hold anything, so fields count from its last `)`.
pub(crate) fn parse_stat(stat: &str) -> Option<Seen> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    let start_ticks = fields.nth(17)?.parse().ok()?;
    Some(Seen {
        parent,
        start_ticks,
        is_zombie: matches!(state, "Z" | "X" | "x"),
    })
}

/// Sends a signal to that very process: the number is pinned before its identity is compared.
pub(crate) fn signal(pid: u32, start_ticks: u64, signal: rustix::process::Signal) {
    use rustix::process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal};
    let Some(number) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return;
    };
    let Ok(held) = pidfd_open(number, PidfdFlags::empty()) else {
        return;
    };
    let stat = std::fs::read(format!("/proc/{pid}/stat")).unwrap_or_default();
    if parse_stat(&String::from_utf8_lossy(&stat)).is_some_and(|seen| seen.start_ticks == start_ticks) {
        // Gone already is what was wanted; forbidden is somebody else's process.
        let _gone = pidfd_send_signal(&held, signal);
    }
}

/// Waits until one of these ends, or the limit passes.
pub(crate) fn wait_for_any(pids: &BTreeSet<u32>, limit_ms: u32) {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::process::{Pid, PidfdFlags, pidfd_open};
    let held: Vec<_> = pids
        .iter()
        .filter_map(|pid| Pid::from_raw(i32::try_from(*pid).ok()?))
        .filter_map(|pid| pidfd_open(pid, PidfdFlags::empty()).ok())
        .collect();
    let mut polled: Vec<_> = held.iter().map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
    let limit = Timespec {
        tv_sec: i64::from(limit_ms / 1000),
        tv_nsec: i64::from(limit_ms % 1000) * 1_000_000,
    };
    // Any answer means: look again.
    let _looked = poll(&mut polled, Some(&limit));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_may_be_named_like_the_rest_of_the_line() {
        let stat = "42 (a) S 1 (b)) S 7 42 42 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 9876 0 0";
        assert_eq!(
            parse_stat(stat),
            Some(Seen {
                parent: 7,
                start_ticks: 9876,
                is_zombie: false
            })
        );
        assert_eq!(parse_stat("42 (a"), None);
    }

    #[test]
    fn what_descends_is_found_at_any_depth() {
        let seen = |parent| Seen {
            parent,
            start_ticks: 1,
            is_zombie: false,
        };
        let table = Table(
            [
                (1, seen(0)),
                (2, seen(1)),
                (3, seen(2)),
                (4, seen(3)),
                (9, seen(1)),
            ]
            .into(),
        );
        assert_eq!(table.below(&[2].into()), [3, 4].into());
        assert_eq!(children_of(&table, 1), [2, 9]);
    }
}
