//! Runs: executions of a flow, with their steps.

use crate::words::words;
use crate::{Attention, ChatId, ProjectId, RunId, Task, TaskId, UnitId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

words! {
    /// How a run is.
    RunStatus {
        /// Under way, or waiting.
        Running = "running",
        /// Done.
        Completed = "completed",
        /// Not done.
        Failed = "failed",
        /// Stopped.
        Cancelled = "cancelled",
    }
}

words! {
    /// How a step is.
    StepStatus {
        /// It waits.
        Pending = "pending",
        /// It is being done.
        Running = "running",
        /// Done, or skipped by hand.
        Completed = "completed",
        /// It will not be done.
        Failed = "failed",
        /// It was stopped with its run.
        Cancelled = "cancelled",
    }
}

words! {
    /// What doing a step means.
    StepKind {
        /// An agent gets a prompt.
        Agent = "agent",
        /// A command runs in the sandbox.
        Command = "command",
        /// Code gathers the lists of its needs into one.
        Fold = "fold",
        /// Code brings the changes of fan-out writers together.
        Merge = "merge",
        /// A person says yes or no.
        Approval = "approval",
    }
}

words! {
    /// What a step's tasks may do to the copy they work in.
    StepAccess {
        /// Nothing is written: enforced, not asked for.
        Read = "read",
        /// Its own copy is written.
        Write = "write",
    }
}

words! {
    /// How much work to make of a run.
    Size {
        /// The quick look.
        Small = "small",
        /// The usual.
        Medium = "medium",
        /// The thorough one.
        Large = "large",
    }
}

/// A run to be started.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRun {
    /// Where; this or `project_path`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<ProjectId>,
    /// The folder, absolute. It becomes a project when it is none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_path: Option<String>,
    /// The flow's name.
    pub flow: String,
    /// What it is asked.
    #[serde(default)]
    pub input: NewRunInput,
}

/// What a run is asked. Other names than these are inputs of the flow; those that it does not take are refused.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NewRunInput {
    /// The question, goal or focus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// How much work to make of it; unless said, what the project says, else small.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
    /// Leave out what is not needed for a first answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fast: Option<bool>,
    /// The agent of steps that name none; the default one unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The model of steps that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What else the flow takes: a branch to review, a gate command.
    #[serde(flatten)]
    pub extra: BTreeMap<String, serde_json::Value>,
}

/// What a run was asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunInput {
    /// The question, goal or focus.
    pub question: String,
    /// How much work was to be made of it.
    pub size: Size,
    /// Whether what is not needed for a first answer is left out.
    pub fast: bool,
    /// The agent of steps that name none.
    pub agent: String,
    /// The model of steps that name none.
    pub model: Option<String>,
    /// What else the flow took.
    #[serde(flatten)]
    pub extra: BTreeMap<String, serde_json::Value>,
}

/// A run, as lists show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Run {
    /// The run.
    pub id: RunId,
    /// The name that people type. Its branch is `partita/` and this.
    pub slug: String,
    /// Where.
    pub project_id: ProjectId,
    /// The work unit it does, if any.
    pub unit_id: Option<UnitId>,
    /// The flow's name.
    pub flow: String,
    /// The flow's own version number.
    pub flow_version: u32,
    /// Hash over the definition.
    pub flow_hash: String,
    /// What it was asked.
    pub input: RunInput,
    /// How it is.
    pub status: RunStatus,
    /// Whether no new task starts.
    pub is_paused: bool,
    /// Whether it was asked to end and has not yet.
    pub is_cancelling: bool,
    /// Why it failed.
    pub reason: Option<String>,
    /// The commit it starts from; empty where there is no git.
    pub base: String,
    /// The branch that holds what it made, once there is one.
    pub branch: Option<String>,
    /// The commit that the branch shows.
    pub head: Option<String>,
    /// Hash of what its flow's name stands for now, where that differs; empty when it stands for nothing.
    pub drift: Option<String>,
    /// What its tasks used.
    pub usage: Usage,
    /// When it started (RFC 3339, UTC).
    pub started_at: String,
    /// When it ended.
    pub ended_at: Option<String>,
}

/// A run with everything that belongs to it, all of the same moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunDetail {
    /// The run.
    #[serde(flatten)]
    pub run: Run,
    /// The steps of its plan, in order, those that do not apply included.
    pub manifest: Vec<ManifestStep>,
    /// Its step instances, in the order of the plan.
    pub steps: Vec<Step>,
    /// Its tasks.
    pub tasks: Vec<Task>,
    /// What it asked, answered or not.
    pub attention: Vec<Attention>,
    /// Its report as Markdown, once it has ended.
    pub report: Option<String>,
    /// The position of the last event that this answer knows: a feed goes on from here.
    pub position: u64,
}

/// A step of a run's plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ManifestStep {
    /// The step's id in the definition.
    pub step_id: String,
    /// What people call it.
    pub label: String,
    /// What doing it means.
    pub kind: StepKind,
    /// What its tasks may do to their copy; null in a run from before this was kept.
    pub access: Option<StepAccess>,
}

/// A step instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Step {
    /// The instance, as `fold` or `angles[2]`: what `retry` and `skip` take.
    pub key: String,
    /// The step's id in the definition.
    pub step_id: String,
    /// Which item of a fan-out, from zero.
    pub item: Option<u32>,
    /// The item itself.
    pub item_value: Option<serde_json::Value>,
    /// What people call it.
    pub label: String,
    /// What doing it means.
    pub kind: StepKind,
    /// How it is.
    pub status: StepStatus,
    /// Whether a person let the run go on without it.
    pub skipped: bool,
    /// The key of its output stream.
    pub chat_id: ChatId,
    /// The task that does it, or did last.
    pub task_id: Option<TaskId>,
    /// Which agent does it, or did last.
    pub agent: Option<String>,
    /// Whether it has an output.
    pub has_output: bool,
    /// The step it was injected for.
    pub origin_step: Option<String>,
    /// Not before this time (RFC 3339, UTC).
    pub not_before: Option<String>,
    /// The open attention item that it waits for.
    pub waiting_for: Option<crate::AttentionId>,
    /// Why it failed.
    pub reason: Option<String>,
    /// Failed tries so far.
    pub failures: u32,
    /// What it changed.
    pub change: Option<Change>,
    /// When it came to be (RFC 3339, UTC).
    pub planned_at: String,
    /// When its first task was decided on.
    pub started_at: Option<String>,
    /// When it ended.
    pub ended_at: Option<String>,
}

/// What a step instance handed over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StepOutput {
    /// The output as JSON; null while there is none.
    pub output: serde_json::Value,
}

/// What a task or step changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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

/// Tokens and money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    /// Input tokens that no cache answered.
    pub input_uncached: u64,
    /// Input tokens that a cache answered.
    pub input_cached: u64,
    /// Output tokens, reasoning included.
    pub output: u64,
    /// Money in millionths of a US dollar, where known.
    pub cost_micros: Option<u64>,
}

/// A run that has started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunStarted {
    /// The run.
    pub id: RunId,
    /// The name that people type.
    pub slug: String,
    /// Where.
    pub project_id: ProjectId,
    /// The agent of steps that name none.
    pub agent: String,
}

/// Which runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunFilter {
    /// Only of this project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<ProjectId>,
    /// Only in this status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<RunStatus>,
}
