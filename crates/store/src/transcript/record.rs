//! The stored form of a transcript's entry: one line of JSON with a version of its own.

use domain::{ChatId, Moment, TaskId};
use engine::ports::{EntryKind, ToolStatus};
use serde::{Deserialize, Serialize};

/// An entry as it was kept.
#[derive(Clone, Debug, PartialEq)]
pub struct TranscriptEntry {
    /// Its place in the task's transcript, from zero.
    pub index: u64,
    /// When it was heard.
    pub at: Moment,
    /// The step instance.
    pub chat: ChatId,
    /// The task.
    pub task: TaskId,
    /// What.
    pub kind: EntryKind,
}

/// The version that is written.
const VERSION: u32 = 1;

#[derive(Deserialize)]
struct Versioned {
    v: u32,
}

#[derive(Serialize, Deserialize)]
struct Line {
    v: u32,
    at_ms: u64,
    chat: String,
    entry: Kind,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Text(String),
    Thought(String),
    Tool {
        id: String,
        title: String,
        status: Status,
        detail: String,
    },
    Permission {
        title: String,
        allowed: bool,
        rule: String,
    },
    Notice(String),
    Raw(String),
    Prompt(String),
    MessageEnd,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Pending,
    Running,
    Completed,
    Failed,
}

/// The line of an entry, with its end.
pub(super) fn encode(at: Moment, chat: ChatId, kind: &EntryKind) -> Vec<u8> {
    let entry = match kind.clone() {
        EntryKind::Text(text) => Kind::Text(text),
        EntryKind::Thought(text) => Kind::Thought(text),
        EntryKind::Tool {
            id,
            title,
            status,
            detail,
        } => Kind::Tool {
            id,
            title,
            status: status.into(),
            detail,
        },
        EntryKind::Permission { title, allowed, rule } => Kind::Permission { title, allowed, rule },
        EntryKind::Notice(text) => Kind::Notice(text),
        EntryKind::Raw(text) => Kind::Raw(text),
        EntryKind::Prompt(text) => Kind::Prompt(text),
        EntryKind::MessageEnd => Kind::MessageEnd,
    };
    let line = Line {
        v: VERSION,
        at_ms: at.as_ms(),
        chat: chat.to_string(),
        entry,
    };
    let mut text = serde_json::to_vec(&line).expect("stored forms are JSON");
    text.push(b'\n');
    text
}

/// The entry of a line; none for a line that is torn, or of a version that is not known here.
pub(super) fn decode(line: &[u8], index: u64, task: TaskId) -> Option<TranscriptEntry> {
    let Versioned { v } = serde_json::from_slice(line).ok()?;
    if v != VERSION {
        return None;
    }
    let Line {
        at_ms, chat, entry, ..
    } = serde_json::from_slice(line).ok()?;
    let kind = match entry {
        Kind::Text(text) => EntryKind::Text(text),
        Kind::Thought(text) => EntryKind::Thought(text),
        Kind::Tool {
            id,
            title,
            status,
            detail,
        } => EntryKind::Tool {
            id,
            title,
            status: status.into(),
            detail,
        },
        Kind::Permission { title, allowed, rule } => EntryKind::Permission { title, allowed, rule },
        Kind::Notice(text) => EntryKind::Notice(text),
        Kind::Raw(text) => EntryKind::Raw(text),
        Kind::Prompt(text) => EntryKind::Prompt(text),
        Kind::MessageEnd => EntryKind::MessageEnd,
    };
    Some(TranscriptEntry {
        index,
        at: Moment::from_ms(at_ms),
        chat: chat.parse().ok()?,
        task,
        kind,
    })
}

impl From<ToolStatus> for Status {
    fn from(status: ToolStatus) -> Self {
        match status {
            ToolStatus::Pending => Self::Pending,
            ToolStatus::Running => Self::Running,
            ToolStatus::Completed => Self::Completed,
            ToolStatus::Failed => Self::Failed,
        }
    }
}

impl From<Status> for ToolStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Pending => Self::Pending,
            Status::Running => Self::Running,
            Status::Completed => Self::Completed,
            Status::Failed => Self::Failed,
        }
    }
}
