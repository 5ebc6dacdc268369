//! What must hold of work units and their claims.

use super::run::{End, Known};
use domain::{BoardEvent, Event, RunEvent, RunId, Stream, UnitEvent, UnitId, UnitStatus};
use engine::ports::Recorded;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug)]
struct Unit {
    chunk: String,
    status: UnitStatus,
    blocked_by: Vec<String>,
    run: Option<RunId>,
    is_deleted: bool,
}

#[derive(Default)]
pub(super) struct Register {
    units: BTreeMap<UnitId, Unit>,
    claims: BTreeMap<UnitId, RunId>,
    ran: BTreeSet<RunId>,
}

impl Register {
    pub(super) fn batch(&mut self, batch: &[Recorded]) -> Result<(), String> {
        for recorded in batch {
            match (&recorded.stream, &recorded.event) {
                (Stream::Unit(id), Event::Unit(event)) => self.unit(*id, event, batch)?,
                (Stream::Board, Event::Board(event)) => self.board(event, batch)?,
                _ => {}
            }
        }
        self.nobody_waits_for_nothing()
    }

    fn unit(&mut self, id: UnitId, event: &UnitEvent, batch: &[Recorded]) -> Result<(), String> {
        if let UnitEvent::Created(created) = event {
            let unit = Unit {
                chunk: created.chunk.clone(),
                status: created.status,
                blocked_by: created.blocked_by.clone(),
                run: None,
                is_deleted: false,
            };
            self.units.insert(id, unit);
            return Ok(());
        }
        let unit = self.units.get_mut(&id).ok_or("numbers: a unit without a start")?;
        match event {
            UnitEvent::StatusChanged { from, to, forced, .. } => {
                if *from != unit.status || !(*forced || from.may_become(*to)) {
                    return Err(format!("table: {} goes from {from:?} to {to:?}", unit.chunk));
                }
                let is_released = batch.iter().any(|recorded| {
                    matches!(&recorded.event, Event::Board(BoardEvent::ClaimReleased { unit }) if *unit == id)
                });
                if *to == UnitStatus::Done && *from == UnitStatus::Running && !is_released {
                    return Err(format!("claims: {} is done but its claim is kept", unit.chunk));
                }
                unit.status = *to;
                // To be done again: what its last run came to no longer counts.
                if matches!(to, UnitStatus::Ready | UnitStatus::Blocked) {
                    unit.run = None;
                }
            }
            UnitEvent::BlockersChanged { blocked_by } => unit.blocked_by.clone_from(blocked_by),
            UnitEvent::Renamed { chunk } => unit.chunk.clone_from(chunk),
            UnitEvent::RunAssigned { run } => {
                unit.run = Some(*run);
                self.ran.insert(*run);
            }
            UnitEvent::Deleted => unit.is_deleted = true,
            UnitEvent::Created(_) | UnitEvent::PhaseChanged { .. } | UnitEvent::PriorityChanged { .. } => {}
        }
        Ok(())
    }

    fn board(&mut self, event: &BoardEvent, batch: &[Recorded]) -> Result<(), String> {
        match event {
            BoardEvent::UnitClaimed { unit, run } => {
                let is_assigned = batch.iter().any(|recorded| {
                    recorded.stream == Stream::Unit(*unit)
                        && matches!(&recorded.event, Event::Unit(UnitEvent::RunAssigned { run: known }) if known == run)
                });
                let is_known = self.ran.contains(run);
                let is_started = batch.iter().any(|recorded| {
                    recorded.stream == Stream::Run(*run)
                        && matches!(&recorded.event, Event::Run(RunEvent::Started(_)))
                });
                if !is_assigned || !(is_started || is_known) {
                    return Err("claims: a claim is not one batch over board, unit and run".to_owned());
                }
                if self.claims.insert(*unit, *run).is_some() {
                    return Err("claims: a unit is claimed twice".to_owned());
                }
                let open = self.open_blocker(&self.units[unit]);
                if is_started && let Some(open) = open {
                    return Err(format!("claims: claimed while `{open}` is not done"));
                }
            }
            BoardEvent::ClaimReleased { unit } => {
                self.claims
                    .remove(unit)
                    .ok_or("claims: released without a claim")?;
            }
            _ => {}
        }
        Ok(())
    }

    fn open_blocker(&self, unit: &Unit) -> Option<String> {
        let is_open = |chunk: &&String| {
            let mut others = self.units.values();
            others
                .any(|other| !other.is_deleted && other.chunk == **chunk && other.status != UnitStatus::Done)
        };
        unit.blocked_by.iter().find(is_open).cloned()
    }

    /// Whatever unblocks a unit says so in the same batch.
    fn nobody_waits_for_nothing(&self) -> Result<(), String> {
        let blocked = self
            .units
            .values()
            .filter(|unit| !unit.is_deleted && unit.status == UnitStatus::Blocked);
        for unit in blocked {
            let names_nobody = unit
                .blocked_by
                .iter()
                .any(|chunk| self.units.values().all(|other| other.chunk != *chunk));
            if names_nobody {
                return Err(format!(
                    "unblocking: {} waits for a name that nobody has",
                    unit.chunk
                ));
            }
            if self.open_blocker(unit).is_none() {
                return Err(format!(
                    "unblocking: {} waits for nothing that is open",
                    unit.chunk
                ));
            }
        }
        Ok(())
    }

    /// A unit is done exactly when its run completed.
    pub(super) fn at_the_end(&self, runs: &BTreeMap<RunId, Known>) -> Result<(), String> {
        if !self.claims.is_empty() {
            return Err(format!("claims: {} are left", self.claims.len()));
        }
        for unit in self.units.values().filter(|unit| !unit.is_deleted) {
            let Some(run) = unit.run else { continue };
            let is_completed = runs[&run].end == Some(End::Completed);
            if is_completed != (unit.status == UnitStatus::Done) {
                return Err(format!(
                    "units: {} is {:?} but its run ended as {:?}",
                    unit.chunk, unit.status, runs[&run].end
                ));
            }
        }
        Ok(())
    }
}
