//! The board: what spans runs. Projects, claims of work units, account limits and trusted commands are events;
//! which tasks want a slot and which have one is not, since after a crash nothing is under way.

mod admit;
mod claim;
mod decide;
mod event;

pub use admit::{Admission, Want, admit, admit_beside, board_wake, rest_until};
pub use claim::claimable;
pub use decide::{BoardInput, decide_board};
pub use event::BoardEvent;

use crate::planted::{self, Bug};
use crate::{Moment, Name, ProjectId, RunId, StepKey, UnitId};
use std::collections::{BTreeMap, BTreeSet};

/// A folder agents work on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// What people call it.
    pub name: String,
    /// Its folder, absolute and resolved.
    pub path: String,
}

/// An account at its limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Nothing of it starts before.
    pub until: Moment,
    /// How many times in a row without a reported reset.
    pub strikes: u32,
    /// For people.
    pub reason: String,
}

/// A slot that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    /// Given away; the task is not decided on yet.
    Granted,
    /// A task has it. When that ends, whoever comes next is asked for anew: fairness and limits are for all.
    Held,
}

/// What spans runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Board {
    /// How many events it has.
    pub seq: u64,
    /// How many tasks may be under way at once.
    pub slots: u32,
    /// The projects.
    pub projects: BTreeMap<ProjectId, Project>,
    /// Accounts at their limit.
    pub accounts: BTreeMap<Name, Account>,
    /// Which run does which unit.
    pub claims: BTreeMap<UnitId, RunId>,
    /// Hashes of commands that a person trusts.
    pub approved: BTreeSet<String>,
    wants: BTreeMap<RunId, BTreeMap<StepKey, Want>>,
    busy: BTreeMap<RunId, BTreeMap<StepKey, Slot>>,
    /// Slots of tasks that have ended, which nobody stored yet. Until then they are taken for every other run; their
    /// own run may go on with them, since one batch then stores both: the end, and what comes next.
    ending: BTreeMap<RunId, BTreeSet<StepKey>>,
    /// Both.
    busy_count: u32,
}

impl Default for Board {
    fn default() -> Self {
        Self {
            seq: 0,
            slots: 8,
            projects: BTreeMap::new(),
            accounts: BTreeMap::new(),
            claims: BTreeMap::new(),
            approved: BTreeSet::new(),
            wants: BTreeMap::new(),
            busy: BTreeMap::new(),
            ending: BTreeMap::new(),
            busy_count: 0,
        }
    }
}

impl Board {
    /// Remembers what happened.
    pub fn apply(&mut self, event: &BoardEvent) {
        self.seq += 1;
        match event {
            BoardEvent::ProjectAdded { project, name, path } => {
                self.projects.insert(
                    *project,
                    Project {
                        name: name.clone(),
                        path: path.clone(),
                    },
                );
            }
            BoardEvent::ProjectRemoved { project } => {
                self.projects.remove(project);
            }
            BoardEvent::UnitClaimed { unit, run } => {
                self.claims.insert(*unit, *run);
            }
            BoardEvent::ClaimReleased { unit } => {
                self.claims.remove(unit);
            }
            BoardEvent::AccountLimited {
                account,
                until,
                strikes,
                reason,
            } => {
                let limit = Account {
                    until: *until,
                    strikes: *strikes,
                    reason: reason.clone(),
                };
                self.accounts.insert(account.clone(), limit);
            }
            BoardEvent::AccountCleared { account } => {
                self.accounts.remove(account);
            }
            BoardEvent::SlotsChanged { slots } => self.slots = *slots,
            BoardEvent::CommandsApproved { hash, .. } => {
                self.approved.insert(hash.clone());
            }
        }
    }

    /// A run's keeper says what holds its slots and what it wants to begin: all of it, each time anew. Slots that were
    /// given to it for what it still wants are returned; every other one is given back.
    pub fn settle(
        &mut self,
        run: RunId,
        held: &BTreeSet<StepKey>,
        wants: impl IntoIterator<Item = Want>,
        now: Moment,
    ) -> Vec<StepKey> {
        let mut before = self.free(run);
        let mut granted = Vec::new();
        let mut waiting = BTreeMap::new();
        for want in wants {
            let is_granted = before.remove(&want.key) == Some(Slot::Granted);
            if is_granted && admit::is_due(self, &want, now) {
                granted.push(want.key);
            } else {
                waiting.insert(want.key.clone(), want);
            }
        }
        let held = held.iter().map(|key| (key.clone(), Slot::Held));
        let kept = granted.iter().map(|key| (key.clone(), Slot::Granted));
        let mut busy: BTreeMap<StepKey, Slot> = kept.chain(held).collect();
        if planted::is(Bug::SlotKept) {
            busy.append(&mut before);
        }
        if !busy.is_empty() {
            self.busy_count += count(busy.len());
            self.busy.insert(run, busy);
        }
        if !waiting.is_empty() {
            self.wants.insert(run, waiting);
        }
        granted
    }

    /// These tasks of a run have ended, and a batch that is not stored yet says so: their slots stay taken.
    pub fn keep_ending(&mut self, run: RunId, ending: &BTreeSet<StepKey>) {
        if ending.is_empty() || planted::is(Bug::SlotFreedEarly) {
            return;
        }
        let busy = self.busy.get(&run);
        let is_taken = |key: &&StepKey| busy.is_some_and(|busy| busy.contains_key(*key));
        let ending: BTreeSet<StepKey> = ending.iter().filter(|key| !is_taken(key)).cloned().collect();
        self.busy_count += count(ending.len());
        self.ending.insert(run, ending);
    }

    /// What was admitted takes its slot: that of an ending task of its run before a free one. So a run has never fewer
    /// slots than tasks that are live as far as the history knows.
    pub fn take(&mut self, admission: &Admission) {
        if let Some(wants) = self.wants.get_mut(&admission.run) {
            wants.remove(&admission.key);
            if wants.is_empty() {
                self.wants.remove(&admission.run);
            }
        }
        let busy = self.busy.entry(admission.run).or_default();
        if busy.insert(admission.key.clone(), Slot::Granted).is_some() {
            return;
        }
        let passed_on = self.ending.get_mut(&admission.run).and_then(|ending| {
            let same = ending.take(&admission.key);
            same.or_else(|| ending.pop_first())
        });
        if passed_on.is_none() {
            self.busy_count += 1;
        }
    }

    /// How many slots of a run are those of ending tasks.
    fn ending(&self, run: RunId) -> usize {
        self.ending.get(&run).map_or(0, BTreeSet::len)
    }

    /// A run's keeper is gone, and everything of it with it.
    pub fn forget(&mut self, run: RunId) {
        self.free(run);
    }

    fn free(&mut self, run: RunId) -> BTreeMap<StepKey, Slot> {
        self.wants.remove(&run);
        let busy = self.busy.remove(&run).unwrap_or_default();
        let ending = self.ending.remove(&run).unwrap_or_default();
        self.busy_count -= count(busy.len() + ending.len());
        busy
    }

    /// The board as its history has it, with the slots as they are.
    #[must_use]
    pub fn with_slots_of(self, other: Self) -> Self {
        Self {
            wants: other.wants,
            busy: other.busy,
            ending: other.ending,
            busy_count: other.busy_count,
            ..self
        }
    }

    /// How many slots are taken.
    #[must_use]
    pub const fn busy(&self) -> u32 {
        self.busy_count
    }
}

fn count(slots: usize) -> u32 {
    u32::try_from(slots).unwrap_or(u32::MAX)
}
