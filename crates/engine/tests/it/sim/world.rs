//! One world: what is in it, the lives of its daemon, and how it ends.

mod drive;
mod judge;

use super::Hits;
use super::faults::{Faults, Odds};
use super::people::{self, Deed};
use super::plan;
use super::script::{Actors, Mood};
use domain::{Board, Event, Moment, Run, RunEvent, RunId, Stream, UnitId, Units};
use engine::Ports;
use engine::ports::{Clock, Recorded};
use engine::testkit::{FakeAgents, FakeClock, FakeWorkspaces, Life, MemoryStore, Outside, Probe, Rng};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

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

    pub(super) fn hits(&self) -> MutexGuard<'_, Hits> {
        self.hits.lock().unwrap()
    }

    pub(super) fn hit(&self, what: &'static str) {
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
}
