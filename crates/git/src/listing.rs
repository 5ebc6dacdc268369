//! How a tree differs from an index: names only, read by a git that obeys nobody but us.

use crate::command::Call;
use crate::error::{Answer, failed, git_failed};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// The differences, as git names paths: bytes, relative to the top of the tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listing {
    /// Known files with another content or kind.
    pub(crate) modified: Vec<Vec<u8>>,
    /// Known files that are gone.
    pub(crate) deleted: Vec<Vec<u8>>,
    /// Files that are not known.
    pub(crate) untracked: Vec<Vec<u8>>,
    /// Folders that are repositories of their own; git does not look into them.
    pub(crate) nested: Vec<Vec<u8>>,
    /// Files and folders that are ignored, where they were asked for.
    pub(crate) ignored: Vec<Vec<u8>>,
    /// Files that differ between HEAD and the index.
    pub(crate) staged: Vec<Vec<u8>>,
}

/// Which files to look at.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Look<'a> {
    /// Name ignored files too.
    pub(crate) with_ignored: bool,
    /// Leave this folder out, relative to the top.
    pub(crate) without: Option<&'a Path>,
}

impl Listing {
    /// Asks git. `call` says which git folder, tree and index.
    pub(crate) async fn of(call: Call, look: Look<'_>) -> Answer<Self> {
        let doing = "look for changes";
        let ignored = if look.with_ignored {
            "--ignored=matching"
        } else {
            "--ignored=no"
        };
        let mut call = call.args([
            "status",
            "--porcelain=v2",
            "-z",
            "--untracked-files=all",
            "--no-renames",
            "--ignore-submodules=all",
            ignored,
            "--",
        ]);
        if let Some(without) = look.without {
            let mut spec = std::ffi::OsString::from(":(top,exclude,literal)");
            spec.push(without);
            call = call.values([":(top)".into(), spec]);
        }
        let ran = call.run(doing).await?;
        // Git skips a folder that it may not read with no more than a warning; for us that is an unknown change.
        let is_blind = String::from_utf8_lossy(&ran.stderr).contains("could not open directory");
        if ran.code != Some(0) || is_blind {
            return Err(git_failed(doing, &ran.complaint()));
        }
        Self::parse(&ran.stdout).ok_or_else(|| failed("git's status has an unknown form"))
    }

    fn parse(status: &[u8]) -> Option<Self> {
        let mut found = Self::default();
        for line in status.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
            match line[0] {
                b'1' => found.note(line, field(line, 8)?)?,
                b'u' => found.modified.push(field(line, 10)?.to_vec()),
                b'?' => found.note_untracked(field(line, 1)?),
                b'!' => found.ignored.push(field(line, 1)?.to_vec()),
                b'#' => {}
                _ => return None,
            }
        }
        Some(found)
    }

    fn note(&mut self, line: &[u8], path: &[u8]) -> Option<()> {
        let (index, tree) = (*line.get(2)?, *line.get(3)?);
        match tree {
            b'.' => {}
            b'D' => self.deleted.push(path.to_vec()),
            _ => self.modified.push(path.to_vec()),
        }
        if index != b'.' {
            self.staged.push(path.to_vec());
        }
        Some(())
    }

    fn note_untracked(&mut self, path: &[u8]) {
        match path.strip_suffix(b"/") {
            Some(folder) => self.nested.push(folder.to_vec()),
            None => self.untracked.push(path.to_vec()),
        }
    }

    /// Whether the tree is what the index says.
    pub(crate) const fn is_empty(&self) -> bool {
        self.modified.is_empty()
            && self.deleted.is_empty()
            && self.untracked.is_empty()
            && self.nested.is_empty()
            && self.ignored.is_empty()
    }

    /// All names as text, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let all = [
            &self.modified,
            &self.deleted,
            &self.untracked,
            &self.nested,
            &self.ignored,
        ];
        let mut names: Vec<String> = all.into_iter().flatten().map(|name| text_of(name)).collect();
        names.sort();
        names.dedup();
        names
    }
}

/// A path as text; what is not UTF-8 shows as such.
pub(crate) fn text_of(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

/// Bytes of git as a path.
pub(crate) fn path_of(path: &[u8]) -> &Path {
    Path::new(std::ffi::OsStr::from_bytes(path))
}

/// What follows the n-th space.
fn field(line: &[u8], n: usize) -> Option<&[u8]> {
    line.splitn(n + 1, |byte| *byte == b' ').nth(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_is_read_with_odd_names() {
        let id = "a".repeat(40);
        let status = format!(
            "1 .M N... 100644 100644 100644 {id} {id} a b\n\01 .D N... 100644 100644 000000 {id} {id} gone\0\
             1 M. N... 100644 100644 100644 {id} {id} staged\0? new one\0? sub/repo/\0! target/\0"
        );
        let listing = Listing::parse(status.as_bytes()).expect("a status");
        assert_eq!(listing.modified, [b"a b\n".to_vec()]);
        assert_eq!(listing.deleted, [b"gone".to_vec()]);
        assert_eq!(listing.untracked, [b"new one".to_vec()]);
        assert_eq!(listing.nested, [b"sub/repo".to_vec()]);
        assert_eq!(listing.ignored, [b"target/".to_vec()]);
        assert_eq!(listing.staged, [b"staged".to_vec()]);
        assert_eq!(Listing::parse(b"9 x"), None);
    }
}
