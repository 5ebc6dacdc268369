//! Reads a file beneath a folder whose content nobody vouches for: a project's own files, a working copy that an agent
//! may be changing right now. The path is opened part by part without following a link, so no check can be raced.

use rustix::fs::{FileType, Mode, OFlags};
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path};

/// Why a file is not to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotRead {
    /// It is not there.
    Absent,
    /// The path leads outside, over a link, or to something that is no plain file.
    Refused(&'static str),
    /// It is larger than anyone needs.
    TooLarge,
    /// It is not text.
    NotText,
    /// The system refused.
    Failed(String),
}

/// The text of `path` beneath `folder`.
pub(crate) fn read_text(folder: &Path, path: &str, bytes_max: u64) -> Result<String, NotRead> {
    let file = open(folder, path)?;
    let mut bytes = Vec::new();
    let taken = file.take(bytes_max + 1).read_to_end(&mut bytes);
    taken.map_err(|error| NotRead::Failed(error.to_string()))?;
    if bytes.len() as u64 > bytes_max {
        return Err(NotRead::TooLarge);
    }
    String::from_utf8(bytes).map_err(|_| NotRead::NotText)
}

/// The names of the plain files in a folder beneath `folder`, sorted; none when it is not there.
pub(crate) fn names(folder: &Path, path: &str) -> Vec<String> {
    let Ok(opened) = open_any(folder, path) else {
        return Vec::new();
    };
    let Ok(entries) = rustix::fs::Dir::read_from(&opened) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| entry.file_name().to_str().ok().map(str::to_owned))
        .filter(|name| name != "." && name != "..")
        .take(1_000)
        .collect();
    names.sort();
    names
}

fn open(folder: &Path, path: &str) -> Result<File, NotRead> {
    let opened = open_any(folder, path)?;
    let found = rustix::fs::fstat(&opened).map_err(|error| NotRead::Failed(error.to_string()))?;
    if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
        return Err(NotRead::Refused("it is no plain file"));
    }
    Ok(File::from(opened))
}

fn open_any(folder: &Path, path: &str) -> Result<rustix::fd::OwnedFd, NotRead> {
    if path.len() > 4_096 || path.contains('\0') {
        return Err(NotRead::Refused("no file has such a name"));
    }
    let mut parts = Vec::new();
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) => parts.push(name),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(NotRead::Refused("the path leads outside"));
            }
        }
    }
    let folder_flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut here = rustix::fs::open(folder, folder_flags, Mode::empty()).map_err(not_read)?;
    for (index, part) in parts.iter().enumerate() {
        let is_last = index + 1 == parts.len();
        // A pipe without a writer would wait for ever: open without waiting, look at the kind afterwards.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let flags = if is_last { flags } else { flags | OFlags::DIRECTORY };
        here = rustix::fs::openat(&here, *part, flags, Mode::empty()).map_err(not_read)?;
    }
    Ok(here)
}

fn not_read(error: rustix::io::Errno) -> NotRead {
    match error {
        rustix::io::Errno::NOENT => NotRead::Absent,
        rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP | rustix::io::Errno::MLINK => {
            NotRead::Refused("the path leads over a link or through a file")
        }
        rustix::io::Errno::NXIO => NotRead::Refused("it is no plain file"),
        other => NotRead::Failed(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_30_nothing_outside_the_folder_is_read() {
        let outside = tempfile::tempdir().expect("a folder");
        std::fs::write(outside.path().join("secret"), "key").expect("written");
        let tree = tempfile::tempdir().expect("a folder");
        let path = tree.path();
        std::fs::create_dir(path.join("src")).expect("made");
        std::fs::write(path.join("src/a.rs"), "fn a() {}").expect("written");
        std::os::unix::fs::symlink(outside.path().join("secret"), path.join("link")).expect("linked");
        std::os::unix::fs::symlink(outside.path(), path.join("folder")).expect("linked");

        assert_eq!(read_text(path, "src/a.rs", 100).as_deref(), Ok("fn a() {}"));
        assert_eq!(read_text(path, "./src/a.rs", 100).as_deref(), Ok("fn a() {}"));
        assert_eq!(read_text(path, "src/b.rs", 100), Err(NotRead::Absent));
        assert_eq!(read_text(path, "src/a.rs", 3), Err(NotRead::TooLarge));
        for refused in ["link", "folder/secret", "../secret", "/etc/passwd", "src", "a\0b"] {
            let found = read_text(path, refused, 100);
            assert!(matches!(found, Err(NotRead::Refused(_))), "{refused}: {found:?}");
        }
    }

    #[test]
    fn a_30_a_pipe_does_not_hold_the_reader() {
        let tree = tempfile::tempdir().expect("a folder");
        let pipe = tree.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, FileType::Fifo, Mode::RUSR, 0).expect("a pipe");
        assert!(matches!(
            read_text(tree.path(), "pipe", 100),
            Err(NotRead::Refused(_))
        ));
    }
}
