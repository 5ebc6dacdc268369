//! A small world for one test: a daemon over fakes, a project, and a plan or two.

use domain::{
    BoardInput, Event, Moment, Name, Plan, PlanStep, ProjectId, Run, RunEvent, RunId, RunInput, Size, Stream,
};
use engine::ports::{Clock, Idempotency};
use engine::testkit::{FakeClock, Life, Outside, Script};
use engine::{Config, Engine, StartRun};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const BEGIN: Moment = Moment::from_ms(1_000_000_000);
pub(crate) const PROJECT: ProjectId = ProjectId::from_bits(1);

pub(crate) struct Scene {
    pub(crate) outside: Outside,
    pub(crate) engine: Engine,
    pub(crate) life: Life,
    clock: FakeClock,
}

impl Scene {
    /// A daemon with a project.
    pub(crate) async fn open(slots: u32, script: impl Script + 'static) -> Self {
        let outside = Outside::default();
        let scene = Self::over(outside, BEGIN, script).await;
        let input = BoardInput::AddProject {
            project: PROJECT,
            name: "project".to_owned(),
            path: "/project".to_owned(),
        };
        scene.engine.change_board(input, None).await.unwrap();
        scene
            .engine
            .change_board(BoardInput::SetSlots { slots }, None)
            .await
            .unwrap();
        scene
    }

    /// The next life of a daemon, over what the one before left.
    pub(crate) async fn over(outside: Outside, now: Moment, script: impl Script + 'static) -> Self {
        let life = Life::default();
        let ports = outside.ports(&life, now, Arc::new(script));
        let engine = Engine::open(ports, Config::default()).await.unwrap();
        Self {
            outside,
            engine,
            life,
            clock: FakeClock::at(now),
        }
    }

    pub(crate) fn now(&self) -> Moment {
        self.clock.now()
    }

    pub(crate) async fn pass(&self, time: Duration) {
        let ms = u64::try_from(time.as_millis()).unwrap();
        self.clock.sleep_until(self.now().plus_ms(ms)).await;
    }

    pub(crate) async fn start(&self, number: u128, flow: &str, request: Option<Idempotency>) -> RunId {
        let run = RunId::from_bits(number);
        self.engine.start_run(ask(run, flow), request).await.unwrap();
        run
    }

    pub(crate) fn run(&self, run: RunId) -> Run {
        let recorded = self.outside.disk.stream(Stream::Run(run), 0);
        let events = recorded.iter().filter_map(|recorded| match &recorded.event {
            Event::Run(event) => Some(event),
            _ => None,
        });
        Run::replay(run, events).unwrap()
    }

    /// How many events of such a kind there are.
    pub(crate) fn count(&self, is_it: impl Fn(&RunEvent) -> bool) -> usize {
        let history = self.outside.disk.history();
        let events = history.iter().filter(|recorded| match &recorded.event {
            Event::Run(event) => is_it(event),
            _ => false,
        });
        events.count()
    }
}

pub(crate) fn ask(run: RunId, flow: &str) -> StartRun {
    StartRun {
        run,
        project: PROJECT,
        flow: Name::from(flow),
        input: RunInput {
            question: "why".to_owned(),
            size: Size::Small,
            fast: false,
            agent: Name::from("ada"),
            model: None,
            extra: BTreeMap::new(),
        },
        unit: None,
    }
}

pub(crate) fn plan(steps: impl IntoIterator<Item = PlanStep>) -> Plan {
    Plan {
        steps: steps.into_iter().collect(),
        size: BTreeMap::new(),
    }
}
