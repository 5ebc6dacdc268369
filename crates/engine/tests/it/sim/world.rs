//! One world: what is in it, the lives of its daemon, and how it ends.

use super::Hits;
use super::faults::{Faults, Odds};
use super::oracle::{self, Tale};
use super::people::{self, Deed, PROJECT};
use super::plan;
use super::script::{Actors, Mood, STOPS_MAX_MS};
use domain::{
    Board, BoardInput, Choice, Event, Input, Moment, Phase, Run, RunEvent, RunId, Stream, UnitEvent, UnitId,
    UnitInput, UnitStatus, Units, claimable,
};
use engine::ports::{Clock, Recorded};
use engine::testkit::{FakeAgents, FakeClock, FakeWorkspaces, Life, MemoryStore, Outside, Probe, Rng};
use engine::{Config, Engine, EngineError, Health, Ports};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

const BEGIN: Moment = Moment::from_ms(1_000_000_000);
/// Everything ends within this, or never.
const BOUND_MS: u64 = 40 * 24 * 60 * 60 * 1_000;
/// One life that calls its ports more often runs in circles.
const CALLS_MAX: u64 = 200_000;
const EVENTS_MAX: usize = 20_000;

pub(crate) struct World {
    outside: Outside,
    rng: Rng,
    faults: Arc<Mutex<Faults>>,
    hits: Arc<Mutex<Hits>>,
    mood: Mood,
    takes_ms: u64,
    advance_ms: u64,
    deeds: Vec<(Moment, Deed)>,
    runs: Vec<RunId>,
    units: Vec<UnitId>,
    memory: Memory,
    moved: BTreeMap<RunId, Option<String>>,
    /// Runs whose branch somebody moved at some time.
    meddled: BTreeSet<RunId>,
    asked: BTreeMap<RunId, u32>,
    paused_at: BTreeMap<RunId, Moment>,
    now: Moment,
    lives: u32,
}

/// What people know: the history as far as they read it.
#[derive(Default)]
struct Memory {
    position: u64,
    runs: BTreeMap<RunId, Run>,
    units: Units,
    board: Board,
}

impl Memory {
    fn read(&mut self, outside: &Outside) {
        for recorded in outside.disk.since(self.position) {
            self.position = recorded.position;
            match (recorded.stream, &recorded.event) {
                (Stream::Run(run), Event::Run(RunEvent::Started(started))) => {
                    self.runs.insert(run, Run::started(run, started));
                }
                (Stream::Run(run), Event::Run(event)) => {
                    self.runs.get_mut(&run).expect("a run that started").apply(event);
                }
                (Stream::Unit(unit), Event::Unit(event)) => self.units.apply(unit, event, recorded.at),
                (_, Event::Board(event)) => self.board.apply(event),
                (_, _) => {}
            }
        }
    }
}

