//! Owns: login files kept alike in an account and in the homes of tasks. Agents renew their logins while they work; of
//! two copies the newer holds, and copying is serialised by the account's lock.
//!
//! A note beside each home says which login was put there. A home with another one, because the agent was given another
//! account or the person logged in anew, has nothing that could be taken back.

use super::beneath::{Content, read, remove, replace, write};
use super::dates::{is_newer, runs_out};
use crate::descriptor::LoginFile;
use domain::Moment;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The lock of an account. Never deleted.
const LOCK: &str = ".lock";
/// Changes when a person fills the account, not when an agent renews it.
const ORIGIN: &str = ".origin";
/// The note's name.
const NOTE: &str = "login";

/// The files of one account.
#[derive(Clone, Debug)]
pub(crate) struct Synced {
    account: PathBuf,
    files: Vec<LoginFile>,
}

/// A home that has, or will have, a copy of the login.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Holder {
    /// The home.
    pub(crate) home: PathBuf,
    /// The folder of the note, out of the task's reach.
    pub(crate) beside: PathBuf,
}

impl Synced {
    pub(crate) fn new(account: PathBuf, files: Vec<LoginFile>) -> Self {
        Self { account, files }
    }

    /// The account's folder.
    pub(super) fn account(&self) -> &Path {
        &self.account
    }

    /// Where login files lie below an account or a home.
    pub(super) fn folders<'a>(&'a self, root: &'a Path) -> impl Iterator<Item = PathBuf> + 'a {
        let parents = self
            .files
            .iter()
            .filter_map(|file| Path::new(&file.path).parent());
        parents.map(|parent| root.join(parent))
    }

    /// Puts the login into a home in which nothing runs, after taking back what was renewed there.
    pub(crate) fn prepare(&self, holder: &Holder) -> io::Result<()> {
        let _lock = self.lock()?;
        let mark = self.mark()?;
        if holder.has(&mark) {
            self.gather(&[holder])?;
        }
        self.fill(holder, &mark)
    }

    /// Makes the account and homes in which agents are at work alike.
    pub(crate) fn exchange(&self, holders: &[Holder]) -> io::Result<()> {
        let _lock = self.lock()?;
        let mark = self.mark()?;
        let (ours, others): (Vec<_>, Vec<_>) = holders.iter().partition(|holder| holder.has(&mark));
        self.gather(&ours)?;
        for holder in ours {
            heed(holder, self.tell(holder));
        }
        for holder in &others {
            heed(holder, self.fill(holder, &mark));
        }
        Ok(())
    }

    /// Takes back what was renewed in homes in which nothing runs any more.
    pub(crate) fn take_back(&self, holders: &[Holder]) -> io::Result<()> {
        let _lock = self.lock()?;
        let mark = self.mark()?;
        let ours: Vec<_> = holders.iter().filter(|holder| holder.has(&mark)).collect();
        self.gather(&ours)
    }

    /// Fills the account from a folder that has a login, and says which files there were. What homes have is no longer
    /// taken back.
    pub(crate) fn replace_with(&self, from: &Path) -> io::Result<Vec<String>> {
        let _lock = self.lock()?;
        let mut copied = Vec::new();
        let mut digest = Sha256::new();
        for file in &self.files {
            match read(from, &file.path)? {
                Some(content) => {
                    write(&self.account, &file.path, &content)?;
                    digest.update(&content.bytes);
                    copied.push(file.path.clone());
                }
                None => remove(&self.account, &file.path)?,
            }
        }
        let origin: String = digest
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        write(&self.account, ORIGIN, &plain(&origin))?;
        Ok(copied)
    }

    /// When the login runs out; none when it does not say.
    pub(crate) fn runs_out(&self) -> io::Result<Option<Moment>> {
        let mut soonest = None;
        for file in &self.files {
            let content = read(&self.account, &file.path)?;
            let at = content.and_then(|content| runs_out(&content, file));
            soonest = soonest.into_iter().chain(at).min();
        }
        Ok(soonest)
    }

