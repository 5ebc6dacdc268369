//! The rows of tasks.

use super::{RunScene, int};
use crate::record::{FailureWord, Fitted, RoleWord, Word, fit_text};
use domain::{Ending, ProcessIdentity, TaskId, TaskOrdered, TaskState, Usage};
use rusqlite::params;

pub(super) fn insert(scene: &RunScene<'_>, order: &TaskOrdered) -> rusqlite::Result<()> {
    let TaskOrdered {
        task,
        key,
        chat,
        role,
        serial,
        agent,
        model,
        prompt,
    } = order;
    let Fitted { inline, blob } = fit_text(prompt);
    scene.write(
        "INSERT INTO task_log (task_id, run_id, step_key, chat_id, role, serial, agent, model, state, prompt,
                               prompt_blob, ordered_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'starting', ?9, ?10, ?11)",
        params![
            task.to_string(),
            scene.subject.to_string(),
            key.to_string(),
            chat.to_string(),
            RoleWord::from(*role).word(),
            serial,
            agent.as_str(),
            model,
            inline,
            blob,
            scene.at(),
        ],
    )?;
    Ok(())
}

pub(super) fn start(scene: &RunScene<'_>, task: TaskId, process: &ProcessIdentity) -> rusqlite::Result<()> {
    scene.write_one(
        "UPDATE task_log SET state = 'running', pid = ?2, start_ticks = ?3, boot_id = ?4, started_at = ?5
         WHERE task_id = ?1",
        params![
            task.to_string(),
            process.pid,
            int(process.start_ticks),
            process.boot_id,
            scene.at()
        ],
    )
}

pub(super) fn end(scene: &RunScene<'_>, task: TaskId, ending: &Ending, usage: Usage) -> rusqlite::Result<()> {
    let change = if let Ending::Completed { change, .. } = ending {
        change.as_ref()
    } else {
        None
    };
    let (class, reason, account) = match ending {
        Ending::Completed { .. } | Ending::Cancelled => (None, None, None),
        Ending::Failed { class, reason } => (Some(FailureWord::from(*class).word()), Some(reason), None),
        Ending::Interrupted { reason } => (None, Some(reason), None),
        Ending::Parked { account, reason, .. } => (None, Some(reason), Some(account.as_str())),
    };
    scene.write_one(
        "UPDATE task_log SET state = ?2, ended_at = ?3, failure_class = ?4, reason = ?5, account = ?6,
                             commit_base = ?7, commit_head = ?8, files = ?9, insertions = ?10, deletions = ?11,
                             input_uncached = ?12, input_cached = ?13, output_tokens = ?14, cost_micros = ?15
         WHERE task_id = ?1",
        params![
            task.to_string(),
            state_word(ending.state()),
            scene.at(),
            class,
            reason,
            account,
            change.map(|change| &change.base),
            change.map(|change| &change.head),
            change.map(|change| change.files),
            change.map(|change| change.insertions),
            change.map(|change| change.deletions),
            int(usage.input_uncached),
            int(usage.input_cached),
            int(usage.output),
            usage.cost_micros.map(int),
        ],
    )
}

const fn state_word(state: TaskState) -> &'static str {
    match state {
        TaskState::Starting => "starting",
        TaskState::Running => "running",
        TaskState::Completed => "completed",
        TaskState::Failed => "failed",
        TaskState::Interrupted => "interrupted",
        TaskState::Parked => "parked",
        TaskState::Cancelled => "cancelled",
    }
}
