//! What happens, as it happens: one follower of the history for all readers, and a bounded queue for each.
//!
//! A reader is first served from the store, at its own pace, until it has caught up; from then on out of its queue. A
//! frame's id is its place, so a reader that comes back with it gets nothing twice and misses nothing. What agents say has
//! no such place; a reader that is late with it reads it from the transcripts instead of its queue.

mod hub;
mod queue;
mod reading;
mod run;
mod sse;
mod translator;
mod ws;

pub(crate) use hub::Hub;
pub(crate) use reading::{Filter, Reading};
pub(crate) use sse::stream;
pub(crate) use ws::converse;

use crate::show;
use api::{Cursor, Frame, RunId, Topic};
use domain::{ChatId, TaskId};
use engine::faults::{Control, is_off};
use std::sync::Arc;
use std::time::Duration;
use store::Written;

/// Something is said at least this often, so that a reader knows that the line is alive.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(15);
/// A reader that takes nothing for this long is gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// A reader that was told goodbye has this long to hear it.
const FAREWELL: Duration = Duration::from_secs(3);

/// How long a reader may take nothing.
fn patience() -> Duration {
    if is_off(Control::SlowReaderClosed) {
        return Duration::from_secs(60 * 60);
    }
    WRITE_TIMEOUT
}

/// A frame, written once for all readers.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// The place after it; none for content, which has no place among events.
    pub(crate) cursor: Option<Cursor>,
    pub(crate) topic: Topic,
    pub(crate) run: Option<RunId>,
    /// What a task said that this tells; none for what happened.
    pub(crate) part: Option<Part>,
    pub(crate) json: Arc<str>,
}

/// A part of a transcript.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) run: domain::RunId,
    pub(crate) chat: ChatId,
    pub(crate) task: TaskId,
    pub(crate) from: u64,
    pub(crate) until: u64,
}

impl Part {
    const fn of(run: domain::RunId, written: &Written) -> Self {
        Self {
            run,
            chat: written.chat,
            task: written.task,
            from: written.from,
            until: written.until,
        }
    }
}

impl Told {
    fn of(frame: &Frame, cursor: Option<Cursor>) -> Self {
        Self {
            cursor,
            topic: frame.topic(),
            run: frame.run_id(),
            part: None,
            json: serde_json::to_string(frame)
                .expect("frames have only text as keys")
                .into(),
        }
    }

    /// What a task said; without words where they have to be read.
    fn said(run: domain::RunId, written: &Written, position: u64) -> Self {
        let part = Part::of(run, written);
        let place = (show::id(run), show::id(part.chat), show::id(part.task));
        let told = written.entry.as_ref().map(|entry| {
            let mut entry = show::transcript_entry(entry);
            entry.next = part.until;
            Self::of(&entry.frame(position, place), None)
        });
        let told = told.unwrap_or_else(|| Self {
            cursor: None,
            topic: Topic::Content,
            run: Some(show::id(run)),
            part: None,
            json: "".into(),
        });
        Self {
            part: Some(part),
            ..told
        }
    }
}

/// The frames of one event with their places: only after the last of them is the event itself seen.
fn placed(position: u64, frames: &[Frame]) -> impl Iterator<Item = Told> {
    (1_u32..).zip(frames).map(move |(count, frame)| {
        let is_last = count as usize == frames.len();
        let cursor = if is_last {
            Cursor::after(position)
        } else {
            Cursor {
                position: position - 1,
                frames: count,
            }
        };
        Told::of(frame, Some(cursor))
    })
}
