//! One execution of a flow: what it knows, folded from its events.

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
    Attention, AttentionId, Change, Choice, Ending, Moment, Name, PlanStep, Role, RunId, StepKey, Task,
    TaskId, TaskState, Usage, Value,
};
use standing::Tally;
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
    tally: BTreeMap<Name, Tally>,
    tasks: BTreeMap<TaskId, Task>,
    live: BTreeSet<TaskId>,
    attention: BTreeMap<AttentionId, Attention>,
    attention_serial: u32,
    line: String,
    published: String,
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
            tally: started
                .plan
                .steps
                .iter()
                .map(|step| (step.id.clone(), Tally::default()))
                .collect(),
            tasks: BTreeMap::new(),
            live: BTreeSet::new(),
            attention: BTreeMap::new(),
            attention_serial: 0,
            line: started.base.clone(),
            published: started.base.clone(),
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
        self.started.plan.step(&key.step)
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

    /// Remembers what happened.
    pub fn apply(&mut self, event: &RunEvent) {
        self.seq += 1;
        match event {
            RunEvent::Started(_) => unreachable!("a run is started once, by `started`"),
            RunEvent::StepsPlanned { steps } => self.plan_steps(steps),
            RunEvent::StepsLeftOut { steps } => {
                steps
                    .iter()
                    .for_each(|step| self.tally_of(step).is_left_out = true);
            }
            RunEvent::TaskOrdered(order) => self.order_task(order),
            RunEvent::TaskStarted { task, process } => {
                let task = self.task_mut(*task);
                task.state = TaskState::Running;
                task.process = Some(process.clone());
            }
            RunEvent::TaskEnded { task, ending, usage } => self.end_task(*task, ending, *usage),
            RunEvent::RetryScheduled {
                key,
                failures,
                not_before,
            } => {
                let step = self.step_mut(key);
                step.failures = *failures;
                step.state = StepState::Pending {
                    not_before: Some(*not_before),
                    parked: None,
                };
            }
            RunEvent::AgentChanged { key, agent } => {
                let step = self.step_mut(key);
                step.agent = Some(agent.clone());
                step.state = StepState::PENDING;
            }
            RunEvent::StepCompleted { key, output, change } => {
                self.complete_step(key, output, change.as_ref())
            }
            RunEvent::StepFailed { key, reason } => {
                self.settle_step(
                    key,
                    StepState::Failed {
                        reason: reason.clone(),
                    },
                );
            }
            RunEvent::StepCancelled { key } => self.settle_step(key, StepState::Cancelled),
            RunEvent::StepSkipped { key, .. } => self.settle_step(key, StepState::Skipped),
            RunEvent::StepReopened { key, .. } => self.reopen_step(key),
            RunEvent::AttentionRaised(item) => self.raise(item),
            RunEvent::AttentionAnswered {
                attention,
                choice,
                by,
                ..
            } => self.answer(*attention, *choice, by),
            RunEvent::AttentionWithdrawn { attention } => {
                self.attention.remove(attention);
            }
            RunEvent::Paused { .. } => self.is_paused = true,
            RunEvent::Resumed { .. } => self.is_paused = false,
            RunEvent::CancelRequested { .. } => self.phase = Phase::Cancelling,
            RunEvent::LinePublished { head } => self.published.clone_from(head),
            RunEvent::DefinitionDrifted { found } => self.drifted = Some(found.clone()),
            RunEvent::Completed { report } => self.end(Outcome::Completed, Some(report)),
            RunEvent::Failed { report, .. } => self.end(Outcome::Failed, Some(report)),
            RunEvent::Cancelled => self.end(Outcome::Cancelled, None),
        }
    }

    fn tally_of(&mut self, step: &Name) -> &mut Tally {
        self.tally
            .get_mut(step)
            .expect("events name only steps of the plan")
    }

    fn step_mut(&mut self, key: &StepKey) -> &mut Step {
        self.steps
            .get_mut(key)
            .expect("events name only planned step instances")
    }

    fn task_mut(&mut self, task: TaskId) -> &mut Task {
        self.tasks.get_mut(&task).expect("events name only ordered tasks")
    }

    fn plan_steps(&mut self, planned: &[PlannedStep]) {
        for PlannedStep { key, item } in planned {
            let tally = self.tally_of(&key.step);
            tally.is_planned = true;
            tally.open += 1;
            let step = Step {
                item: item.clone(),
                state: StepState::PENDING,
                agent: None,
                serial: 0,
                failures: 0,
                interruptions: 0,
                before: None,
                output: None,
                change: None,
            };
            self.steps.insert(key.clone(), step);
        }
    }

    fn order_task(&mut self, order: &crate::TaskOrdered) {
        let step = self.step_mut(&order.key);
        step.serial = order.serial;
        match (&mut step.state, order.role) {
            (StepState::Checking { task, .. }, Role::Gate) => *task = Some(order.task),
            (state, _) => *state = StepState::Working { task: order.task },
        }
        let task = Task {
            key: order.key.clone(),
            role: order.role,
            agent: order.agent.clone(),
            state: TaskState::Starting,
            process: None,
            usage: Usage::default(),
        };
        self.tasks.insert(order.task, task);
        self.live.insert(order.task);
    }

    fn end_task(&mut self, id: TaskId, ending: &Ending, usage: Usage) {
        let task = self.task_mut(id);
        task.state = ending.state();
        task.usage = usage;
        let (key, role) = (task.key.clone(), task.role);
        self.usage = self.usage.plus(usage);
        self.live.remove(&id);
        let has_gate = self.plan_of(&key).is_some_and(|plan| plan.gate);
        let step = self.step_mut(&key);
        if let Ending::Interrupted { reason } = ending {
            step.interruptions += 1;
            step.before = Some(format!("the try before this one was interrupted: {reason}"));
        } else {
            step.interruptions = 0;
        }
        if let Ending::Failed { reason, .. } = ending {
            step.before = Some(reason.clone());
        }
        match (ending, role, &mut step.state) {
            (Ending::Completed { output, change }, Role::Work, state) if has_gate => {
                *state = StepState::Checking {
                    task: None,
                    output: output.clone(),
                    change: change.clone(),
                };
            }
            // A gate that was interrupted is owed again; its work stays done.
            (
                Ending::Interrupted { .. } | Ending::Parked { .. },
                Role::Gate,
                StepState::Checking { task, .. },
            ) => {
                *task = None;
            }
            (Ending::Parked { account, until, .. }, Role::Work, state) => {
                *state = StepState::Pending {
                    not_before: *until,
                    parked: Some(account.clone()),
                };
            }
            (_, _, state) => *state = StepState::PENDING,
        }
    }

    fn settle_step(&mut self, key: &StepKey, state: StepState) {
        let tally = self.tally_of(&key.step);
        tally.open -= 1;
        match &state {
            StepState::Completed | StepState::Skipped => tally.succeeded += 1,
            StepState::Failed { .. } | StepState::Cancelled => tally.failed += 1,
            StepState::Pending { .. }
            | StepState::Working { .. }
            | StepState::Checking { .. }
            | StepState::Asking { .. } => unreachable!("only final states settle a step"),
        }
        self.step_mut(key).state = state;
    }

    fn complete_step(&mut self, key: &StepKey, output: &Value, change: Option<&Change>) {
        self.settle_step(key, StepState::Completed);
        let step = self.step_mut(key);
        step.output = Some(output.clone());
        step.change = change.cloned();
        if let (Some(change), None) = (change, key.item) {
            self.line.clone_from(&change.head);
        }
    }

    fn reopen_step(&mut self, key: &StepKey) {
        let tally = self.tally_of(&key.step);
        tally.failed -= 1;
        tally.open += 1;
        let step = self.step_mut(key);
        step.state = StepState::PENDING;
        step.failures = 0;
        step.interruptions = 0;
        self.phase = Phase::Active;
        self.report = None;
    }

    fn raise(&mut self, item: &Attention) {
        self.attention_serial += 1;
        self.attention.insert(item.id, item.clone());
        // A look that is offered holds nothing up; everything else stops its step.
        if let (Some(key), false) = (&item.key, item.choices == [Choice::Dismiss]) {
            self.step_mut(key).state = StepState::Asking { attention: item.id };
        }
    }

    fn answer(&mut self, attention: AttentionId, choice: Choice, by: &str) {
        let item = self
            .attention
            .remove(&attention)
            .expect("only open items are answered");
        if let (Choice::Approve, Some(hash)) = (choice, item.trusts) {
            self.trusted = Some(Trusted {
                hash,
                by: by.to_owned(),
            });
        }
        let Some(key) = item.key else { return };
        if choice == Choice::Retry {
            let step = self.step_mut(&key);
            step.state = StepState::PENDING;
            step.interruptions = 0;
        }
    }

    fn end(&mut self, outcome: Outcome, report: Option<&String>) {
        self.phase = Phase::Ended(outcome);
        self.report = report.cloned();
    }
}
