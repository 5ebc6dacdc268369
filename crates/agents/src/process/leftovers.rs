//! Owns: ending what is left of many tasks with one look at all processes.
//!
//! A daemon that died with two hundred tasks under way leaves two hundred to look for, and a look reads the environment of
//! every process of the machine: for each task apart, that was most of a start.

use super::end_leftovers;
use domain::{ProcessIdentity, TaskId};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Semaphore, oneshot};

/// What is left of a task is to be ended, and somebody waits for that.
pub(crate) struct Sought {
    pub(crate) task: TaskId,
    pub(crate) process: Option<ProcessIdentity>,
    pub(crate) done: oneshot::Sender<()>,
}

/// Those that wait for the next look. Clones are the same.
#[derive(Clone)]
pub(crate) struct Leftovers {
    waiting: Arc<Mutex<Vec<Sought>>>,
    /// One looks at a time, for all who wait.
    turn: Arc<Semaphore>,
}

impl Default for Leftovers {
    fn default() -> Self {
        Self {
            waiting: Arc::default(),
            turn: Arc::new(Semaphore::new(1)),
        }
    }
}

impl Leftovers {
    /// Ends what is left of a task of an earlier life; returns once a look that began after this call found nothing of
    /// it. False when the look itself broke.
    pub(crate) async fn end(&self, task: TaskId, process: Option<ProcessIdentity>) -> bool {
        let (done, mut is_done) = oneshot::channel();
        self.lock().push(Sought { task, process, done });
        let turn = tokio::select! {
            biased;
            done = &mut is_done => return done.is_ok(),
            turn = self.turn.acquire() => turn,
        };
        // Whoever had the turn before took ours along, or left it waiting.
        let looked = match is_done.try_recv() {
            Ok(()) => true,
            Err(oneshot::error::TryRecvError::Closed) => false,
            Err(oneshot::error::TryRecvError::Empty) => {
                let all = self.clone();
                let look =
                    tokio::task::spawn_blocking(move || end_leftovers(|| std::mem::take(&mut *all.lock())));
                look.await.is_ok() && is_done.try_recv().is_ok()
            }
        };
        drop(turn);
        looked
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Sought>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
