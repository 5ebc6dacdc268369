//! Tasks and what agents said.

use super::run::{change, read};
use super::{id, usage};
use engine::ports::{EntryKind, ToolStatus};
use store::{TaskView, TranscriptEntry, iso};

pub(crate) fn task(task: TaskView) -> Result<api::Task, String> {
    Ok(api::Task {
        id: id(task.id),
        run_id: id(task.run),
        step_key: task.key.to_string(),
        chat_id: id(task.chat),
        role: read(&task.role)?,
        serial: task.serial,
        agent: task.agent,
        model: task.model,
        state: read(&task.state)?,
        is_orchestrator: task.is_orchestrator,
        pid: task.process.map(|process| process.pid),
        ordered_at: task.ordered_at,
        started_at: task.started_at,
        ended_at: task.ended_at,
        failure_class: task.failure_class.as_deref().map(read).transpose()?,
        reason: task.reason,
        account: task.account,
        change: task.change.map(change),
        usage: task.usage.map(usage),
    })
}

pub(crate) fn transcript_entry(entry: &TranscriptEntry) -> api::TranscriptEntry {
    let said = match entry.kind.clone() {
        EntryKind::Text(text) => api::Said::Text { text },
        EntryKind::Thought(text) => api::Said::Thought { text },
        EntryKind::Tool {
            id,
            title,
            status,
            detail,
        } => api::Said::Tool {
            id,
            title,
            status: tool_status(status),
            detail,
        },
        EntryKind::Permission { title, allowed, rule } => api::Said::Permission { title, allowed, rule },
        EntryKind::Notice(text) => api::Said::Notice { text },
        EntryKind::Raw(text) => api::Said::Raw { text },
        EntryKind::Prompt(text) => api::Said::Prompt { text },
        EntryKind::MessageEnd => api::Said::MessageEnd,
    };
    api::TranscriptEntry {
        offset: entry.index,
        next: entry.index + 1,
        at: Some(iso(entry.at)),
        said,
    }
}

const fn tool_status(status: ToolStatus) -> api::ToolStatus {
    match status {
        ToolStatus::Pending => api::ToolStatus::Pending,
        ToolStatus::Running => api::ToolStatus::Running,
        ToolStatus::Completed => api::ToolStatus::Completed,
        ToolStatus::Failed => api::ToolStatus::Failed,
    }
}
