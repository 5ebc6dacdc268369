//! Step instances as readers see them.

use super::{Reader, json_option, long_json, parsed, parsed_option, rows};
use crate::error::ReadError;
use domain::{AttentionId, ChatId, RunId, StepKey, TaskId};
use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::Value as Json;

/// A step instance. Its output is read on its own: it may be long.
#[derive(Clone, Debug, PartialEq)]
pub struct StepView {
    /// The instance: the key of its output stream.
    pub chat: ChatId,
    /// Its run.
    pub run: RunId,
    /// The step's id in the definition, and which item.
    pub key: StepKey,
    /// The item of the fan-out.
    pub item: Option<Json>,
    /// `agent`, `command`, `fold`, `merge` or `approval`.
    pub kind: String,
    /// `pending`, `running`, `completed`, `failed` or `cancelled`.
    pub status: String,
    /// The task that does it, or did last.
    pub task: Option<TaskId>,
    /// Which agent does it, or did last.
    pub agent: Option<String>,
    /// Whether a person let the run go on without it.
    pub is_skipped: bool,
    /// Whether it has an output to read.
    pub has_output: bool,
    /// The step it was injected for.
    pub origin_step: Option<String>,
    /// Not before this time.
    pub not_before: Option<String>,
    /// The open question that it waits for.
    pub waiting_for: Option<AttentionId>,
    /// Why it failed.
    pub reason: Option<String>,
    /// Failed tries so far.
    pub failures: u32,
    /// What it changed.
    pub change: Option<ChangeView>,
    /// When it came to be.
    pub planned_at: String,
    /// When its first task was decided on.
    pub started_at: Option<String>,
    /// When it ended.
    pub ended_at: Option<String>,
}

/// What a task or step changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeView {
    /// The commit it started from.
    pub base: String,
    /// The commit that holds its result.
    pub head: String,
    /// Files changed.
    pub files: u32,
    /// Lines added.
    pub insertions: u32,
    /// Lines removed.
    pub deletions: u32,
}

const SELECT: &str = "SELECT run_id, step_key, item_value, kind, status, chat_id, task_id, agent, skipped, origin_step,
    not_before, waiting_for, reason, failures, commit_base, commit_head, files, insertions, deletions, planned_at,
    started_at, ended_at, output IS NOT NULL OR output_blob IS NOT NULL AS has_output FROM flow_steps";

pub(super) fn of_run(connection: &Connection, run: &str) -> Result<Vec<StepView>, ReadError> {
    rows(
        connection,
        &format!("{SELECT} WHERE run_id = ?1 ORDER BY position, ordinal"),
        [run],
        view,
    )
}

impl Reader {
    /// The whole output of a step instance; none while it has none.
    ///
    /// # Errors
    /// When the database or a blob cannot be read.
    pub async fn step_output(&self, chat: ChatId) -> Result<Option<Json>, ReadError> {
        self.read(move |connection, blobs| {
            let found = connection
                .prepare_cached("SELECT output, output_blob FROM flow_steps WHERE id = ?1")?
                .query_row([chat.to_string()], |row| {
                    Ok((
                        json_option(row, "output")?,
                        row.get::<_, Option<String>>("output_blob")?,
                    ))
                })
                .optional()?;
            let Some((output, blob)) = found else {
                return Ok(None);
            };
            long_json(output, blob.as_deref(), blobs)
        })
        .await
    }
}

fn view(row: &Row<'_>) -> rusqlite::Result<StepView> {
    Ok(StepView {
        chat: parsed(row, "chat_id")?,
        run: parsed(row, "run_id")?,
        key: parsed(row, "step_key")?,
        item: json_option(row, "item_value")?,
        kind: row.get("kind")?,
        status: row.get("status")?,
        task: parsed_option(row, "task_id")?,
        agent: row.get("agent")?,
        is_skipped: row.get("skipped")?,
        has_output: row.get("has_output")?,
        origin_step: row.get("origin_step")?,
        not_before: row.get("not_before")?,
        waiting_for: parsed_option(row, "waiting_for")?,
        reason: row.get("reason")?,
        failures: row.get("failures")?,
        change: change(row)?,
        planned_at: row.get("planned_at")?,
        started_at: row.get("started_at")?,
        ended_at: row.get("ended_at")?,
    })
}

pub(super) fn change(row: &Row<'_>) -> rusqlite::Result<Option<ChangeView>> {
    let Some(head) = row.get("commit_head")? else {
        return Ok(None);
    };
    Ok(Some(ChangeView {
        base: row.get("commit_base")?,
        head,
        files: row.get("files")?,
        insertions: row.get("insertions")?,
        deletions: row.get("deletions")?,
    }))
}
