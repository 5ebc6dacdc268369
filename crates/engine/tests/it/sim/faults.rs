//! What goes wrong with the disk of a world, and when.

use super::Hits;
use domain::{Event, Moment, RunEvent, Stream};
use engine::ports::Batch;
use engine::testkit::{Fault, Machine, Rng};
use std::sync::{Arc, Mutex};

#[derive(Clone, Copy, Debug)]
pub(super) struct Odds {
    /// Of a thousand commits.
    pub(super) dies: u64,
    pub(super) conflicts: u64,
    pub(super) down: u64,
    /// Of a thousand reports.
    pub(super) doubles: u64,
}

pub(super) struct Faults {
    pub(super) rng: Rng,
    pub(super) odds: Odds,
    /// No room from here to there.
    pub(super) full: Option<(Moment, Moment)>,
    /// How many more times the daemon may die.
    pub(super) deaths_left: u32,
    pub(super) machine: Arc<Machine>,
    pub(super) hits: Arc<Mutex<Hits>>,
}

impl Faults {
    fn hit(&self, what: &'static str) {
        *self.hits.lock().unwrap().entry(what).or_default() += 1;
    }

    pub(super) fn doubles(&mut self) -> bool {
        let doubles = self.rng.in_thousand(self.odds.doubles);
        if doubles {
            self.hit("doubled report");
        }
        doubles
    }

    /// How long the batch takes, and what goes wrong with it.
    pub(super) fn of(&mut self, batch: &Batch) -> (u64, Fault) {
        self.nothing_alive_at_the_end(batch);
        let takes_ms = if self.rng.in_thousand(300) {
            self.rng.below(5)
        } else {
            0
        };
        if self
            .full
            .is_some_and(|(from, to)| from <= batch.at && batch.at < to)
        {
            self.hit("full");
            return (takes_ms, Fault::Full);
        }
        if batch.appends.is_empty() {
            return (takes_ms, Fault::None);
        }
        if self.deaths_left > 0 && self.rng.in_thousand(self.odds.dies) {
            self.deaths_left -= 1;
            return if self.rng.in_thousand(500) {
                self.hit("died before a commit");
                (takes_ms, Fault::DieBefore)
            } else {
                self.hit("died after a commit");
                (takes_ms, Fault::DieAfter)
            };
        }
        if self.deaths_left > 0 && self.rng.in_thousand(self.odds.down) {
            self.deaths_left -= 1;
            self.hit("down");
            return (takes_ms, Fault::Down);
        }
        if self.rng.in_thousand(self.odds.conflicts) {
            self.hit("conflict");
            return (takes_ms, Fault::Conflict);
        }
        (takes_ms, Fault::None)
    }

    fn nothing_alive_at_the_end(&self, batch: &Batch) {
        for append in &batch.appends {
            let Stream::Run(run) = append.stream else { continue };
            let is_end = |event: &Event| {
                matches!(
                    event,
                    Event::Run(RunEvent::Completed { .. } | RunEvent::Failed { .. } | RunEvent::Cancelled)
                )
            };
            for event in &append.events {
                if let Event::Run(RunEvent::TaskEnded { task, .. }) = event
                    && self.machine.is_alive(*task)
                {
                    self.machine
                        .accuse(format!("alive: task {task} ends while its process is alive"));
                }
            }
            if append.events.iter().any(is_end) && !self.machine.alive_of(run).is_empty() {
                self.machine
                    .accuse(format!("alive: run {run} ends while processes of it are alive"));
            }
        }
    }
}
