//! Where the streams end, for the question that every batch asks: asked of the database once, then counted along.
//!
//! It cannot go stale: events are written by this thread alone, inside transactions that are refused as soon as a younger
//! life has the home. What is taken back is either not counted yet (a batch) or takes all of this with it (a group).

use crate::history;
use crate::record::stream_key;
use domain::Stream;
use engine::ports::Batch;
use rusqlite::Connection;
use std::collections::BTreeMap;

/// Streams at most; past that it begins anew, which costs each of them one question.
const STREAMS_MAX: usize = 4_096;

#[derive(Default)]
pub(crate) struct Ends {
    known: BTreeMap<Stream, u64>,
}

impl Ends {
    /// How many events the stream has.
    pub(super) fn length(&mut self, connection: &Connection, stream: Stream) -> rusqlite::Result<u64> {
        if let Some(length) = self.known.get(&stream) {
            return Ok(*length);
        }
        let (kind, id) = stream_key(stream);
        let length = history::length(connection, (kind, &id))?;
        if self.known.len() >= STREAMS_MAX {
            self.forget();
        }
        self.known.insert(stream, length);
        Ok(length)
    }

    /// All of the batch is written.
    pub(super) fn count(&mut self, batch: &Batch) {
        for append in &batch.appends {
            let length = append.expected_seq + append.events.len() as u64;
            self.known.insert(append.stream, length);
        }
    }

    /// A transaction came to nothing.
    pub(super) fn forget(&mut self) {
        self.known.clear();
    }
}
