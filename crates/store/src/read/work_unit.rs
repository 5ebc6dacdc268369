//! Work units as readers see them, and the log of their statuses.

use super::{Page, PageAsk, Reader, json, parsed, parsed_option, rows, unsigned};
use crate::error::ReadError;
use domain::{ProjectId, RunId, UnitId, UnitPhase, UnitStatus};
use rusqlite::{OptionalExtension, Row, params};

/// A work unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitView {
    /// Its stream.
    pub id: UnitId,
    /// What people call it.
    pub chunk: String,
    /// How far it has come.
    pub phase: UnitPhase,
    /// What it waits for.
    pub status: UnitStatus,
    /// Chunks of the units that must be done first.
    pub blocked_by: Vec<String>,
    /// Where it is worked on, where that is one folder.
    pub worktree: Option<String>,
    /// Higher goes first.
    pub priority: i64,
    /// Where the work is.
    pub project: Option<ProjectId>,
    /// The run that does it, or did last.
    pub run: Option<RunId>,
    /// The flow to run for it; none for a unit that is moved by hand.
    pub flow: Option<String>,
    /// The question of its order.
    pub question: Option<String>,
    /// When it came to be.
    pub created_at: String,
    /// When it changed last.
    pub updated_at: String,
}

/// Which units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnitFilter {
    /// Only in this status.
    pub status: Option<UnitStatus>,
}

/// A change of a unit's status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusChange {
    /// What the unit was called then.
    pub chunk: String,
    /// Before; none for the unit's beginning.
    pub old_status: Option<UnitStatus>,
    /// After.
    pub new_status: UnitStatus,
    /// When.
    pub timestamp: String,
    /// The unit.
    pub unit: UnitId,
    /// Why, for people.
    pub reason: String,
    /// Whether it was against the transition table.
    pub is_forced: bool,
}

const SELECT: &str =
    "SELECT chunk, phase, status, blocked_by, worktree, created_at, updated_at, id, position, priority,
    project_id, run_id, flow, question FROM work_units";
const SELECT_LOG: &str =
    "SELECT id, chunk, old_status, new_status, timestamp, unit_id, reason, forced FROM status_log";

impl Reader {
    /// Work units, oldest first.
    ///
    /// # Errors
    /// When the cursor is none of ours, or the database cannot be read.
    pub async fn units(&self, filter: UnitFilter, ask: PageAsk) -> Result<Page<UnitView>, ReadError> {
        let (after, limit) = (ask.after()?.unwrap_or(0), ask.rows());
        let place = |row: &Row<'_>| Ok((row.get("position")?, view(row)?));
        let found = self.read(move |connection, _| match filter.status {
            None => {
                let sql = format!("{SELECT} WHERE position > ?1 ORDER BY position LIMIT ?2");
                rows(connection, &sql, params![after, limit], place)
            }
            Some(status) => {
                let sql = format!("{SELECT} WHERE status = ?3 AND position > ?1 ORDER BY position LIMIT ?2");
                rows(connection, &sql, params![after, limit, status.word()], place)
            }
        });
        Ok(ask.page(found.await?))
    }

    /// The unit that people call so.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn unit(&self, chunk: String) -> Result<Option<UnitView>, ReadError> {
        self.read(move |connection, _| {
            let found = connection
                .prepare_cached(&format!("{SELECT} WHERE chunk = ?1"))?
                .query_row([chunk], view)
                .optional()?;
            Ok(found)
        })
        .await
    }

    /// Every status that a unit had, in order, whatever it was called then.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn unit_history(&self, unit: UnitId) -> Result<Vec<StatusChange>, ReadError> {
        self.read(move |connection, _| {
            rows(
                connection,
                &format!("{SELECT_LOG} WHERE unit_id = ?1 ORDER BY id"),
                [unit.to_string()],
                change,
            )
        })
        .await
    }

    /// Every status that was logged under a chunk, in order: of units that are gone, too.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn chunk_history(&self, chunk: String) -> Result<Vec<StatusChange>, ReadError> {
        self.read(move |connection, _| {
            rows(
                connection,
                &format!("{SELECT_LOG} WHERE chunk = ?1 ORDER BY id"),
                [chunk],
                change,
            )
        })
        .await
    }

    /// How many units are in each status; every status is there.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn unit_counts(&self) -> Result<Vec<(UnitStatus, u64)>, ReadError> {
        let sql = "SELECT status, count(*) AS count FROM work_units GROUP BY status";
        let found = self.read(move |connection, _| {
            rows(connection, sql, [], |row| {
                Ok((status(row, "status")?, unsigned(row, "count")?))
            })
        });
        let found = found.await?;
        let count = |of: UnitStatus| {
            found
                .iter()
                .find(|(status, _)| *status == of)
                .map_or(0, |(_, count)| *count)
        };
        Ok(UnitStatus::ALL
            .into_iter()
            .map(|status| (status, count(status)))
            .collect())
    }
}

fn status(row: &Row<'_>, column: &str) -> rusqlite::Result<UnitStatus> {
    let word: String = row.get(column)?;
    UnitStatus::of_word(&word).ok_or_else(|| super::unreadable(row, column))
}

fn view(row: &Row<'_>) -> rusqlite::Result<UnitView> {
    let phase: String = row.get("phase")?;
    let blocked_by = json(row, "blocked_by")?;
    Ok(UnitView {
        id: parsed(row, "id")?,
        chunk: row.get("chunk")?,
        phase: UnitPhase::of_word(&phase).ok_or_else(|| super::unreadable(row, "phase"))?,
        status: status(row, "status")?,
        blocked_by: serde_json::from_value(blocked_by).map_err(|_| super::unreadable(row, "blocked_by"))?,
        worktree: row.get("worktree")?,
        priority: row.get("priority")?,
        project: parsed_option(row, "project_id")?,
        run: parsed_option(row, "run_id")?,
        flow: row.get("flow")?,
        question: row.get("question")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}

fn change(row: &Row<'_>) -> rusqlite::Result<StatusChange> {
    let old: Option<String> = row.get("old_status")?;
    let old_status = old
        .map(|word| UnitStatus::of_word(&word).ok_or_else(|| super::unreadable(row, "old_status")))
        .transpose()?;
    Ok(StatusChange {
        chunk: row.get("chunk")?,
        old_status,
        new_status: status(row, "new_status")?,
        timestamp: row.get("timestamp")?,
        unit: parsed(row, "unit_id")?,
        reason: row.get("reason")?,
        is_forced: row.get("forced")?,
    })
}
