//! The feed: what happens, as it happens, in frames. A reader that comes back with its cursor misses nothing and gets
//! nothing twice.

use crate::words::words;
use crate::{
    Attention, ChatId, ProjectId, RunId, RunStatus, Said, StepKind, StepStatus, TaskId, ToolStatus,
    TranscriptEntry, UnitId, UnitPhase, UnitStatus,
};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use utoipa::ToSchema;

words! {
    /// What a reader of the feed wants to hear about.
    Topic {
        /// Frames `work_unit_update`.
        WorkUnits = "work_units",
        /// Frames `attention_update`.
        Attention = "attention",
        /// Frames `flow_run_started` and `flow_run_step_updated`.
        Runs = "runs",
        /// Frames `delta`, `tool_call` and `message_complete`.
        Content = "content",
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Frame {
    /// A work unit came to be, changed or went.
    WorkUnitUpdate(WorkUnitUpdate),
    /// Something waits for a person, or no longer does.
    AttentionUpdate(AttentionUpdate),
    /// A run came to be.
    FlowRunStarted(FlowRunStarted),
    /// A step instance, or the run as a whole, changed.
    FlowRunStepUpdated(FlowRunStepUpdated),
    /// A piece of what an agent says.
    Delta(Delta),
    /// A tool call of an agent, or news of one.
    ToolCall(ToolCall),
    /// A message of an agent is whole.
    MessageComplete(MessageComplete),
}

impl Frame {
    /// The position of the last event that a reader of this frame knows.
    #[must_use]
    pub const fn position(&self) -> u64 {
        match self {
            Self::WorkUnitUpdate(frame) => frame.position,
            Self::AttentionUpdate(frame) => frame.position,
            Self::FlowRunStarted(frame) => frame.position,
            Self::FlowRunStepUpdated(frame) => frame.position,
            Self::Delta(frame) => frame.position,
            Self::ToolCall(frame) => frame.position,
            Self::MessageComplete(frame) => frame.position,
        }
    }

    /// What it is about.
    #[must_use]
    pub const fn topic(&self) -> Topic {
        match self {
            Self::WorkUnitUpdate(_) => Topic::WorkUnits,
            Self::AttentionUpdate(_) => Topic::Attention,
            Self::FlowRunStarted(_) | Self::FlowRunStepUpdated(_) => Topic::Runs,
            Self::Delta(_) | Self::ToolCall(_) | Self::MessageComplete(_) => Topic::Content,
        }
    }

    /// The run it is about; none for one that is about no run.
    #[must_use]
    pub const fn run_id(&self) -> Option<RunId> {
        match self {
            Self::WorkUnitUpdate(frame) => frame.run_id,
            Self::AttentionUpdate(frame) => frame.item.run_id,
            Self::FlowRunStarted(frame) => Some(frame.run_id),
            Self::FlowRunStepUpdated(frame) => Some(frame.run_id),
            Self::Delta(frame) => Some(frame.run_id),
            Self::ToolCall(frame) => Some(frame.run_id),
            Self::MessageComplete(frame) => Some(frame.run_id),
        }
    }
}

/// A work unit came to be, changed or went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkUnitUpdate {
    /// The event that says so.
    pub position: u64,
    /// What people call it.
    pub chunk: String,
    /// Its id.
    pub id: UnitId,
    /// How far it has come.
    pub phase: UnitPhase,
    /// What it waits for.
    pub status: UnitStatus,
    /// Chunks of the units that must be done first.
    pub blocked_by: Vec<String>,
    /// Higher goes first.
    pub priority: i64,
    /// The run that does it, or did last.
    pub run_id: Option<RunId>,
    /// Whether it is gone.
    pub deleted: bool,
    /// When (RFC 3339, UTC).
    pub at: String,
}

/// Something waits for a person, or no longer does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttentionUpdate {
    /// The event that says so.
    pub position: u64,
    /// The item, as it is since.
    pub item: Attention,
}

