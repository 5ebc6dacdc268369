//! Tasks: attempts at a step by one agent process, and what the agent said.

use crate::words::words;
use crate::{Change, ChatId, RunId, TaskId, Usage};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

words! {
    /// Where a task is.
    TaskState {
        /// Decided on; its process may not exist yet.
        Starting = "starting",
        /// Its process runs.
        Running = "running",
        /// It did what it was for.
        Completed = "completed",
        /// It did not.
        Failed = "failed",
        /// Something outside ended it.
        Interrupted = "interrupted",
        /// A usage limit ended it; it is tried again at the reset.
        Parked = "parked",
        /// It was stopped.
        Cancelled = "cancelled",
    }
}

words! {
    /// What a task is for.
    TaskRole {
        /// It does the step.
        Work = "work",
        /// It checks that the step was done.
        Gate = "gate",
    }
}

words! {
    /// What kind of failure ended a task.
    FailureClass {
        /// The provider or the way to it.
        Transient = "transient",
        /// Trying again changes nothing.
        Permanent = "permanent",
        /// The agent is not logged in.
        Authentication = "authentication",
        /// The agent or what it needs is not there.
        Missing = "missing",
        /// The output does not fit its schema or contract.
        Output = "output",
        /// The gate command refused the result.
        Gate = "gate",
        /// The wall clock ran out.
        Timeout = "timeout",
        /// Nothing was heard for too long.
        Silence = "silence",
        /// The disk is full.
        NoSpace = "no_space",
        /// A task without write access changed its tree.
        AccessViolated = "access_violated",
    }
}

/// One attempt at a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Task {
    /// The task.
    pub id: TaskId,
    /// Its run.
    pub run_id: RunId,
    /// The step instance, as `angles[2]`.
    pub step_key: String,
    /// The stream its output goes to.
    pub chat_id: ChatId,
    /// What it is for.
    pub role: TaskRole,
    /// Counts the tasks of the step instance, from one.
    pub serial: u32,
    /// Which agent.
    pub agent: String,
    /// Which model, where one was asked for.
    pub model: Option<String>,
    /// Where it is.
    pub state: TaskState,
    /// Whether it is a supervisor's.
    pub is_orchestrator: bool,
    /// Process id of its outermost process, once there was one.
    pub pid: Option<u32>,
    /// When it was decided on (RFC 3339, UTC).
    pub ordered_at: String,
    /// When its process was there.
    pub started_at: Option<String>,
    /// When everything of it was gone.
    pub ended_at: Option<String>,
    /// Which kind of failure ended it.
    pub failure_class: Option<FailureClass>,
    /// Why it ended, for people.
    pub reason: Option<String>,
    /// Whose limit parked it.
    pub account: Option<String>,
    /// What it changed.
    pub change: Option<Change>,
    /// What it used, once it has ended.
    pub usage: Option<Usage>,
}

/// A task with what it was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskDetail {
    /// The task.
    #[serde(flatten)]
    pub task: Task,
    /// The rendered prompt, or the command line.
    pub prompt: Option<String>,
}

/// A part of what an agent said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Transcript {
    /// The entries, in order.
    pub entries: Vec<TranscriptEntry>,
    /// Give this as `after` to read on.
    pub next: u64,
    /// Whether nothing more will come: the task has ended and this reaches the end.
    pub is_whole: bool,
}

/// Something an agent said or did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TranscriptEntry {
    /// Where it begins in the transcript.
    pub offset: u64,
    /// Where the entry after it begins: reading on from here misses nothing.
    pub next: u64,
    /// When (RFC 3339, UTC), where known.
    pub at: Option<String>,
    /// What.
    #[serde(flatten)]
    pub said: Said,
}

/// What an agent said or did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Said {
    /// A piece of its answer, to be joined with the pieces before it.
    Text {
        /// The piece.
        text: String,
    },
    /// A piece of its reasoning.
    Thought {
        /// The piece.
        text: String,
    },
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
    /// Something about the task that is not the agent's words.
    Notice {
        /// For people.
        text: String,
    },
    /// What its process wrote beside the protocol.
    Raw {
        /// The piece.
        text: String,
    },
    /// What it was told.
    Prompt {
        /// The prompt or repair turn.
        text: String,
    },
    /// A message is whole.
    MessageEnd,
}

words! {
    /// How far a tool call is.
    ToolStatus {
        /// Announced.
        Pending = "pending",
        /// Under way.
        Running = "running",
        /// Done.
        Completed = "completed",
        /// Refused or failed.
        Failed = "failed",
    }
}
