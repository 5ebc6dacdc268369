//! All work units together: what depends on more than one of them.

use super::{UnitCreated, UnitEvent, UnitOrder, UnitPhase, UnitStatus, WorkUnit};
use crate::{Moment, ProjectId, Refusal, UnitId};
use std::collections::{BTreeMap, BTreeSet};

const CHUNK_LENGTH_MAX: usize = 100;

/// The units that were not deleted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Units {
    by_id: BTreeMap<UnitId, WorkUnit>,
    by_chunk: BTreeMap<String, UnitId>,
}

/// A unit as a person asks for it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewUnit {
    /// What people will call it.
    pub chunk: String,
    /// Where it starts.
    pub phase: UnitPhase,
    /// Chunks of the units that must be done first.
    pub blocked_by: Vec<String>,
    /// Higher goes first.
    pub priority: i64,
    /// Where the work is.
    pub project: Option<ProjectId>,
    /// What to run for it.
    pub order: Option<UnitOrder>,
}

impl Units {
    /// All units by id, which is by age.
    #[must_use]
    pub const fn by_id(&self) -> &BTreeMap<UnitId, WorkUnit> {
        &self.by_id
    }

    /// The unit of that chunk.
    #[must_use]
    pub fn of_chunk(&self, chunk: &str) -> Option<&WorkUnit> {
        self.by_id.get(self.by_chunk.get(chunk)?)
    }

    /// The unit of that id.
    #[must_use]
    pub fn get(&self, id: UnitId) -> Option<&WorkUnit> {
        self.by_id.get(&id)
    }

    /// Takes in a unit that was replayed.
    pub fn insert(&mut self, unit: WorkUnit) {
        if !unit.is_deleted {
            self.by_chunk.insert(unit.chunk.clone(), unit.id);
            self.by_id.insert(unit.id, unit);
        }
    }

    /// Remembers what happened to a unit.
    pub fn apply(&mut self, id: UnitId, event: &UnitEvent, at: Moment) {
        if let UnitEvent::Created(created) = event {
            return self.insert(WorkUnit::created(id, created, at));
        }
        let Some(unit) = self.by_id.get_mut(&id) else {
            return;
        };
        let before = unit.chunk.clone();
        unit.apply(event);
        if let UnitEvent::Renamed { chunk } = event {
            self.by_chunk.remove(&before);
            self.by_chunk.insert(chunk.clone(), id);
        }
        if unit.is_deleted {
            self.by_chunk.remove(&before);
            self.by_id.remove(&id);
        }
    }

    /// The first of these chunks whose unit is not done. A chunk without a unit holds nobody up.
    #[must_use]
    pub fn open_blocker<'a>(&self, chunks: &'a [String]) -> Option<&'a str> {
        let is_open = |chunk: &&String| {
            self.of_chunk(chunk)
                .is_some_and(|unit| unit.status != UnitStatus::Done)
        };
        chunks.iter().find(is_open).map(String::as_str)
    }

    /// Units that wait for this chunk.
    pub fn waiting_for<'a>(&'a self, chunk: &'a str) -> impl Iterator<Item = &'a WorkUnit> {
        self.by_id
            .values()
            .filter(move |unit| unit.blocked_by.iter().any(|blocker| blocker == chunk))
    }

    /// What a new name of a unit means for those that wait for it: they wait for the new name.
    #[must_use]
    pub fn renamed(&self, before: &str, after: &str) -> Vec<(UnitId, UnitEvent)> {
        self.reworded(before, Some(after))
    }

    /// What it means for those that wait for a unit that it is gone: its name may come to stand for something else, so
    /// they forget it.
    #[must_use]
    pub fn forgotten(&self, chunk: &str) -> Vec<(UnitId, UnitEvent)> {
        self.reworded(chunk, None)
    }

    fn reworded(&self, before: &str, after: Option<&str>) -> Vec<(UnitId, UnitEvent)> {
        let reword = |blocker: &String| match blocker == before {
            true => after.map(str::to_owned),
            false => Some(blocker.clone()),
        };
        self.waiting_for(before)
            .map(|unit| {
                let blocked_by = unit.blocked_by.iter().filter_map(reword).collect();
                (unit.id, UnitEvent::BlockersChanged { blocked_by })
            })
            .collect()
    }

    /// What it means for those that wait for a unit that it is not done any more: whoever could begin, waits again.
    #[must_use]
    pub fn undone(&self, chunk: &str) -> Vec<(UnitId, UnitEvent)> {
        self.waiting_for(chunk)
            .filter(|unit| unit.status == UnitStatus::Ready)
            .map(|unit| {
                let blocked = UnitEvent::StatusChanged {
                    from: UnitStatus::Ready,
                    to: UnitStatus::Blocked,
                    reason: format!("`{chunk}` is to be done again"),
                    forced: false,
                };
                (unit.id, blocked)
            })
            .collect()
    }

    /// May a unit come to be, and how?
    ///
    /// # Errors
    /// A refusal when the chunk is taken or no name, or a blocker is unknown.
    pub fn create(&self, new: NewUnit) -> Result<UnitEvent, Refusal> {
        self.check_chunk(&new.chunk)?;
        self.check_blockers(&new.chunk, &new.blocked_by)?;
        let is_blocked = self.open_blocker(&new.blocked_by).is_some();
        Ok(UnitEvent::Created(Box::new(UnitCreated {
            status: match (is_blocked, new.phase) {
                (true, _) => UnitStatus::Blocked,
                (false, UnitPhase::Complete) => UnitStatus::Done,
                (false, UnitPhase::Goal | UnitPhase::Plan | UnitPhase::Implement) => UnitStatus::Ready,
            },
            chunk: new.chunk,
            phase: new.phase,
            blocked_by: new.blocked_by,
            priority: new.priority,
            project: new.project,
            order: new.order,
        })))
    }

    /// May a unit have this chunk?
    ///
    /// # Errors
    /// A refusal when it is taken or no name.
    pub fn check_chunk(&self, chunk: &str) -> Result<(), Refusal> {
        let starts_well = chunk.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
        if !starts_well || chunk.len() > CHUNK_LENGTH_MAX || !chunk.chars().all(is_plain) {
            return Err(Refusal::BadChunk(chunk.to_owned()));
        }
        if self.by_chunk.contains_key(chunk) {
            return Err(Refusal::ChunkTaken(chunk.to_owned()));
        }
        Ok(())
    }

    /// May the unit of `chunk` wait for these?
    ///
    /// # Errors
    /// A refusal when one of them is unknown, or waits for `chunk` itself, however far around.
    pub fn check_blockers(&self, chunk: &str, blocked_by: &[String]) -> Result<(), Refusal> {
        let mut seen = BTreeSet::new();
        let mut next: Vec<&str> = blocked_by.iter().map(String::as_str).collect();
        for blocker in &next {
            if *blocker != chunk && !self.by_chunk.contains_key(*blocker) {
                return Err(Refusal::UnknownChunk((*blocker).to_owned()));
            }
        }
        while let Some(blocker) = next.pop() {
            if blocker == chunk {
                return Err(Refusal::BlockersCircle(chunk.to_owned()));
            }
            if seen.insert(blocker) {
                next.extend(
                    self.of_chunk(blocker)
                        .into_iter()
                        .flat_map(|unit| unit.blocked_by.iter().map(String::as_str)),
                );
            }
        }
        Ok(())
    }
}
