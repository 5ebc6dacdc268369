//! The one builder of git commands: everything that git could obey besides us is pinned, emptied or absent.

use crate::error::{Answer, failed, git_failed, io_failed};
use crate::process::{Failure, Ran, Start};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Git's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32, pub u32);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// `merge-tree --write-tree` appeared here.
const OLDEST: Version = Version(2, 38, 0);

/// First releases of each line without CVE-2025-48384 and its companions; lines after the last are clean.
const REPAIRED: [Version; 8] = [
    Version(2, 43, 7),
    Version(2, 44, 4),
    Version(2, 45, 4),
    Version(2, 46, 4),
    Version(2, 47, 3),
    Version(2, 48, 2),
    Version(2, 49, 1),
    Version(2, 50, 1),
];

/// The git program, found once.
#[derive(Clone, Debug)]
pub struct Git {
    program: PathBuf,
    version: Version,
}

impl Git {
    /// Finds git in the folders of `PATH` and asks its version.
    ///
    /// # Errors
    ///
    /// No git, or one that is too old.
    pub async fn find() -> Answer<Self> {
        let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
        let program = std::env::split_paths(&path)
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join("git"))
            .find(|program| program.is_file())
            .ok_or_else(|| crate::error::missing("no `git` in PATH: install git 2.38 or newer"))?;
        Self::at(program).await
    }

    /// Takes this program.
    ///
    /// # Errors
    ///
    /// It does not run, or is too old.
    pub async fn at(program: PathBuf) -> Answer<Self> {
        let git = Self {
            program,
            version: OLDEST,
        };
        let said = git
            .call(&GitDir::none())
            .args(["version"])
            .stdout("ask git its version")
            .await?;
        let said = String::from_utf8_lossy(&said).into_owned();
        let version =
            parse_version(&said).ok_or_else(|| failed(format!("not a git version: `{}`", said.trim())))?;
        if version < OLDEST {
            return Err(failed(format!(
                "git {version} is too old: {OLDEST} or newer is needed"
            )));
        }
        Ok(Self { version, ..git })
    }

    /// Its version.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Where it is.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// What a person should know about this version, for `doctor`.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let repaired = REPAIRED
            .iter()
            .find(|fixed| (fixed.0, fixed.1) == (self.version.0, self.version.1));
        let is_bad = match repaired {
            Some(fixed) => self.version < *fixed,
            None => self.version < REPAIRED[0],
        };
        is_bad.then(|| {
            format!(
                "git {} has known holes (CVE-2025-48384): 2.50.1 or a repaired older line is safer",
                self.version
            )
        })
    }

    /// Begins a command on `dir`.
    pub(crate) fn call(&self, dir: &GitDir) -> Call {
        Call {
            program: self.program.clone(),
            dir: dir.clone(),
            pins: Vec::new(),
            args: Vec::new(),
            env: Vec::new(),
            stdin: Vec::new(),
            is_users: false,
            limit: Duration::from_secs(120),
            output_max: 64 << 20,
            is_cut: false,
        }
    }
}

fn parse_version(said: &str) -> Option<Version> {
    let number = said
        .trim()
        .strip_prefix("git version ")?
        .split([' ', '-'])
        .next()?;
    let mut parts = number.split('.').map(|part| part.parse::<u32>().ok());
    Some(Version(
        parts.next()??,
        parts.next()??,
        parts.next().flatten().unwrap_or(0),
    ))
}

/// Which git folder and which files a command is about. Always said, never searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GitDir {
    pub(crate) dir: Option<PathBuf>,
    pub(crate) tree: Option<PathBuf>,
}

impl GitDir {
    pub(crate) const fn none() -> Self {
        Self {
            dir: None,
            tree: None,
        }
    }

    pub(crate) const fn bare(dir: PathBuf) -> Self {
        Self {
            dir: Some(dir),
            tree: None,
        }
    }

    pub(crate) const fn with_tree(dir: PathBuf, tree: PathBuf) -> Self {
        Self {
            dir: Some(dir),
            tree: Some(tree),
        }
    }
}

/// What git may not take from any configuration. Names it cannot know (filters, drivers) are met by giving it a
/// configuration of ours.
const PINS: &[&str] = &[
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.untrackedCache=false",
    "core.splitIndex=false",
    "core.trustctime=true",
    "core.checkStat=default",
    "core.pager=cat",
    "core.editor=false",
    "core.sshCommand=false",
    "core.askPass=false",
    "core.gitProxy=false",
    "core.alternateRefsCommand=true",
    "core.quotePath=false",
    "core.filesRefLockTimeout=10000",
    "core.packedRefsTimeout=10000",
    "gpg.program=false",
    "gpg.ssh.program=false",
    "gpg.x509.program=false",
    "commit.gpgSign=false",
    "tag.gpgSign=false",
    "log.showSignature=false",
    "protocol.ext.allow=never",
    "safe.bareRepository=explicit",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "credential.helper=",
    "transfer.fsckObjects=true",
    "fetch.fsckObjects=true",
    "gc.auto=0",
    "maintenance.auto=false",
    "color.ui=false",
    "diff.noprefix=false",
    "diff.mnemonicPrefix=false",
    "diff.renames=true",
    "diff.ignoreSubmodules=all",
    // What a completed step rests on must survive power loss.
    "core.fsync=committed,loose-object,reference",
    "core.fsyncMethod=batch",
];

/// One command, being built.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    program: PathBuf,
    dir: GitDir,
    pins: Vec<OsString>,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    stdin: Vec<u8>,
    is_users: bool,
    limit: Duration,
    output_max: usize,
    is_cut: bool,
}

impl Call {
    /// Adds arguments of ours: verbs and options.
    pub(crate) fn args<const N: usize>(mut self, args: [&str; N]) -> Self {
        self.args.extend(args.iter().map(OsString::from));
        self
    }

