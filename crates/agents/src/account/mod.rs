//! How an agent is logged in: an environment key, else a long-lived token, else the files of an account.
//!
//! Owns: `accounts/<agent>/<name>/`, what of it goes into a task's home, and what comes back.
//! Leaves out: what a login looks like for each agent (`descriptor`).

mod beneath;
mod dates;
mod live;
mod synced;
mod watch;

pub(crate) use live::{Logins, Member, Turn};
pub(crate) use synced::{Holder, Synced};

use crate::descriptor::{Descriptor, Login};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// The folder's file with a long-lived token.
const TOKEN: &str = "token";
/// The name that stands for a key of the environment.
const ENVIRONMENT: &str = "environment";

/// How one task is logged in.
#[derive(Clone, Debug)]
pub(crate) struct LoggedIn {
    /// Which account, as limits and people know it.
    pub(crate) account: String,
    /// What it needs in its environment.
    pub(crate) environment: Vec<(String, String)>,
    /// Whether a key of the environment does it.
    pub(crate) is_keyed: bool,
    /// Files to be kept alike in account and home.
    pub(crate) files: Option<Synced>,
}

/// Every account of this daemon.
#[derive(Clone, Debug)]
pub(crate) struct Accounts {
    /// The folder `accounts`.
    pub(crate) folder: PathBuf,
    /// The daemon's own environment.
    pub(crate) environment: BTreeMap<String, String>,
}

impl Accounts {
    /// How that agent is logged in; none when it is not.
    pub(crate) fn resolve(&self, agent: &str, descriptor: &Descriptor) -> io::Result<Option<LoggedIn>> {
        let login = &descriptor.login;
        if login.is_free {
            return Ok(Some(LoggedIn::by(ENVIRONMENT, Vec::new())));
        }
        if let Some(environment) = self.key(descriptor) {
            return Ok(Some(LoggedIn {
                is_keyed: true,
                ..LoggedIn::by(ENVIRONMENT, environment)
            }));
        }
        let name = descriptor.account.as_deref().unwrap_or("default");
        let folder = self.of(agent, name);
        if let Some(variable) = &login.token
            && let Some(token) = beneath_text(&folder, TOKEN)?
        {
            return Ok(Some(LoggedIn::by(name, vec![(variable.clone(), token)])));
        }
        if !is_complete(&folder, login)? {
            return Ok(None);
        }
        let files = Synced::new(folder, login.files.clone());
        Ok(Some(LoggedIn {
            files: Some(files),
            ..LoggedIn::by(name, Vec::new())
        }))
    }

    /// The name of the account that a task of that agent would use.
    pub(crate) fn name(&self, descriptor: &Descriptor) -> String {
        let is_keyed = descriptor.login.is_free || self.key(descriptor).is_some();
        if is_keyed {
            ENVIRONMENT.to_owned()
        } else {
            descriptor.account.clone().unwrap_or_else(|| "default".to_owned())
        }
    }

    /// The account's folder.
    pub(crate) fn of(&self, agent: &str, name: &str) -> PathBuf {
        self.folder.join(agent).join(name)
    }

    /// A key and what goes with it. One that the user wrote into `agents.toml` is in the agent's environment already.
    fn key(&self, descriptor: &Descriptor) -> Option<Vec<(String, String)>> {
        let login = &descriptor.login;
        let found: Vec<_> = login.keys.iter().filter_map(|name| self.variable(name)).collect();
        if found.is_empty() && !login.keys.iter().any(|name| descriptor.env.contains_key(name)) {
            return None;
        }
        let passed = login.passed.iter().filter_map(|name| self.variable(name));
        Some(found.into_iter().chain(passed).collect())
    }

    fn variable(&self, name: &str) -> Option<(String, String)> {
        let value = self.environment.get(name).filter(|value| !value.is_empty())?;
        Some((name.to_owned(), value.clone()))
    }

    /// Copies a login into an account: a person's own, or one just made. Theirs is only read. Says which files there were.
    pub(crate) fn fill(
        &self,
        agent: &str,
        name: &str,
        login: &Login,
        from: &Path,
    ) -> io::Result<Vec<String>> {
        let folder = self.prepare(agent, name)?;
        Synced::new(folder, login.files.clone()).replace_with(from)
    }

    /// Keeps a long-lived token as an account.
    pub(crate) fn keep_token(&self, agent: &str, name: &str, token: &str) -> io::Result<()> {
        let folder = self.prepare(agent, name)?;
        let content = beneath::Content {
            bytes: token.trim().as_bytes().to_vec(),
            changed: std::time::UNIX_EPOCH,
        };
        beneath::write(&folder, TOKEN, &content)
    }

    /// Makes the account's folder, for its owner only.
    pub(crate) fn prepare(&self, agent: &str, name: &str) -> io::Result<PathBuf> {
        if !crate::descriptor::is_name(name) {
            let wrong = "an account's name has letters, digits, `-` and `_`, 40 at most";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, wrong));
        }
        let folder = self.of(agent, name);
        private_folder(&folder)?;
        Ok(folder)
    }

    /// Whether a home has a login that an account could be filled with.
    pub(crate) fn has_login(login: &Login, home: &Path) -> bool {
        !login.files.is_empty() && is_complete(home, login).unwrap_or(false)
    }
}

impl LoggedIn {
    fn by(account: &str, environment: Vec<(String, String)>) -> Self {
        Self {
            account: account.to_owned(),
            environment,
            is_keyed: false,
            files: None,
        }
    }
}

fn is_complete(folder: &Path, login: &Login) -> io::Result<bool> {
    if !folder.is_dir() || login.files.is_empty() {
        return Ok(false);
    }
    for file in login.files.iter().filter(|file| !file.is_optional) {
        if beneath::read(folder, &file.path)?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn beneath_text(folder: &Path, name: &str) -> io::Result<Option<String>> {
    if !folder.is_dir() {
        return Ok(None);
    }
    let content = beneath::read(folder, name)?;
    Ok(content
        .and_then(|content| String::from_utf8(content.bytes).ok())
        .filter(|text| !text.is_empty()))
}

/// Makes a folder, and those above it, for the owner only.
pub(crate) fn private_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

/// Makes the folders that files will lie in.
pub(crate) fn make_parents<'a>(root: &Path, files: impl Iterator<Item = &'a str>) -> io::Result<()> {
    files
        .filter_map(|file| root.join(file).parent().map(Path::to_owned))
        .try_for_each(|parent| private_folder(&parent))
}

/// Puts a file into a home that a task may have prepared traps in.
pub(crate) fn put(home: &Path, below: &str, text: &str) -> io::Result<()> {
    let content = beneath::Content {
        bytes: text.as_bytes().to_vec(),
        changed: std::time::UNIX_EPOCH,
    };
    beneath::write(home, below, &content)
}
