//! Stored forms of what happens to the board.

use super::{DecodeError, Record, Stored, first, text};
use domain::{BoardEvent, Moment, ProjectId, RunId, UnitId};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct ProjectAdded {
    #[serde(with = "text")]
    project: ProjectId,
    name: String,
    path: String,
}

#[derive(Serialize, Deserialize)]
struct OfProject {
    #[serde(with = "text")]
    project: ProjectId,
}

#[derive(Serialize, Deserialize)]
struct UnitClaimed {
    #[serde(with = "text")]
    unit: UnitId,
    #[serde(with = "text")]
    run: RunId,
}

#[derive(Serialize, Deserialize)]
struct OfUnit {
    #[serde(with = "text")]
    unit: UnitId,
}

#[derive(Serialize, Deserialize)]
struct AccountLimited {
    account: String,
    until_ms: u64,
    strikes: u32,
    reason: String,
}

#[derive(Serialize, Deserialize)]
struct OfAccount {
    account: String,
}

#[derive(Serialize, Deserialize)]
struct SlotsChanged {
    slots: u32,
}

#[derive(Serialize, Deserialize)]
struct CommandsApproved {
    hash: String,
    by: String,
}

pub(super) fn encode(event: &BoardEvent) -> Record {
    match event.clone() {
        BoardEvent::ProjectAdded { project, name, path } => {
            first("board.project_added", &ProjectAdded { project, name, path })
        }
        BoardEvent::ProjectRemoved { project } => first("board.project_removed", &OfProject { project }),
        BoardEvent::UnitClaimed { unit, run } => first("board.unit_claimed", &UnitClaimed { unit, run }),
        BoardEvent::ClaimReleased { unit } => first("board.claim_released", &OfUnit { unit }),
        BoardEvent::AccountLimited {
            account,
            until,
            strikes,
            reason,
        } => first(
            "board.account_limited",
            &AccountLimited {
                account: account.to_string(),
                until_ms: until.as_ms(),
                strikes,
                reason,
            },
        ),
        BoardEvent::AccountCleared { account } => first(
            "board.account_cleared",
            &OfAccount {
                account: account.to_string(),
            },
        ),
        BoardEvent::SlotsChanged { slots } => first("board.slots_changed", &SlotsChanged { slots }),
        BoardEvent::CommandsApproved { hash, by } => {
            first("board.commands_approved", &CommandsApproved { hash, by })
        }
    }
}

pub(super) fn decode(stored: Stored<'_>) -> Result<BoardEvent, DecodeError> {
    Ok(match (stored.kind, stored.version) {
        ("board.project_added", 1) => {
            let ProjectAdded { project, name, path } = stored.read()?;
            BoardEvent::ProjectAdded { project, name, path }
        }
        ("board.project_removed", 1) => {
            let OfProject { project } = stored.read()?;
            BoardEvent::ProjectRemoved { project }
        }
        ("board.unit_claimed", 1) => {
            let UnitClaimed { unit, run } = stored.read()?;
            BoardEvent::UnitClaimed { unit, run }
        }
        ("board.claim_released", 1) => {
            let OfUnit { unit } = stored.read()?;
            BoardEvent::ClaimReleased { unit }
        }
        ("board.account_limited", 1) => {
            let AccountLimited {
                account,
                until_ms,
                strikes,
                reason,
            } = stored.read()?;
            BoardEvent::AccountLimited {
                account: account.into(),
                until: Moment::from_ms(until_ms),
                strikes,
                reason,
            }
        }
        ("board.account_cleared", 1) => {
            let OfAccount { account } = stored.read()?;
            BoardEvent::AccountCleared {
                account: account.into(),
            }
        }
        ("board.slots_changed", 1) => {
            let SlotsChanged { slots } = stored.read()?;
            BoardEvent::SlotsChanged { slots }
        }
        ("board.commands_approved", 1) => {
            let CommandsApproved { hash, by } = stored.read()?;
            BoardEvent::CommandsApproved { hash, by }
        }
        (_, _) => return Err(stored.unknown()),
    })
}
