//! What must hold of every history, told from the history alone: a state that is broken cannot vouch for itself.

mod fair;
mod run;
mod units;
mod verdict;

use domain::{Event, Moment, Name, RunEvent, RunId, Stream};
use engine::ports::Recorded;
use fair::Fairness;
use run::Known;
use std::collections::BTreeMap;
use units::Register;

/// A history, and when each event of it was kept, with which batch.
pub(super) struct Tale {
    pub(super) history: Vec<Recorded>,
    pub(super) batches: Vec<(u64, Moment)>,
    pub(super) slots: u32,
    /// Whether one life saw all of it, and nothing went wrong with its disk.
    pub(super) is_calm: bool,
}

fn judged(tale: &Tale) -> Result<Judge, String> {
    numbers(tale)?;
    let mut judge = Judge::new(tale.slots);
    let mut at = 0;
    while at < tale.history.len() {
        let batch = tale.batches[at].0;
        let end = (at..tale.history.len())
            .find(|index| tale.batches[*index].0 != batch)
            .unwrap_or(tale.history.len());
        let (batch, after) = (&tale.history[at..end], &tale.history[end..]);
        if tale.is_calm {
            judge.fairness.batch(batch, after, judge.slots)?;
        }
        judge.batch(batch, tale.batches[at].1)?;
        at = end;
    }
    Ok(judge)
}

/// The first thing that does not hold, under the name of its oracle.
pub(super) fn judge(tale: &Tale) -> Result<(), String> {
    judged(tale).map(|_| ())
}

/// The same, of a history to which nothing more is added. How often a run went on with a slot that it had.
pub(super) fn at_the_end(tale: &Tale) -> Result<u64, String> {
    let judge = judged(tale)?;
    judge.units.at_the_end(&judge.runs)?;
    Ok(judge.fairness.passed_on)
}

fn numbers(tale: &Tale) -> Result<(), String> {
    let mut seqs: BTreeMap<Stream, u64> = BTreeMap::new();
    for (position, recorded) in (1..).zip(&tale.history) {
        let seq = seqs.entry(recorded.stream).or_default();
        *seq += 1;
        if recorded.position != position || recorded.seq != *seq {
            return Err(format!("numbers: a gap at position {position}"));
        }
    }
    Ok(())
}

/// An account's limit as the history has it.
#[derive(Clone, Copy, Debug)]
struct Limit {
    until: Moment,
    kept_at: Moment,
    position: u64,
}

struct Judge {
    slots: usize,
    runs: BTreeMap<RunId, Known>,
    limits: BTreeMap<Name, Limit>,
    units: Register,
    fairness: Fairness,
}

impl Judge {
    fn new(slots: u32) -> Self {
        Self {
            slots: slots as usize,
            runs: BTreeMap::new(),
            limits: BTreeMap::new(),
            units: Register::default(),
            fairness: Fairness::default(),
        }
    }

    fn batch(&mut self, batch: &[Recorded], kept_at: Moment) -> Result<(), String> {
        self.units.batch(batch)?;
        for recorded in batch {
            match (&recorded.stream, &recorded.event) {
                (Stream::Board, Event::Board(event)) => self.board(event, recorded, kept_at)?,
                (Stream::Run(run), Event::Run(event)) => self.run(*run, event, recorded)?,
                (_, _) => {}
            }
        }
        for known in self.runs.values_mut() {
            known.after_batch()?;
        }
        Ok(())
    }

    fn board(
        &mut self,
        event: &domain::BoardEvent,
        recorded: &Recorded,
        kept_at: Moment,
    ) -> Result<(), String> {
        match event {
            domain::BoardEvent::SlotsChanged { slots } => self.slots = *slots as usize,
            domain::BoardEvent::AccountLimited { account, until, .. } => {
                let limit = Limit {
                    until: *until,
                    kept_at,
                    position: recorded.position,
                };
                self.limits.insert(account.clone(), limit);
            }
            domain::BoardEvent::AccountCleared { account } => {
                let lifted = self.limits.remove(account);
                if lifted.is_some_and(|limit| recorded.at < limit.until) {
                    return Err(format!(
                        "parked-account: the limit of {account} is lifted before its end"
                    ));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn run(&mut self, run: RunId, event: &RunEvent, recorded: &Recorded) -> Result<(), String> {
        if let RunEvent::Started(started) = event {
            self.runs.insert(run, Known::new(run, started));
            return Ok(());
        }
        if let RunEvent::TaskOrdered(order) = event {
            let live: usize = self.runs.values().map(|known| known.live.len()).sum();
            if live >= self.slots {
                return Err(format!(
                    "slots: {live} tasks are live and another is ordered: {}",
                    order.key
                ));
            }
            let limit = self.limits.get(&Name::from(format!("{}/main", order.agent)));
            if let Some(limit) =
                limit.filter(|limit| limit.kept_at < recorded.at && recorded.at < limit.until)
            {
                return Err(format!(
                    "parked-account: {} ordered at {} while its account waits until {}",
                    order.key, recorded.at, limit.until
                ));
            }
        }
        let known = self.runs.get_mut(&run).ok_or("numbers: a run without a start")?;
        if let RunEvent::TaskEnded {
            task,
            ending: domain::Ending::Parked { account, .. },
            ..
        } = event
        {
            let since = known.live.get(task).map_or(0, |live| live.ordered_position);
            let limit = self.limits.get(account).map_or(0, |limit| limit.position);
            if limit <= since {
                return Err(format!(
                    "parked-first: {task} ended before its account's limit was stored"
                ));
            }
        }
        known.apply(event, recorded)
    }
}
