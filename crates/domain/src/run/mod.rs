//! One execution of a flow: what it knows, folded from its events.

mod apply;
mod decide;
mod duties;
mod event;
mod fold;
mod follow;
mod scope;
mod standing;

pub use decide::{Input, Merge, Untrusted, begin, decide};
pub use duties::{Begin, Duty, duties, next_wake};
pub use event::{PlannedStep, RunEvent, RunInput, RunStarted};
pub use follow::follow;
pub use scope::RunScope;

use crate::{
    Attention, AttentionId, Change, Moment, Name, PlanStep, RunId, StepKey, Task, TaskId, Usage, Value,
};
use standing::{Places, Tally};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Where a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Its steps are being done.
    Active,
    /// It was asked to end; what is under way is being stopped.
    Cancelling,
    /// Nothing more happens by itself.
    Ended(Outcome),
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// All steps are done.
    Completed,
    /// A step failed that nothing makes up for.
    Failed,
    /// It was asked to end.
    Cancelled,
}

/// Where a step instance is.
#[derive(Clone, Debug, PartialEq)]
pub enum StepState {
    /// It waits: for its needs, a moment, a limit or a slot.
    Pending {
        /// Not before this moment.
        not_before: Option<Moment>,
        /// The account whose limit it ran into.
        parked: Option<Name>,
    },
    /// A task does it.
    Working {
        /// The task.
        task: TaskId,
    },
    /// Its work is done; its gate is owed, or under way.
    Checking {
        /// The gate's task, once ordered.
        task: Option<TaskId>,
        /// The gate is not tried again before this moment.
        not_before: Option<Moment>,
        /// What the work gave.
        output: Value,
        /// What the work changed.
        change: Option<Change>,
    },
    /// A person is asked.
    Asking {
        /// What.
        attention: AttentionId,
    },
    /// Done.
    Completed,
    /// It will not be done.
    Failed {
        /// For people.
        reason: String,
    },
    /// It was stopped with its run.
    Cancelled,
    /// A person let the run go on without it.
    Skipped,
}

impl StepState {
    /// Whether nothing more happens to it by itself.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        match self {
            Self::Pending { .. } | Self::Working { .. } | Self::Checking { .. } | Self::Asking { .. } => {
                false
            }
            Self::Completed | Self::Failed { .. } | Self::Cancelled | Self::Skipped => true,
        }
    }

    const PENDING: Self = Self::Pending {
        not_before: None,
        parked: None,
    };
}

/// A step instance.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The item of the fan-out; null for a step without `each`.
    pub item: Value,
    /// Where it is.
    pub state: StepState,
    /// The agent that took over from the first of the step's list.
    pub agent: Option<Name>,
    /// Tasks ordered so far.
    pub serial: u32,
    /// Failed tries so far.
    pub failures: u32,
    /// Interruptions in a row.
    pub interruptions: u32,
    /// Why the last try did not do.
    pub before: Option<String>,
    /// What its work gave and changed, kept while a person is asked about its gate.
    pub set_aside: Option<(Value, Option<Change>)>,
    /// What later steps see of it, once completed.
    pub output: Option<Value>,
    /// What it changed, once completed.
    pub change: Option<Change>,
}

/// One execution of a flow.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    id: RunId,
    seq: u64,
    started: Arc<RunStarted>,
    phase: Phase,
    is_paused: bool,
    steps: BTreeMap<StepKey, Step>,
    places: Arc<Places>,
    /// Of each step of the plan, in its order.
    tally: Vec<Tally>,
    tasks: BTreeMap<TaskId, Task>,
    live: BTreeSet<TaskId>,
    attention: BTreeMap<AttentionId, Attention>,
    attention_serial: u32,
    line: String,
    published: String,
    /// What the line became since its branch was moved last, in order: the branch follows one by one, so that after
    /// a crash it is always at one of two known commits.
    unpublished: Vec<String>,
    usage: Usage,
    report: Option<String>,
    drifted: Option<String>,
    trusted: Option<Trusted>,
}

/// Commands that a person trusts since they let the run go on with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trusted {
    /// Hash over their canonical bytes.
    pub hash: String,
    /// Who.
    pub by: String,
}

