//! Keeps what happened. Events are the truth; views beside them are the store's own matter.

use super::Later;
use domain::{Event, Moment, ProjectId, RunId, Stream, UnitId};

/// Events for one stream, decided on its state after `expected_seq` events.
#[derive(Clone, Debug, PartialEq)]
pub struct Append {
    /// The stream.
    pub stream: Stream,
    /// How many events the stream has, as far as the decider knows.
    pub expected_seq: u64,
    /// What happened, in order.
    pub events: Vec<Event>,
}

/// A request that may be repeated: the same key and body get the same answer, once done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The client's key.
    pub key: String,
    /// Hash over what was asked.
    pub body_hash: String,
    /// What was answered.
    pub answer: String,
}

/// What a request was answered when it was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Hash over what was asked then.
    pub body_hash: String,
    /// What was answered then.
    pub answer: String,
}

/// All or nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// When it was decided; every timestamp of every view comes from here.
    pub at: Moment,
    /// What happened, per stream; no stream twice.
    pub appends: Vec<Append>,
    /// Remembered in the same transaction.
    pub idempotency: Option<Idempotency>,
    /// When runs want to be told the time next, once out of memory.
    pub wakes: Vec<(RunId, Option<Moment>)>,
}

/// What a commit says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Global position of the batch's last event; positions grow by one per event, without gaps.
    pub position: u64,
}

/// Why a batch was not kept. Nothing of it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// A stream has moved on: reload and decide again.
    #[error("the stream {0:?} has moved on")]
    Conflict(Stream),
    /// The key was used before, with this body: here is what was answered then.
    #[error("the request was answered before")]
    Repeated {
        /// The answer given then.
        answer: String,
    },
    /// The key was used before, with another body.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The disk is full. What was there is safe; try again when there is room.
    #[error("the disk is full")]
    Full,
    /// The store cannot go on in this process.
    #[error("the store is down: {0}")]
    Down(String),
}

/// Why a read failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the store: {0}")]
pub struct StoreError(pub String);

/// An event as it was kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Its place among all events, from one, without gaps.
    pub position: u64,
    /// What it happened to.
    pub stream: Stream,
    /// Its place in the stream, from one, without gaps.
    pub seq: u64,
    /// When it was decided.
    pub at: Moment,
    /// What happened.
    pub event: Event,
}

/// A run that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenRun {
    /// The run.
    pub run: RunId,
    /// Where.
    pub project: ProjectId,
    /// When it wants to be told the time; none when something else must wake it.
    pub wake: Option<Moment>,
    /// Whether a task of it is starting or running as far as the history says. After a crash such a run must be
    /// looked at first.
    pub has_live_task: bool,
}

/// The history.
pub trait Store: Send + Sync {
    /// Keeps a batch. When this returns `Ok`, it survives the machine's death. A batch without events keeps its answer,
    /// if it has one; one without that either only says whether there is room again.
    fn commit(&self, batch: Batch) -> Later<'_, Result<Committed, CommitError>>;

    /// What the request of that key was answered within the day before `now`, if it was done. A question: it keeps
    /// nothing, whatever comes between it and whatever is done about it.
    fn answered(&self, key: String, now: Moment) -> Later<'_, Result<Option<Answered>, StoreError>>;

    /// All events of a stream with a `seq` above `after`, in order.
    fn load(&self, stream: Stream, after: u64) -> Later<'_, Result<Vec<Recorded>, StoreError>>;

    /// Up to `limit` events with a position above `position`, in order.
    fn after(&self, position: u64, limit: usize) -> Later<'_, Result<Vec<Recorded>, StoreError>>;

    /// The position of the last event; zero when there is none.
    fn position(&self) -> Later<'_, Result<u64, StoreError>>;

    /// The runs that have not ended, oldest first.
    fn open_runs(&self) -> Later<'_, Result<Vec<OpenRun>, StoreError>>;

    /// The runs that have ended and have a wake: an earlier life did not come to let go of what they kept.
    fn unreleased(&self) -> Later<'_, Result<Vec<RunId>, StoreError>>;

    /// The units that were not deleted, oldest first.
    fn units(&self) -> Later<'_, Result<Vec<UnitId>, StoreError>>;

    /// Keeps bytes under the hexadecimal SHA-256 that it returns, before anything names them.
    fn put_blob(&self, bytes: Vec<u8>) -> Later<'_, Result<String, CommitError>>;

    /// The bytes of that hash.
    fn blob(&self, hash: String) -> Later<'_, Result<Vec<u8>, StoreError>>;
}
