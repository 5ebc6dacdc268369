//! Where a change shows a secret: in the lines that it adds, and in files that no diff shows as lines.
//!
//! Owns: the look at the diff, and at the files themselves where it is silent: those that are not text, and all of a
//! change whose diff is too long to be whole.
//! Leaves out: what a secret is (`secrets`), and what is done about it.

use git::{Diff, FileStatus};
use rustix::fs::{Mode, OFlags, ResolveFlags, open, openat2, readlinkat};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use store::Redactor;

/// How much of a file is looked at at once.
const PIECE: usize = 1 << 20;
/// How much of it is looked at again with the next piece: no key is longer, however it is spelled.
const OVERLAP: usize = 1 << 16;

/// The files of a change that show a secret. `place` is the working copy that it was made of, where nobody works any
/// more.
pub(super) fn leaks(redactor: &Redactor, diff: &Diff, place: &Path) -> io::Result<Vec<String>> {
    let mut files = in_lines(redactor, &diff.text);
    let unseen = diff
        .files
        .iter()
        .filter(|file| (file.is_binary || diff.is_cut) && file.status != FileStatus::Deleted);
    for file in unseen {
        if redactor.knows(file.path.as_bytes()) || in_file(redactor, place, &file.path)? {
            files.push(file.path.clone());
        }
    }
    files.sort();
    files.dedup();
    Ok(files)
}

/// The files to which a diff adds a secret, or whose new name shows one.
fn in_lines(redactor: &Redactor, diff: &str) -> Vec<String> {
    let mut files: Vec<String> = Vec::new();
    let mut file = String::new();
    for line in diff.lines() {
        if let Some(name) = line.strip_prefix("+++ ") {
            file = name.trim_start_matches("b/").to_owned();
        }
        let is_new = line.starts_with('+') || line.starts_with("rename to ");
        if is_new && files.last() != Some(&file) && redactor.knows(line.as_bytes()) {
            files.push(file.clone());
        }
    }
    files
}

/// Whether a file shows a secret, of whatever size it is, or a link in where it leads. What cannot be looked at is an
/// error, also a name that is no text and so was not told whole: nothing passes unseen.
fn in_file(redactor: &Redactor, place: &Path, name: &str) -> io::Result<bool> {
    let folder = open(
        place,
        OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    let opened = openat2(
        &folder,
        name,
        OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC,
        Mode::empty(),
        ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS,
    );
    let file = match opened {
        Ok(file) => File::from(file),
        Err(Errno::LOOP) => {
            let target = readlinkat(&folder, name, Vec::new())?;
            return Ok(redactor.knows(target.as_bytes()));
        }
        Err(error) => return Err(error.into()),
    };
    // A folder is another repository, of which git took only a name.
    if file.metadata()?.is_file() {
        in_bytes(redactor, file)
    } else {
        Ok(false)
    }
}

fn in_bytes(redactor: &Redactor, mut from: impl Read) -> io::Result<bool> {
    let mut held = Vec::with_capacity(OVERLAP + PIECE);
    loop {
        let kept = held.len().min(OVERLAP);
        held.drain(..held.len() - kept);
        let read = from.by_ref().take(PIECE as u64).read_to_end(&mut held)?;
        if read == 0 {
            return Ok(false);
        }
        if redactor.knows(&held) {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use git::FileChange;

    const KEY: &str = "abcdefgh-12345678";

    fn redactor() -> Redactor {
        let redactor = Redactor::default();
        redactor.add(KEY);
        redactor
    }

    fn diff_of(path: &str, is_binary: bool, is_cut: bool) -> Diff {
        let file = FileChange {
            path: path.to_owned(),
            old_path: None,
            status: FileStatus::Added,
            insertions: 0,
            deletions: 0,
            is_binary,
        };
        Diff {
            files: vec![file],
            text: String::new(),
            is_cut,
        }
    }

    #[test]
    fn a_60_only_what_a_change_adds_counts() {
        let diff = "--- a/old\n+++ b/old\n-abcdefgh-12345678\n abcdefgh-12345678\n--- a/new\n+++ b/new\n+x abcdefgh-12345678\n";
        assert_eq!(in_lines(&redactor(), diff), ["new"]);
    }

    #[test]
    fn a_60_a_key_in_bytes_is_found_wherever_it_stands() {
        for before in [0, PIECE - 5, PIECE, PIECE + OVERLAP - 3, 3 * PIECE] {
            let mut bytes = vec![0; before];
            bytes.extend(KEY.as_bytes());
            bytes.extend([255; 99]);
            assert!(in_bytes(&redactor(), &bytes[..]).unwrap(), "{before}");
            bytes[before + 3] = 0;
            assert!(!in_bytes(&redactor(), &bytes[..]).unwrap(), "{before}");
        }
    }

    #[test]
    fn a_60_what_a_diff_does_not_show_is_read_but_not_what_a_link_leads_to() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        std::fs::write(path("key.bin"), [b"\0\0", KEY.as_bytes()].concat()).unwrap();
        std::fs::write(path("none.bin"), "\0").unwrap();
        std::os::unix::fs::symlink("key.bin", path("link.bin")).unwrap();
        let found = |name, is_binary, is_cut| {
            leaks(&redactor(), &diff_of(name, is_binary, is_cut), place.path()).unwrap()
        };
        assert_eq!(found("key.bin", true, false), ["key.bin"]);
        assert_eq!(found("key.bin", false, true), ["key.bin"]);
        for unshown in ["none.bin", "link.bin"] {
            assert_eq!(found(unshown, true, false), [""; 0], "{unshown}");
        }
        std::os::unix::fs::symlink(format!("to/{KEY}"), path("told.lnk")).unwrap();
        assert_eq!(found("told.lnk", false, true), ["told.lnk"]);
        leaks(&redactor(), &diff_of("gone.bin", true, false), place.path()).unwrap_err();
        // What is text and whole has been seen line by line.
        assert_eq!(found("key.bin", false, false), [""; 0]);
    }
}
