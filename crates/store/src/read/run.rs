//! Runs: the list, newest first, and one with all that belongs to it.

use super::{
    AttentionView, Page, PageAsk, Reader, StepView, TaskView, attention, json, long_text, parsed,
    parsed_option, rows, step, task, unsigned, unsigned_option,
};
use crate::error::ReadError;
use domain::{ProjectId, RunId, UnitId};
use rusqlite::{OptionalExtension, Row, params};
use serde::Deserialize;
use serde_json::Value as Json;

/// A run, as lists show it.
#[derive(Clone, Debug, PartialEq)]
pub struct RunView {
    /// The run.
    pub id: RunId,
    /// The position of the event that started it.
    pub position: u64,
    /// Where.
    pub project: ProjectId,
    /// The work unit it does, if any.
    pub unit: Option<UnitId>,
    /// The name that people type.
    pub slug: String,
    /// The flow's name.
    pub flow: String,
    /// The flow's own version number.
    pub flow_version: u32,
    /// Hash over the definition.
    pub flow_hash: String,
    /// What it was asked: `question`, `size`, `fast`, `agent`, `model` and what else the flow takes.
    pub input: Json,
    /// The steps of its plan, in order, those that do not apply included.
    pub manifest: Vec<ManifestStep>,
    /// The commit it starts from; empty where there is no git.
    pub base: String,
    /// The commit that its branch shows, once there is a branch.
    pub head: Option<String>,
    /// `running`, `completed`, `failed` or `cancelled`.
    pub status: RunStatus,
    /// Whether no new task starts.
    pub is_paused: bool,
    /// Whether it was asked to end and has not yet.
    pub is_cancelling: bool,
    /// Hash of what its flow's name stands for now, where that differs; empty when it stands for nothing.
    pub drift: Option<String>,
    /// Why it failed.
    pub reason: Option<String>,
    /// What its tasks used.
    pub usage: UsageView,
    /// When it started.
    pub started_at: String,
    /// When it ended.
    pub ended_at: Option<String>,
}

/// A step of a run's plan.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ManifestStep {
    /// The step's id in the definition.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// `agent`, `command`, `fold`, `merge` or `approval`.
    pub kind: String,
    /// `read` or `write`; none in a run from before this was kept.
    #[serde(default)]
    pub access: Option<String>,
}

/// What tasks used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsageView {
    /// Input tokens that no cache answered.
    pub input_uncached: u64,
    /// Input tokens that a cache answered.
    pub input_cached: u64,
    /// Output tokens.
    pub output: u64,
    /// Millionths of a US dollar, where known.
    pub cost_micros: Option<u64>,
}

/// How a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunStatus {
    /// Under way, or waiting.
    Running,
    /// Done.
    Completed,
    /// Not done.
    Failed,
    /// Stopped.
    Cancelled,
}

impl RunStatus {
    /// The word on the wire and in the store.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status of that word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Running, Self::Completed, Self::Failed, Self::Cancelled]
            .into_iter()
            .find(|known| known.word() == word)
    }
}

/// Which runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Only of this project.
    pub project: Option<ProjectId>,
    /// Only in this status.
    pub status: Option<RunStatus>,
}

/// A run with everything that belongs to it, all of the same moment.
#[derive(Clone, Debug, PartialEq)]
pub struct RunDetail {
    /// The position of the last event that the answer knows: a feed goes on from here.
    pub at_position: u64,
    /// The run.
    pub run: RunView,
    /// Its step instances, in the order of the plan.
    pub steps: Vec<StepView>,
    /// Its tasks, in the order of their steps' keys.
    pub tasks: Vec<TaskView>,
    /// What it asked, answered or not.
    pub attention: Vec<AttentionView>,
    /// Its report, once it has ended.
    pub report: Option<String>,
}

const SELECT: &str = "SELECT id, position, project_id, unit_id, slug, flow, flow_version, flow_hash, input, manifest,
    base, head, status, paused, cancelling, drift, reason, input_uncached, input_cached, output_tokens, cost_micros,
    started_at, ended_at, report, report_blob FROM flow_runs";

