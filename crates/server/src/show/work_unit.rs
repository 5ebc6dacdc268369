//! Work units, their history, and what is ordered for them.

use super::{id, phase, size_of, status};
use domain::{Name, UnitOrder};
use store::UnitView;

pub(crate) fn work_unit(unit: UnitView) -> api::WorkUnit {
    api::WorkUnit {
        chunk: unit.chunk,
        id: id(unit.id),
        phase: phase(unit.phase),
        status: status(unit.status),
        blocked_by: unit.blocked_by,
        worktree: unit.worktree,
        priority: unit.priority,
        project_id: unit.project.map(id),
        run_id: unit.run.map(id),
        flow: unit.flow,
        question: unit.question,
        created_at: unit.created_at,
        updated_at: unit.updated_at,
    }
}

pub(crate) fn status_change(change: store::StatusChange) -> api::StatusChange {
    api::StatusChange {
        chunk: change.chunk,
        old_status: change.old_status.map(status),
        new_status: status(change.new_status),
        timestamp: change.timestamp,
        reason: change.reason,
        forced: change.is_forced,
    }
}

/// What is to be run for a unit.
pub(crate) fn order(order: api::WorkUnitOrder) -> UnitOrder {
    UnitOrder {
        flow: Name::from(order.flow),
        question: order.question,
        size: order.size.map(size_of).unwrap_or_default(),
        fast: order.fast.unwrap_or_default(),
        agent: order.agent.map(Name::from),
        model: order.model,
        extra: order
            .extra
            .iter()
            .map(|(name, value)| (name.clone(), flows::from_json(value)))
            .collect(),
    }
}
