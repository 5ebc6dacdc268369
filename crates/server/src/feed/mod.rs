//! What happens, as it happens: one follower of the history for all readers, and a bounded queue for each.
//!
//! A reader is first served from the store, at its own pace, until it has caught up; from then on out of its queue. A
//! frame's id is its place, so a reader that comes back with it gets nothing twice and misses nothing.

mod hub;
mod joined;
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

use api::{Cursor, Frame, RunId, Topic};
use engine::faults::{Control, is_off};
use std::sync::Arc;
use std::time::Duration;

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
    pub(crate) json: Arc<str>,
}

impl Told {
    fn of(frame: &Frame, cursor: Option<Cursor>) -> Self {
        Self {
            cursor,
            topic: frame.topic(),
            run: frame.run_id(),
            json: serde_json::to_string(frame)
                .expect("frames have only text as keys")
                .into(),
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