/// A run came to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FlowRunStarted {
    /// The event that says so.
    pub position: u64,
    /// The run.
    pub run_id: RunId,
    /// The name that people type.
    pub slug: String,
    /// The flow's name.
    pub flow_name: String,
    /// Where.
    pub project_id: ProjectId,
    /// The work unit it does, if any.
    pub unit_id: Option<UnitId>,
    /// What it is asked.
    pub question: String,
    /// How much work is to be made of it.
    pub size: crate::Size,
    /// Its steps, in order. Those of a fan-out follow as `flow_run_step_updated` once its items are known.
    pub steps: Vec<FeedStep>,
    /// When (RFC 3339, UTC).
    pub at: String,
}

/// A step, as the feed names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FeedStep {
    /// The step's id in the definition.
    pub step_id: String,
    /// Which item of a fan-out, from zero.
    pub item: Option<u32>,
    /// Whether it fans out: then it stands for instances that are not known yet, and has no chat.
    pub fans_out: bool,
    /// Which agent, for a step that one does.
    pub agent: Option<String>,
    /// What doing it means.
    pub kind: StepKind,
    /// The key of its output stream.
    pub chat_id: Option<ChatId>,
    /// What people call it.
    pub label: String,
}

/// A step instance, or the run as a whole, changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FlowRunStepUpdated {
    /// The event that says so.
    pub position: u64,
    /// The run.
    pub run_id: RunId,
    /// The step; null when only the run as a whole changed.
    pub step_id: Option<String>,
    /// Which item of a fan-out, from zero.
    pub item: Option<u32>,
    /// How the step is; null when only the run as a whole changed.
    pub status: Option<StepStatus>,
    /// What doing the step means.
    pub kind: Option<StepKind>,
    /// What people call the step.
    pub label: Option<String>,
    /// The key of the step's output stream.
    pub chat_id: Option<ChatId>,
    /// The task that does the step, or did last.
    pub task_id: Option<TaskId>,
    /// Which agent does the step.
    pub agent: Option<String>,
    /// Whether a person let the run go on without the step.
    pub skipped: bool,
    /// The step goes on no earlier than this (RFC 3339, UTC).
    pub not_before: Option<String>,
    /// The attention item that the step waits for.
    pub waiting_for: Option<crate::AttentionId>,
    /// Why the step, or the run, failed.
    pub reason: Option<String>,
    /// Failed tries of the step so far.
    pub failures: u32,
    /// How the run is.
    pub run_status: RunStatus,
    /// Whether no new task of the run starts.
    pub is_paused: bool,
    /// The report as Markdown: only with the run's completion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub report: Option<String>,
    /// When (RFC 3339, UTC).
    pub at: String,
}

/// A piece of what an agent says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Delta {
    /// The last event known when it was said.
    pub position: u64,
    /// The run.
    pub run_id: RunId,
    /// The step instance.
    pub chat_id: ChatId,
    /// The task.
    pub task_id: TaskId,
    /// Where it begins in the task's transcript.
    pub offset: u64,
    /// Where what follows begins: a frame with another offset says that something was missed, and the transcript has
    /// it.
    pub next: u64,
    /// What kind of words these are.
    pub channel: Channel,
    /// The piece.
    pub text: String,
}

words! {
    /// What kind of words.
    Channel {
        /// The agent's answer.
        Text = "text",
        /// Its reasoning.
        Thought = "thought",
        /// Something about the task that is not the agent's words, answers to its permission questions among them.
        Notice = "notice",
        /// What its process wrote beside the protocol.
        Raw = "raw",
        /// What it was told.
        Prompt = "prompt",
    }
}

/// A tool call of an agent, or news of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ToolCall {
    /// The last event known then.
    pub position: u64,
    /// The run.
    pub run_id: RunId,
    /// The step instance.
    pub chat_id: ChatId,
    /// The task.
    pub task_id: TaskId,
    /// Where it begins in the task's transcript.
    pub offset: u64,
    /// Where what follows begins.
    pub next: u64,
    /// The agent's id for the call; the same id again updates it.
    pub id: String,
    /// What it does, for people.
    pub title: String,
    /// How far it is.
    pub status: ToolStatus,
    /// Input or output worth keeping.
    pub detail: String,
}

