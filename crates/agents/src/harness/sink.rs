//! Owns: how much of what a task says is kept: the head as it comes, the tail at the end, and a note on what is
//! between.

use domain::{ChatId, TaskId};
use engine::faults::{Control, is_off};
use engine::ports::{Entry, EntryKind, Transcripts};
use std::collections::VecDeque;
use std::sync::Arc;

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caps {
    /// Bytes kept as they come.
    pub(crate) head: usize,
    /// Bytes of the end that are kept besides.
    pub(crate) tail: usize,
}

/// Takes what one task says.
pub(crate) struct Sink {
    transcripts: Arc<dyn Transcripts>,
    chat: ChatId,
    task: TaskId,
    head_left: usize,
    tail_max: usize,
    tail: VecDeque<EntryKind>,
    tail_size: usize,
    cut: u64,
    has_cut: bool,
}

impl Sink {
    /// A sink for that task's transcript.
    pub(crate) fn new(transcripts: Arc<dyn Transcripts>, chat: ChatId, task: TaskId, caps: Caps) -> Self {
        let Caps {
            head: head_left,
            tail: tail_max,
        } = caps;
        let tail_max = tail_max.min(TAIL_MAX);
        Self {
            transcripts,
            chat,
            task,
            head_left,
            tail_max,
            tail: VecDeque::new(),
            tail_size: 0,
            cut: 0,
            has_cut: false,
        }
    }

    /// Takes an entry.
    pub(crate) fn take(&mut self, kind: EntryKind) {
        let size = size(&kind);
        let fits = size <= self.head_left || is_off(Control::OutputCap);
        if self.tail.is_empty() && !self.has_cut && fits {
            self.head_left = self.head_left.saturating_sub(size);
            self.pass(kind);
            return;
        }
        self.tail_size += size;
        self.tail.push_back(kind);
        while self.tail_size > self.tail_max {
            let Some(oldest) = self.tail.pop_front() else {
                break;
            };
            self.tail_size -= self::size(&oldest);
            self.has_cut = true;
            self.cut += (self::size(&oldest) - ENTRY) as u64;
        }
    }

    /// A note on the task.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.take(EntryKind::Notice(text.into()));
    }

    /// Nothing more comes.
    pub(crate) fn finish(mut self) {
        if self.has_cut {
            self.pass(EntryKind::Notice(format!(
                "{} bytes are left out here: the task said too much",
                self.cut
            )));
        }
        for kind in std::mem::take(&mut self.tail) {
            self.pass(kind);
        }
        self.transcripts.close(self.task);
    }

    fn pass(&self, kind: EntryKind) {
        self.transcripts.append(Entry {
            chat: self.chat,
            task: self.task,
            kind,
        });
    }
}

/// Transcripts keep no more of an end; holding more would cost memory for each task that talks.
const TAIL_MAX: usize = 1 << 20;
/// What an entry takes besides what it says: itself, its place in a queue that grows by doubling, an allocation. Less
/// would let many short lines take several times what the caps allow.
const ENTRY: usize = 256;

/// What an entry takes.
fn size(kind: &EntryKind) -> usize {
    ENTRY
        + match kind {
            EntryKind::Text(text)
            | EntryKind::Thought(text)
            | EntryKind::Notice(text)
            | EntryKind::Raw(text)
            | EntryKind::Prompt(text) => text.len(),
            EntryKind::Tool {
                id,
                title,
                status: _,
                detail,
            } => id.len() + title.len() + detail.len(),
            EntryKind::Permission {
                title,
                allowed: _,
                rule,
            } => title.len() + rule.len(),
            EntryKind::MessageEnd => 0,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Kept(Mutex<Vec<EntryKind>>);

    impl Transcripts for Kept {
        fn append(&self, entry: Entry) {
            self.0.lock().unwrap().push(entry.kind);
        }
        fn close(&self, _task: TaskId) {}
    }

    #[test]
    fn f_34_head_and_tail_are_kept_and_the_cut_is_marked() {
        let kept = Arc::new(Kept::default());
        // Room for three at the beginning and two at the end.
        let (head, tail) = (3 * (ENTRY + 1), 2 * (ENTRY + 2));
        let caps = Caps { head, tail };
        let mut sink = Sink::new(kept.clone(), ChatId::from_bits(1), TaskId::from_bits(2), caps);
        for number in 0..100 {
            sink.take(EntryKind::Raw(number.to_string()));
        }
        sink.finish();
        let raw = |number: i32| EntryKind::Raw(number.to_string());
        let cut = EntryKind::Notice("183 bytes are left out here: the task said too much".to_owned());
        assert_eq!(
            *kept.0.lock().unwrap(),
            [raw(0), raw(1), raw(2), cut, raw(98), raw(99)]
        );
    }
}
