//! One daemon per home: the lock on the PID file decides, not the number in it. The number is for people, and for
//! the signal that stops the holder.

use crate::error::{CliError, Explain, Result};
use crate::exit::Exit;
use crate::home::Home;
use engine::faults::{Control, is_off};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The right to be the daemon of a home. Freed with the process, whatever ends it.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
    path: PathBuf,
}

/// Who holds a home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    /// Nobody; a file may be left of somebody.
    Nobody,
    /// The process of this number; none while it has not written it yet.
    Daemon(Option<u32>),
}

impl Lock {
    /// Takes the home, or says who has it.
    pub(crate) fn take(home: &Home) -> Result<Self> {
        let path = home.pid_file();
        let until = Instant::now() + PASSES_WITHIN;
        loop {
            let file = open(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) if is_off(Control::HomeLocked) => {}
                Err(TryLockError::WouldBlock) if is_passing(&file, until) => continue,
                Err(TryLockError::WouldBlock) => return Err(taken(home, read_pid(&file))),
                Err(TryLockError::Error(error)) => {
                    return Err(error).explain(format!("cannot lock {}", path.display()));
                }
            }
            // The holder before us may have removed the file between our opening and our locking it.
            if is_still(&file, &path) {
                let mut lock = Self { file, path };
                lock.write_pid()
                    .explain(format!("cannot write {}", lock.path.display()))?;
                return Ok(lock);
            }
        }
    }

    fn write_pid(&mut self) -> std::io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        writeln!(self.file, "{}", std::process::id())?;
        self.file.sync_all()
    }

    /// Whether the file is still the one that we hold. Somebody may have removed it by hand, and another daemon may
    /// have made its own since.
    pub(crate) fn is_ours(&self) -> bool {
        is_off(Control::OwnRemoved) || is_still(&self.file, &self.path)
    }

    /// Removes the file while the lock is still held, so that nobody finds a file that nobody holds.
    pub(crate) fn remove(self) {
        if !self.is_ours() {
            tracing::warn!("the PID file is not ours any more");
            return;
        }
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%error, "the PID file stays behind; it does no harm");
        }
    }
}

/// Who holds the home right now.
pub(crate) fn holder(home: &Home) -> Result<Holder> {
    let path = home.pid_file();
    let until = Instant::now() + PASSES_WITHIN;
    loop {
        let file = match OpenOptions::new().read(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Holder::Nobody),
            Err(error) => return Err(error).explain(format!("cannot read {}", path.display())),
        };
        return match file.try_lock_shared() {
            Ok(()) => Ok(Holder::Nobody),
            Err(TryLockError::WouldBlock) if is_passing(&file, until) => continue,
            Err(TryLockError::WouldBlock) => Ok(Holder::Daemon(read_pid(&file))),
            Err(TryLockError::Error(error)) => {
                Err(error).explain(format!("cannot look at {}", path.display()))
            }
        };
    }
}

/// How long a lock may outlive its holder.
const PASSES_WITHIN: Duration = Duration::from_secs(5);
/// How often a lock without a holder is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Whether a lock is about to be free: its holder is gone. What the holder was just starting as it was killed has the
/// lock until it becomes another program. Waits a moment.
fn is_passing(file: &File, until: Instant) -> bool {
    let holder = read_pid(file).and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
    let is_gone = holder.is_some_and(|pid| test_kill_process(pid) == Err(Errno::SRCH));
    if !is_gone || Instant::now() >= until || is_off(Control::LockPasses) {
        return false;
    }
    std::thread::park_timeout(LOOK_EVERY);
    true
}

fn open(path: &PathBuf) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .explain(format!("cannot open {}", path.display()))
}

fn is_still(file: &File, path: &PathBuf) -> bool {
    let (Ok(ours), Ok(there)) = (file.metadata(), std::fs::metadata(path)) else {
        return false;
    };
    (ours.dev(), ours.ino()) == (there.dev(), there.ino())
}

fn read_pid(mut file: &File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn taken(home: &Home, pid: Option<u32>) -> CliError {
    let who = pid.map_or_else(
        || "a process that is just starting".to_owned(),
        |pid| format!("process {pid}"),
    );
    CliError::new(Exit::Daemon, "already_running", "a daemon is running already")
        .because(format!("{who} holds {}", home.path.display()))
        .hint("see it with `partita status`, end it with `partita stop`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(temp: &tempfile::TempDir) -> Home {
        Home {
            path: temp.path().to_path_buf(),
        }
    }

    #[test]
    fn s3_24_the_lock_refuses_a_second_and_names_the_holder() {
        let temp = tempfile::tempdir().unwrap();
        let home = home(&temp);
        let lock = Lock::take(&home).unwrap();
        let refused = Lock::take(&home).unwrap_err();
        assert_eq!(refused.exit, Exit::Daemon);
        assert!(
            refused.because[0].starts_with(&format!("process {} holds", std::process::id())),
            "{refused:?}"
        );
        assert_eq!(holder(&home).unwrap(), Holder::Daemon(Some(std::process::id())));
        lock.remove();
        assert_eq!(holder(&home).unwrap(), Holder::Nobody);
    }

    #[test]
    fn s3_20_a_number_that_nobody_holds_is_nobody() {
        let temp = tempfile::tempdir().unwrap();
        let home = home(&temp);
        // Our own number: a living process, but it does not hold the lock.
        std::fs::write(home.pid_file(), format!("{}\n", std::process::id())).unwrap();
        assert_eq!(holder(&home).unwrap(), Holder::Nobody);
        assert!(Lock::take(&home).is_ok());
    }

    /// As after a kill in the moment in which the daemon started a process: that one has the lock, until it becomes
    /// another program.
    #[test]
    fn f_22_a_lock_whose_holder_is_dead_is_waited_for() {
        let mut case = cases::Case::open("F-22");
        let temp = tempfile::tempdir().unwrap();
        let home = home(&temp);
        let mut dead = std::process::Command::new("true").spawn().unwrap();
        dead.wait().unwrap();
        std::fs::write(home.pid_file(), format!("{}\n", dead.id())).unwrap();
        let heir = open(&home.pid_file()).unwrap();
        heir.try_lock().unwrap();
        case.tried();
        let (waits, waited) = std::sync::mpsc::channel();
        let taker = std::thread::spawn(move || {
            waits.send(()).unwrap();
            Lock::take(&home).map(|_lock| ())
        });
        waited.recv().unwrap();
        // Long enough for one that does not wait to be refused; one that waits may take as long as it likes.
        let seen = Instant::now();
        while !taker.is_finished() && seen.elapsed() < Duration::from_millis(300) {
            std::thread::park_timeout(Duration::from_millis(1));
        }
        drop(heir);
        assert!(taker.join().unwrap().is_ok());
        case.hit();
        case.pass(1);
    }
}
