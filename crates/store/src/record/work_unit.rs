//! Stored forms of what happens to a work unit.

use super::long::{Long, Spill};
use super::words::{PhaseWord, SizeWord, StatusWord};
use super::{DecodeError, Record, Stored, first, text};
use crate::blobs::Blobs;
use domain::{ProjectId, RunId, UnitCreated, UnitEvent, UnitOrder};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;

#[derive(Serialize, Deserialize)]
struct Created {
    chunk: String,
    phase: PhaseWord,
    status: StatusWord,
    blocked_by: Vec<String>,
    priority: i64,
    #[serde(with = "text::option")]
    project: Option<ProjectId>,
    order: Option<Order>,
}

#[derive(Serialize, Deserialize)]
struct Order {
    flow: String,
    question: Long<String>,
    size: SizeWord,
    fast: bool,
    agent: Option<String>,
    model: Option<String>,
    extra: BTreeMap<String, Long<Json>>,
}

#[derive(Serialize, Deserialize)]
struct StatusChanged {
    from: StatusWord,
    to: StatusWord,
    reason: String,
    forced: bool,
}

#[derive(Serialize, Deserialize)]
struct PhaseChanged {
    from: PhaseWord,
    to: PhaseWord,
}

#[derive(Serialize, Deserialize)]
struct BlockersChanged {
    blocked_by: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct PriorityChanged {
    priority: i64,
}

#[derive(Serialize, Deserialize)]
struct Renamed {
    chunk: String,
}

#[derive(Serialize, Deserialize)]
struct RunAssigned {
    #[serde(with = "text")]
    run: RunId,
}

#[derive(Serialize, Deserialize)]
struct Deleted {}

impl Created {
    fn of(unit: &UnitCreated, spill: &mut Spill) -> Self {
        let UnitCreated {
            chunk,
            phase,
            status,
            blocked_by,
            priority,
            project,
            order,
        } = unit;
        Self {
            chunk: chunk.clone(),
            phase: (*phase).into(),
            status: (*status).into(),
            blocked_by: blocked_by.clone(),
            priority: *priority,
            project: *project,
            order: order.as_ref().map(|order| Order::of(order, spill)),
        }
    }

    fn restore(self, blobs: &Blobs) -> Result<UnitCreated, DecodeError> {
        Ok(UnitCreated {
            chunk: self.chunk,
            phase: self.phase.into(),
            status: self.status.into(),
            blocked_by: self.blocked_by,
            priority: self.priority,
            project: self.project,
            order: self.order.map(|order| order.restore(blobs)).transpose()?,
        })
    }
}

impl Order {
    fn of(order: &UnitOrder, spill: &mut Spill) -> Self {
        let UnitOrder {
            flow,
            question,
            size,
            fast,
            agent,
            model,
            extra,
        } = order;
        Self {
            flow: flow.to_string(),
            question: spill.text(question),
            size: (*size).into(),
            fast: *fast,
            agent: agent.as_ref().map(ToString::to_string),
            model: model.clone(),
            extra: extra
                .iter()
                .map(|(name, value)| (name.clone(), spill.value(value)))
                .collect(),
        }
    }

    fn restore(self, blobs: &Blobs) -> Result<UnitOrder, DecodeError> {
        Ok(UnitOrder {
            flow: self.flow.into(),
            question: self.question.restore(blobs)?,
            size: self.size.into(),
            fast: self.fast,
            agent: self.agent.map(Into::into),
            model: self.model,
            extra: super::run::restore_extra(self.extra, blobs)?,
        })
    }
}

pub(super) fn encode(event: &UnitEvent, spill: &mut Spill) -> Record {
    match event {
        UnitEvent::Created(unit) => first("unit.created", &Created::of(unit, spill)),
        UnitEvent::StatusChanged {
            from,
            to,
            reason,
            forced,
        } => first(
            "unit.status_changed",
            &StatusChanged {
                from: (*from).into(),
                to: (*to).into(),
                reason: reason.clone(),
                forced: *forced,
            },
        ),
        UnitEvent::PhaseChanged { from, to } => first(
            "unit.phase_changed",
            &PhaseChanged {
                from: (*from).into(),
                to: (*to).into(),
            },
        ),
        UnitEvent::BlockersChanged { blocked_by } => first(
            "unit.blockers_changed",
            &BlockersChanged {
                blocked_by: blocked_by.clone(),
            },
        ),
        UnitEvent::PriorityChanged { priority } => {
            first("unit.priority_changed", &PriorityChanged { priority: *priority })
        }
        UnitEvent::Renamed { chunk } => first("unit.renamed", &Renamed { chunk: chunk.clone() }),
        UnitEvent::RunAssigned { run } => first("unit.run_assigned", &RunAssigned { run: *run }),
        UnitEvent::Deleted => first("unit.deleted", &Deleted {}),
    }
}

pub(super) fn decode(stored: Stored<'_>) -> Result<UnitEvent, DecodeError> {
    Ok(match (stored.kind, stored.version) {
        ("unit.created", 1) => UnitEvent::Created(Box::new(stored.read::<Created>()?.restore(stored.blobs)?)),
        ("unit.status_changed", 1) => {
            let StatusChanged {
                from,
                to,
                reason,
                forced,
            } = stored.read()?;
            UnitEvent::StatusChanged {
                from: from.into(),
                to: to.into(),
                reason,
                forced,
            }
        }
        ("unit.phase_changed", 1) => {
            let PhaseChanged { from, to } = stored.read()?;
            UnitEvent::PhaseChanged {
                from: from.into(),
                to: to.into(),
            }
        }
        ("unit.blockers_changed", 1) => {
            let BlockersChanged { blocked_by } = stored.read()?;
            UnitEvent::BlockersChanged { blocked_by }
        }
        ("unit.priority_changed", 1) => {
            let PriorityChanged { priority } = stored.read()?;
            UnitEvent::PriorityChanged { priority }
        }
        ("unit.renamed", 1) => {
            let Renamed { chunk } = stored.read()?;
            UnitEvent::Renamed { chunk }
        }
        ("unit.run_assigned", 1) => {
            let RunAssigned { run } = stored.read()?;
            UnitEvent::RunAssigned { run }
        }
        ("unit.deleted", 1) => {
            let Deleted {} = stored.read()?;
            UnitEvent::Deleted
        }
        (_, _) => return Err(stored.unknown()),
    })
}
