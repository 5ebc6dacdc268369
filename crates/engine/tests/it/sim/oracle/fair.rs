//! Who goes on with the slot of a task that ended: the run itself only where no other run comes first by the rule.
//!
//! Judged where it can be told from the history: all slots are taken, one batch has the end and an order, and a run that
//! comes first has been waiting since before. Whether it waits is asked of the rules, with the history as its state.

use domain::{Duty, Event, Moment, Name, Run, RunEvent, RunId, Stream, duties};
use engine::ports::Recorded;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub(super) struct Fairness {
    runs: BTreeMap<RunId, Run>,
    /// When each run was decided on last.
    decided: BTreeMap<RunId, Moment>,
    /// Accounts that had a limit.
    limited: BTreeSet<Name>,
    /// How often somebody went on with a slot while all were taken.
    pub(super) passed_on: u64,
}

impl Fairness {
    /// A batch, and what is decided after it.
    pub(super) fn batch(
        &mut self,
        batch: &[Recorded],
        after: &[Recorded],
        slots: usize,
    ) -> Result<(), String> {
        let live: usize = self.runs.values().map(|run| run.live().len()).sum();
        for recorded in batch {
            match (recorded.stream, &recorded.event) {
                (_, Event::Board(domain::BoardEvent::AccountLimited { account, .. })) => {
                    self.limited.insert(account.clone());
                }
                (Stream::Run(run), Event::Run(RunEvent::Started(started))) => {
                    self.runs.insert(run, Run::started(run, started));
                    self.decided.insert(run, recorded.at);
                }
                (Stream::Run(run), Event::Run(event)) => {
                    if matches!(event, RunEvent::TaskOrdered(_)) && live == slots && has_end(batch) {
                        self.passed_on += 1;
                        self.goes_on(run, recorded.at, after)?;
                    }
                    self.decided.insert(run, recorded.at);
                    let known = self.runs.get_mut(&run).ok_or("numbers: a run without a start")?;
                    known.apply(event);
                }
                (_, _) => {}
            }
        }
        Ok(())
    }

    fn goes_on(&self, run: RunId, at: Moment, after: &[Recorded]) -> Result<(), String> {
        let turn = |run: &Run| (run.live().len(), run.id());
        let own = turn(&self.runs[&run]);
        let passed_over = self.runs.values().find(|other| {
            let is_first = other.id() != run && turn(other) < own;
            is_first && self.waits(other, at, after)
        });
        match passed_over {
            Some(other) => Err(format!(
                "fair: run {run} goes on with its slot at {at} while {} comes first",
                other.id()
            )),
            None => Ok(()),
        }
    }

    /// Whether a run has surely been waiting for nothing but a slot.
    fn waits(&self, run: &Run, at: Moment, after: &[Recorded]) -> bool {
        // What it decided meanwhile, and is about to be stored, may have changed what it wants.
        let mut soon = after.iter().take_while(|next| next.at.ms_since(at) < 1_000);
        let is_deciding = soon.any(|next| next.stream == Stream::Run(run.id()) && next.at <= at);
        if is_deciding || self.decided[&run.id()] >= at {
            return false;
        }
        duties(run).iter().any(|duty| match duty {
            Duty::Begin(begin) => {
                let account = Name::from(format!("{}/main", begin.agent));
                begin.not_before.is_none() && !self.limited.contains(&account)
            }
            _ => false,
        })
    }
}

fn has_end(batch: &[Recorded]) -> bool {
    let is_end = |recorded: &Recorded| matches!(recorded.event, Event::Run(RunEvent::TaskEnded { .. }));
    batch.iter().any(is_end)
}