impl Reader {
    /// Runs, newest first.
    ///
    /// # Errors
    /// When the cursor is none of ours, or the database cannot be read.
    pub async fn runs(&self, filter: RunFilter, ask: PageAsk) -> Result<Page<RunView>, ReadError> {
        let before = ask.after()?.unwrap_or(i64::MAX);
        let limit = ask.rows();
        let place = |row: &Row<'_>| Ok((row.get("position")?, view(row)?));
        let found = self.read(move |connection, _| {
            let status = filter.status.map(RunStatus::word);
            match (filter.project.map(|project| project.to_string()), status) {
                (None, None) => {
                    let sql = format!("{SELECT} WHERE position < ?1 ORDER BY position DESC LIMIT ?2");
                    rows(connection, &sql, params![before, limit], place)
                }
                (Some(project), None) => {
                    let sql = format!(
                        "{SELECT} WHERE project_id = ?3 AND position < ?1 ORDER BY position DESC LIMIT ?2"
                    );
                    rows(connection, &sql, params![before, limit, project], place)
                }
                (None, Some(status)) => {
                    let sql = format!(
                        "{SELECT} WHERE status = ?3 AND position < ?1 ORDER BY position DESC LIMIT ?2"
                    );
                    rows(connection, &sql, params![before, limit, status], place)
                }
                (Some(project), Some(status)) => {
                    let sql = format!(
                        "{SELECT} WHERE project_id = ?3 AND status = ?4 AND position < ?1
                         ORDER BY position DESC LIMIT ?2"
                    );
                    rows(connection, &sql, params![before, limit, project, status], place)
                }
            }
        });
        Ok(ask.page(found.await?))
    }

    /// A run with its steps, tasks and questions; none when there is no such run.
    ///
    /// # Errors
    /// When the database or a blob cannot be read.
    pub async fn run(&self, run: RunId) -> Result<Option<RunDetail>, ReadError> {
        self.read(move |connection, blobs| {
            let id = run.to_string();
            let found = connection
                .prepare_cached(&format!("{SELECT} WHERE id = ?1"))?
                .query_row([&id], |row| {
                    let report: (Option<String>, Option<String>) =
                        (row.get("report")?, row.get("report_blob")?);
                    Ok((view(row)?, report))
                })
                .optional()?;
            let Some((run, (report, report_blob))) = found else {
                return Ok(None);
            };
            Ok(Some(RunDetail {
                at_position: crate::history::position(connection)?,
                run,
                steps: step::of_run(connection, &id)?,
                tasks: task::of_run(connection, &id)?,
                attention: attention::of_run(connection, blobs, &id)?,
                report: long_text(report, report_blob.as_deref(), blobs)?,
            }))
        })
        .await
    }

    /// The newest run that people call so.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn run_of_slug(&self, slug: String) -> Result<Option<RunId>, ReadError> {
        self.read(move |connection, _| {
            let found = connection
                .prepare_cached("SELECT id FROM flow_runs WHERE slug = ?1 ORDER BY position DESC LIMIT 1")?
                .query_row([slug], |row| parsed(row, "id"))
                .optional()?;
            Ok(found)
        })
        .await
    }

    /// How many runs are in each status.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn run_counts(&self) -> Result<Vec<(RunStatus, u64)>, ReadError> {
        self.read(|connection, _| {
            rows(
                connection,
                "SELECT status, count(*) AS count FROM flow_runs GROUP BY status",
                [],
                |row| Ok((status(row)?, unsigned(row, "count")?)),
            )
        })
        .await
    }
}

fn status(row: &Row<'_>) -> rusqlite::Result<RunStatus> {
    let word: String = row.get("status")?;
    RunStatus::of_word(&word).ok_or_else(|| super::unreadable(row, "status"))
}

fn view(row: &Row<'_>) -> rusqlite::Result<RunView> {
    Ok(RunView {
        id: parsed(row, "id")?,
        position: unsigned(row, "position")?,
        project: parsed(row, "project_id")?,
        unit: parsed_option(row, "unit_id")?,
        slug: row.get("slug")?,
        flow: row.get("flow")?,
        flow_version: row.get("flow_version")?,
        flow_hash: row.get("flow_hash")?,
        input: json(row, "input")?,
        manifest: serde_json::from_value(json(row, "manifest")?)
            .map_err(|_| super::unreadable(row, "manifest"))?,
        base: row.get("base")?,
        head: row.get("head")?,
        status: status(row)?,
        is_paused: row.get("paused")?,
        is_cancelling: row.get("cancelling")?,
        drift: row.get("drift")?,
        reason: row.get("reason")?,
        usage: UsageView {
            input_uncached: unsigned(row, "input_uncached")?,
            input_cached: unsigned(row, "input_cached")?,
            output: unsigned(row, "output_tokens")?,
            cost_micros: unsigned_option(row, "cost_micros")?,
        },
        started_at: row.get("started_at")?,
        ended_at: row.get("ended_at")?,
    })
}
