//! What was written and not told yet, for each who listens: bounded in bytes, and complete.
//!
//! While much waits, pieces of one text become one part. What does not fit is a part without its words: the file has
//! them, and whoever was late reads them there. So nobody who writes waits, nothing grows, and nothing is missed.

use super::record::TranscriptEntry;
use super::writer::weight;
use domain::{ChatId, TaskId};
use engine::ports::EntryKind;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::Notify;

/// Bytes that wait for one listener at most.
const BYTES_MAX: usize = 4 * 1024 * 1024;
/// While fewer parts wait, each entry is one: who keeps up hears everything as it was said.
const JOINED_FROM: usize = 64;
/// A part past this takes no more.
const PART_BYTES_MAX: usize = 16 * 1024;

/// A part of a task's transcript that is in its file.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// The task.
    pub task: TaskId,
    /// The step instance.
    pub chat: ChatId,
    /// The index of its first entry.
    pub from: u64,
    /// The index that follows its last.
    pub until: u64,
    /// What it says, as one entry; none where it has to be read.
    pub entry: Option<TranscriptEntry>,
}

impl Written {
    /// Each task's entries in their order, joined where they are one text.
    #[must_use]
    pub fn joined(entries: &[TranscriptEntry]) -> Vec<Self> {
        let mut waiting = Waiting::default();
        for entry in entries {
            waiting.push(entry, 0, usize::MAX);
        }
        waiting.parts
    }

    /// Takes an entry that follows it in the same text; false when it cannot.
    fn join(&mut self, more: &TranscriptEntry) -> bool {
        let Some(entry) = &mut self.entry else {
            return false;
        };
        let ((EntryKind::Text(text), EntryKind::Text(more))
        | (EntryKind::Thought(text), EntryKind::Thought(more))
        | (EntryKind::Raw(text), EntryKind::Raw(more))) = (&mut entry.kind, &more.kind)
        else {
            return false;
        };
        let fits = text.len() + more.len() <= PART_BYTES_MAX;
        if fits {
            text.push_str(more);
        }
        fits
    }
}

/// Hears what is written.
pub struct TranscriptListener(Arc<Line>);

#[derive(Default)]
struct Line {
    waiting: Mutex<Waiting>,
    changed: Notify,
}

#[derive(Default)]
struct Waiting {
    parts: Vec<Written>,
    /// The last part of each task.
    last: BTreeMap<TaskId, usize>,
    bytes: usize,
}

impl TranscriptListener {
    /// Done when something may have been written since the last [`Self::take`]. May be dropped while waiting.
    pub async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// What was written since it was asked last: each task's parts in their order, without a gap.
    #[must_use]
    pub fn take(&self) -> Vec<Written> {
        std::mem::take(&mut *self.0.lock()).parts
    }
}

impl Line {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn push(&mut self, entry: &TranscriptEntry, joined_from: usize, bytes_max: usize) {
        let is_much = self.parts.len() >= joined_from;
        let last = self.last.get(&entry.task).map(|index| &mut self.parts[*index]);
        if let Some(last) = last
            && (last.until, last.chat) == (entry.index, entry.chat)
            && (last.entry.is_none() || (is_much && last.join(entry)))
        {
            if last.entry.is_some() {
                self.bytes += weight(&entry.kind);
            }
            last.until += 1;
            return;
        }
        let bytes = self.bytes + weight(&entry.kind);
        let fits = bytes <= bytes_max;
        if fits {
            self.bytes = bytes;
        }
        self.last.insert(entry.task, self.parts.len());
        self.parts.push(Written {
            task: entry.task,
            chat: entry.chat,
            from: entry.index,
            until: entry.index + 1,
            entry: fits.then(|| entry.clone()),
        });
    }
}

/// All who listen.
#[derive(Clone, Default)]
pub(super) struct Listeners(Arc<Mutex<Vec<Weak<Line>>>>);

impl Listeners {
    pub(super) fn add(&self) -> TranscriptListener {
        let line = Arc::new(Line::default());
        self.lock().push(Arc::downgrade(&line));
        TranscriptListener(line)
    }

