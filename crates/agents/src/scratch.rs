//! Folders of the daemon's own work inside the sandbox: named after the process that made them, so that what a daemon
//! left that was killed is told from what is in use.

use crate::home::remove;
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use std::path::{Path, PathBuf};

/// What such a folder is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    /// Finding out which sandbox holds.
    Probe,
    /// A program that looks at what an agent touched.
    Confined,
}

impl Purpose {
    const ALL: [Self; 2] = [Self::Probe, Self::Confined];

    const fn word(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Confined => "confined",
        }
    }
}

/// The name of a folder that nobody used before.
pub(crate) fn fresh(homes: &Path, purpose: Purpose) -> PathBuf {
    homes.join(format!(
        "{}-{}-{}",
        purpose.word(),
        std::process::id(),
        crate::serial()
    ))
}

/// Removes what was left by processes that are gone. Asked before anything of ours is there: a folder that carries our own
/// number was left by another process that had it.
pub(crate) fn remove_abandoned(homes: &Path) {
    for entry in std::fs::read_dir(homes).into_iter().flatten().flatten() {
        let maker = entry.file_name().to_str().and_then(maker);
        if maker.is_some_and(|pid| pid == std::process::id() || is_gone(pid)) {
            remove(&entry.path());
        }
    }
}

/// The process that made the folder of that name.
fn maker(name: &str) -> Option<u32> {
    let (word, rest) = name.split_once('-')?;
    let (pid, serial) = rest.split_once('-')?;
    serial.parse::<u64>().ok()?;
    let is_ours = Purpose::ALL.iter().any(|purpose| purpose.word() == word);
    pid.parse().ok().filter(|_| is_ours)
}

fn is_gone(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_none_or(|pid| test_kill_process(pid) == Err(Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_dead_left_goes_and_what_the_living_use_stays() {
        let homes = tempfile::tempdir().unwrap();
        let mut dead = std::process::Command::new("true").spawn().unwrap();
        dead.wait().unwrap();
        let alive = std::process::Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let names = [
            format!("probe-{}-0", dead.id()),
            format!("confined-{}-7", dead.id()),
            format!("confined-{}-3", std::process::id()),
            format!("confined-{}-1", alive.id()),
            format!("other-{}-1", dead.id()),
            "a-run".to_owned(),
        ];
        for name in &names {
            std::fs::create_dir_all(homes.path().join(name).join("tmp")).unwrap();
        }
        remove_abandoned(homes.path());
        let left: Vec<bool> = names
            .iter()
            .map(|name| homes.path().join(name).exists())
            .collect();
        assert_eq!(left, [false, false, false, true, true, true]);
        let mut alive = alive;
        drop(alive.stdin.take());
        alive.wait().unwrap();
    }
}
