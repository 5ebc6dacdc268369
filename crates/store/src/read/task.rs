//! Tasks as readers see them.

use super::step::{ChangeView, change};
use super::{Reader, UsageView, long_text, parsed, rows, unsigned_option};
use crate::error::ReadError;
use domain::{ChatId, ProcessIdentity, RunId, StepKey, TaskId};
use rusqlite::{Connection, OptionalExtension, Row};

/// A task. Its prompt is read on its own: it may be long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskView {
    /// The task.
    pub id: TaskId,
    /// Its run.
    pub run: RunId,
    /// The step instance it is an attempt at.
    pub key: StepKey,
    /// The stream its output goes to.
    pub chat: ChatId,
    /// `work` or `gate`.
    pub role: String,
    /// Counts the tasks of the step instance, from one.
    pub serial: u32,
    /// Which agent.
    pub agent: String,
    /// Which model, where one was asked for.
    pub model: Option<String>,
    /// `starting`, `running`, `completed`, `failed`, `interrupted`, `parked` or `cancelled`.
    pub state: String,
    /// Whether it is a supervisor's.
    pub is_orchestrator: bool,
    /// Its process, once there was one.
    pub process: Option<ProcessIdentity>,
    /// When it was decided on.
    pub ordered_at: String,
    /// When its process was there.
    pub started_at: Option<String>,
    /// When everything of it was gone.
    pub ended_at: Option<String>,
    /// Which kind of failure ended it.
    pub failure_class: Option<String>,
    /// Why it ended, for people.
    pub reason: Option<String>,
    /// Whose limit parked it.
    pub account: Option<String>,
    /// What it changed.
    pub change: Option<ChangeView>,
    /// What it used, once it has ended.
    pub usage: Option<UsageView>,
}

const SELECT: &str = "SELECT task_id, run_id, step_key, chat_id, role, serial, agent, model, state, is_orchestrator,
    pid, start_ticks, boot_id, ordered_at, started_at, ended_at, failure_class, reason, account, commit_base,
    commit_head, files, insertions, deletions, input_uncached, input_cached, output_tokens, cost_micros FROM task_log";

pub(super) fn of_run(connection: &Connection, run: &str) -> Result<Vec<TaskView>, ReadError> {
    rows(
        connection,
        &format!("{SELECT} WHERE run_id = ?1 ORDER BY step_key, serial"),
        [run],
        view,
    )
}

impl Reader {
    /// One task.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn task(&self, task: TaskId) -> Result<Option<TaskView>, ReadError> {
        self.read(move |connection, _| {
            let found = connection
                .prepare_cached(&format!("{SELECT} WHERE task_id = ?1"))?
                .query_row([task.to_string()], view)
                .optional()?;
            Ok(found)
        })
        .await
    }

    /// What a task was told.
    ///
    /// # Errors
    /// When the database or a blob cannot be read.
    pub async fn task_prompt(&self, task: TaskId) -> Result<Option<String>, ReadError> {
        self.read(move |connection, blobs| {
            let found: Option<(Option<String>, Option<String>)> = connection
                .prepare_cached("SELECT prompt, prompt_blob FROM task_log WHERE task_id = ?1")?
                .query_row([task.to_string()], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let Some((prompt, blob)) = found else {
                return Ok(None);
            };
            long_text(prompt, blob.as_deref(), blobs)
        })
        .await
    }

    /// The tasks that are starting or running, oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn live_tasks(&self) -> Result<Vec<TaskView>, ReadError> {
        self.read(|connection, _| {
            let sql = format!("{SELECT} WHERE state IN ('starting', 'running') ORDER BY ordered_at, task_id");
            rows(connection, &sql, [], view)
        })
        .await
    }
}

fn view(row: &Row<'_>) -> rusqlite::Result<TaskView> {
    Ok(TaskView {
        id: parsed(row, "task_id")?,
        run: parsed(row, "run_id")?,
        key: parsed(row, "step_key")?,
        chat: parsed(row, "chat_id")?,
        role: row.get("role")?,
        serial: row.get("serial")?,
        agent: row.get("agent")?,
        model: row.get("model")?,
        state: row.get("state")?,
        is_orchestrator: row.get("is_orchestrator")?,
        process: process(row)?,
        ordered_at: row.get("ordered_at")?,
        started_at: row.get("started_at")?,
        ended_at: row.get("ended_at")?,
        failure_class: row.get("failure_class")?,
        reason: row.get("reason")?,
        account: row.get("account")?,
        change: change(row)?,
        usage: usage(row)?,
    })
}

fn process(row: &Row<'_>) -> rusqlite::Result<Option<ProcessIdentity>> {
    let Some(pid) = row.get("pid")? else {
        return Ok(None);
    };
    let start_ticks = super::unsigned(row, "start_ticks")?;
    Ok(Some(ProcessIdentity {
        pid,
        start_ticks,
        boot_id: row.get("boot_id")?,
    }))
}

fn usage(row: &Row<'_>) -> rusqlite::Result<Option<UsageView>> {
    let Some(input_uncached) = unsigned_option(row, "input_uncached")? else {
        return Ok(None);
    };
    Ok(Some(UsageView {
        input_uncached,
        input_cached: super::unsigned(row, "input_cached")?,
        output: super::unsigned(row, "output_tokens")?,
        cost_micros: unsigned_option(row, "cost_micros")?,
    }))
}
