//! A few plain threads that do what blocks: reads of the database, and files that must reach the disk.
//!
//! Plain threads rather than a runtime's, so that each keeps its own connection and the store works under any
//! executor.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use tokio::sync::{mpsc, oneshot};

/// Jobs that may wait for a thread before the caller has to wait as well.
const QUEUE: usize = 256;

type Job<T> = Box<dyn FnOnce(&mut T) + Send>;

/// Threads, each with a state of its own. They end when the last handle is gone.
pub(crate) struct Workers<T> {
    jobs: mpsc::Sender<Job<T>>,
}

impl<T> Clone for Workers<T> {
    fn clone(&self) -> Self {
        Self {
            jobs: self.jobs.clone(),
        }
    }
}

/// Nobody answers: the store is closed, or the job broke.
#[derive(Debug)]
pub(crate) struct Gone;

impl<T: Send + 'static> Workers<T> {
    /// One thread per state.
    pub(crate) fn start(name: &str, states: Vec<T>) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let queue = Arc::new(Mutex::new(queue));
        for (index, state) in states.into_iter().enumerate() {
            let queue = Arc::clone(&queue);
            thread::Builder::new()
                .name(format!("{name}-{index}"))
                .spawn(move || serve(&queue, state))?;
        }
        Ok(Self { jobs })
    }

    /// Does the job on one of the threads.
    pub(crate) async fn run<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> Result<R, Gone> {
        let (reply, answer) = oneshot::channel();
        let job: Job<T> = Box::new(move |state| {
            // Nobody waits any more: the answer has no reader, and that is fine.
            let _unheard = reply.send(job(state));
        });
        self.jobs.send(job).await.map_err(|_closed| Gone)?;
        answer.await.map_err(|_dropped| Gone)
    }
}

fn serve<T>(queue: &Mutex<mpsc::Receiver<Job<T>>>, mut state: T) {
    loop {
        // The lock is held while waiting: the threads take turns at the queue, and work without it.
        let job = queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .blocking_recv();
        let Some(job) = job else { return };
        // A job that breaks tells whoever waits for it by its silence, and costs nobody else a thread.
        let _told = catch_unwind(AssertUnwindSafe(|| job(&mut state)));
    }
}
