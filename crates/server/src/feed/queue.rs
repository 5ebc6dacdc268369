//! What one reader has not taken yet: bounded, and never a reason for anybody else to wait.
//!
//! A reader that does not keep up with what happens is lost: its place brings it back. One that does not keep up with what
//! agents say keeps its place in the queue, but not the words: it reads them from the transcript when it gets there.

use super::{Part, Told};
use domain::TaskId;
use engine::faults::{Control, is_off};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Frames in a queue at most.
pub(super) const FRAMES_MAX: usize = 1_024;
/// Their bytes at most; a single frame may be longer.
pub(super) const BYTES_MAX: usize = 1024 * 1024;
/// What agents say takes so much of it at most: however much they say, there is room for what happens.
const SHARE_OF_WORDS: usize = 2;

/// A reader's queue.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    /// For each task, what has to be read when its turn comes.
    unread: BTreeMap<TaskId, Part>,
    is_over: bool,
}

enum Waiting {
    Told(Told),
    Unread(TaskId),
}

/// What comes next for a reader.
#[derive(Debug)]
pub(super) enum Taken {
    Told(Told),
    /// It has to be read.
    Unread(Part),
}

/// The reader did not keep up; what was waiting for it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Overrun;

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a frame; false when the reader is lost, and need not be told more.
    pub(super) fn push(&self, told: &Told) -> bool {
        let mut state = self.lock();
        if state.is_over {
            return false;
        }
        if let Some(part) = told.part {
            state.say(told, part);
        } else if state.is_full(told, 1) {
            *state = State {
                is_over: true,
                ..State::default()
            };
        } else {
            state.keep(told);
        }
        let is_kept = !state.is_over;
        drop(state);
        self.changed.notify_one();
        is_kept
    }

    /// Done when the reader is lost. Whoever reads waits for `next` or for this, never for both at once.
    pub(super) async fn overrun(&self) {
        while !self.lock().is_over {
            self.changed.notified().await;
        }
    }

    /// What comes next, once there is something. May be dropped while waiting.
    pub(super) async fn next(&self) -> Result<Taken, Overrun> {
        loop {
            {
                let mut state = self.lock();
                if state.is_over {
                    return Err(Overrun);
                }
                if let Some(taken) = state.take() {
                    return Ok(taken);
                }
            }
            self.changed.notified().await;
        }
    }
}

impl State {
    /// Whether this is more than that share of the queue takes.
    fn is_full(&self, told: &Told, share: usize) -> bool {
        let bytes = self.bytes + told.json.len();
        let is_full = self.waiting.len() >= FRAMES_MAX / share
            || (bytes > BYTES_MAX / share && !self.waiting.is_empty());
        is_full && !is_off(Control::SlowReaderClosed)
    }

    fn keep(&mut self, told: &Told) {
        self.bytes += told.json.len();
        self.waiting.push_back(Waiting::Told(told.clone()));
    }

    /// Words, or where to read them. Each task's stay in order: once some have to be read, so do all until then.
    fn say(&mut self, told: &Told, part: Part) {
        if let Some(unread) = self.unread.get_mut(&part.task) {
            unread.until = part.until;
            return;
        }
        if !told.json.is_empty() && !self.is_full(told, SHARE_OF_WORDS) {
            self.keep(told);
            return;
        }
        self.unread.insert(part.task, part);
        self.waiting.push_back(Waiting::Unread(part.task));
    }

    fn take(&mut self) -> Option<Taken> {
        match self.waiting.pop_front()? {
            Waiting::Told(told) => {
                self.bytes -= told.json.len();
                Some(Taken::Told(told))
            }
            Waiting::Unread(task) => {
                let part = self.unread.remove(&task);
                Some(Taken::Unread(
                    part.expect("what has to be read is known until it is"),
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::{Cursor, Topic};

    fn told(bytes: usize) -> Told {
        Told {
            cursor: Some(Cursor::after(1)),
            topic: Topic::Runs,
            run: None,
            part: None,
            json: "x".repeat(bytes).into(),
        }
    }

    fn said(task: u128, from: u64, bytes: usize) -> Told {
        Told {
            cursor: None,
            topic: Topic::Content,
            part: Some(part(task, from, from + 1)),
            ..told(bytes)
        }
    }

    fn part(task: u128, from: u64, until: u64) -> Part {
        Part {
            run: domain::RunId::from_bits(9),
            chat: domain::ChatId::from_bits(task),
            task: TaskId::from_bits(task),
            from,
            until,
        }
    }

    #[tokio::test]
    async fn f_70_words_that_do_not_fit_keep_their_place_and_have_to_be_read() {
        let queue = Queue::default();
        let long = BYTES_MAX / 4;
        for from in 0..3 {
            assert!(queue.push(&said(1, from, long)));
        }
        assert!(queue.push(&told(1)), "there is room for what happens");
        assert!(queue.push(&said(1, 3, 1)), "order before room");
        assert!(queue.push(&said(2, 0, long)));
        assert!(queue.push(&said(1, 4, long)));
        let mut taken = Vec::new();
        for _ in 0..5 {
            taken.push(match queue.next().await.unwrap() {
                Taken::Told(told) => Err(told.part.map(|part| (part.task.bits(), part.from))),
                Taken::Unread(part) => Ok(part),
            });
        }
        let expected = [
            Err(Some((1, 0))),
            Err(Some((1, 1))),
            Ok(part(1, 2, 5)),
            Err(None),
            Ok(part(2, 0, 1)),
        ];
        assert_eq!(taken, expected);
        assert!(queue.push(&said(1, 5, 1)));
        assert!(matches!(queue.next().await, Ok(Taken::Told(_))), "and goes on");
    }

    #[tokio::test]
    async fn f_70_whatever_agents_say_takes_no_more_than_its_share() {
        let queue = Queue::default();
        for from in 0..10 * FRAMES_MAX as u64 {
            assert!(queue.push(&said(u128::from(from % 50), from / 50, 1)));
        }
        assert!(queue.lock().waiting.len() <= FRAMES_MAX / SHARE_OF_WORDS + 50);
    }

    #[tokio::test]
    async fn f_70_a_queue_has_a_bound_in_frames() {
        let queue = Queue::default();
        assert_eq!(
            (0..FRAMES_MAX).filter(|_| queue.push(&told(1))).count(),
            FRAMES_MAX
        );
        assert!(!queue.push(&told(1)));
        assert!(!queue.push(&told(1)), "and it stays over");
        assert_eq!(queue.next().await.unwrap_err(), Overrun);
    }

    #[tokio::test]
    async fn f_70_a_queue_has_a_bound_in_bytes() {
        let queue = Queue::default();
        assert!(queue.push(&told(2 * BYTES_MAX)), "a single long frame passes");
        queue.next().await.unwrap();
        assert!(queue.push(&told(BYTES_MAX)));
        assert!(!queue.push(&told(1)));
    }
}
