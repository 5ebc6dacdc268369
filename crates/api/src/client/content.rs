//! Keeps what agents say without gap or double: live frames are lossy, transcripts are not, and offsets join them.

use super::{Client, ClientError};
use crate::{ChatId, Delta, Frame, MessageComplete, RunId, StepStatus, TaskId, ToolCall, Topic};
use std::collections::BTreeMap;

/// How far the content of each task was read.
pub(super) struct Contents {
    is_wanted: bool,
    read: BTreeMap<TaskId, Reading>,
}

struct Reading {
    next: u64,
    run: RunId,
    chat: ChatId,
}

/// Where a content frame lies.
struct Place {
    run: RunId,
    chat: ChatId,
    task: TaskId,
    offset: u64,
    next: u64,
}

impl Contents {
    pub(super) fn new(topics: &[Topic]) -> Self {
        Self {
            is_wanted: topics.is_empty() || topics.contains(&Topic::Content),
            read: BTreeMap::new(),
        }
    }

    /// What was said between the last frame and this one, and never arrived.
    pub(super) async fn missed(&mut self, client: &Client, frame: &Frame) -> Result<Vec<Frame>, ClientError> {
        if !self.is_wanted {
            return Ok(Vec::new());
        }
        let (task, until) = match (place(frame), frame) {
            (Some(place), _) => (place.task, place.offset),
            // A step that is no longer being done: its agent has said all it had to say.
            (None, Frame::FlowRunStepUpdated(step)) if step.status != Some(StepStatus::Running) => {
                match step.task_id {
                    Some(task) => (task, u64::MAX),
                    None => return Ok(Vec::new()),
                }
            }
            (None, _) => return Ok(Vec::new()),
        };
        let Some(reading) = self.read.get_mut(&task).filter(|reading| reading.next < until) else {
            return Ok(Vec::new());
        };
        let mut frames = Vec::new();
        loop {
            let part = match client.transcript(task, reading.next).await {
                Ok(part) => part,
                // The transcript may be gone; then nobody can tell what was missed.
                Err(ClientError::Problem(_)) => break,
                Err(error) => return Err(error),
            };
            let before = reading.next;
            for entry in part.entries.into_iter().filter(|entry| entry.offset < until) {
                reading.next = entry.next;
                frames.push(entry.frame(frame.position(), (reading.run, reading.chat, task)));
            }
            if reading.next == before || reading.next >= until {
                break;
            }
        }
        Ok(frames)
    }

    /// Whether the frame is news; remembers how far it goes.
    pub(super) fn accept(&mut self, frame: &Frame) -> bool {
        let Some(place) = place(frame) else { return true };
        let reading = self.read.entry(place.task).or_insert(Reading {
            next: place.offset,
            run: place.run,
            chat: place.chat,
        });
        let is_news = place.offset >= reading.next;
        reading.next = reading.next.max(place.next);
        is_news
    }
}

const fn place(frame: &Frame) -> Option<Place> {
    match frame {
        Frame::Delta(Delta {
            run_id,
            chat_id,
            task_id,
            offset,
            next,
            ..
        })
        | Frame::ToolCall(ToolCall {
            run_id,
            chat_id,
            task_id,
            offset,
            next,
            ..
        })
        | Frame::MessageComplete(MessageComplete {
            run_id,
            chat_id,
            task_id,
            offset,
            next,
            ..
        }) => Some(Place {
            run: *run_id,
            chat: *chat_id,
            task: *task_id,
            offset: *offset,
            next: *next,
        }),
        Frame::WorkUnitUpdate(_)
        | Frame::AttentionUpdate(_)
        | Frame::FlowRunStarted(_)
        | Frame::FlowRunStepUpdated(_) => None,
    }
}
