//! A durable piece of work: its phase, its status, what it waits for, and the one table that says where it may go.

mod decide;
mod event;
mod units;

pub use decide::{UnitInput, decide_unit};
pub use event::{UnitCreated, UnitEvent};
pub use units::{NewUnit, Units};

use crate::{Moment, Name, ProjectId, RunId, Size, UnitId, Value};
use std::collections::BTreeMap;

/// How far a unit has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnitPhase {
    /// What is wanted is being said.
    #[default]
    Goal,
    /// How is being said.
    Plan,
    /// It is being done.
    Implement,
    /// It is done.
    Complete,
}

impl UnitPhase {
    /// All phases, in order.
    pub const ALL: [Self; 4] = [Self::Goal, Self::Plan, Self::Implement, Self::Complete];

    /// The word on the wire and in the store.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Goal => "GOAL",
            Self::Plan => "PLAN",
            Self::Implement => "IMPLEMENT",
            Self::Complete => "COMPLETE",
        }
    }

    /// The phase of that word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.word() == word)
    }
}

/// What a unit is waiting for, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnitStatus {
    /// It can be taken.
    Ready,
    /// It is being done.
    Running,
    /// Another unit comes first.
    Blocked,
    /// A person comes first.
    NeedsAttention,
    /// It is done.
    Done,
}

impl UnitStatus {
    /// All statuses.
    pub const ALL: [Self; 5] = [
        Self::Ready,
        Self::Running,
        Self::Blocked,
        Self::NeedsAttention,
        Self::Done,
    ];

    /// The word on the wire and in the store.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ready => "READY",
            Self::Running => "RUNNING",
            Self::Blocked => "BLOCKED",
            Self::NeedsAttention => "NEEDS_ATTENTION",
            Self::Done => "DONE",
        }
    }

    /// The status of that word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }

    /// The transition table. Everything else is refused; a forced change is its own verb.
    #[must_use]
    pub const fn may_become(self, to: Self) -> bool {
        match self {
            Self::Ready => matches!(to, Self::Running | Self::Blocked | Self::NeedsAttention),
            Self::Running => matches!(
                to,
                Self::Ready | Self::Blocked | Self::NeedsAttention | Self::Done
            ),
            Self::Blocked => matches!(to, Self::Ready | Self::NeedsAttention),
            Self::NeedsAttention => matches!(to, Self::Ready | Self::Blocked | Self::Done),
            Self::Done => false,
        }
    }
}

/// What to run for a unit.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitOrder {
    /// The flow's name.
    pub flow: Name,
    /// The question, goal or focus.
    pub question: String,
    /// How much work to make of it.
    pub size: Size,
    /// Leave out what is not needed for a first answer.
    pub fast: bool,
    /// Which agent; none means the project's or user's default at the time of the claim.
    pub agent: Option<Name>,
    /// Which model.
    pub model: Option<String>,
    /// What else the flow takes.
    pub extra: BTreeMap<String, Value>,
}

/// A work unit, folded from its events.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkUnit {
    /// Its stream.
    pub id: UnitId,
    /// How many events it has.
    pub seq: u64,
    /// What people call it.
    pub chunk: String,
    /// How far it has come.
    pub phase: UnitPhase,
    /// What it waits for.
    pub status: UnitStatus,
    /// Chunks of the units that must be done first.
    pub blocked_by: Vec<String>,
    /// Higher goes first.
    pub priority: i64,
    /// Where the work is.
    pub project: Option<ProjectId>,
    /// What to run for it.
    pub order: Option<UnitOrder>,
    /// The run that does it, or did last.
    pub run: Option<RunId>,
    /// When it came to be.
    pub created_at: Moment,
    /// Whether it was deleted.
    pub is_deleted: bool,
}

impl WorkUnit {
    /// The unit as its first event made it.
    #[must_use]
    pub fn created(id: UnitId, event: &UnitCreated, at: Moment) -> Self {
        Self {
            id,
            seq: 1,
            chunk: event.chunk.clone(),
            phase: event.phase,
            status: event.status,
            blocked_by: event.blocked_by.clone(),
            priority: event.priority,
            project: event.project,
            order: event.order.clone(),
            run: None,
            created_at: at,
            is_deleted: false,
        }
    }

    /// Remembers what happened.
    pub fn apply(&mut self, event: &UnitEvent) {
        self.seq += 1;
        match event {
            UnitEvent::Created(_) => unreachable!("a unit is created once, by `created`"),
            UnitEvent::StatusChanged { to, .. } => self.status = *to,
            UnitEvent::PhaseChanged { to, .. } => self.phase = *to,
            UnitEvent::BlockersChanged { blocked_by } => self.blocked_by.clone_from(blocked_by),
            UnitEvent::PriorityChanged { priority } => self.priority = *priority,
            UnitEvent::Renamed { chunk } => self.chunk.clone_from(chunk),
            UnitEvent::RunAssigned { run } => self.run = Some(*run),
            UnitEvent::Deleted => self.is_deleted = true,
        }
    }

    /// The unit that these events made; none without a first one.
    #[must_use]
    pub fn replay<'a>(id: UnitId, events: impl IntoIterator<Item = (&'a UnitEvent, Moment)>) -> Option<Self> {
        let mut unit: Option<Self> = None;
        for (event, at) in events {
            match (&mut unit, event) {
                (None, UnitEvent::Created(created)) => unit = Some(Self::created(id, created, at)),
                (None, _) => return None,
                (Some(unit), event) => unit.apply(event),
            }
        }
        unit
    }
}
