//! What people want of work units: to make one, to change one, all of it or nothing.

use super::{BoardKeeper, Changes, Unstored};
use crate::ports::Idempotency;
use domain::{Event, NewUnit, Refusal, Stream, UnitId, UnitInput, UnitStatus, WorkUnit, decide_unit};

impl BoardKeeper {
    pub(super) async fn create_unit(
        &mut self,
        unit: UnitId,
        new: &NewUnit,
        request: Option<&Idempotency>,
    ) -> Result<(), Unstored> {
        let event = Event::Unit(self.units.create(new.clone())?);
        self.store(vec![(Stream::Unit(unit), vec![event])], request).await
    }

    pub(super) async fn change_unit(
        &mut self,
        chunk: &str,
        inputs: &[UnitInput],
        request: Option<&Idempotency>,
    ) -> Result<(), Unstored> {
        let unit = self
            .units
            .of_chunk(chunk)
            .ok_or_else(|| Refusal::UnknownChunk(chunk.to_owned()))?;
        let (id, was_done) = (unit.id, unit.status == UnitStatus::Done);
        let is_claimed = self.is_claimed(id);
        let mut after = unit.clone();
        let mut events = Vec::new();
        for input in inputs {
            self.check_names(&after, input)?;
            let blockers = match input {
                UnitInput::SetBlockers { blocked_by } => blocked_by,
                _ => &after.blocked_by,
            };
            let open_blocker = self.units.open_blocker(blockers).map(str::to_owned);
            let decided = decide_unit(&after, input.clone(), open_blocker.as_deref(), is_claimed)?;
            decided.iter().for_each(|event| after.apply(event));
            events.extend(decided);
        }
        if events.is_empty() {
            return Err(Refusal::NothingToDo.into());
        }
        let mut changes = vec![(Stream::Unit(id), events.into_iter().map(Event::Unit).collect())];
        changes.extend(self.unblocked(&after));
        let mut for_others = Vec::new();
        if was_done && after.status != UnitStatus::Done && !after.is_deleted {
            for_others.extend(self.units.undone(chunk));
        }
        if after.is_deleted {
            for_others.extend(self.units.forgotten(chunk));
        } else if after.chunk != chunk {
            for_others.extend(self.units.renamed(chunk, &after.chunk));
        }
        for (waiting, event) in for_others {
            changes.push((Stream::Unit(waiting), vec![Event::Unit(event)]));
        }
        self.store(merged(changes), request).await
    }

    fn check_names(&self, unit: &WorkUnit, input: &UnitInput) -> Result<(), Refusal> {
        match input {
            UnitInput::Rename { chunk } if *chunk != unit.chunk => {
                self.units.check_chunk(chunk)?;
                self.units.check_blockers(chunk, &unit.blocked_by)
            }
            UnitInput::SetBlockers { blocked_by } => self.units.check_blockers(&unit.chunk, blocked_by),
            _ => Ok(()),
        }
    }

    fn is_claimed(&self, unit: UnitId) -> bool {
        self.shared.board().claims.contains_key(&unit) || self.preparing.contains(&unit)
    }

    /// Units that wait for nothing any more once this one is what it is.
    pub(super) fn unblocked(&self, after: &WorkUnit) -> Changes {
        if after.status != UnitStatus::Done && !after.is_deleted {
            return Vec::new();
        }
        let chunk = self
            .units
            .get(after.id)
            .map_or(&after.chunk, |before| &before.chunk);
        let waiting = self.units.waiting_for(chunk).filter(|unit| unit.id != after.id);
        waiting
            .filter_map(|unit| {
                let others: Vec<String> = unit
                    .blocked_by
                    .iter()
                    .filter(|blocker| *blocker != chunk)
                    .cloned()
                    .collect();
                let open_blocker = self.units.open_blocker(&others);
                let events = decide_unit(unit, UnitInput::Unblocked, open_blocker, false).ok()?;
                Some((
                    Stream::Unit(unit.id),
                    events.into_iter().map(Event::Unit).collect(),
                ))
            })
            .collect()
    }
}

/// No stream twice: what happens to one unit for two reasons happens in one place.
fn merged(changes: Changes) -> Changes {
    let mut merged: Changes = Vec::new();
    for (stream, events) in changes {
        match merged.iter_mut().find(|(known, _)| *known == stream) {
            Some((_, known)) => known.extend(events),
            None => merged.push((stream, events)),
        }
    }
    merged
}
