//! Other processes: what they are, what they know, and what can be done to them.

use super::{Outcome, Report, SECRET, Target, why};
use rustix::process::{Pid, Signal, getppid, kill_process, test_kill_process};
use std::fs;

/// Tries all of it.
pub(super) fn attempt(target: &Target<'_>, report: &mut Report) {
    report.escape("find secrets in its own environment", own_secrets());
    report.escape("find secrets in others' environments", everywhere("environ"));
    report.escape("find secrets in others' arguments", everywhere("cmdline"));
    report.escape("find secrets in git's configuration", {
        match target.shell("git config --list --show-origin | grep SECRET-; git remote -v | grep SECRET-") {
            Ok(found) if found.contains(SECRET) => Ok(found),
            Ok(_) | Err(_) => Err("none there".to_owned()),
        }
    });
    let daemon = target.hostile.daemon_pid;
    report.escape_at("see the daemon's process", daemon, |pid| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).map_err(why)?;
        Ok(format!("it is called {}", name.trim()))
    });
    report.escape_at("read the daemon's environment", daemon, |pid| {
        some(fs::read(format!("/proc/{pid}/environ")).map_err(why)?)
    });
    report.escape_at("open the daemon's memory", daemon, |pid| {
        fs::File::open(format!("/proc/{pid}/mem"))
            .map(|_| "opened".to_owned())
            .map_err(why)
    });
    report.escape_at("list the daemon's open files", daemon, |pid| {
        fs::read_dir(format!("/proc/{pid}/fd"))
            .map(|_| "listed".to_owned())
            .map_err(why)
    });
    report.escape_at("reach files through the daemon's root", daemon, |pid| {
        fs::read_dir(format!("/proc/{pid}/root/etc"))
            .map(|_| "listed".to_owned())
            .map_err(why)
    });
    #[cfg(target_os = "linux")]
    {
        report.escape_at("take an open file of the daemon", daemon, descriptor_of);
        report.escape_at("limit the daemon", daemon, limit);
    }
    report.escape_at("lower the daemon's priority", daemon, |pid| {
        let (given, now) = (pid_of(pid)?, rustix::process::getpriority_process);
        let lower = now(Some(given)).map_err(why)? + 1;
        rustix::process::setpriority_process(Some(given), lower)
            .map(|()| format!("it is {lower} now"))
            .map_err(why)
    });
    report.escape_at("signal the daemon", daemon, |pid| {
        test_kill_process(pid_of(pid)?)
            .map(|()| "a signal would arrive".to_owned())
            .map_err(why)
    });
    report.escape_at("kill the daemon", daemon, |pid| {
        kill_process(pid_of(pid)?, Signal::KILL)
            .map(|()| "sent".to_owned())
            .map_err(why)
    });
    // As the first process of a namespace it would not even hear it.
    let guard = getppid().filter(|parent| !parent.is_init());
    report.escape("signal its guard", {
        let guard = guard.ok_or_else(|| "its parent is the first process of its own namespace".to_owned());
        guard.and_then(|pid| {
            test_kill_process(pid)
                .map(|()| "a signal would arrive".to_owned())
                .map_err(why)
        })
    });
    if let Some(seconds) = &target.hostile.sleeps {
        report.plant("leave processes behind", leave(target, seconds));
    }
}

fn pid_of(pid: u32) -> Result<Pid, String> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.ok_or_else(|| "no such number".to_owned())
}

fn some(bytes: Vec<u8>) -> Outcome {
    if bytes.is_empty() {
        Err("it is empty".to_owned())
    } else {
        Ok(format!("{} bytes", bytes.len()))
    }
}

/// Names in its environment that look like somebody else's secret, and secrets under any name.
fn own_secrets() -> Outcome {
    let words = [
        "TOKEN",
        "SECRET",
        "PASSWORD",
        "CREDENTIAL",
        "API_KEY",
        "PARTITA_HOME",
        "SSH_AUTH_SOCK",
        "DBUS_SESSION",
        "XDG_RUNTIME",
        "DISPLAY",
    ];
    let is_secret = |name: &str, value: &str| {
        words.iter().any(|word| name.to_uppercase().contains(word)) || value.contains(SECRET)
    };
    let found: Vec<String> = std::env::vars_os()
        .map(|(name, value)| {
            (
                name.to_string_lossy().into_owned(),
                value.to_string_lossy().into_owned(),
            )
        })
        .filter(|(name, value)| is_secret(name, value))
        .map(|(name, _)| name)
        .collect();
    if found.is_empty() {
        Err("none there".to_owned())
    } else {
        Ok(found.join(", "))
    }
}

/// Looks through a file of every process but itself.
fn everywhere(file: &str) -> Outcome {
    let (mut seen, mut read) = (0, 0);
    for entry in fs::read_dir("/proc").map_err(why)?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.parse::<u32>().is_err() || name == std::process::id().to_string() {
            continue;
        }
        seen += 1;
        let Ok(bytes) = fs::read(entry.path().join(file)) else {
            continue;
        };
        read += 1;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some(found) = text.split(['\0', ' ', '=']).find(|word| word.starts_with(SECRET)) {
            return Ok(format!("process {name}: {found}"));
        }
    }
    Err(format!("none in {read} of {seen} processes"))
}

/// What may take a descriptor may also trace, and write into memory.
#[cfg(target_os = "linux")]
fn descriptor_of(pid: u32) -> Outcome {
    use rustix::process::{PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
    let held = pidfd_open(pid_of(pid)?, PidfdFlags::empty()).map_err(why)?;
    pidfd_getfd(&held, 0, PidfdGetfdFlags::empty())
        .map(|_| "taken".to_owned())
        .map_err(why)
}

#[cfg(target_os = "linux")]
fn limit(pid: u32) -> Outcome {
    use rustix::process::{Resource, Rlimit, prlimit};
    let few = Rlimit {
        current: Some(16),
        maximum: Some(16),
    };
    prlimit(Some(pid_of(pid)?), Resource::Nofile, few)
        .map(|_| "16 files are all that it may open".to_owned())
        .map_err(why)
}

/// One in a session of its own, one whose parent is gone, one that does not end when asked.
fn leave(target: &Target<'_>, seconds: &str) -> Outcome {
    target.shell(&format!(
        "(setsid sleep {seconds} >/dev/null 2>&1 &)
         (sleep {seconds} >/dev/null 2>&1 &)
         (setsid sh -c 'trap \"\" TERM HUP INT; sleep {seconds}; sleep {seconds}' >/dev/null 2>&1 &)"
    ))
}
