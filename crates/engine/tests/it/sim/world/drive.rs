//! One life of the daemon, as people see it: they look, do what they want done, answer what they are asked.

use super::super::people::{self, Deed, PROJECT};
use super::super::plan;
use super::{BEGIN, BOUND_MS, EVENTS_MAX, Outcome, World};
use domain::{AttentionKind, Board, BoardInput, Choice, Input, Phase, Run, RunId, UnitInput, claimable};
use engine::ports::Clock;
use engine::testkit::{FakeClock, Life};
use engine::{Config, Engine, EngineError, Health};
use std::time::Duration;

/// How long people think about what they see.
const THINKS_MS: u64 = 200;
/// How long after a pause somebody looks at it again.
const RESUMES_MS: u64 = 20_000;
/// How long nothing must happen before it is believed that nothing will.
const SETTLES_MS: u64 = 60_000;

impl World {
    pub(super) async fn drive(&mut self, life: &Life, clock: FakeClock) -> Outcome {
        let ports = self.ports(life, clock);
        let config = Config::default();
        let engine = match Engine::open_probed(ports, config, self.probe()).await {
            Ok(engine) => engine,
            Err(error) => return Outcome::Stuck(format!("open: {error}")),
        };
        let mut positions = engine.positions();
        let mut health = engine.health();
        loop {
            positions.mark_unchanged();
            let looked = tokio::time::timeout(Duration::from_secs(3_600), self.look(&engine, &clock)).await;
            match looked {
                Ok(Some(outcome)) => return outcome,
                Ok(None) => {}
                Err(_) => return Outcome::Stuck("answers: a request got none".to_owned()),
            }
            let next = self.deeds.first().map_or(BEGIN.plus_ms(BOUND_MS), |(at, _)| *at);
            tokio::select! {
                biased;
                _ = health.wait_for(|health| matches!(health, Health::Down(_))) => return Outcome::Died,
                _ = positions.changed() => clock.sleep_until(clock.now().plus_ms(THINKS_MS)).await,
                () = clock.sleep_until(next) => {}
                () = clock.sleep_until(clock.now().plus_ms(RESUMES_MS)), if !self.paused_at.is_empty() => {}
            }
        }
    }

    /// People look at what there is and do what they want done.
    async fn look(&mut self, engine: &Engine, clock: &FakeClock) -> Option<Outcome> {
        self.memory.read(&self.outside);
        while self.deeds.first().is_some_and(|(at, _)| *at <= clock.now()) {
            let (_, deed) = self.deeds.remove(0);
            if matches!(deed, Deed::Drain | Deed::Die) {
                if let Some(outcome) = self.stop(engine, &deed).await {
                    return Some(outcome);
                }
                continue;
            }
            if deed.is_owed() {
                // Who asked for it asks again unless told that it is done: the daemon may die meanwhile.
                let again = clock.now().plus_ms(1_000);
                self.deeds.push((again, deed.clone()));
                self.deeds.sort_by_key(|(at, _)| *at);
            }
            if self.do_deed(engine, &deed).await == Some(true) {
                self.deeds.retain(|(_, other)| *other != deed);
            }
            self.memory.read(&self.outside);
        }
        self.answer_what_is_asked(engine).await;
        self.resume_what_is_paused(engine, clock).await;
        self.memory.read(&self.outside);
        if clock.now() >= BEGIN.plus_ms(BOUND_MS) || self.memory.position as usize > EVENTS_MAX {
            return Some(Outcome::Stuck("liveness: it does not end".to_owned()));
        }
        if !self.is_quiet() {
            return None;
        }
        let position = self.memory.position;
        clock.sleep_until(clock.now().plus_ms(SETTLES_MS)).await;
        self.memory.read(&self.outside);
        if self.memory.position != position || !self.is_quiet() {
            return None;
        }
        Some(self.last_look(engine))
    }

