//! The rows of what spans runs: projects, accounts, settings, trusted commands, claims.

use super::BoardScene;
use crate::time::iso;
use domain::BoardEvent;
use rusqlite::params;

pub(super) fn apply(scene: &BoardScene<'_>, event: &BoardEvent) -> rusqlite::Result<()> {
    match event {
        BoardEvent::ProjectAdded { project, name, path } => scene.write_one(
            "INSERT INTO projects (id, name, path, added_at) VALUES (?1, ?2, ?3, ?4)",
            params![project.to_string(), name, path, scene.at()],
        ),
        BoardEvent::ProjectRemoved { project } => {
            scene.write_one("DELETE FROM projects WHERE id = ?1", [project.to_string()])
        }
        BoardEvent::UnitClaimed { unit, run } => scene.write_one(
            "INSERT INTO claims (unit_id, run_id, claimed_at) VALUES (?1, ?2, ?3)",
            params![unit.to_string(), run.to_string(), scene.at()],
        ),
        BoardEvent::ClaimReleased { unit } => {
            scene.write_one("DELETE FROM claims WHERE unit_id = ?1", [unit.to_string()])
        }
        BoardEvent::AccountLimited { account, until, strikes, reason } => scene.write_one(
            "INSERT INTO accounts (account, limited_until, strikes, reason, updated_at) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (account) DO UPDATE SET limited_until = ?2, strikes = ?3, reason = ?4, updated_at = ?5",
            params![account.as_str(), iso(*until), strikes, reason, scene.at()],
        ),
        BoardEvent::AccountCleared { account } => scene.write_one(
            "INSERT INTO accounts (account, limited_until, strikes, reason, updated_at)
             VALUES (?1, NULL, 0, NULL, ?2)
             ON CONFLICT (account) DO UPDATE SET limited_until = NULL, strikes = 0, reason = NULL, updated_at = ?2",
            params![account.as_str(), scene.at()],
        ),
        BoardEvent::SlotsChanged { slots } => scene.write_one(
            "INSERT INTO settings (name, value, updated_at) VALUES ('slots', ?1, ?2)
             ON CONFLICT (name) DO UPDATE SET value = ?1, updated_at = ?2",
            params![slots.to_string(), scene.at()],
        ),
        BoardEvent::CommandsApproved { hash, by } => {
            scene.write(
                "INSERT INTO approved_commands (hash, approved_by, approved_at) VALUES (?1, ?2, ?3)
                 ON CONFLICT (hash) DO NOTHING",
                params![hash, by, scene.at()],
            )?;
            Ok(())
        }
    }
}
