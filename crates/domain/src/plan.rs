//! A plan: the steps of a run and what they need, as the rules see them. Prompts, commands and schemas stay with the
//! definition that the plan was compiled from.

use crate::{Expression, Name, Value};
use std::collections::BTreeMap;

/// Which definition a run follows, pinned by the hash of everything it is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowRef {
    /// The flow's name.
    pub name: Name,
    /// The flow's own version number.
    pub version: u32,
    /// Hash over the definition's text and all that it names, in hexadecimal.
    pub hash: String,
}

/// How much work a run may make of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Size {
    /// The quick look.
    #[default]
    Small,
    /// The usual.
    Medium,
    /// The thorough one.
    Large,
}

/// The steps of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Every step, each after those that it needs.
    pub steps: Vec<PlanStep>,
    /// What `size` means in expressions and prompts, for the size that the run chose.
    pub size: BTreeMap<String, Value>,
}

impl Plan {
    /// The step of that id.
    #[must_use]
    pub fn step(&self, id: &Name) -> Option<&PlanStep> {
        self.steps.iter().find(|step| step.id == *id)
    }
}

/// One node of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanStep {
    /// Unique in the plan.
    pub id: Name,
    /// What people call it.
    pub title: String,
    /// What doing it means.
    pub kind: StepKind,
    /// Steps that come before; each stands earlier in the plan.
    pub needs: Vec<Name>,
    /// One instance per item of this list.
    pub each: Option<Expression>,
    /// The step applies only when this holds.
    pub when: Option<Expression>,
    /// How the ends of its needs let it begin.
    pub trigger: Trigger,
    /// What happens after a failed try.
    pub retry: Retry,
    /// What its tasks may touch.
    pub access: Access,
    /// What its tasks may reach.
    pub network: Network,
    /// Agents in the order of preference; empty means the run's agent.
    pub agents: Vec<Name>,
    /// Overrides the run's model.
    pub model: Option<String>,
    /// Whether a command must pass before the step counts as done. The definition knows which.
    pub gate: bool,
    /// Wall-clock limit of one task.
    pub timeout_ms: u64,
    /// How long a task may be silent.
    pub idle_timeout_ms: u64,
}

impl PlanStep {
    /// A step with nothing but an id and a kind: the start of every other one.
    #[must_use]
    pub fn new(id: impl Into<Name>, kind: StepKind) -> Self {
        let id = id.into();
        Self {
            title: id.to_string(),
            id,
            kind,
            needs: Vec::new(),
            each: None,
            when: None,
            trigger: Trigger::AllSuccess,
            retry: Retry::default(),
            access: Access::Read,
            network: Network::Open,
            agents: Vec::new(),
            model: None,
            gate: false,
            timeout_ms: 20 * 60 * 1000,
            idle_timeout_ms: 5 * 60 * 1000,
        }
    }
}

/// What doing a step means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StepKind {
    /// An agent gets a prompt.
    Agent,
    /// A command runs in the sandbox.
    Command,
    /// Code gathers the lists of its needs into one. No task.
    Fold,
    /// Code brings the changes of fan-out writers together on the run's line. No task.
    Merge,
    /// A person says yes or no. No task.
    Approval,
}

impl StepKind {
    /// Whether a process does it, and therefore a task.
    #[must_use]
    pub const fn has_task(self) -> bool {
        match self {
            Self::Agent | Self::Command => true,
            Self::Fold | Self::Merge | Self::Approval => false,
        }
    }
}

/// How the ends of a step's needs let it begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// All succeeded (what does not apply or was skipped counts as succeeded).
    #[default]
    AllSuccess,
    /// All ended, however.
    AllDone,
    /// One succeeded.
    OneSuccess,
}

/// What a task may touch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// Nothing is written: enforced, not asked for.
    #[default]
    Read,
    /// Its own worktree is written.
    Write,
}

/// What a task may reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Network {
    /// Loopback of its own and nothing else.
    None,
    /// Whatever the machine reaches.
    #[default]
    Open,
}

/// What happens after a failed try: `min(cap, base·2ⁿ)` plus jitter, `max` times exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Tries after the first; zero means none.
    pub max: u32,
    /// The first pause.
    pub base_ms: u64,
    /// No pause is longer, jitter aside.
    pub cap_ms: u64,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            max: 2,
            base_ms: 5_000,
            cap_ms: 5 * 60_000,
        }
    }
}
