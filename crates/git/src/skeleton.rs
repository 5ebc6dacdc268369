//! The git folders we make: written as text by us, so that we know every byte that git may obey.

use crate::error::{Answer, io_failed};
use crate::files::{self, read_regular};
use crate::identity::Identity;
use crate::names::Oid;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// What stands in a git folder of ours.
#[derive(Clone, Debug)]
pub(crate) struct Skeleton {
    is_sha256: bool,
    is_bare: bool,
    alternate: Option<PathBuf>,
    head: String,
    identity: Option<Identity>,
    shallow: Option<PathBuf>,
}

/// Where the agent's git stands when it starts.
pub(crate) const AGENT_BRANCH: &str = "refs/heads/partita-work";

impl Skeleton {
    /// A repository of its own: for a project without git.
    pub(crate) fn standalone() -> Self {
        Self {
            is_sha256: false,
            is_bare: true,
            alternate: None,
            head: "ref: refs/heads/partita-folder\n".to_owned(),
            identity: None,
            shallow: None,
        }
    }

    /// Ours for a place: stands on `base`, reads the project's objects.
    pub(crate) fn keep(project: &crate::project::Project, base: &Oid) -> Self {
        Self {
            is_sha256: project.is_sha256,
            is_bare: false,
            alternate: Some(project.objects()),
            head: format!("{base}\n"),
            identity: None,
            shallow: project.shallow(),
        }
    }

    /// The agent's in a place: stands on a branch, knows the author.
    pub(crate) fn agents(project: &crate::project::Project, identity: Identity) -> Self {
        Self {
            is_sha256: project.is_sha256,
            is_bare: false,
            alternate: Some(project.objects()),
            head: format!("ref: {AGENT_BRANCH}\n"),
            identity: Some(identity),
            shallow: project.shallow(),
        }
    }

    /// A configuration with no filters, drivers or hooks over the objects of a project: to compare and merge with.
    pub(crate) fn bench(project: &crate::project::Project) -> Self {
        Self {
            is_sha256: project.is_sha256,
            is_bare: true,
            alternate: Some(project.objects()),
            head: "ref: refs/heads/none\n".to_owned(),
            identity: None,
            shallow: project.shallow(),
        }
    }

    fn config(&self) -> String {
        let mut text = format!(
            "[core]\n\trepositoryformatversion = {}\n\tfilemode = true\n\tbare = {}\n\tlogallrefupdates = true\n\
             \thooksPath = /dev/null\n[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n[commit]\n\tgpgsign = false\n\
             [push]\n\tdefault = nothing\n",
            u8::from(self.is_sha256),
            self.is_bare
        );
        if self.is_sha256 {
            text.push_str("[extensions]\n\tobjectformat = sha256\n");
        }
        if let Some(identity) = &self.identity {
            let (name, email) = (quoted(&identity.name), quoted(&identity.email));
            text.push_str(&format!("[user]\n\tname = {name}\n\temail = {email}\n"));
        }
        text
    }

    fn alternates(&self) -> Option<Vec<u8>> {
        let path = self.alternate.as_ref()?.as_os_str().as_bytes();
        let mut line = Vec::new();
        if path.contains(&b'\n') || path.starts_with(b"\"") || path.starts_with(b"#") {
            line.push(b'"');
            for byte in path {
                match byte {
                    b'\n' => line.extend(b"\\n"),
                    b'"' | b'\\' => line.extend([b'\\', *byte]),
                    other => line.push(*other),
                }
            }
            line.push(b'"');
        } else {
            line.extend(path);
        }
        line.push(b'\n');
        Some(line)
    }

    /// Writes it into `dir`, which is made.
    pub(crate) fn write(&self, dir: &Path) -> Answer<()> {
        let put = |name: &str, bytes: &[u8]| {
            let path = dir.join(name);
            fs::write(&path, bytes).map_err(|error| io_failed("write", &path, &error))
        };
        // `hooks` and `info` stay empty; they are there so that a sandbox can close them.
        for folder in [
            "objects/info",
            "objects/pack",
            "refs/heads",
            "refs/tags",
            "hooks",
            "info",
        ] {
            files::make_private_folder(&dir.join(folder))?;
        }
        put("config", self.config().as_bytes())?;
        if let Some(alternates) = self.alternates() {
            put("objects/info/alternates", &alternates)?;
        }
        if let Some(shallow) = &self.shallow {
            let text = fs::read(shallow).map_err(|error| io_failed("read", shallow, &error))?;
            put("shallow", &text)?;
        }
        // Last: before there is a HEAD, it is no git folder.
        put("HEAD", self.head.as_bytes())
    }

    /// Writes it whole or not at all.
    pub(crate) fn write_whole(&self, dir: &Path) -> Answer<()> {
        let beside = files::unique_beside(dir, "making");
        self.write(&beside)?;
        let placed = fs::rename(&beside, dir);
        if placed.is_err() {
            files::remove_tree(&beside)?;
        }
        match placed {
            // Another process was faster.
            Err(_) if dir.join("HEAD").is_file() => Ok(()),
            Err(error) => Err(io_failed("make", dir, &error)),
            Ok(()) => Ok(()),
        }
    }

    /// What in `dir` is not as we wrote it, and could make git obey somebody else.
    pub(crate) fn difference(&self, dir: &Path) -> Option<String> {
        const MOST: u64 = 1 << 20;
        if !files::is_real_folder(dir) {
            return Some("the git folder was replaced".to_owned());
        }
        let differs = |name: &str, expected: &[u8]| {
            read_regular(&dir.join(name), MOST).ok().as_deref() != Some(expected)
        };
        if differs("config", self.config().as_bytes()) {
            return Some("the git configuration was changed".to_owned());
        }
        if let Some(alternates) = self.alternates()
            && differs("objects/info/alternates", &alternates)
        {
            return Some("the link to the project's objects was changed".to_owned());
        }
        let is_there = |name: &&str| fs::symlink_metadata(dir.join(name)).is_ok();
        let planted = [
            "config.worktree",
            "commondir",
            "gitdir",
            "info/attributes",
            "info/grafts",
        ]
        .into_iter()
        .find(is_there);
        planted.map(|name| format!("`{name}` was planted in the git folder"))
    }

    /// The same for a folder that nobody but us has any business in.
    pub(crate) fn difference_in_ours(&self, dir: &Path) -> Option<String> {
        let head = read_regular(&dir.join("HEAD"), 1 << 10).ok();
        if head.as_deref() != Some(self.head.as_bytes()) {
            return Some("the HEAD of our own git folder was changed".to_owned());
        }
        self.difference(dir)
    }
}

/// A value as git's configuration writes it.
fn quoted(value: &str) -> String {
    let escaped: String = value
        .chars()
        .filter(|c| !c.is_control())
        .flat_map(|c| {
            if matches!(c, '"' | '\\') {
                vec!['\\', c]
            } else {
                vec![c]
            }
        })
        .collect();
    format!("\"{escaped}\"")
}
