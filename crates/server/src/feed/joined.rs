//! Pieces of one text, joined to fewer frames while many wait: readers get the same text, the daemon keeps up with what
//! agents say. A frame tells where it begins and where what follows begins, so that nobody takes this for a gap.

use crate::show;
use api::Said;
use domain::{ChatId, TaskId};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::TranscriptEntry;

/// A piece past this takes no more.
const PIECE_BYTES_MAX: usize = 16 * 1024;

/// What is told at once.
pub(super) struct Piece {
    pub(super) task: TaskId,
    pub(super) chat: ChatId,
    pub(super) entry: api::TranscriptEntry,
}

impl Piece {
    pub(super) fn of(entry: &TranscriptEntry) -> Self {
        Self {
            task: entry.task,
            chat: entry.chat,
            entry: show::transcript_entry(entry),
        }
    }

    /// Takes what follows it immediately; gives it back when it cannot.
    fn join(&mut self, other: Self) -> Option<Self> {
        if self.chat != other.chat || self.entry.next != other.entry.offset {
            return Some(other);
        }
        let ((Said::Text { text }, Said::Text { text: more })
        | (Said::Thought { text }, Said::Thought { text: more })
        | (Said::Raw { text }, Said::Raw { text: more })) = (&mut self.entry.said, &other.entry.said)
        else {
            return Some(other);
        };
        if text.len() + more.len() > PIECE_BYTES_MAX {
            return Some(other);
        }
        text.push_str(more);
        self.entry.next = other.entry.next;
        None
    }
}

/// Each task's entries in their order, joined where they are one text.
pub(super) fn joined(entries: impl Iterator<Item = Arc<TranscriptEntry>>) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut last: BTreeMap<TaskId, usize> = BTreeMap::new();
    for entry in entries {
        let piece = Piece::of(&entry);
        let before = last.get(&entry.task).map(|index| &mut pieces[*index]);
        let own = match before {
            Some(before) => before.join(piece),
            None => Some(piece),
        };
        if let Some(own) = own {
            last.insert(entry.task, pieces.len());
            pieces.push(own);
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Moment;
    use engine::ports::EntryKind;

    fn entry(task: u128, index: u64, kind: EntryKind) -> Arc<TranscriptEntry> {
        Arc::new(TranscriptEntry {
            index,
            at: Moment::from_ms(0),
            chat: ChatId::from_bits(task),
            task: TaskId::from_bits(task),
            kind,
        })
    }

    fn text(task: u128, index: u64, text: &str) -> Arc<TranscriptEntry> {
        entry(task, index, EntryKind::Text(text.to_owned()))
    }

    fn shown(pieces: &[Piece]) -> Vec<(u128, u64, u64, Said)> {
        let shown = |piece: &Piece| {
            let api::TranscriptEntry {
                offset, next, said, ..
            } = piece.entry.clone();
            (piece.task.bits(), offset, next, said)
        };
        pieces.iter().map(shown).collect()
    }

    fn said(text: &str) -> Said {
        Said::Text {
            text: text.to_owned(),
        }
    }

    #[test]
    fn pieces_of_one_text_become_one_and_those_of_another_task_stay_apart() {
        let pieces = joined([text(1, 0, "a"), text(2, 0, "x"), text(1, 1, "b"), text(1, 2, "c")].into_iter());
        assert_eq!(shown(&pieces), [(1, 0, 3, said("abc")), (2, 0, 1, said("x"))]);
    }

    #[test]
    fn what_is_no_text_or_follows_a_gap_is_told_by_itself() {
        let end = entry(1, 1, EntryKind::MessageEnd);
        let pieces = joined([text(1, 0, "a"), end, text(1, 2, "b"), text(1, 4, "d")].into_iter());
        let expected = [
            (1, 0, 1, said("a")),
            (1, 1, 2, Said::MessageEnd),
            (1, 2, 3, said("b")),
            (1, 4, 5, said("d")),
        ];
        assert_eq!(shown(&pieces), expected);
    }

    #[test]
    fn a_piece_has_a_bound() {
        let half = "h".repeat(PIECE_BYTES_MAX / 2 + 1);
        let pieces = joined([text(1, 0, &half), text(1, 1, &half)].into_iter());
        assert_eq!(pieces.len(), 2);
    }
}