impl Run {
    /// The run as its first event made it.
    #[must_use]
    pub fn started(id: RunId, started: &RunStarted) -> Self {
        Self {
            id,
            seq: 1,
            phase: Phase::Active,
            is_paused: false,
            steps: BTreeMap::new(),
            places: Arc::new(Places::of(&started.plan)),
            tally: vec![Tally::default(); started.plan.steps.len()],
            tasks: BTreeMap::new(),
            live: BTreeSet::new(),
            attention: BTreeMap::new(),
            attention_serial: 0,
            line: started.base.clone(),
            published: started.base.clone(),
            unpublished: Vec::new(),
            usage: Usage::default(),
            report: None,
            drifted: None,
            trusted: None,
            started: Arc::new(started.clone()),
        }
    }

    /// The run that these events made; none without a first one.
    #[must_use]
    pub fn replay<'a>(id: RunId, events: impl IntoIterator<Item = &'a RunEvent>) -> Option<Self> {
        let mut events = events.into_iter();
        let RunEvent::Started(started) = events.next()? else {
            return None;
        };
        let mut run = Self::started(id, started);
        events.for_each(|event| run.apply(event));
        Some(run)
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> RunId {
        self.id
    }

    /// How many events it has.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// What it is and was asked.
    #[must_use]
    pub fn start(&self) -> &RunStarted {
        &self.started
    }

    /// Where it is.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether no new task starts.
    #[must_use]
    pub const fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// Its step instances by key: in the order of names, not of the plan.
    #[must_use]
    pub const fn steps(&self) -> &BTreeMap<StepKey, Step> {
        &self.steps
    }

    /// One step instance.
    #[must_use]
    pub fn step(&self, key: &StepKey) -> Option<&Step> {
        self.steps.get(key)
    }

    /// Its tasks, ended ones included.
    #[must_use]
    pub const fn tasks(&self) -> &BTreeMap<TaskId, Task> {
        &self.tasks
    }

    /// Its tasks that have not ended.
    #[must_use]
    pub const fn live(&self) -> &BTreeSet<TaskId> {
        &self.live
    }

    /// What waits for a person.
    #[must_use]
    pub const fn attention(&self) -> &BTreeMap<AttentionId, Attention> {
        &self.attention
    }

    /// The commit that holds everything done so far; empty where there is no git.
    #[must_use]
    pub fn line(&self) -> &str {
        &self.line
    }

    /// The commit that the run's branch shows; the base while there is no branch yet.
    #[must_use]
    pub fn published(&self) -> &str {
        &self.published
    }

    /// What its tasks used.
    #[must_use]
    pub const fn usage(&self) -> Usage {
        self.usage
    }

    /// Its report, once it has ended.
    #[must_use]
    pub fn report(&self) -> Option<&str> {
        self.report.as_deref()
    }

    /// Whether the history says already that the flow's name stands for this definition.
    #[must_use]
    pub fn has_noticed_drift(&self, hash: &str) -> bool {
        self.drifted.as_deref() == Some(hash)
    }

    /// The commands that a person trusts since they let this run go on with them: the board is to know.
    #[must_use]
    pub const fn trusted(&self) -> Option<&Trusted> {
        self.trusted.as_ref()
    }

    /// What expressions and prompts see.
    #[must_use]
    pub const fn scope(&self) -> RunScope<'_> {
        RunScope { run: self }
    }

    /// The plan's step that an instance belongs to.
    #[must_use]
    pub fn plan_of(&self, key: &StepKey) -> Option<&PlanStep> {
        let at = self.places.at(&key.step)?;
        self.started.plan.steps.get(at)
    }

    /// The agent that does the next task of a step instance.
    #[must_use]
    pub fn agent_of(&self, key: &StepKey) -> Name {
        let chosen = self.steps.get(key).and_then(|step| step.agent.clone());
        let preferred = || self.plan_of(key).and_then(|plan| plan.agents.first().cloned());
        chosen
            .or_else(preferred)
            .unwrap_or_else(|| self.started.input.agent.clone())
    }

    /// The model that the next task of a step instance is asked to use.
    #[must_use]
    pub fn model_of(&self, key: &StepKey) -> Option<String> {
        self.plan_of(key)
            .and_then(|plan| plan.model.clone())
            .or_else(|| self.started.input.model.clone())
    }

    /// The instances of a plan's step, in the order of their items.
    pub fn instances<'a>(&'a self, step: &Name) -> impl Iterator<Item = (&'a StepKey, &'a Step)> + use<'a> {
        let first = StepKey {
            step: step.clone(),
            item: None,
        };
        let last = StepKey {
            step: step.clone(),
            item: Some(u32::MAX),
        };
        self.steps.range(first..=last)
    }
}
