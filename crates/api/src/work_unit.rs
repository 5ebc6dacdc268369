//! Work units: durable pieces of work with a phase, a status and what they wait for.

use crate::words::words;
use crate::{ProjectId, RunId, Size, UnitId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

words! {
    /// How far a unit has come.
    UnitPhase {
        /// What is wanted is being said.
        Goal = "GOAL",
        /// How is being said.
        Plan = "PLAN",
        /// It is being done.
        Implement = "IMPLEMENT",
        /// It is done.
        Complete = "COMPLETE",
    }
}

words! {
    /// What a unit is waiting for, or not.
    UnitStatus {
        /// It can be taken.
        Ready = "READY",
        /// It is being done.
        Running = "RUNNING",
        /// Another unit comes first.
        Blocked = "BLOCKED",
        /// A person comes first.
        NeedsAttention = "NEEDS_ATTENTION",
        /// It is done.
        Done = "DONE",
    }
}

/// A work unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkUnit {
    /// What people call it.
    pub chunk: String,
    /// Its id, which stays when the chunk changes.
    pub id: UnitId,
    /// How far it has come.
    pub phase: UnitPhase,
    /// What it waits for.
    pub status: UnitStatus,
    /// Chunks of the units that must be done first.
    pub blocked_by: Vec<String>,
    /// Where it is worked on, where that is one folder.
    pub worktree: Option<String>,
    /// Higher goes first.
    pub priority: i64,
    /// Where the work is.
    pub project_id: Option<ProjectId>,
    /// The run that does it, or did last.
    pub run_id: Option<RunId>,
    /// The flow to run for it; null for a unit that is moved by hand.
    pub flow: Option<String>,
    /// What that flow is asked.
    pub question: Option<String>,
    /// When it came to be (RFC 3339, UTC).
    pub created_at: String,
    /// When it changed last.
    pub updated_at: String,
}

/// A work unit to be created.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWorkUnit {
    /// What people will call it: 1 to 100 of `a-z`, `0-9`, `-`, `_` and `.`.
    pub chunk: String,
    /// Where it starts; `GOAL` unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<UnitPhase>,
    /// Chunks of the units that must be done first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocked_by: Vec<String>,
    /// Higher goes first; 0 unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i64>,
    /// Where the work is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<ProjectId>,
    /// What to run for it. A unit without an order is moved by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<WorkUnitOrder>,
}

/// What to run for a work unit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkUnitOrder {
    /// The flow's name.
    pub flow: String,
    /// The question, goal or focus.
    pub question: String,
    /// How much work to make of it; unless said, what the project says, else small.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
    /// Leave out what is not needed for a first answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fast: Option<bool>,
    /// Which agent; the default at the time it is taken unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Which model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What else the flow takes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<String, serde_json::Value>,
}

/// Changes to a work unit: all of them or none. What is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkUnitPatch {
    /// The new status, along the transition table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<UnitStatus>,
    /// The new phase; phases only move forward.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<UnitPhase>,
    /// The new blockers, instead of those before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked_by: Option<Vec<String>>,
    /// The new weight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i64>,
    /// The new name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunk: Option<String>,
    /// Why, for the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A change of a unit's status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatusChange {
    /// What the unit was called then.
    pub chunk: String,
    /// Before; null for the unit's beginning.
    pub old_status: Option<UnitStatus>,
    /// After.
    pub new_status: UnitStatus,
    /// When (RFC 3339, UTC).
    pub timestamp: String,
    /// Why, for people.
    pub reason: String,
    /// Whether it was against the transition table.
    pub forced: bool,
}
