//! All that can happen to a work unit.

use super::{UnitOrder, UnitPhase, UnitStatus};
use crate::{ProjectId, RunId};

/// Something that happened to a work unit.
#[derive(Clone, Debug, PartialEq)]
pub enum UnitEvent {
    /// It came to be.
    Created(Box<UnitCreated>),
    /// Its status changed along the transition table, or against it by force.
    StatusChanged {
        /// Before.
        from: UnitStatus,
        /// After.
        to: UnitStatus,
        /// Why, for people; who, where a person did it.
        reason: String,
        /// Whether it was against the table.
        forced: bool,
    },
    /// It moved on.
    PhaseChanged {
        /// Before.
        from: UnitPhase,
        /// After.
        to: UnitPhase,
    },
    /// What must be done first changed.
    BlockersChanged {
        /// Chunks of the units that must be done first.
        blocked_by: Vec<String>,
    },
    /// Its weight among ready units changed.
    PriorityChanged {
        /// Higher goes first.
        priority: i64,
    },
    /// People call it something else.
    Renamed {
        /// The new chunk.
        chunk: String,
    },
    /// A run does it.
    RunAssigned {
        /// The run.
        run: RunId,
    },
    /// It is gone from the lists; its history stays.
    Deleted,
}

/// A work unit as it came to be.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitCreated {
    /// What people call it; unique among units that are not deleted.
    pub chunk: String,
    /// Where it starts.
    pub phase: UnitPhase,
    /// READY, or BLOCKED while a blocker is open.
    pub status: UnitStatus,
    /// Chunks of the units that must be done first.
    pub blocked_by: Vec<String>,
    /// Higher goes first.
    pub priority: i64,
    /// Where the work is, if anywhere.
    pub project: Option<ProjectId>,
    /// What to run for it; a unit without an order is moved by hand.
    pub order: Option<UnitOrder>,
}
