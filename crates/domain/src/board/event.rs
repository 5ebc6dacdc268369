//! All that can happen to the board: what spans runs.

use crate::{Moment, Name, ProjectId, RunId, UnitId};

/// Something that happened to the board.
#[derive(Clone, Debug, PartialEq)]
pub enum BoardEvent {
    /// A folder became a project.
    ProjectAdded {
        /// The project.
        project: ProjectId,
        /// What people call it; unique.
        name: String,
        /// Its folder, absolute and resolved.
        path: String,
    },
    /// A project is no longer listed; its runs stay.
    ProjectRemoved {
        /// The project.
        project: ProjectId,
    },
    /// A run does a ready work unit; one batch with the unit's and the run's own events.
    UnitClaimed {
        /// The unit.
        unit: UnitId,
        /// The run.
        run: RunId,
    },
    /// The run ended and the unit was told.
    ClaimReleased {
        /// The unit.
        unit: UnitId,
    },
    /// An account's usage limit: nothing of it starts before the reset.
    AccountLimited {
        /// Whose.
        account: Name,
        /// When it is lifted, reported or guessed.
        until: Moment,
        /// How many times in a row without a reported reset; makes the guess grow.
        strikes: u32,
        /// For people.
        reason: String,
    },
    /// The account works again.
    AccountCleared {
        /// Whose.
        account: Name,
    },
    /// How many tasks may be under way at once changed.
    SlotsChanged {
        /// In all.
        slots: u32,
    },
    /// A person trusts commands that a project brought along, exactly as they are.
    CommandsApproved {
        /// Hash over the commands' canonical bytes.
        hash: String,
        /// Who.
        by: String,
    },
}
