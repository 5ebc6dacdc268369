//! The board: what spans runs. Projects, claims of work units, account limits and trusted commands are events;
//! which tasks want a slot and which have one is not, since after a crash nothing is under way.

mod admit;
mod claim;
mod decide;
mod event;

pub use admit::{Admission, Want, admit, board_wake};
pub use claim::claimable;
pub use decide::{BoardInput, decide_board};
pub use event::BoardEvent;

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
    busy: BTreeMap<RunId, BTreeMap<StepKey, Name>>,
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

    /// A run's keeper says what it wants to begin: all of it, each time anew.
    pub fn set_wants(&mut self, run: RunId, wants: impl IntoIterator<Item = Want>) {
        let busy = self.busy.get(&run);
        let wants: BTreeMap<StepKey, Want> = wants
            .into_iter()
            .filter(|want| !busy.is_some_and(|busy| busy.contains_key(&want.key)))
            .map(|want| (want.key.clone(), want))
            .collect();
        if wants.is_empty() {
            self.wants.remove(&run);
        } else {
            self.wants.insert(run, wants);
        }
    }

    /// What was admitted takes its slot.
    pub fn take(&mut self, admission: &Admission) {
        if let Some(wants) = self.wants.get_mut(&admission.run) {
            wants.remove(&admission.key);
            if wants.is_empty() {
                self.wants.remove(&admission.run);
            }
        }
        let busy = self.busy.entry(admission.run).or_default();
        if busy
            .insert(admission.key.clone(), admission.account.clone())
            .is_none()
        {
            self.busy_count += 1;
        }
    }

    /// A task ended, or what was admitted did not come to be.
    pub fn give_back(&mut self, run: RunId, key: &StepKey) {
        let Some(busy) = self.busy.get_mut(&run) else {
            return;
        };
        if busy.remove(key).is_some() {
            self.busy_count -= 1;
        }
        if busy.is_empty() {
            self.busy.remove(&run);
        }
    }

    /// A run's keeper starts over: only what is really under way keeps its slot.
    pub fn forget_all_but(&mut self, run: RunId, keys: &[StepKey]) {
        self.wants.remove(&run);
        let stale = |key: &StepKey| !keys.contains(key);
        let stale: Vec<StepKey> = self
            .busy
            .get(&run)
            .into_iter()
            .flat_map(BTreeMap::keys)
            .filter(|key| stale(key))
            .cloned()
            .collect();
        stale.iter().for_each(|key| self.give_back(run, key));
    }

    /// A run's keeper is gone, and everything of it with it.
    pub fn forget(&mut self, run: RunId) {
        self.wants.remove(&run);
        if let Some(busy) = self.busy.remove(&run) {
            self.busy_count -= u32::try_from(busy.len()).unwrap_or(u32::MAX);
        }
    }

    /// How many slots are taken.
    #[must_use]
    pub const fn busy(&self) -> u32 {
        self.busy_count
    }
}
