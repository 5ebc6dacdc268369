//! Who gets the free slots: what may not start yet is left aside first, then the run with the fewest slots is served,
//! then the weightier, then the older. Everything admitted in one go counts.

use super::Board;
use crate::{Moment, Name, RunId, StepKey};
use std::collections::BTreeMap;

/// A task that wants a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// The step instance.
    pub key: StepKey,
    /// The account whose limits it meets, as `agent/account`.
    pub account: Name,
    /// Not before this moment.
    pub not_before: Option<Moment>,
    /// Higher goes first.
    pub priority: i64,
}

/// A slot for a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// The run.
    pub run: RunId,
    /// The step instance.
    pub key: StepKey,
    /// The account whose limits it meets.
    pub account: Name,
}

/// What may begin now.
#[must_use]
pub fn admit(board: &Board, now: Moment) -> Vec<Admission> {
    let free = board.slots.saturating_sub(board.busy_count) as usize;
    if free == 0 || board.wants.is_empty() {
        return Vec::new();
    }
    // Each run's tasks that may start, in their own order; the runs then take turns.
    let mut queues: Vec<Queue<'_>> = board
        .wants
        .iter()
        .filter_map(|(run, wants)| {
            let mut due: Vec<&Want> = wants
                .values()
                .filter(|want| is_due(board, want, now))
                .take(free)
                .collect();
            due.reverse();
            let taken = board.busy.get(run).map_or(0, BTreeMap::len);
            (!due.is_empty()).then_some(Queue {
                run: *run,
                due,
                taken,
            })
        })
        .collect();
    let mut admissions = Vec::with_capacity(free);
    while admissions.len() < free {
        let Some(at) = (0..queues.len()).min_by_key(|at| queues[*at].turn()) else {
            break;
        };
        let queue = &mut queues[at];
        let want = queue.due.pop().expect("queues without due tasks are dropped");
        admissions.push(Admission {
            run: queue.run,
            key: want.key.clone(),
            account: want.account.clone(),
        });
        queue.taken += 1;
        if queue.due.is_empty() {
            queues.swap_remove(at);
        }
    }
    admissions
}

struct Queue<'a> {
    run: RunId,
    due: Vec<&'a Want>,
    taken: usize,
}

impl Queue<'_> {
    /// Ids of runs grow with time, so the older run comes first.
    fn turn(&self) -> (usize, std::cmp::Reverse<i64>, RunId) {
        let next = self.due.last().expect("queues without due tasks are dropped");
        (self.taken, std::cmp::Reverse(next.priority), self.run)
    }
}

pub(super) fn is_due(board: &Board, want: &Want, now: Moment) -> bool {
    starts_at(board, want).is_none_or(|at| at <= now)
}

fn starts_at(board: &Board, want: &Want) -> Option<Moment> {
    let limit = board.accounts.get(&want.account).map(|account| account.until);
    limit.max(want.not_before)
}

/// When these could begin at the earliest, limits of accounts included; none when one of them could now, or when there
/// are none.
#[must_use]
pub fn rest_until(board: &Board, wants: &[Want], now: Moment) -> Option<Moment> {
    let starts = wants.iter().map(|want| starts_at(board, want));
    let ahead: Option<Vec<Moment>> = starts.map(|at| at.filter(|at| *at > now)).collect();
    ahead?.into_iter().min()
}

impl Board {
    /// A run's keeper leaves. What waits for a slot keeps waiting here; when everything waits for a moment, the run
    /// is to be woken then, and nothing of it stays.
    pub fn leave_to_time(&mut self, run: RunId, now: Moment) -> Option<Moment> {
        let wants: Vec<Want> = self.wants.get(&run)?.values().cloned().collect();
        let until = rest_until(self, &wants, now)?;
        self.wants.remove(&run);
        Some(until)
    }
}

/// When the board wants to be told the time: the first moment ahead at which a want becomes due.
#[must_use]
pub fn board_wake(board: &Board, now: Moment) -> Option<Moment> {
    let wants = board.wants.values().flat_map(BTreeMap::values);
    wants
        .filter_map(|want| starts_at(board, want))
        .filter(|at| *at > now)
        .min()
}
