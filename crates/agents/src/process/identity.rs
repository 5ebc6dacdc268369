//! Owns: who a process is, so that a number used again is not mistaken for it.

use domain::ProcessIdentity;
use std::io;

/// Nobody is known where there is no `/proc`: nothing is started there.
#[cfg(not(target_os = "linux"))]
pub(crate) fn identify(_pid: u32) -> io::Result<ProcessIdentity> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "tasks run on Linux only",
    ))
}

/// Who the process with this number is right now.
#[cfg(target_os = "linux")]
pub(crate) fn identify(pid: u32) -> io::Result<ProcessIdentity> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let seen = super::table::parse_stat(&stat)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "cannot read the process's start"))?;
    Ok(ProcessIdentity {
        pid,
        start_ticks: seen.start_ticks,
        boot_id: boot_id()?,
    })
}

/// Which boot this is.
#[cfg(target_os = "linux")]
pub(crate) fn boot_id() -> io::Result<String> {
    Ok(std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?
        .trim()
        .to_owned())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_a_steady_identity() {
        let pid = std::process::id();
        let first = identify(pid).unwrap();
        assert_eq!(first, identify(pid).unwrap());
        assert_eq!(first.pid, pid);
        assert!(first.start_ticks > 0);
        assert_eq!(first.boot_id.len(), 36);
    }
}
