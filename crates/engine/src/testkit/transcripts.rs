//! Transcripts that remember what was said.

use super::lock;
use crate::ports::{Entry, Transcripts};
use domain::TaskId;
use std::sync::Mutex;

/// What was said, in order.
#[derive(Debug, Default)]
pub struct FakeTranscripts {
    entries: Mutex<Vec<Entry>>,
}

impl FakeTranscripts {
    /// Everything that was said.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        lock(&self.entries).clone()
    }
}

impl Transcripts for FakeTranscripts {
    fn append(&self, entry: Entry) {
        lock(&self.entries).push(entry);
    }

    fn close(&self, _task: TaskId) {}
}
