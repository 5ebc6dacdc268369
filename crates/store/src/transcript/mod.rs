//! Keeps what agents say: a file per task, written by one thread, cleaned of secrets, told to those who listen.
//!
//! Owns: the files, their index, the limits of their size, the live feed.
//! Leaves out: the history. A transcript never decides anything, and never waits for a reader or a disk.

mod durable;
mod file;
mod live;
mod pattern;
mod record;
mod redact;
mod spelling;
mod writer;

pub use live::{TranscriptListener, Written};
pub use record::TranscriptEntry;
pub use redact::Redactor;

use crate::error::{OpenError, ReadError};
use crate::home::{Home, make_private_folder};
use crate::workers::Workers;
use domain::{ChatId, TaskId};
use durable::Durable;
use engine::ports::{Clock, Entry, Transcripts};
use file::Limit;
use live::Listeners;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use tokio::sync::oneshot;
use writer::{Message, Writer};

/// Entries that wait for the thread at most, in bytes; what comes in beyond is counted and marked.
const QUEUE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Threads that read.
const READERS: usize = 2;
/// Entries in one answer at most.
const PAGE_MAX: usize = 1_000;

/// How much of a transcript is kept.
#[derive(Clone, Copy, Debug)]
pub struct TranscriptLimits {
    /// Of one task.
    pub task_bytes: u64,
    /// Of these, so many for the end of a transcript that is longer.
    pub end_bytes: u64,
    /// Of one entry.
    pub entry_bytes: usize,
}

impl Default for TranscriptLimits {
    fn default() -> Self {
        Self {
            task_bytes: 64 * 1024 * 1024,
            end_bytes: 1024 * 1024,
            entry_bytes: 1024 * 1024,
        }
    }
}

/// What the thread and those who append share.
#[derive(Default)]
struct Shared {
    queued_bytes: AtomicUsize,
    lost: Mutex<BTreeMap<TaskId, (ChatId, u64)>>,
}

/// A part of a transcript.
#[derive(Clone, Debug, PartialEq)]
pub struct TranscriptPage {
    /// The entries, in order.
    pub entries: Vec<TranscriptEntry>,
    /// The index to go on from.
    pub next: u64,
    /// Whether the file ends here, for now.
    pub is_end: bool,
}

/// The transcripts of a home.
pub struct TranscriptFiles {
    root: PathBuf,
    queue: mpsc::Sender<Message>,
    shared: Arc<Shared>,
    listeners: Listeners,
    redactor: Redactor,
    readers: Workers<()>,
}

impl TranscriptFiles {
    /// Opens the transcripts of a home.
    ///
    /// # Errors
    /// When the folder or the threads cannot be made.
    pub fn open(home: &Home, limits: TranscriptLimits, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        Self::open_with(home, limits, clock, Redactor::default())
    }

    /// The same with a redactor that others use as well.
    ///
    /// # Errors
    /// When the folder or the threads cannot be made.
    pub fn open_with(
        home: &Home,
        limits: TranscriptLimits,
        clock: Arc<dyn Clock>,
        redactor: Redactor,
    ) -> Result<Self, OpenError> {
        let root = home.transcripts();
        make_private_folder(&root).map_err(OpenError::file("make the folder", &root))?;
        let (queue, receiver) = mpsc::channel();
        let listeners = Listeners::default();
        let shared = Arc::new(Shared::default());
        let writer = Writer {
            queue: receiver,
            shared: Arc::clone(&shared),
            root: root.clone(),
            limit: Limit {
                bytes: limits.task_bytes,
                end_bytes: limits.end_bytes,
            },
            entry_bytes_max: limits.entry_bytes,
            clock,
            redactor: redactor.clone(),
            listeners: listeners.clone(),
            tasks: BTreeMap::new(),
            durable: Durable::start().map_err(OpenError::file("start the threads of", &root))?,
        };
        let readers = std::thread::Builder::new()
            .name("transcripts".to_owned())
            .spawn(move || writer.run())
            .and_then(|_thread| Workers::start("transcript-reader", vec![(); READERS]))
            .map_err(OpenError::file("start the threads of", &root))?;
        Ok(Self {
            root,
            queue,
            shared,
            listeners,
            redactor,
            readers,
        })
    }

    /// The secrets that no transcript may show: whoever learns one adds it here first.
    #[must_use]
    pub const fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// What is written from now on. Whoever listens too slowly is told where to read what it missed.
    #[must_use]
    pub fn subscribe(&self) -> TranscriptListener {
        self.listeners.add()
    }

    /// Up to `limit` entries of a task from an index on, and no more than fit in one answer; none for a task that said
    /// nothing.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn read(&self, task: TaskId, from: u64, limit: usize) -> Result<TranscriptPage, ReadError> {
        let path = file::path_of(&self.root, task);
        let lines = self
            .readers
            .run(move |()| file::read(&path, from, limit.min(PAGE_MAX)))
            .await;
        let file::Lines { lines, is_end } = lines
            .map_err(|_gone| ReadError::failed("the store is closed"))?
            .map_err(ReadError::failed)?;
        let next = lines.last().map_or(from, |(number, _)| number + 1);
        let entries = lines
            .iter()
            .filter_map(|(number, line)| record::decode(line, *number, task))
            .collect();
        Ok(TranscriptPage {
            entries,
            next,
            is_end,
        })
    }

    /// Waits until everything appended before is written.
    pub async fn settled(&self) {
        self.ask(Message::Settle).await;
    }

    /// Makes everything durable and ends the thread.
    pub async fn stop(&self) {
        self.ask(Message::Stop).await;
    }

    async fn ask(&self, message: fn(oneshot::Sender<()>) -> Message) {
        let (reply, answer) = oneshot::channel();
        if self.queue.send(message(reply)).is_ok() {
            // A thread that is gone has nothing left to write.
            let _gone = answer.await;
        }
    }

    fn lose(&self, task: TaskId, chat: ChatId) {
        let mut lost = self.shared.lost.lock().unwrap_or_else(PoisonError::into_inner);
        lost.entry(task).or_insert((chat, 0)).1 += 1;
    }
}

impl Transcripts for TranscriptFiles {
    fn append(&self, entry: Entry) {
        let bytes = cost(&entry);
        let (task, chat) = (entry.task, entry.chat);
        let queued = self.shared.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        if queued + bytes > QUEUE_BYTES_MAX || self.queue.send(Message::Append(entry)).is_err() {
            self.shared.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.lose(task, chat);
        }
    }

    fn close(&self, task: TaskId) {
        // A thread that is gone has made everything durable when it went.
        let _gone = self.queue.send(Message::Close(task));
    }

    fn without_secrets(&self, text: String) -> String {
        self.redactor.clean(text)
    }
}

fn cost(entry: &Entry) -> usize {
    writer::weight(&entry.kind)
}