    /// Opened for reading where it can be: closing what was open for writing would wake those who watch the folder.
    fn lock(&self) -> io::Result<File> {
        let path = self.account.join(LOCK);
        let lock = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => File::create(&path)?,
            opened => opened?,
        };
        lock.lock()?;
        Ok(lock)
    }

    fn mark(&self) -> io::Result<Vec<u8>> {
        let origin = read(&self.account, ORIGIN)?.map(|content| content.bytes);
        let name = self.account.file_name().unwrap_or_default();
        Ok([name.as_encoded_bytes(), b"\n", &origin.unwrap_or_default()].concat())
    }

    /// The newest copy of each file becomes the account's.
    fn gather(&self, holders: &[&Holder]) -> io::Result<()> {
        for file in &self.files {
            let mut newest = read(&self.account, &file.path)?;
            let mut found = None;
            for holder in holders {
                let theirs = match read(&holder.home, &file.path) {
                    Ok(theirs) => theirs.filter(|theirs| is_login(theirs, file)),
                    Err(error) => {
                        heed(holder, Err(error));
                        None
                    }
                };
                let is_better = |theirs: &Content| {
                    let ours = newest.as_ref();
                    ours.is_none_or(|ours| ours.bytes != theirs.bytes && is_newer(theirs, ours, file))
                };
                if let Some(theirs) = theirs.filter(is_better) {
                    newest = Some(theirs.clone());
                    found = Some(theirs);
                }
            }
            if let Some(found) = found {
                write(&self.account, &file.path, &found)?;
            }
        }
        Ok(())
    }

    /// Gives an agent at work the newer login. A file that is missing or half there is being written: by putting ours
    /// in its place, what comes of it would be lost.
    fn tell(&self, holder: &Holder) -> io::Result<()> {
        for file in &self.files {
            let (ours, theirs) = (read(&self.account, &file.path)?, read(&holder.home, &file.path)?);
            if let (Some(ours), Some(theirs)) = (ours, theirs)
                && ours.bytes != theirs.bytes
                && is_login(&theirs, file)
                // One that was renewed since it was gathered is gathered next.
                && !is_newer(&theirs, &ours, file)
            {
                replace(&holder.home, &file.path, &theirs, &ours)?;
            }
        }
        Ok(())
    }

    /// Makes a home like the account, whatever was there.
    fn fill(&self, holder: &Holder, mark: &[u8]) -> io::Result<()> {
        // Until all of it is there, the home has no login that could be taken back.
        if !holder.has(mark) {
            remove(&holder.beside, NOTE)?;
        }
        for file in &self.files {
            match (read(&self.account, &file.path)?, read(&holder.home, &file.path)?) {
                (Some(ours), Some(theirs)) if ours.bytes == theirs.bytes => {}
                (Some(ours), _) => write(&holder.home, &file.path, &ours)?,
                (None, _) => remove(&holder.home, &file.path)?,
            }
        }
        if holder.has(mark) {
            return Ok(());
        }
        let note = Content {
            bytes: mark.to_vec(),
            changed: SystemTime::UNIX_EPOCH,
        };
        write(&holder.beside, NOTE, &note)
    }
}

impl Holder {
    /// Whether the login of that mark was put into the home.
    fn has(&self, mark: &[u8]) -> bool {
        read(&self.beside, NOTE).is_ok_and(|note| note.is_some_and(|note| note.bytes == mark))
    }
}

/// What was cut short while it was written, or emptied by a logout, is no login.
fn is_login(content: &Content, file: &LoginFile) -> bool {
    let is_json = Path::new(&file.path)
        .extension()
        .is_some_and(|extension| extension == "json");
    !content.bytes.is_empty() && (!is_json || serde_json::from_slice::<Value>(&content.bytes).is_ok())
}

fn plain(text: &str) -> Content {
    Content {
        bytes: text.as_bytes().to_vec(),
        changed: SystemTime::UNIX_EPOCH,
    }
}

