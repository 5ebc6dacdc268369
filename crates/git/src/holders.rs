//! Which living processes still work in a folder: asked before anything of a dead attempt is taken away.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// A process that works below `folder` (its own folder, or an open file), if any can be seen.
pub(crate) fn holder_of(folder: &Path) -> Option<u32> {
    let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
    processes()
        .into_iter()
        .find(|(_, process)| works_below(process, &folder))
        .map(|(pid, _)| pid)
}

/// The same, our own children aside.
pub(crate) fn stranger_in(folder: &Path) -> Option<u32> {
    let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
    let us = std::process::id();
    let is_stranger = |process: &Path| parent_of(process) != Some(us) && works_below(process, &folder);
    processes()
        .into_iter()
        .find(|(_, process)| is_stranger(process))
        .map(|(pid, _)| pid)
}

fn works_below(process: &Path, folder: &Path) -> bool {
    let is_below = |link: &Path| fs::read_link(link).is_ok_and(|target| target.starts_with(folder));
    is_below(&process.join("cwd")) || open_files(process).iter().any(|link| is_below(link))
}

/// The fourth field of `stat`; the second is a name in parentheses that may hold anything.
fn parent_of(process: &Path) -> Option<u32> {
    let stat = fs::read_to_string(process.join("stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// Whether a living process has this very file open, by whatever name.
pub(crate) fn is_open(file: &Path) -> bool {
    let Ok(wanted) = fs::symlink_metadata(file) else {
        return false;
    };
    let is_it =
        |link: &PathBuf| fs::metadata(link).is_ok_and(|m| (m.dev(), m.ino()) == (wanted.dev(), wanted.ino()));
    processes()
        .iter()
        .any(|(_, process)| open_files(process).iter().any(is_it))
}

/// Whether this system shows what processes hold. Where it does not, nothing is taken away.
pub(crate) fn can_tell() -> bool {
    fs::read_link("/proc/self/cwd").is_ok()
}

fn processes() -> Vec<(u32, PathBuf)> {
    let us = std::process::id();
    let pid = |entry: fs::DirEntry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path()));
    let found = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(pid);
    found.filter(|(pid, _)| *pid != us).collect()
}

fn open_files(process: &Path) -> Vec<PathBuf> {
    fs::read_dir(process.join("fd"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect()
}
