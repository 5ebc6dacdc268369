//! The way to the writer's thread: a queue with a bound, and an answer for whoever waits.

use crate::error::BackupError;
use crate::record::Record;
use engine::ports::{Batch, CommitError, Committed};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// Batches that may wait; whoever comes after that waits before the queue.
const QUEUE: usize = 1_024;

/// A batch on its way.
pub(crate) struct Work {
    pub(crate) batch: Batch,
    /// The batch's moment, as the views spell it.
    pub(crate) at: String,
    /// The stored forms of the batch's events, in order.
    pub(crate) records: Vec<Record>,
    reply: oneshot::Sender<Result<Committed, CommitError>>,
    _place: OwnedSemaphorePermit,
}

impl Work {
    pub(crate) const fn events(&self) -> usize {
        self.records.len()
    }

    /// Whether there is nothing in it to keep.
    pub(super) fn is_probe(&self) -> bool {
        self.records.is_empty() && self.batch.idempotency.is_none() && self.batch.wakes.is_empty()
    }

    pub(super) fn answer(self, answer: Result<Committed, CommitError>) {
        // Whoever asked may have gone; what was committed stays.
        let _unheard = self.reply.send(answer);
    }
}

/// What the writer is told.
pub(crate) enum Message {
    Commit(Box<Work>),
    Backup {
        to: PathBuf,
        reply: oneshot::Sender<Result<(), BackupError>>,
    },
    /// Makes the views again from the history.
    Rebuild(oneshot::Sender<Result<(), String>>),
    /// Somebody else met a full disk.
    Full,
    Close(oneshot::Sender<()>),
}

/// A way to the writer. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Handle {
    queue: mpsc::Sender<Message>,
    places: Arc<Semaphore>,
}

impl Handle {
    pub(crate) fn new() -> (Self, mpsc::Receiver<Message>) {
        let (queue, receiver) = mpsc::channel();
        (
            Self {
                queue,
                places: Arc::new(Semaphore::new(QUEUE)),
            },
            receiver,
        )
    }

    pub(crate) async fn commit(
        &self,
        batch: Batch,
        at: String,
        records: Vec<Record>,
    ) -> Result<Committed, CommitError> {
        let closed = || CommitError::Down("the writer's thread is gone".to_owned());
        let place = Arc::clone(&self.places)
            .acquire_owned()
            .await
            .map_err(|_closed| closed())?;
        let (reply, answer) = oneshot::channel();
        let work = Work {
            batch,
            at,
            records,
            reply,
            _place: place,
        };
        self.queue
            .send(Message::Commit(Box::new(work)))
            .map_err(|_gone| closed())?;
        answer.await.map_err(|_gone| closed())?
    }

    pub(crate) async fn backup(&self, to: PathBuf) -> Result<(), BackupError> {
        let (reply, answer) = oneshot::channel();
        self.queue
            .send(Message::Backup { to, reply })
            .map_err(|_gone| BackupError::Closed)?;
        answer.await.map_err(|_gone| BackupError::Closed)?
    }

    pub(crate) async fn rebuild(&self) -> Result<(), String> {
        let closed = || "the writer's thread is gone".to_owned();
        let (reply, answer) = oneshot::channel();
        self.queue
            .send(Message::Rebuild(reply))
            .map_err(|_gone| closed())?;
        answer.await.map_err(|_gone| closed())?
    }

    pub(crate) fn disk_is_full(&self) {
        // A writer that is gone needs no ballast.
        let _gone = self.queue.send(Message::Full);
    }

    pub(crate) async fn close(&self) {
        let (reply, answer) = oneshot::channel();
        if self.queue.send(Message::Close(reply)).is_ok() {
            // The thread may end before it answers; either way it is over.
            let _ended = answer.await;
        }
    }
}
