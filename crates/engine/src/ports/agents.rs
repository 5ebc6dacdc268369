//! Does tasks: starts an agent's process, lets it go, hears how it ended, stops it.

use super::{Later, Setup, Transcripts};
use domain::{Access, ChatId, Ending, Name, Network, ProcessIdentity, RunId, StepKey, TaskId, Usage, Value};
use std::path::PathBuf;
use std::sync::Arc;

/// Judges a final message: the structured output, or what the agent is told to mend in a repair turn.
pub trait OutputCheck: Send + Sync {
    /// Judges one message.
    fn check(&self, message: &str) -> Result<Value, String>;
}

/// A read-only file beside the working copy that the prompt names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskFile {
    /// Its name, without folders.
    pub name: String,
    /// Its content.
    pub content: String,
}

/// Everything a task needs.
#[derive(Clone)]
pub struct WorkOrder {
    /// The task.
    pub task: TaskId,
    /// The stream its output goes to.
    pub chat: ChatId,
    /// The run, for the homes that its steps keep.
    pub run: RunId,
    /// The step instance, which owns the home that later attempts of the same agent inherit.
    pub key: StepKey,
    /// The agent's name; `command` runs the prompt as a shell command line.
    pub agent: Name,
    /// The model to ask for.
    pub model: Option<String>,
    /// The working copy.
    pub place: PathBuf,
    /// More folders that the task may read: object stores that the working copy shares.
    pub readable: Vec<PathBuf>,
    /// What it may touch.
    pub access: Access,
    /// What it may reach.
    pub network: Network,
    /// What it is told.
    pub prompt: String,
    /// Inputs too long for the prompt.
    pub files: Vec<TaskFile>,
    /// Wall-clock limit.
    pub timeout_ms: u64,
    /// How long it may be silent.
    pub idle_timeout_ms: u64,
    /// What the working copy needs first, once in each that is fresh.
    pub setup: Option<Setup>,
    /// Judges its final message.
    pub check: Arc<dyn OutputCheck>,
    /// Gets what it says.
    pub transcripts: Arc<dyn Transcripts>,
}

/// Why a task's process could not be begun. Nothing runs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BeginError {
    /// The agent, or what it needs, is not there.
    #[error("{0}")]
    Missing(String),
    /// The agent is not logged in.
    #[error("{0}")]
    LoggedOut(String),
    /// What it may touch cannot be enforced here.
    #[error("{0}")]
    Unenforceable(String),
    /// The disk is full.
    #[error("no space left: {0}")]
    NoSpace(String),
    /// The machine refused for another reason.
    #[error("{0}")]
    Failed(String),
}

/// A process that exists and waits for its release before it does anything; it ends when this is dropped.
pub struct Begun {
    /// Who it is.
    pub process: ProcessIdentity,
    /// The way to it.
    pub running: Box<dyn Running>,
}

/// A task under way.
pub trait Running: Send {
    /// Lets the process begin, then waits until it and everything it started are gone. Stops it, first gently, then
    /// firmly, once `stop` is done; a stop that was asked for ends as `Cancelled`.
    fn finish(self: Box<Self>, stop: Later<'static, ()>) -> Later<'static, AgentEnd>;
}

/// How a task's process ended.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentEnd {
    /// How; the change of a completed one is left to the workspace.
    pub ending: Ending,
    /// What it used.
    pub usage: Usage,
}

/// The agents.
pub trait Agents: Send + Sync {
    /// Whether the agent could begin a task with this access right now, asked before anything is made for it.
    fn ready(&self, agent: &Name, access: Access) -> Later<'_, Result<(), BeginError>>;

    /// Starts a process for the task and holds it.
    fn begin(&self, order: WorkOrder) -> Later<'_, Result<Begun, BeginError>>;

    /// Ends whatever is left of a task of an earlier life, and returns once it is gone. Never touches a process that
    /// only shares its number.
    fn end_leftover(&self, task: TaskId, process: Option<ProcessIdentity>) -> Later<'_, ()>;

    /// The account whose limit a task of this agent would meet, as `agent/account`.
    fn account(&self, agent: &Name) -> Name;

    /// Lets go of what a run's steps kept: homes that no later attempt needs.
    fn forget_run(&self, run: RunId) -> Later<'_, ()>;
}