/// A message of an agent is whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MessageComplete {
    /// The last event known then.
    pub position: u64,
    /// The run.
    pub run_id: RunId,
    /// The step instance.
    pub chat_id: ChatId,
    /// The task.
    pub task_id: TaskId,
    /// Where the mark lies in the task's transcript.
    pub offset: u64,
    /// Where what follows begins.
    pub next: u64,
}

impl TranscriptEntry {
    /// The frame that tells of this entry, live and afterwards alike.
    #[must_use]
    pub fn frame(self, position: u64, (run_id, chat_id, task_id): (RunId, ChatId, TaskId)) -> Frame {
        let Self {
            offset, next, said, ..
        } = self;
        let delta = |channel, text| {
            Frame::Delta(Delta {
                position,
                run_id,
                chat_id,
                task_id,
                offset,
                next,
                channel,
                text,
            })
        };
        match said {
            Said::Text { text } => delta(Channel::Text, text),
            Said::Thought { text } => delta(Channel::Thought, text),
            Said::Notice { text } => delta(Channel::Notice, text),
            Said::Raw { text } => delta(Channel::Raw, text),
            Said::Prompt { text } => delta(Channel::Prompt, text),
            Said::Permission { title, allowed, rule } => {
                let verdict = if allowed { "allowed" } else { "denied" };
                delta(Channel::Notice, format!("{verdict}: {title} ({rule})"))
            }
            Said::Tool {
                id,
                title,
                status,
                detail,
            } => {
                let place = ToolCall {
                    position,
                    run_id,
                    chat_id,
                    task_id,
                    offset,
                    next,
                    id,
                    title,
                    status,
                    detail,
                };
                Frame::ToolCall(place)
            }
            Said::MessageEnd => Frame::MessageComplete(MessageComplete {
                position,
                run_id,
                chat_id,
                task_id,
                offset,
                next,
            }),
        }
    }
}

/// A place in the feed: everything up to an event, and the first frames of the next one. Written as `12`, or `12.2`
/// in the middle of event 13.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor {
    /// Everything of this event and those before it was seen.
    pub position: u64,
    /// So many frames of the event after it were seen, too.
    pub frames: u32,
}

impl Cursor {
    /// After everything of an event.
    #[must_use]
    pub const fn after(position: u64) -> Self {
        Self { position, frames: 0 }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.frames {
            0 => write!(f, "{}", self.position),
            frames => write!(f, "{}.{frames}", self.position),
        }
    }
}

/// Why a text is no place in the feed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no place in the feed: a position is expected, or the `id` of a frame")]
pub struct NotACursor(pub String);

impl FromStr for Cursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let wrong = || NotACursor(text.chars().take(40).collect());
        let (position, frames) = text.split_once('.').unwrap_or((text, "0"));
        Ok(Self {
            position: position.parse().map_err(|_| wrong())?,
            frames: frames.parse().map_err(|_| wrong())?,
        })
    }
}

/// Said before the daemon closes a feed of its own accord.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FeedClosed {
    /// Why.
    pub code: FeedEnd,
    /// Give this as `after` to go on without gap or double.
    pub resume: String,
}

words! {
    /// Why the daemon closed a feed.
    FeedEnd {
        /// The reader did not keep up.
        SlowClient = "slow_client",
        /// The daemon is stopping.
        Stopping = "stopping",
        /// The reader's session ended.
        LoggedOut = "logged_out",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_what_it_writes() {
        for cursor in [
            Cursor::after(0),
            Cursor::after(12),
            Cursor {
                position: 12,
                frames: 2,
            },
        ] {
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        for wrong in ["", "x", "1.x", "-1", "1.-1"] {
            assert!(wrong.parse::<Cursor>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn s4_09_frames_are_told_apart_by_their_type() {
        let frame = Frame::MessageComplete(MessageComplete {
            position: 7,
            run_id: RunId::from_bits(1),
            chat_id: ChatId::from_bits(2),
            task_id: TaskId::from_bits(3),
            offset: 40,
            next: 41,
        });
        let json = serde_json::to_value(&frame).unwrap();
        assert_eq!(json["type"], "message_complete");
        assert_eq!(serde_json::from_value::<Frame>(json).unwrap(), frame);
    }
}
