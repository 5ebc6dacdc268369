//! All that can happen to a run.

use crate::{
    Attention, AttentionId, Change, Choice, Ending, FlowRef, Name, Plan, ProcessIdentity, ProjectId, Size,
    StepKey, TaskId, TaskOrdered, UnitId, Usage, Value,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Something that happened to a run.
#[derive(Clone, Debug, PartialEq)]
pub enum RunEvent {
    /// The run came to be.
    Started(Box<RunStarted>),
    /// Step instances came to be: their conditions are decided and their items known.
    StepsPlanned {
        /// The instances, in the order of the plan.
        steps: Vec<PlannedStep>,
    },
    /// Steps of the plan do not apply: their condition does not hold or their list is empty. They get no row.
    StepsLeftOut {
        /// The steps, in the order of the plan.
        steps: Vec<Name>,
    },
    /// A task was decided on.
    TaskOrdered(Box<TaskOrdered>),
    /// The task's process exists and waits for this very record before it does anything.
    TaskStarted {
        /// The task.
        task: TaskId,
        /// Its process.
        process: ProcessIdentity,
    },
    /// The task's process and everything it started are gone.
    TaskEnded {
        /// The task.
        task: TaskId,
        /// How.
        ending: Ending,
        /// What it used.
        usage: Usage,
    },
    /// A failed try gets another, not before this moment.
    RetryScheduled {
        /// The step instance.
        key: StepKey,
        /// Counts the failed tries, from one.
        failures: u32,
        /// When the next may start.
        not_before: crate::Moment,
    },
    /// The next agent of the step's list takes over.
    AgentChanged {
        /// The step instance.
        key: StepKey,
        /// The agent that takes over.
        agent: Name,
    },
    /// The step instance is done, and its gate passed.
    StepCompleted {
        /// The step instance.
        key: StepKey,
        /// What later steps see of it.
        output: Value,
        /// What it changed.
        change: Option<Change>,
    },
    /// The step instance will not be done.
    StepFailed {
        /// The step instance.
        key: StepKey,
        /// For people.
        reason: String,
    },
    /// The step instance was stopped with its run.
    StepCancelled {
        /// The step instance.
        key: StepKey,
    },
    /// A person let the run go on without it.
    StepSkipped {
        /// The step instance.
        key: StepKey,
        /// Who.
        by: String,
    },
    /// A person asked for a step instance that had ended to be done again.
    StepReopened {
        /// The step instance.
        key: StepKey,
        /// Who.
        by: String,
    },
    /// A person is asked.
    AttentionRaised(Box<Attention>),
    /// A person answered.
    AttentionAnswered {
        /// The item.
        attention: AttentionId,
        /// What.
        choice: Choice,
        /// In their words.
        text: String,
        /// Who.
        by: String,
    },
    /// The question no longer matters.
    AttentionWithdrawn {
        /// The item.
        attention: AttentionId,
    },
    /// No new task starts.
    Paused {
        /// Who.
        by: String,
    },
    /// New tasks start again.
    Resumed {
        /// Who.
        by: String,
    },
    /// The run is to end; what is under way is stopped.
    CancelRequested {
        /// Who.
        by: String,
    },
    /// The run's branch shows its line up to this commit.
    LinePublished {
        /// The commit.
        head: String,
    },
    /// The definition under this name is no longer the one the run follows; the run keeps to its own.
    DefinitionDrifted {
        /// Hash of what the name stands for now; empty when there is no such definition any more.
        found: String,
    },
    /// All steps are done.
    Completed {
        /// The report as Markdown.
        report: String,
    },
    /// A step failed that nothing makes up for.
    Failed {
        /// For people.
        reason: String,
        /// The report of what was done, as Markdown.
        report: String,
    },
    /// Everything that was under way has stopped.
    Cancelled,
}

/// What a run is and what it was asked.
#[derive(Clone, Debug, PartialEq)]
pub struct RunStarted {
    /// Where.
    pub project: ProjectId,
    /// The work unit it does, if any.
    pub unit: Option<UnitId>,
    /// A name for people: unique enough to be typed.
    pub slug: String,
    /// The definition it follows.
    pub flow: FlowRef,
    /// Its compiled form.
    pub plan: Arc<Plan>,
    /// What it was asked.
    pub input: RunInput,
    /// The commit it starts from; empty where there is no git.
    pub base: String,
}

/// What a run is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct RunInput {
    /// The question, goal or focus, in the person's words.
    pub question: String,
    /// How much work to make of it.
    pub size: Size,
    /// Leave out what is not needed for a first answer.
    pub fast: bool,
    /// The agent of steps that name none.
    pub agent: Name,
    /// The model of steps that name none.
    pub model: Option<String>,
    /// What else the flow takes: a branch to review, a gate command.
    pub extra: BTreeMap<String, Value>,
}

/// A step instance that came to be.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedStep {
    /// The instance.
    pub key: StepKey,
    /// The item of the fan-out; null for a step without `each`.
    pub item: Value,
}
