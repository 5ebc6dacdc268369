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

impl Reading {
    /// Reads what lies before `until` in the transcript, as frames at this position.
    async fn catch_up(
        &mut self,
        client: &Client,
        task: TaskId,
        (until, position): (u64, u64),
    ) -> Result<Vec<Frame>, ClientError> {
        let mut frames = Vec::new();
        loop {
            let part = match client.transcript(task, self.next).await {
                Ok(part) => part,
                // The transcript may be gone; then nobody can tell what was missed.
                Err(ClientError::Problem(_)) => return Ok(frames),
                Err(error) => return Err(error),
            };
            let before = self.next;
            for entry in part.entries.into_iter().filter(|entry| entry.offset < until) {
                self.next = entry.next;
                frames.push(entry.frame(position, (self.run, self.chat, task)));
            }
            // The daemon passes over what it cannot read.
            self.next = self.next.max(part.next.min(until));
            if self.next == before || self.next >= until || part.is_whole {
                return Ok(frames);
            }
        }
    }
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

    /// What was said before this frame and never arrived.
    pub(super) async fn missed(&mut self, client: &Client, frame: &Frame) -> Result<Vec<Frame>, ClientError> {
        let mut frames = Vec::new();
        for (task, until) in self.behind(frame) {
            let Some(reading) = self.read.get_mut(&task) else {
                continue;
            };
            frames.extend(reading.catch_up(client, task, (until, frame.position())).await?);
        }
        Ok(frames)
    }

    /// The tasks that must have said more by now than was heard, and up to where.
    fn behind(&self, frame: &Frame) -> Vec<(TaskId, u64)> {
        if let Some(place) = place(frame) {
            let heard = self.read.get(&place.task).map(|reading| reading.next);
            let is_behind = heard.is_some_and(|heard| heard < place.offset);
            return is_behind
                .then_some((place.task, place.offset))
                .into_iter()
                .collect();
        }
        let Frame::FlowRunStepUpdated(step) = frame else {
            return Vec::new();
        };
        // Tasks of a step that are no longer under way have said all they had to say.
        let is_over = |task: TaskId, reading: &Reading| {
            let is_under_way = step.status == Some(StepStatus::Running) && step.task_id == Some(task);
            self.is_wanted && Some(reading.chat) == step.chat_id && !is_under_way
        };
        let over = self
            .read
            .iter()
            .filter(|(task, reading)| is_over(**task, reading));
        over.map(|(task, _)| (*task, u64::MAX)).collect()
    }

    /// Whether the frame is news; remembers how far it goes.
    pub(super) fn accept(&mut self, frame: &Frame) -> bool {
        self.expect(frame);
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

impl Contents {
    /// A task that is heard of before it is heard: whatever it says first may have been said while nobody listened.
    fn expect(&mut self, frame: &Frame) {
        if let Frame::FlowRunStepUpdated(step) = frame
            && self.is_wanted
            && step.status == Some(StepStatus::Running)
            && let (Some(task), Some(chat)) = (step.task_id, step.chat_id)
        {
            let run = step.run_id;
            self.read.entry(task).or_insert(Reading { next: 0, run, chat });
        }
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
