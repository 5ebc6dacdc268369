//! Turns what went wrong below into the few answers the port has.

use engine::ports::WorkspaceError;
use std::io;
use std::path::Path;

/// What the functions of this room answer.
pub(crate) type Answer<T> = Result<T, WorkspaceError>;

/// Another reason, in words.
pub(crate) fn failed(words: impl Into<String>) -> WorkspaceError {
    WorkspaceError::Failed(words.into())
}

/// Something is not there, in words.
pub(crate) fn missing(words: impl Into<String>) -> WorkspaceError {
    WorkspaceError::Missing(words.into())
}

/// The file system refused `doing` on `path`.
pub(crate) fn io_failed(doing: &str, path: &Path, error: &io::Error) -> WorkspaceError {
    let words = format!("cannot {doing} {}: {error}", path.display());
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => WorkspaceError::NoSpace(words),
        io::ErrorKind::NotFound => WorkspaceError::Missing(words),
        _ => WorkspaceError::Failed(words),
    }
}

/// Git said no: `doing` is ours, `stderr` is what it wrote.
pub(crate) fn git_failed(doing: &str, stderr: &str) -> WorkspaceError {
    let told = told(stderr);
    let words = if told.is_empty() {
        format!("cannot {doing}")
    } else {
        format!("cannot {doing}: {told}")
    };
    if is_no_space(stderr) {
        WorkspaceError::NoSpace(words)
    } else {
        WorkspaceError::Failed(words)
    }
}

/// Whether the words of a program or the system mean a full disk.
pub(crate) fn is_no_space(stderr: &str) -> bool {
    [
        "No space left on device",
        "Disk quota exceeded",
        "disk quota exceeded",
    ]
    .iter()
    .any(|sign| stderr.contains(sign))
}

/// Git does not always say why it could not write: where little is left, that is why. Asked before anything is tidied.
pub(crate) fn with_space(error: WorkspaceError, at: &Path) -> WorkspaceError {
    const LITTLE: u64 = 64 << 20;
    let WorkspaceError::Failed(words) = error else {
        return error;
    };
    let is_little = rustix::fs::statvfs(at).is_ok_and(|disk| {
        disk.f_bavail.saturating_mul(disk.f_frsize) < LITTLE || (disk.f_files > 0 && disk.f_favail == 0)
    });
    let is_unwritten = [
        "unable to write",
        "unable to create",
        "failed to write",
        "write error",
    ];
    if is_little && is_unwritten.iter().any(|sign| words.contains(sign)) {
        WorkspaceError::NoSpace(words)
    } else {
        WorkspaceError::Failed(words)
    }
}

/// The lines that matter of what git wrote, without control characters: it repeats names that others chose.
fn told(stderr: &str) -> String {
    const LINES: usize = 6;
    let mut lines: Vec<String> = stderr
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("hint:"))
        .map(|line| line.chars().filter(|c| !c.is_control()).take(400).collect())
        .collect();
    if lines.len() > LINES {
        lines.drain(..lines.len() - LINES);
    }
    lines.join("; ")
}