/// One home that cannot be read keeps nobody else from a renewed login.
fn heed(holder: &Holder, done: io::Result<()>) {
    if let Err(error) = done {
        tracing::warn!(home = %holder.home.display(), %error, "a login could not be compared");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const KEY: &str = ".a/key.json";

    fn login() -> LoginFile {
        LoginFile {
            path: KEY.to_owned(),
            expiry: Some("oauth.expires".to_owned()),
            renewed: None,
            lasts_s: None,
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

    /// An account with a login and homes that have it.
    fn world(ground: &Path) -> (Synced, PathBuf, [Holder; 2]) {
        let account = ground.join("account");
        let holders = ["first", "second"].map(|name| Holder {
            home: ground.join(name).join("home"),
            beside: ground.join(name),
        });
        std::fs::create_dir(&account).unwrap();
        for holder in &holders {
            std::fs::create_dir_all(&holder.home).unwrap();
        }
        let synced = Synced::new(account.clone(), vec![login()]);
        write(&account, KEY, &content(100, 1)).unwrap();
        for holder in &holders {
            synced.prepare(holder).unwrap();
        }
        (synced, account, holders)
    }

    #[test]
    fn two_tasks_that_renew_both_end_with_the_newest_login() {
        let ground = tempfile::tempdir().unwrap();
        let (synced, account, [first, second]) = world(ground.path());
        // The second renews to a later end; the first's clock is wrong.
        write(&first.home, KEY, &content(200, 9)).unwrap();
        write(&second.home, KEY, &content(300, 5)).unwrap();
        synced.exchange(&[first.clone(), second.clone()]).unwrap();
        for home in [&account, &first.home, &second.home] {
            assert_eq!(read(home, KEY).unwrap(), Some(content(300, 5)));
        }
    }

    #[test]
    fn half_a_file_is_neither_taken_back_nor_written_over_while_its_agent_runs() {
        let ground = tempfile::tempdir().unwrap();
        let (synced, account, [first, second]) = world(ground.path());
        let half = Content {
            bytes: b"{\"oauth\":".to_vec(),
            ..content(0, 9)
        };
        write(&first.home, KEY, &half).unwrap();
        write(&second.home, KEY, &content(300, 5)).unwrap();
        synced.exchange(&[first.clone(), second]).unwrap();
        assert_eq!(read(&account, KEY).unwrap(), Some(content(300, 5)));
        assert_eq!(read(&first.home, KEY).unwrap(), Some(half));
        // The next attempt is logged in again.
        synced.prepare(&first).unwrap();
        assert_eq!(read(&first.home, KEY).unwrap(), Some(content(300, 5)));
    }

    #[test]
    fn a_login_that_a_person_made_anew_is_not_replaced_by_what_homes_have() {
        let ground = tempfile::tempdir().unwrap();
        let (synced, account, [first, second]) = world(ground.path());
        write(&first.home, KEY, &content(900, 9)).unwrap();
        let own = ground.path().join("own");
        write_all(&own, &content(500, 2));
        assert_eq!(synced.replace_with(&own).unwrap(), [KEY]);
        synced.exchange(&[first.clone(), second]).unwrap();
        assert_eq!(read(&account, KEY).unwrap(), Some(content(500, 2)));
        assert_eq!(read(&first.home, KEY).unwrap(), Some(content(500, 2)));
    }

    #[test]
    fn a_home_that_had_another_account_gives_nothing_back() {
        let ground = tempfile::tempdir().unwrap();
        let (_synced, _account, [first, _second]) = world(ground.path());
        write(&first.home, KEY, &content(900, 9)).unwrap();
        let other = ground.path().join("other");
        write_all(&other, &content(50, 1));
        let synced = Synced::new(other.clone(), vec![login()]);
        synced.take_back(std::slice::from_ref(&first)).unwrap();
        synced.prepare(&first).unwrap();
        for home in [&other, &first.home] {
            assert_eq!(read(home, KEY).unwrap(), Some(content(50, 1)));
        }
    }

    fn write_all(root: &Path, content: &Content) {
        std::fs::create_dir(root).unwrap();
        write(root, KEY, content).unwrap();
    }
}
