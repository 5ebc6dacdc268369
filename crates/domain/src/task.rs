//! One attempt at a step by one agent process: what it is for, how it ends, and what its end means.

use crate::{ChatId, Moment, Name, StepKey, TaskId, Usage, Value};

/// What a task is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// It does the step.
    Work,
    /// It checks that the step was done: the step's gate command.
    Gate,
}

/// Where a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TaskState {
    /// Decided on; its process may not exist yet.
    Starting,
    /// Its process runs.
    Running,
    /// It did what it was for.
    Completed,
    /// It did not.
    Failed,
    /// Something outside ended it: a crash, a stop, a lost machine.
    Interrupted,
    /// A usage limit ended it; it is tried again at the reset.
    Parked,
    /// A person or the run's end stopped it.
    Cancelled,
}

impl TaskState {
    /// Whether it holds for ever.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Starting | Self::Running => false,
            Self::Completed | Self::Failed | Self::Interrupted | Self::Parked | Self::Cancelled => true,
        }
    }
}

/// A process, so that nobody mistakes another for it: numbers are reused, starts are not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProcessIdentity {
    /// Process id of the outermost process of the task.
    pub pid: u32,
    /// When it started, in clock ticks since boot.
    pub start_ticks: u64,
    /// Which boot.
    pub boot_id: String,
}

/// A task that was decided on.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskOrdered {
    /// The task.
    pub task: TaskId,
    /// The step instance it is an attempt at.
    pub key: StepKey,
    /// The stream its output goes to: the step instance's.
    pub chat: ChatId,
    /// What it is for.
    pub role: Role,
    /// Counts the tasks of the step instance, from one.
    pub serial: u32,
    /// Which agent does it.
    pub agent: Name,
    /// Which model, where one was asked for.
    pub model: Option<String>,
    /// The rendered prompt, or the command line.
    pub prompt: String,
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// It did what it was for.
    Completed {
        /// Its structured output, or its final words as text.
        output: Value,
        /// What it changed, for a task that may write and did.
        change: Option<Change>,
    },
    /// It did not.
    Failed {
        /// Which kind of failure: decides what happens next.
        class: FailureClass,
        /// For people.
        reason: String,
    },
    /// Something outside ended it.
    Interrupted {
        /// For people.
        reason: String,
    },
    /// A usage limit of its account.
    Parked {
        /// Whose limit.
        account: Name,
        /// When it is lifted, where the agent said so.
        until: Option<Moment>,
        /// For people.
        reason: String,
    },
    /// It was stopped on request.
    Cancelled,
}

impl Ending {
    /// The state in which this ending leaves a task.
    #[must_use]
    pub const fn state(&self) -> TaskState {
        match self {
            Self::Completed { .. } => TaskState::Completed,
            Self::Failed { .. } => TaskState::Failed,
            Self::Interrupted { .. } => TaskState::Interrupted,
            Self::Parked { .. } => TaskState::Parked,
            Self::Cancelled => TaskState::Cancelled,
        }
    }
}

/// What kind of failure ended a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureClass {
    /// The provider or the way to it: worth another try.
    Transient,
    /// Trying again changes nothing.
    Permanent,
    /// The agent is not logged in: a person's matter.
    Authentication,
    /// The agent or what it needs is not there: a person's matter.
    Missing,
    /// The output does not fit its schema or contract, repair turns included.
    Output,
    /// The gate command refused the result.
    Gate,
    /// The wall clock ran out.
    Timeout,
    /// Nothing was heard for too long.
    Silence,
    /// The disk is full.
    NoSpace,
    /// A task without write access changed its tree.
    AccessViolated,
}

/// What happens after a failure of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Remedy {
    /// Try again as the step's retry allows.
    Retry,
    /// Ask a person.
    Ask,
    /// The step failed.
    GiveUp,
}

impl FailureClass {
    /// Whether a gate that failed like this has said something about the work: otherwise it only did not get to it.
    #[must_use]
    pub const fn is_verdict(self) -> bool {
        match self {
            Self::Permanent | Self::Output | Self::Gate | Self::AccessViolated => true,
            Self::Transient
            | Self::Authentication
            | Self::Missing
            | Self::Timeout
            | Self::Silence
            | Self::NoSpace => false,
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn remedy(self) -> Remedy {
        match self {
            Self::Transient | Self::Output | Self::Gate | Self::Timeout | Self::Silence | Self::NoSpace => {
                Remedy::Retry
            }
            Self::Authentication | Self::Missing => Remedy::Ask,
            Self::Permanent | Self::AccessViolated => Remedy::GiveUp,
        }
    }
}

/// What a task changed: commits of ours, named by what git calls them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The commit it started from.
    pub base: String,
    /// The commit that holds its result.
    pub head: String,
    /// Files changed.
    pub files: u32,
    /// Lines added.
    pub insertions: u32,
    /// Lines removed.
    pub deletions: u32,
}

/// A task as its run remembers it.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// The step instance it is an attempt at.
    pub key: StepKey,
    /// What it is for.
    pub role: Role,
    /// Which agent does it.
    pub agent: Name,
    /// Where it is.
    pub state: TaskState,
    /// Its process, once there is one.
    pub process: Option<ProcessIdentity>,
    /// What it used.
    pub usage: Usage,
}
