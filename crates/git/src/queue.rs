//! One at a time on what a repository shares: a mutex inside this daemon, a lock file of ours against other daemons.

use crate::error::{Answer, failed, io_failed};
use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::OwnedMutexGuard;
use tokio::time::{Instant, sleep};

/// The queues, by what they protect.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    by_path: Mutex<HashMap<PathBuf, Arc<tokio::sync::Mutex<()>>>>,
}

/// A turn. Ends when dropped; the system ends it when the process dies.
#[derive(Debug)]
pub(crate) struct Turn {
    _ours: OwnedMutexGuard<()>,
    _everybodys: Option<File>,
}

impl Queues {
    /// Waits for a turn among the tasks of this daemon.
    pub(crate) async fn among_us(&self, path: &Path) -> Turn {
        Turn {
            _ours: self.of(path).lock_owned().await,
            _everybodys: None,
        }
    }

    /// Waits for a turn on a shared git folder, also against other daemons.
    pub(crate) async fn on(&self, common: &Path, wait: Duration) -> Answer<Turn> {
        let ours = self.of(common).lock_owned().await;
        let path = common.join("partita.lock");
        let opened = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path);
        let file = opened.map_err(|error| io_failed("write in the git folder:", &path, &error))?;
        let until = Instant::now() + wait;
        let mut pause = Duration::from_millis(2);
        loop {
            match file.try_lock() {
                Ok(()) => {
                    return Ok(Turn {
                        _ours: ours,
                        _everybodys: Some(file),
                    });
                }
                Err(TryLockError::WouldBlock) if Instant::now() < until => {
                    sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_millis(100));
                }
                Err(TryLockError::WouldBlock) => {
                    let path = path.display();
                    return Err(failed(format!(
                        "another daemon has held {path} for {} s",
                        wait.as_secs()
                    )));
                }
                Err(TryLockError::Error(error)) => return Err(io_failed("lock", &path, &error)),
            }
        }
    }

    fn of(&self, path: &Path) -> Arc<tokio::sync::Mutex<()>> {
        let mut queues = self.by_path.lock().unwrap_or_else(PoisonError::into_inner);
        // Places come and go; a queue that nobody stands in is forgotten.
        queues.retain(|_, queue| Arc::strong_count(queue) > 1);
        Arc::clone(queues.entry(path.to_path_buf()).or_default())
    }
}