    /// Adds values; the caller has put `--end-of-options` or `--` before what others chose.
    pub(crate) fn values<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(mut self, values: I) -> Self {
        self.args
            .extend(values.into_iter().map(|value| value.as_ref().to_owned()));
        self
    }

    pub(crate) fn pin(mut self, setting: &str) -> Self {
        self.pins.push(setting.into());
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.into(), value.as_ref().to_owned()));
        self
    }

    pub(crate) fn stdin(mut self, bytes: Vec<u8>) -> Self {
        self.stdin = bytes;
        self
    }

    pub(crate) const fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Takes only so many bytes of what it prints, instead of failing: for what people look at.
    pub(crate) const fn cut_at(mut self, bytes: usize) -> Self {
        self.output_max = bytes;
        self.is_cut = true;
        self
    }

    /// Lets git read the person's own configuration: for their own checkout and their own name only.
    pub(crate) const fn with_users_configuration(mut self) -> Self {
        self.is_users = true;
        self
    }

    /// The command as words.
    pub(crate) fn into_start(self) -> Start {
        let mut argv: Vec<OsString> = vec![self.program.clone().into(), "--no-pager".into()];
        for pin in PINS.iter().map(OsString::from).chain(self.pins) {
            argv.extend(["-c".into(), pin]);
        }
        if let Some(dir) = &self.dir.dir {
            argv.push(joined("--git-dir=", dir));
        }
        if let Some(tree) = &self.dir.tree {
            argv.push(joined("--work-tree=", tree));
        }
        argv.extend(self.args);
        let mut env = environment(&self.program, self.is_users);
        env.extend(self.env);
        let dir = self
            .dir
            .tree
            .or(self.dir.dir)
            .unwrap_or_else(|| PathBuf::from("/"));
        Start {
            argv,
            dir,
            env,
            stdin: self.stdin,
            limit: self.limit,
            output_max: self.output_max,
            is_cut: self.is_cut,
        }
    }

    /// Runs it; any exit code is an answer. A death by signal is none: "not there" and "killed while looking" differ.
    pub(crate) async fn run(self, doing: &str) -> Answer<Ran> {
        let dir = self.dir.dir.clone();
        let (limit, is_cut) = (self.limit, self.is_cut);
        let ran = self.into_start().run().await.map_err(|failure| match failure {
            Failure::TooLong => failed(format!(
                "cannot {doing}: git took longer than {} s",
                limit.as_secs()
            )),
            Failure::TooMuch => failed(format!("cannot {doing}: git printed more than it may")),
            Failure::NotStarted(error) => io_failed("start git in", &dir.unwrap_or_default(), &error),
        })?;
        // Whoever takes only the first bytes ends git by not reading on.
        if ran.code.is_none() && !is_cut {
            Err(git_failed(doing, &ran.complaint()))
        } else {
            Ok(ran)
        }
    }

    /// Runs it; only success is an answer.
    pub(crate) async fn stdout(self, doing: &str) -> Answer<Vec<u8>> {
        let ran = self.run(doing).await?;
        if ran.code == Some(0) {
            Ok(ran.stdout)
        } else {
            Err(git_failed(doing, &ran.complaint()))
        }
    }
}

/// An option and a path that need not be text.
fn joined(option: &str, path: &Path) -> OsString {
    let mut word = OsString::from(option);
    word.push(path);
    word
}

fn environment(program: &Path, is_users: bool) -> Vec<(OsString, OsString)> {
    let mut env: Vec<(OsString, OsString)> = [
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_OPTIONAL_LOCKS", "0"),
        ("GIT_NO_REPLACE_OBJECTS", "1"),
        // Missing objects of a partial clone are an error to show, not a reason to call somebody.
        ("GIT_NO_LAZY_FETCH", "1"),
        ("GIT_ALLOW_PROTOCOL", "none"),
        ("GIT_EDITOR", "false"),
        ("LC_ALL", "C"),
    ]
    .into_iter()
    .map(|(name, value)| (name.into(), value.into()))
    .collect();
    if is_users {
        for name in ["HOME", "XDG_CONFIG_HOME", "PATH"] {
            env.extend(std::env::var_os(name).map(|value| (name.into(), value)));
        }
    } else {
        let mut path = program
            .parent()
            .map(|folder| folder.as_os_str().to_owned())
            .unwrap_or_default();
        path.push(":/usr/bin:/bin");
        env.push(("PATH".into(), path));
        env.push(("HOME".into(), "/nonexistent".into()));
        env.push(("GIT_CONFIG_NOSYSTEM".into(), "1".into()));
        env.push(("GIT_ATTR_NOSYSTEM".into(), "1".into()));
        env.push(("GIT_CONFIG_GLOBAL".into(), "/dev/null".into()));
    }
    env
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_git_prints_them() {
        assert_eq!(parse_version("git version 2.47.3\n"), Some(Version(2, 47, 3)));
        assert_eq!(
            parse_version("git version 2.39.5 (Apple Git-154)\n"),
            Some(Version(2, 39, 5))
        );
        assert_eq!(parse_version("git version 2.50.0-rc1"), Some(Version(2, 50, 0)));
        assert_eq!(parse_version("hello"), None);
    }

    #[test]
    fn known_holes_are_named() {
        let warned = |version| {
            Git {
                program: PathBuf::new(),
                version,
            }
            .warning()
            .is_some()
        };
        assert!(warned(Version(2, 38, 0)) && warned(Version(2, 47, 2)) && warned(Version(2, 50, 0)));
        assert!(!warned(Version(2, 47, 3)) && !warned(Version(2, 43, 7)) && !warned(Version(2, 51, 0)));
    }
}