    fn last_look(&self, engine: &Engine) -> Outcome {
        if matches!(*engine.health().borrow(), Health::Down(_)) {
            return Outcome::Died;
        }
        let load = engine.load();
        if load.busy > 0 || load.keepers > 0 {
            return Outcome::Stuck(format!("slot-given-back: all is quiet, but {load:?}"));
        }
        if engine.board() != self.memory.board {
            return Outcome::Stuck("replay: the board is not what its history says".to_owned());
        }
        Outcome::Quiet
    }

    /// The daemon dies only so often; it is stopped as often as somebody likes.
    fn may_stop(&self, deed: &Deed) -> bool {
        let mut faults = self.faults.lock().unwrap();
        let may = faults.deaths_left > 0 || *deed != Deed::Die;
        faults.deaths_left = faults.deaths_left.saturating_sub(1);
        may
    }

    async fn stop(&mut self, engine: &Engine, deed: &Deed) -> Option<Outcome> {
        if !self.may_stop(deed) {
            return None;
        }
        if *deed == Deed::Drain {
            self.hit("drain");
            let drained = tokio::time::timeout(Duration::from_secs(120), engine.drain()).await;
            if drained.is_err() {
                return Some(Outcome::Stuck("drain: it does not end".to_owned()));
            }
            let is_down = matches!(*engine.health().borrow(), Health::Down(_));
            if self.outside.machine.alive() > 0 && !is_down {
                return Some(Outcome::Stuck("drain: something is alive after it".to_owned()));
            }
        } else {
            self.hit("died at any moment");
        }
        Some(Outcome::Died)
    }

    fn run_at(&self, index: usize) -> Option<RunId> {
        let claimed = self
            .units
            .iter()
            .filter_map(|unit| self.memory.units.get(*unit)?.run);
        let all: Vec<RunId> = self.runs.iter().copied().chain(claimed).collect();
        all.get(index)
            .copied()
            .filter(|run| self.memory.runs.contains_key(run))
    }

    fn chunk_at(&self, index: usize) -> Option<String> {
        let unit = self.memory.units.get(*self.units.get(index)?)?;
        Some(unit.chunk.clone())
    }

    /// None when it came to nothing, false when it is to be tried again.
    async fn do_deed(&mut self, engine: &Engine, deed: &Deed) -> Option<bool> {
        let is_set_up = self.memory.board.slots != Board::default().slots;
        let result = match deed {
            Deed::Run(..) | Deed::Unit(..) if !is_set_up => return Some(false),
            Deed::Project => {
                let input = BoardInput::AddProject {
                    project: PROJECT,
                    name: "project".to_owned(),
                    path: "/project".to_owned(),
                };
                engine
                    .change_board(input, Some(people::request("project".to_owned())))
                    .await
            }
            Deed::Slots(slots) => {
                engine
                    .change_board(BoardInput::SetSlots { slots: *slots }, None)
                    .await
            }
            Deed::Run(run, flow) => {
                let request = people::request(format!("{run}"));
                engine.start_run(people::start(*run, flow), Some(request)).await
            }
            Deed::Unit(unit, new) => {
                let request = people::request(format!("{unit}"));
                engine.create_unit(*unit, (**new).clone(), Some(request)).await
            }
            Deed::Cancel(run) | Deed::Pause(run) | Deed::Retry(run) | Deed::Skip(run, _) => {
                let run = self.run_at(*run)?;
                let steps: Vec<_> = self.memory.runs[&run].steps().keys().cloned().collect();
                let (what, input) = people::wish(deed, &steps)?;
                let result = engine.tell_run(run, input, None).await;
                if result.is_ok() {
                    self.hit(what);
                }
                result
            }
            Deed::Priority(unit, priority) => {
                let input = UnitInput::SetPriority { priority: *priority };
                self.edit(engine, *unit, input).await?
            }
            Deed::Blockers(unit, others) => {
                let blocked_by = others.iter().filter_map(|other| self.chunk_at(*other)).collect();
                self.edit(engine, *unit, UnitInput::SetBlockers { blocked_by })
                    .await?
            }
            Deed::Rename(unit) => {
                let chunk = format!("{}-{}", self.chunk_at(*unit)?, self.rng.below(100));
                self.edit(engine, *unit, UnitInput::Rename { chunk }).await?
            }
            Deed::RetryUnit(unit) => {
                let by = "sam".to_owned();
                self.edit(engine, *unit, UnitInput::Retry { by }).await?
            }
            Deed::Delete(unit) => self.edit(engine, *unit, UnitInput::Delete).await?,
            Deed::Definition(index) => {
                let flow = format!("flow-{}", index % 3);
                self.outside.book.set(&flow, plan::random(&mut self.rng));
                self.hit("definition changed");
                return None;
            }
            Deed::MoveBranch(run) => {
                let run = self.run_at(*run)?;
                let slug = self.memory.runs[&run].start().slug.clone();
                if matches!(self.memory.runs[&run].phase(), Phase::Active) {
                    let was = self.outside.git.move_branch(&slug, Some("elsewhere".to_owned()));
                    self.moved.entry(run).or_insert(was);
                    self.meddled.insert(run);
                }
                return None;
            }
            Deed::SpoilMerge(run) => {
                self.outside.git.spoil_merge(self.run_at(*run)?);
                return None;
            }
            Deed::Drain | Deed::Die => return None,
        };
        let is_done = match &result {
            Ok(()) | Err(EngineError::Repeated { .. }) => true,
            Err(EngineError::Full | EngineError::Stopping | EngineError::Down(_)) => false,
            Err(_) => !deed.is_owed() || matches!(deed, Deed::Unit(..) | Deed::Slots(_)),
        };
        Some(is_done || !deed.is_owed())
    }

