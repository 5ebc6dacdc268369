//! Takes what agents say, as they say it. Never part of the history, never waits for a reader.

use domain::{ChatId, TaskId};

/// Something an agent said or did.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The step instance.
    pub chat: ChatId,
    /// The task.
    pub task: TaskId,
    /// What.
    pub kind: EntryKind,
}

/// What an agent said or did.
#[derive(Clone, Debug, PartialEq)]
pub enum EntryKind {
    /// A piece of its answer, to be joined with the pieces before it.
    Text(String),
    /// A piece of its reasoning.
    Thought(String),
    /// A tool call, or news of one: the same id again updates it.
    Tool {
        /// The agent's id for the call.
        id: String,
        /// What it does, for people.
        title: String,
        /// How far it is.
        status: ToolStatus,
        /// Input or output worth keeping.
        detail: String,
    },
    /// Something it asked to be allowed, and what was answered.
    Permission {
        /// What it asked.
        title: String,
        /// Whether it was allowed.
        allowed: bool,
        /// The rule that decided.
        rule: String,
    },
    /// Something about the task that is not the agent's words: a retry of its own, a limit, a cut.
    Notice(String),
    /// What its process wrote beside the protocol: standard error, or a command's output.
    Raw(String),
    /// What it was told: a prompt or a repair turn.
    Prompt(String),
    /// A message is whole.
    MessageEnd,
}

/// How far a tool call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolStatus {
    /// Announced.
    Pending,
    /// Under way.
    Running,
    /// Done.
    Completed,
    /// Refused or failed.
    Failed,
}

/// Keeps transcripts and tells those who listen.
pub trait Transcripts: Send + Sync {
    /// Takes an entry. Returns at once; what cannot be kept is counted and marked, never waited for.
    fn append(&self, entry: Entry);

    /// The task has nothing more to say: makes what it said durable.
    fn close(&self, task: TaskId);

    /// The text without the secrets that are known here, for whatever else is to be kept of what agents say. Whoever knows
    /// none keeps every word.
    fn without_secrets(&self, text: String) -> String {
        text
    }
}
