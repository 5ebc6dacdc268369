//! Owns: login files kept alike in an account and in the homes of tasks. Agents renew their logins while they work;
//! of two copies the newer holds, and copying is serialised by the account's lock.

use super::beneath::{Content, read, write};
use crate::descriptor::LoginFile;
use serde_json::Value;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// The lock of an account. Never deleted.
const LOCK: &str = ".lock";

/// The files of one account.
#[derive(Clone, Debug)]
pub(crate) struct Synced {
    account: PathBuf,
    files: Vec<LoginFile>,
}

impl Synced {
    pub(super) fn new(account: PathBuf, files: Vec<LoginFile>) -> Self {
        Self { account, files }
    }

    /// Makes account and home alike: where they differ, the newer copy wins. Waits for the lock.
    pub(crate) fn sync(&self, home: &Path) -> io::Result<()> {
        let lock = File::create(self.account.join(LOCK))?;
        lock.lock()?;
        self.files.iter().try_for_each(|file| self.sync_one(file, home))
    }

    fn sync_one(&self, file: &LoginFile, home: &Path) -> io::Result<()> {
        match (read(&self.account, &file.path)?, read(home, &file.path)?) {
            (Some(ours), Some(theirs)) if ours.bytes == theirs.bytes => Ok(()),
            (Some(ours), Some(theirs)) if is_newer(&theirs, &ours, file) => self.take_back(file, &theirs),
            (Some(ours), _) => write(home, &file.path, &ours),
            (None, Some(theirs)) => self.take_back(file, &theirs),
            (None, None) => Ok(()),
        }
    }

    /// What was cut short while it was written, or emptied by a logout, is no login.
    fn take_back(&self, file: &LoginFile, theirs: &Content) -> io::Result<()> {
        let is_json = Path::new(&file.path)
            .extension()
            .is_some_and(|extension| extension == "json");
        if theirs.bytes.is_empty() || is_json && serde_json::from_slice::<Value>(&theirs.bytes).is_err() {
            return Ok(());
        }
        write(&self.account, &file.path, theirs)
    }
}

/// Whether one copy is newer: by what it says about its expiry, else by when it was written.
fn is_newer(one: &Content, other: &Content, file: &LoginFile) -> bool {
    let says = |content: &Content| {
        let whole: Value = serde_json::from_slice(&content.bytes).ok()?;
        let found = file
            .expiry
            .as_deref()?
            .split('.')
            .try_fold(&whole, |json, name| json.get(name))?;
        // Numbers count milliseconds or seconds, texts are written year first: both order by themselves.
        found
            .as_f64()
            .map(|number| (number, String::new()))
            .or_else(|| Some((0.0, found.as_str()?.to_owned())))
    };
    match (says(one), says(other)) {
        (Some(one_says), Some(other_says)) if one_says != other_says => one_says > other_says,
        (_, _) => one.changed > other.changed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    fn login() -> LoginFile {
        LoginFile {
            path: ".a/key.json".to_owned(),
            expiry: Some("oauth.expires".to_owned()),
            is_optional: false,
        }
    }

    fn content(expires: u64, written: u64) -> Content {
        let bytes = format!(r#"{{"oauth":{{"expires":{expires}}}}}"#).into_bytes();
        Content {
            bytes,
            changed: SystemTime::UNIX_EPOCH + Duration::from_secs(written),
        }
    }

    #[test]
    fn two_tasks_that_renew_both_end_with_the_newest_login() {
        let ground = tempfile::tempdir().unwrap();
        let [account, first, second] = ["account", "first", "second"].map(|name| ground.path().join(name));
        for folder in [&account, &first, &second] {
            std::fs::create_dir(folder).unwrap();
        }
        let synced = Synced::new(account.clone(), vec![login()]);
        write(&account, ".a/key.json", &content(100, 1)).unwrap();
        synced.sync(&first).unwrap();
        synced.sync(&second).unwrap();
        // The second renews later, yet ends first; the first's clock is wrong.
        write(&first, ".a/key.json", &content(200, 9)).unwrap();
        write(&second, ".a/key.json", &content(300, 5)).unwrap();
        synced.sync(&second).unwrap();
        synced.sync(&first).unwrap();
        synced.sync(&second).unwrap();
        for home in [&account, &first, &second] {
            assert_eq!(read(home, ".a/key.json").unwrap(), Some(content(300, 5)));
        }
    }

    #[test]
    fn half_a_file_is_not_taken_back() {
        let ground = tempfile::tempdir().unwrap();
        let [account, home] = ["account", "home"].map(|name| ground.path().join(name));
        for folder in [&account, &home] {
            std::fs::create_dir(folder).unwrap();
        }
        let synced = Synced::new(account.clone(), vec![login()]);
        write(&account, ".a/key.json", &content(100, 1)).unwrap();
        let half = Content {
            bytes: b"{\"oauth\":".to_vec(),
            ..content(0, 9)
        };
        write(&home, ".a/key.json", &half).unwrap();
        synced.sync(&home).unwrap();
        assert_eq!(read(&account, ".a/key.json").unwrap(), Some(content(100, 1)));
    }
}
