//! What one reader has not taken yet: bounded, and never a reason for anybody else to wait.

use super::Told;
use engine::faults::{Control, is_off};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Frames in a queue at most.
pub(super) const FRAMES_MAX: usize = 1_024;
/// Their bytes at most; a single frame may be longer.
pub(super) const BYTES_MAX: usize = 1024 * 1024;

/// A reader's queue.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Told>,
    bytes: usize,
    is_over: bool,
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
        let bytes = state.bytes + told.json.len();
        let is_full = state.waiting.len() >= FRAMES_MAX || (bytes > BYTES_MAX && !state.waiting.is_empty());
        if is_full && !is_off(Control::SlowReaderClosed) {
            *state = State {
                is_over: true,
                ..State::default()
            };
        } else {
            state.bytes = bytes;
            state.waiting.push_back(told.clone());
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

    /// The next frame, once there is one. May be dropped while waiting.
    pub(super) async fn next(&self) -> Result<Told, Overrun> {
        loop {
            {
                let mut state = self.lock();
                if state.is_over {
                    return Err(Overrun);
                }
                if let Some(told) = state.waiting.pop_front() {
                    state.bytes -= told.json.len();
                    return Ok(told);
                }
            }
            self.changed.notified().await;
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
            json: "x".repeat(bytes).into(),
        }
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
