//! What must hold of a world once all of it is told.

use super::super::oracle::{self, Tale};
use super::super::script::STOPS_MAX_MS;
use super::World;
use domain::{AttentionKind, Board, Event, Moment, Outcome, Phase, RunEvent, Stream, UnitEvent, UnitStatus};
use engine::ports::Recorded;
use std::collections::BTreeMap;

impl World {
    pub(super) fn judge(&self) -> Result<(), String> {
        self.wrongs()?;
        self.count_ends(&self.history());
        if oracle::at_the_end(&self.told())? > 0 {
            self.hit("slot passed on");
        }
        self.branches()?;
        self.questions()?;
        self.stops()
    }

    /// What was seen outside of the engine.
    pub(super) fn wrongs(&self) -> Result<(), String> {
        match self.outside.machine.wrongs().first() {
            Some(wrong) => Err(wrong.clone()),
            None => Ok(()),
        }
    }

    fn told(&self) -> Tale {
        Tale {
            history: self.history(),
            batches: self.batches(),
            slots: Board::default().slots,
            is_calm: self.is_calm(),
        }
    }

    pub(super) fn tale(&self) -> Result<(), String> {
        oracle::judge(&self.told())
    }

    /// Nobody is asked about a branch that nobody but us moved.
    fn questions(&self) -> Result<(), String> {
        for recorded in self.history() {
            let (Stream::Run(run), Event::Run(RunEvent::AttentionRaised(item))) =
                (recorded.stream, recorded.event)
            else {
                continue;
            };
            let is_about_branch = item.key.is_none() && item.kind == AttentionKind::Conflict;
            if is_about_branch && !self.meddled.contains(&run) {
                return Err(format!("branch: {run} asks about a branch that nobody moved"));
            }
        }
        Ok(())
    }

    fn count_ends(&self, history: &[Recorded]) {
        for recorded in history {
            match &recorded.event {
                Event::Run(RunEvent::Completed { .. }) => self.hit("run completed"),
                Event::Run(RunEvent::Failed { .. }) => self.hit("run failed"),
                Event::Run(RunEvent::Cancelled) => self.hit("run cancelled"),
                Event::Unit(UnitEvent::StatusChanged {
                    to: UnitStatus::Done, ..
                }) => self.hit("unit done"),
                _ => {}
            }
        }
    }

    /// A run's branch holds the work of every writer that is done.
    fn branches(&self) -> Result<(), String> {
        for run in self.memory.runs.values() {
            if run.phase() != Phase::Ended(Outcome::Completed) || self.moved.contains_key(&run.id()) {
                continue;
            }
            let changes: Vec<_> = run
                .steps()
                .iter()
                .filter(|(key, _)| key.item.is_none())
                .filter_map(|(key, step)| Some((key, step.change.as_ref()?)))
                .collect();
            let branch = self.outside.git.branch(&run.start().slug).unwrap_or_default();
            let holds = self.outside.git.holds(&branch);
            for (key, change) in changes {
                if !self.outside.git.holds(&change.head).is_subset(&holds) {
                    return Err(format!(
                        "branch: the work of {key} in {} is not on the branch",
                        run.id()
                    ));
                }
            }
        }
        Ok(())
    }

    /// One life, over a disk with which nothing went wrong.
    fn is_calm(&self) -> bool {
        let faults = self.faults.lock().unwrap();
        self.lives == 1 && faults.odds.conflicts == 0 && faults.odds.down == 0 && faults.full.is_none()
    }

    /// What is cancelled stops soon, where nothing else gets in the way.
    fn stops(&self) -> Result<(), String> {
        let history = self.history();
        if !self.is_calm() {
            return Ok(());
        }
        let mut asked: BTreeMap<Stream, Moment> = BTreeMap::new();
        for recorded in &history {
            match &recorded.event {
                Event::Run(RunEvent::CancelRequested { .. }) => {
                    asked.insert(recorded.stream, recorded.at);
                }
                Event::Run(RunEvent::Cancelled) => {
                    let took = recorded.at.ms_since(asked[&recorded.stream]);
                    if took > STOPS_MAX_MS + 4_000 {
                        return Err(format!(
                            "stop: {:?} took {took} ms to end when cancelled",
                            recorded.stream
                        ));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What to know when it does not end.
    pub(super) fn shown(&self) -> String {
        let mut shown = String::new();
        for run in self
            .memory
            .runs
            .values()
            .filter(|run| !matches!(run.phase(), Phase::Ended(_)))
        {
            shown += &format!(
                "run {} {:?} paused={} live={:?} attention={:?} duties={:?}\n",
                run.id(),
                run.phase(),
                run.is_paused(),
                run.live(),
                run.attention(),
                domain::duties(run)
            );
        }
        shown += &format!(
            "deeds={:?} claims={:?} alive={} wrongs={:?} units={:?}",
            self.deeds,
            self.memory.board.claims,
            self.outside.machine.alive(),
            self.outside.machine.wrongs(),
            self.memory
                .units
                .by_id()
                .values()
                .map(|unit| (&unit.chunk, unit.status, &unit.blocked_by))
                .collect::<Vec<_>>()
        );
        shown
    }
}
