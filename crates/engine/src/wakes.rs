//! One timer for all runs that wait for a moment, so that waiting costs no keeper.

use crate::keeper::Message;
use crate::shared::Shared;
use domain::{Moment, RunId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Which run is to be told the time, and when.
#[derive(Default)]
pub(crate) struct Wakes {
    state: Mutex<State>,
    moved: Notify,
}

#[derive(Default)]
struct State {
    by_run: BTreeMap<RunId, Moment>,
    by_time: BTreeSet<(Moment, RunId)>,
}

impl Wakes {
    /// A run is to be woken then, or not at all.
    pub(crate) fn set(&self, run: RunId, at: Option<Moment>) {
        let mut state = self.state();
        if let Some(before) = state.by_run.remove(&run) {
            state.by_time.remove(&(before, run));
        }
        if let Some(at) = at {
            state.by_run.insert(run, at);
            state.by_time.insert((at, run));
        }
        drop(state);
        self.moved.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn due(&self, now: Moment) -> Vec<RunId> {
        let mut state = self.state();
        let mut due = Vec::new();
        while let Some((at, run)) = state.by_time.first().copied().filter(|(at, _)| *at <= now) {
            state.by_time.remove(&(at, run));
            state.by_run.remove(&run);
            due.push(run);
        }
        due
    }

    fn next(&self) -> Option<Moment> {
        self.state().by_time.first().map(|(at, _)| *at)
    }
}

/// Wakes runs, and the board, at their time. Ends with its task.
pub(crate) async fn run_timer(shared: Arc<Shared>) {
    loop {
        let now = shared.ports.clock.now();
        for run in shared.wakes.due(now) {
            shared.send(run, Message::Look);
        }
        let next = [shared.wakes.next(), shared.board_wake()]
            .into_iter()
            .flatten()
            .min();
        let moved = async {
            tokio::select! {
                biased;
                () = shared.wakes.moved.notified() => {}
                () = shared.board_moved.notified() => {}
            }
        };
        match next {
            None => moved.await,
            Some(at) => tokio::select! {
                biased;
                () = shared.ports.clock.sleep_until(at) => shared.dispatch(),
                () = moved => {}
            },
        }
    }
}
