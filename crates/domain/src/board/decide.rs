//! What may happen to the board.

use super::{Board, BoardEvent};
use crate::planted::{self, Bug};
use crate::{Moment, Name, ProjectId, Refusal, RunId, UnitId};

/// The first guess at how long a limit without a reported reset holds; doubled with every strike.
const LIMIT_GUESS_MS: u64 = 5 * 60_000;
/// No guess is longer.
const LIMIT_GUESS_MAX_MS: u64 = 60 * 60_000;
/// A reported reset further ahead than this is not believed: a mistaken clock would park an account for ever.
const LIMIT_REPORTED_MAX_MS: u64 = 8 * 24 * 60 * 60_000;

/// What arrives at the board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BoardInput {
    /// A folder is to be a project.
    AddProject {
        /// Its id, made by the caller.
        project: ProjectId,
        /// What people call it.
        name: String,
        /// Its folder, absolute and resolved.
        path: String,
    },
    /// A project is no longer to be listed.
    RemoveProject {
        /// The project.
        project: ProjectId,
        /// Whether runs of it are under way.
        is_busy: bool,
    },
    /// A run takes a unit.
    Claim {
        /// The unit.
        unit: UnitId,
        /// The run.
        run: RunId,
    },
    /// The unit was told how its run ended.
    Release {
        /// The unit.
        unit: UnitId,
    },
    /// A task met its account's limit.
    Limited {
        /// Whose.
        account: Name,
        /// When it is lifted, where the agent said so.
        until: Option<Moment>,
        /// For people.
        reason: String,
    },
    /// A task of the account did its work.
    Worked {
        /// Whose.
        account: Name,
    },
    /// Another number of tasks at once.
    SetSlots {
        /// In all.
        slots: u32,
    },
    /// A person trusts commands.
    ApproveCommands {
        /// Hash over their canonical bytes.
        hash: String,
        /// Who.
        by: String,
    },
}

/// May it happen, and what happened then?
///
/// # Errors
/// A refusal, when the rules say no.
pub fn decide_board(board: &Board, input: BoardInput, now: Moment) -> Result<Vec<BoardEvent>, Refusal> {
    let event = match input {
        BoardInput::AddProject { path, .. }
            if board.projects.values().any(|project| project.path == path) =>
        {
            return Err(Refusal::ProjectKnown(path));
        }
        BoardInput::AddProject { project, name, path } => BoardEvent::ProjectAdded {
            project,
            name: unique(board, name),
            path,
        },
        BoardInput::RemoveProject { project, .. } if !board.projects.contains_key(&project) => {
            return Err(Refusal::UnknownProject);
        }
        BoardInput::RemoveProject { is_busy: true, .. } => return Err(Refusal::ProjectBusy),
        BoardInput::RemoveProject { project, .. } => BoardEvent::ProjectRemoved { project },
        BoardInput::Claim { unit, .. } if board.claims.contains_key(&unit) => {
            return Err(Refusal::UnitClaimed(unit.to_string()));
        }
        BoardInput::Claim { unit, run } => BoardEvent::UnitClaimed { unit, run },
        BoardInput::Release { unit } if !board.claims.contains_key(&unit) => {
            return Err(Refusal::NothingToDo);
        }
        BoardInput::Release { unit } => BoardEvent::ClaimReleased { unit },
        BoardInput::Limited {
            account,
            until,
            reason,
        } => limited(board, account, until, reason, now),
        // Nothing begins before the limit's end, so what ends before it began before the limit and says nothing of it.
        BoardInput::Worked { account }
            if board
                .accounts
                .get(&account)
                .is_none_or(|limit| limit.until > now && !planted::is(Bug::LimitLifted)) =>
        {
            return Err(Refusal::NothingToDo);
        }
        BoardInput::Worked { account } => BoardEvent::AccountCleared { account },
        BoardInput::SetSlots { slots: 0 } => return Err(Refusal::ZeroSlots),
        BoardInput::SetSlots { slots } if slots == board.slots => return Err(Refusal::NothingToDo),
        BoardInput::SetSlots { slots } => BoardEvent::SlotsChanged { slots },
        BoardInput::ApproveCommands { hash, .. } if board.approved.contains(&hash) => {
            return Err(Refusal::NothingToDo);
        }
        BoardInput::ApproveCommands { hash, by } => BoardEvent::CommandsApproved { hash, by },
    };
    Ok(vec![event])
}

/// A project's name with a number behind it when another has the name.
fn unique(board: &Board, name: String) -> String {
    let is_taken = |name: &str| board.projects.values().any(|project| project.name == name);
    if !is_taken(&name) {
        return name;
    }
    (2_u32..)
        .map(|number| format!("{name}-{number}"))
        .find(|name| !is_taken(name))
        .unwrap_or(name)
}

/// The reported reset, or a guess that grows with every strike. Several tasks that meet one limit are one strike.
fn limited(board: &Board, account: Name, until: Option<Moment>, reason: String, now: Moment) -> BoardEvent {
    let known = board.accounts.get(&account);
    let is_same_limit = known.is_some_and(|limit| limit.until > now);
    let strikes = known.map_or(0, |limit| limit.strikes);
    // A reset that has passed says nothing: believed, it would let tasks meet the limit over and over.
    let reported = until
        .filter(|until| *until > now)
        .map(|until| until.min(now.plus_ms(LIMIT_REPORTED_MAX_MS)));
    let (until, strikes) = match (reported, known) {
        (Some(until), _) => (until, 0),
        (None, Some(limit)) if is_same_limit => (limit.until, strikes),
        (None, _) => {
            let factor = 1_u64.checked_shl(strikes).unwrap_or(u64::MAX);
            (
                now.plus_ms(LIMIT_GUESS_MS.saturating_mul(factor).min(LIMIT_GUESS_MAX_MS)),
                strikes + 1,
            )
        }
    };
    BoardEvent::AccountLimited {
        account,
        until,
        strikes,
        reason,
    }
}