enum Outcome {
    /// Everything has ended.
    Quiet,
    /// The daemon is to start again.
    Died,
    Stuck(String),
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let outside = Outside::default();
        let hits: Arc<Mutex<Hits>> = Arc::default();
        let flows = rng.between(1, 3);
        for flow in 0..flows {
            outside.book.set(&format!("flow-{flow}"), plan::random(&mut rng));
        }
        let any_flow = |rng: &mut Rng| format!("flow-{}", rng.below(flows));
        let is_calm = rng.in_thousand(400);
        let odds = Odds {
            dies: if is_calm { 0 } else { rng.below(60) },
            conflicts: if is_calm { 0 } else { rng.below(60) },
            down: if is_calm { 0 } else { rng.below(8) },
            doubles: if rng.in_thousand(500) { 200 } else { 0 },
        };
        let full = (!is_calm && rng.in_thousand(200)).then(|| {
            let from = BEGIN.plus_ms(rng.below(30_000));
            (from, from.plus_ms(rng.between(500, 20_000)))
        });
        let faults = Faults {
            rng: rng.fork(1),
            odds,
            full,
            deaths_left: if is_calm { 0 } else { 8 },
            machine: Arc::clone(&outside.machine),
            hits: Arc::clone(&hits),
        };
        let mood = Mood {
            trouble: *rng.one_of(&[0, 100, 250, 450]),
            survives: *rng.one_of(&[0, 300, 1_000]),
            long: *rng.one_of(&[0, 50, 300]),
        };
        let mut deeds = vec![
            (BEGIN, Deed::Project),
            (BEGIN, Deed::Slots(u32::try_from(rng.between(1, 4)).unwrap())),
        ];
        let mut runs = Vec::new();
        for index in 0..rng.below(4) {
            let run = RunId::from_bits(0x1000 + u128::from(index) * 7);
            runs.push(run);
            deeds.push((
                BEGIN.plus_ms(rng.below(4_000)),
                Deed::Run(run, any_flow(&mut rng)),
            ));
        }
        let count = if runs.is_empty() {
            rng.between(1, 4)
        } else {
            rng.below(5)
        };
        let mut units = Vec::new();
        for index in 0..usize::try_from(count).unwrap() {
            let unit = UnitId::from_bits(0x2000 + index as u128);
            units.push(unit);
            let flow = any_flow(&mut rng);
            let new = Box::new(people::unit(&mut rng, index, flow));
            deeds.push((BEGIN.plus_ms(1_000 * (index as u64 + 1)), Deed::Unit(unit, new)));
        }
        let with_cancels = rng.in_thousand(500);
        let mut whims = people::whims(
            &mut rng,
            BEGIN,
            runs.len() + units.len(),
            units.len(),
            with_cancels,
        );
        if is_calm {
            whims.retain(|(_, deed)| *deed != Deed::Die);
        }
        deeds.extend(whims);
        deeds.sort_by_key(|(at, _)| *at);
        Self {
            takes_ms: rng.below(8),
            advance_ms: *rng.one_of(&[0, 0, 500, 6_000]),
            outside,
            faults: Arc::new(Mutex::new(faults)),
            hits,
            mood,
            deeds,
            runs,
            units,
            memory: Memory::default(),
            moved: BTreeMap::new(),
            meddled: BTreeSet::new(),
            asked: BTreeMap::new(),
            paused_at: BTreeMap::new(),
            now: BEGIN,
            lives: 0,
            rng,
        }
    }

    pub(crate) fn history(&self) -> Vec<Recorded> {
        self.outside.disk.history()
    }

    pub(crate) fn batches(&self) -> Vec<(u64, Moment)> {
        self.outside.disk.batches()
    }

    /// All lives, until everything has ended; then the judgement.
    pub(crate) fn play(&mut self) -> Result<Hits, String> {
        loop {
            self.lives += 1;
            match self.life() {
                Outcome::Died if self.lives < 60 => {}
                Outcome::Died => return Err(format!("liveness: it never stays up: {}", self.shown())),
                Outcome::Stuck(why) => {
                    // What the history shows comes first: what does not end has often gone wrong long before.
                    self.wrongs()?;
                    self.tale()?;
                    return Err(format!("{why}\n{}", self.shown()));
                }
                Outcome::Quiet => break,
            }
            self.wrongs()?;
        }
        self.judge()?;
        let hits = std::mem::take(&mut *self.hits());
        Ok(hits)
    }

    fn hits(&self) -> MutexGuard<'_, Hits> {
        self.hits.lock().unwrap()
    }

    fn hit(&self, what: &'static str) {
        *self.hits().entry(what).or_default() += 1;
    }

    fn life(&mut self) -> Outcome {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let life = Life::of_calls(CALLS_MAX);
        let started = self.now;
        let outcome = runtime.block_on(async {
            let clock = FakeClock::at(started);
            let outcome = tokio::select! {
                biased;
                () = life.over() => Outcome::Died,
                outcome = self.drive(&life, clock) => outcome,
            };
            self.now = clock.now().plus_ms(1);
            outcome
        });
        let is_runaway = life.is_runaway();
        life.end();
        drop(runtime);
        let before = self.outside.machine.alive();
        self.outside.machine.daemon_died(self.now);
        if before > 0 && self.outside.machine.alive() > 0 {
            self.hit("survivor");
        }
        if is_runaway {
            return Outcome::Stuck("liveness: it runs in circles".to_owned());
        }
        outcome
    }

    fn ports(&self, life: &Life, fake: FakeClock) -> Ports {
        let clock: Arc<dyn Clock> = Arc::new(fake);
        let faults = Arc::clone(&self.faults);
        let store = MemoryStore::new(&self.outside.disk, life, &clock)
            .with_faults(move |batch| faults.lock().unwrap().of(batch));
        let script = Arc::new(Actors {
            rng: self.rng.fork(2),
            mood: self.mood,
            git: Arc::clone(&self.outside.git),
            hits: Arc::clone(&self.hits),
        });
        let agents = FakeAgents::new(&self.outside.machine, &self.outside.disk, life, &clock, script)
            .with_leftover_ms(200);
        let workspaces = FakeWorkspaces::new(&self.outside.git, life, &clock)
            .with_takes_ms(self.takes_ms)
            .with_advance_ms(self.advance_ms);
        let idle = Arc::new(|_: &engine::ports::WorkOrder, _: Moment| engine::testkit::Scene::says("", 0));
        Ports {
            store: Arc::new(store),
            agents: Arc::new(agents),
            workspaces: Arc::new(workspaces),
            clock,
            ..self.outside.ports(life, fake.now(), idle)
        }
    }

    fn probe(&self) -> Probe {
        let faults = Arc::clone(&self.faults);
        let outside = self.outside.clone();
        let known: Mutex<BTreeMap<RunId, Run>> = Mutex::default();
        Probe {
            doubles: Box::new(move || faults.lock().unwrap().doubles()),
            stored: Box::new(move |live| {
                let mut known = known.lock().unwrap();
                let id = live.id();
                if let Some(run) = known.get_mut(&id) {
                    for recorded in outside.disk.stream(Stream::Run(id), run.seq()) {
                        let Event::Run(event) = &recorded.event else {
                            continue;
                        };
                        run.apply(event);
                    }
                } else {
                    let events = outside.disk.stream(Stream::Run(id), 0);
                    let events = events.iter().filter_map(|recorded| match &recorded.event {
                        Event::Run(event) => Some(event),
                        _ => None,
                    });
                    known.insert(id, Run::replay(id, events).expect("a run that started"));
                }
                if known[&id] != *live {
                    outside
                        .machine
                        .accuse(format!("replay: run {id} is not what its history says"));
                }
            }),
        }
    }

    async fn drive(&mut self, life: &Life, clock: FakeClock) -> Outcome {
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
                _ = positions.changed() => tokio::time::sleep(Duration::from_millis(200)).await,
                () = clock.sleep_until(next) => {}
                () = tokio::time::sleep(Duration::from_secs(20)), if !self.paused_at.is_empty() => {}
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
        tokio::time::sleep(Duration::from_secs(60)).await;
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

    async fn stop(&mut self, engine: &Engine, deed: &Deed) -> Option<Outcome> {
        let mut faults = self.faults.lock().unwrap();
        if faults.deaths_left == 0 && *deed == Deed::Die {
            return None;
        }
        faults.deaths_left = faults.deaths_left.saturating_sub(1);
        drop(faults);
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
            if item.kind == domain::AttentionKind::Conflict {
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

    fn is_quiet(&self) -> bool {
        let runs = self.memory.runs.values();
        let all_ended = runs.clone().all(|run| matches!(run.phase(), Phase::Ended(_)));
        self.deeds.is_empty()
            && all_ended
            && self.memory.board.claims.is_empty()
            && claimable(&self.memory.board, &self.memory.units).is_empty()
            && self.outside.machine.alive() == 0
    }

    fn judge(&self) -> Result<(), String> {
        self.wrongs()?;
        self.count_ends(&self.history());
        oracle::at_the_end(&self.told())?;
        self.branches()?;
        self.questions()?;
        self.stops()
    }

    /// What was seen outside of the engine.
    fn wrongs(&self) -> Result<(), String> {
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
        }
    }

    fn tale(&self) -> Result<(), String> {
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
            let is_about_branch = item.key.is_none() && item.kind == domain::AttentionKind::Conflict;
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
            if run.phase() != Phase::Ended(domain::Outcome::Completed) || self.moved.contains_key(&run.id()) {
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

    /// What is cancelled stops soon, where nothing else gets in the way.
    fn stops(&self) -> Result<(), String> {
        let history = self.history();
        let is_calm = self.lives == 1 && self.faults.lock().unwrap().odds.conflicts == 0;
        if !is_calm {
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
    fn shown(&self) -> String {
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