    async fn edit(&self, engine: &Engine, unit: usize, input: UnitInput) -> Option<Result<(), EngineError>> {
        let chunk = self.chunk_at(unit)?;
        let result = engine.change_unit(chunk, vec![input], None).await;
        if result.is_ok() {
            self.hit("unit edit");
        }
        Some(result)
    }

    async fn answer_what_is_asked(&mut self, engine: &Engine) {
        let open: Vec<_> = self
            .memory
            .runs
            .values()
            .filter(|run| run.phase() == Phase::Active)
            .flat_map(|run| run.attention().values().map(|item| (run.id(), item.clone())))
            .filter(|(_, item)| item.choices != [Choice::Dismiss])
            .collect();
        for (run, item) in open {
            let asked = self.asked.entry(run).or_default();
            let choice = people::answer(&mut self.rng, &item.choices, *asked);
            *asked += 1;
            if item.kind == AttentionKind::Conflict {
                let what = if item.key.is_some() {
                    "merge conflict"
                } else {
                    "branch moved"
                };
                self.hit(what);
            }
            if choice == Choice::Retry
                && let Some(was) = self.moved.remove(&run)
            {
                let slug = self.memory.runs[&run].start().slug.clone();
                self.outside.git.move_branch(&slug, was);
            }
            let input = Input::Answered {
                attention: item.id,
                choice,
                text: String::new(),
                by: "sam".to_owned(),
            };
            if engine.tell_run(run, input, None).await.is_ok() {
                self.hit("answer");
            }
        }
    }

    async fn resume_what_is_paused(&mut self, engine: &Engine, clock: &FakeClock) {
        let paused: Vec<RunId> = self
            .memory
            .runs
            .values()
            .filter(|run| run.phase() == Phase::Active && run.is_paused())
            .map(Run::id)
            .collect();
        self.paused_at.retain(|run, _| paused.contains(run));
        for run in paused {
            let since = *self.paused_at.entry(run).or_insert(clock.now());
            let by = "sam".to_owned();
            if clock.now().ms_since(since) > 15_000
                && engine.tell_run(run, Input::Resume { by }, None).await.is_ok()
            {
                self.hit("resume");
                self.paused_at.remove(&run);
            }
        }
    }

    pub(super) fn is_quiet(&self) -> bool {
        let runs = self.memory.runs.values();
        let all_ended = runs.clone().all(|run| matches!(run.phase(), Phase::Ended(_)));
        self.deeds.is_empty()
            && all_ended
            && self.memory.board.claims.is_empty()
            && claimable(&self.memory.board, &self.memory.units).is_empty()
            && self.outside.machine.alive() == 0
    }
}
