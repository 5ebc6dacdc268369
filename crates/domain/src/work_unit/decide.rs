//! What may happen to one work unit. What depends on other units (names, circles, open blockers) is decided with
//! them at hand, which the caller passes in.

use super::{UnitEvent, UnitPhase, UnitStatus, WorkUnit};
use crate::{Refusal, RunId};

/// What arrives at a unit.
#[derive(Clone, Debug, PartialEq)]
pub enum UnitInput {
    /// A person wants another status, along the table.
    SetStatus {
        /// The new status.
        to: UnitStatus,
        /// Why, or who.
        reason: String,
    },
    /// A person wants the next phase.
    SetPhase {
        /// The new phase.
        to: UnitPhase,
    },
    /// A person wants other blockers.
    SetBlockers {
        /// Chunks of the units that must be done first.
        blocked_by: Vec<String>,
    },
    /// A person wants another weight.
    SetPriority {
        /// Higher goes first.
        priority: i64,
    },
    /// A person wants another name.
    Rename {
        /// The new chunk.
        chunk: String,
    },
    /// A person wants it gone.
    Delete,
    /// A person wants it done again, whatever the table says.
    Retry {
        /// Who.
        by: String,
    },
    /// A run does it from now on.
    Claimed {
        /// The run.
        run: RunId,
    },
    /// Its run ended well.
    Finished,
    /// Its run did not end well.
    Stopped {
        /// For people.
        reason: String,
    },
    /// The last of its blockers is done.
    Unblocked,
}

/// May it happen to the unit, and what happened then? `open_blocker` is the first of the unit's blockers (the new
/// ones, when they are being set) that is not done; `is_claimed` says whether a run does the unit.
///
/// # Errors
/// A refusal, when the rules say no.
pub fn decide_unit(
    unit: &WorkUnit,
    input: UnitInput,
    open_blocker: Option<&str>,
    is_claimed: bool,
) -> Result<Vec<UnitEvent>, Refusal> {
    match input {
        UnitInput::SetStatus { .. } | UnitInput::Delete | UnitInput::Retry { .. } if is_claimed => {
            Err(Refusal::UnitClaimed(unit.chunk.clone()))
        }
        UnitInput::SetStatus { to, .. } if to == unit.status => Err(Refusal::NothingToDo),
        UnitInput::SetStatus { to, reason } => match open_blocker {
            Some(blocker) if matches!(to, UnitStatus::Ready | UnitStatus::Running) => {
                Err(Refusal::StillBlocked(blocker.to_owned()))
            }
            Some(_) | None => go(unit, to, reason).map(|event| finished(unit, to, event)),
        },
        UnitInput::SetPhase { to } if to > unit.phase => {
            Ok(vec![UnitEvent::PhaseChanged { from: unit.phase, to }])
        }
        UnitInput::SetPhase { to } => Err(Refusal::PhaseRefused { from: unit.phase, to }),
        UnitInput::SetBlockers { blocked_by } => Ok(set_blockers(unit, blocked_by, open_blocker)),
        UnitInput::SetPriority { priority } if priority == unit.priority => Err(Refusal::NothingToDo),
        UnitInput::SetPriority { priority } => Ok(vec![UnitEvent::PriorityChanged { priority }]),
        UnitInput::Rename { chunk } if chunk == unit.chunk => Err(Refusal::NothingToDo),
        UnitInput::Rename { chunk } => Ok(vec![UnitEvent::Renamed { chunk }]),
        UnitInput::Delete => Ok(vec![UnitEvent::Deleted]),
        UnitInput::Retry { by } => retry(unit, &by, open_blocker),
        UnitInput::Claimed { run } => Ok(vec![
            go(unit, UnitStatus::Running, "claimed".to_owned())?,
            UnitEvent::RunAssigned { run },
        ]),
        UnitInput::Finished => go(unit, UnitStatus::Done, "its run completed".to_owned())
            .map(|event| finished(unit, UnitStatus::Done, event)),
        UnitInput::Stopped { reason } => {
            go(unit, UnitStatus::NeedsAttention, reason).map(|event| vec![event])
        }
        UnitInput::Unblocked if unit.status == UnitStatus::Blocked && open_blocker.is_none() => {
            go(unit, UnitStatus::Ready, "all it waited for is done".to_owned()).map(|event| vec![event])
        }
        UnitInput::Unblocked => Err(Refusal::NothingToDo),
    }
}

fn go(unit: &WorkUnit, to: UnitStatus, reason: String) -> Result<UnitEvent, Refusal> {
    let from = unit.status;
    if from.may_become(to) {
        Ok(UnitEvent::StatusChanged {
            from,
            to,
            reason,
            forced: false,
        })
    } else {
        Err(Refusal::StatusRefused { from, to })
    }
}

/// A unit that is done is complete.
fn finished(unit: &WorkUnit, to: UnitStatus, event: UnitEvent) -> Vec<UnitEvent> {
    let is_complete = to == UnitStatus::Done && unit.phase != UnitPhase::Complete;
    let completed = is_complete.then_some(UnitEvent::PhaseChanged {
        from: unit.phase,
        to: UnitPhase::Complete,
    });
    [Some(event), completed].into_iter().flatten().collect()
}

fn set_blockers(unit: &WorkUnit, blocked_by: Vec<String>, open_blocker: Option<&str>) -> Vec<UnitEvent> {
    let next = match (unit.status, open_blocker) {
        (UnitStatus::Ready, Some(_)) => Some(UnitStatus::Blocked),
        (UnitStatus::Blocked, None) => Some(UnitStatus::Ready),
        (_, _) => None,
    };
    let moved = next.map(|to| UnitEvent::StatusChanged {
        from: unit.status,
        to,
        reason: "its blockers changed".to_owned(),
        forced: false,
    });
    [Some(UnitEvent::BlockersChanged { blocked_by }), moved]
        .into_iter()
        .flatten()
        .collect()
}

fn retry(unit: &WorkUnit, by: &str, open_blocker: Option<&str>) -> Result<Vec<UnitEvent>, Refusal> {
    let to = if open_blocker.is_some() {
        UnitStatus::Blocked
    } else {
        UnitStatus::Ready
    };
    if unit.status == to {
        return Err(Refusal::NothingToDo);
    }
    let forced = !unit.status.may_become(to);
    let reason = format!("to be done again, says {by}");
    Ok(vec![UnitEvent::StatusChanged {
        from: unit.status,
        to,
        reason,
        forced,
    }])
}