    /// Tells of entries that are in their files now.
    pub(super) fn tell(&self, entries: &[TranscriptEntry]) {
        if entries.is_empty() {
            return;
        }
        self.lock().retain(|line| {
            let Some(line) = line.upgrade() else { return false };
            {
                let mut waiting = line.lock();
                for entry in entries {
                    waiting.push(entry, JOINED_FROM, BYTES_MAX);
                }
            }
            line.changed.notify_one();
            true
        });
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Line>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Moment;

    fn entry(task: u128, index: u64, kind: EntryKind) -> TranscriptEntry {
        TranscriptEntry {
            index,
            at: Moment::from_ms(0),
            chat: ChatId::from_bits(task),
            task: TaskId::from_bits(task),
            kind,
        }
    }

    fn said(text: &str) -> EntryKind {
        EntryKind::Text(text.to_owned())
    }

    fn text(task: u128, index: u64, words: &str) -> TranscriptEntry {
        entry(task, index, said(words))
    }

    fn shown(parts: &[Written]) -> Vec<(u128, u64, u64, Option<EntryKind>)> {
        let shown = |part: &Written| {
            let kind = part.entry.as_ref().map(|entry| entry.kind.clone());
            (part.task.bits(), part.from, part.until, kind)
        };
        parts.iter().map(shown).collect()
    }

    #[test]
    fn pieces_of_one_text_become_one_and_those_of_another_task_stay_apart() {
        let parts = Written::joined(&[text(1, 0, "a"), text(2, 0, "x"), text(1, 1, "b"), text(1, 2, "c")]);
        let expected = [(1, 0, 3, Some(said("abc"))), (2, 0, 1, Some(said("x")))];
        assert_eq!(shown(&parts), expected);
    }

    #[test]
    fn what_is_no_text_or_follows_a_gap_is_told_by_itself() {
        let end = entry(1, 1, EntryKind::MessageEnd);
        let parts = Written::joined(&[text(1, 0, "a"), end, text(1, 2, "b"), text(1, 4, "d")]);
        let expected = [
            (1, 0, 1, Some(said("a"))),
            (1, 1, 2, Some(EntryKind::MessageEnd)),
            (1, 2, 3, Some(said("b"))),
            (1, 4, 5, Some(said("d"))),
        ];
        assert_eq!(shown(&parts), expected);
    }

    #[test]
    fn a_part_has_a_bound() {
        let half = "h".repeat(PART_BYTES_MAX / 2 + 1);
        let parts = Written::joined(&[text(1, 0, &half), text(1, 1, &half)]);
        assert_eq!(parts.len(), 2);
    }

    #[test]
    fn who_keeps_up_hears_each_entry_by_itself() {
        let listeners = Listeners::default();
        let listener = listeners.add();
        listeners.tell(&[text(1, 0, "a"), text(1, 1, "b")]);
        assert_eq!(listener.take().len(), 2);
        assert_eq!(listener.take(), []);
    }

    #[test]
    fn what_waits_has_a_bound_and_what_does_not_fit_has_to_be_read() {
        let listeners = Listeners::default();
        let listener = listeners.add();
        let long = "x".repeat(1024 * 1024);
        for index in 0..20 {
            listeners.tell(&[text(1, index, &long), text(2, index, "y")]);
        }
        let parts = listener.take();
        let bytes = parts.iter().filter_map(|part| part.entry.as_ref());
        let bytes: usize = bytes.map(|entry| weight(&entry.kind)).sum();
        assert!(bytes <= BYTES_MAX, "{bytes}");
        for task in [1, 2] {
            let mut next = 0;
            let of_task: Vec<_> = parts.iter().filter(|part| part.task.bits() == task).collect();
            for part in &of_task {
                assert_eq!(part.from, next, "no gap, no double");
                next = part.until;
            }
            assert_eq!(next, 20);
        }
        let unread = parts.iter().filter(|part| part.entry.is_none()).count();
        assert_eq!(unread, 1, "however much follows, it is one part");
        listeners.tell(&[text(1, 20, "again")]);
        assert_eq!(shown(&listener.take()), [(1, 20, 21, Some(said("again")))]);
    }
}
