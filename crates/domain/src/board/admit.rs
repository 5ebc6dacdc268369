//! Who gets the free slots: what may not start yet is left aside first, then the run with the fewest slots is served,
//! then the weightier, then the older. Everything admitted in one go counts.

use super::Board;
use crate::planted::{self, Bug};
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
    offer(board, free(board), None, now)
}

/// What may begin now, where the slots of a run's ending tasks are offered as well, by the same rule: the run goes on
/// with such a slot only where it would get it if it were free already. Where that is another run's, it waits until
/// the end is stored and is then offered anew.
#[must_use]
pub fn admit_beside(board: &Board, run: RunId, now: Moment) -> Vec<Admission> {
    let (free, ending) = (free(board), board.ending(run));
    if ending == 0 || !board.wants.contains_key(&run) {
        return admit(board, now);
    }
    // With fewer slots than tasks, not even what ends leaves one.
    let busy = (board.busy_count as usize) - ending;
    let offered = offer(board, (board.slots as usize).saturating_sub(busy), Some(run), now);
    let own = offered.iter().filter(|admission| admission.run == run).count();
    let mut for_others = free.saturating_sub(own.saturating_sub(ending));
    let is_served = |admission: &Admission| {
        let is_served = admission.run == run || for_others > 0;
        for_others -= usize::from(admission.run != run && is_served);
        is_served
    };
    offered.into_iter().filter(is_served).collect()
}

fn free(board: &Board) -> usize {
    board.slots.saturating_sub(board.busy_count) as usize
}

/// Gives so many slots away. What ends of one run counts for it no more.
fn offer(board: &Board, free: usize, ending: Option<RunId>, now: Moment) -> Vec<Admission> {
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
            let is_ending = ending == Some(*run);
            let ending = if is_ending { 0 } else { board.ending(*run) };
            let taken = board.busy.get(run).map_or(0, BTreeMap::len) + ending;
            (!due.is_empty()).then_some(Queue {
                run: *run,
                due,
                taken,
            })
        })
        .collect();
    let mut admissions = Vec::with_capacity(free);
    while admissions.len() < free {
        let is_favoured = |run| ending == Some(run) && planted::is(Bug::SlotPassedOn);
        let turn = |at: &usize| (!is_favoured(queues[*at].run), queues[*at].turn());
        let Some(at) = (0..queues.len()).min_by_key(turn) else {
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
