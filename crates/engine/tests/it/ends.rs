//! The end of a task is what moves a run on: there is one way a task begins, one way its end is told, and no loop that
//! looks.

use domain::{
    BoardInput, Event, Expression, Moment, Name, Plan, PlanStep, ProjectId, RunEvent, RunId, RunInput, Size,
    StepKey, StepKind, Stream, Value,
};
use engine::ports::WorkOrder;
use engine::testkit::{Life, Outside, Scene, Script};
use engine::{Config, Engine, StartRun};
use std::collections::BTreeMap;
use std::sync::Arc;

const RUN: RunId = RunId::from_bits(7);
const PROJECT: ProjectId = ProjectId::from_bits(8);
const START: Moment = Moment::from_ms(1_000_000);

/// The items of the fan-out take a minute, an hour and a day; the step after them takes a second.
struct Slowly;

impl Script for Slowly {
    fn scene(&self, order: &WorkOrder, _now: Moment) -> Scene {
        let lasts_ms = match order.key.item {
            Some(0) => 60_000,
            Some(1) => 3_600_000,
            Some(_) => 86_400_000,
            None => 1_000,
        };
        Scene::says("done", lasts_ms)
    }
}

fn plan() -> Plan {
    let mut read = PlanStep::new("read", StepKind::Agent);
    read.each = Some(Expression::parse("size.angles").unwrap());
    let mut after = PlanStep::new("after", StepKind::Agent);
    after.needs = vec![Name::from("read")];
    let angles = Value::List(["a", "b", "c"].map(Value::from).to_vec());
    Plan {
        steps: vec![read, after],
        size: BTreeMap::from([("angles".to_owned(), angles)]),
    }
}

fn ask() -> StartRun {
    StartRun {
        run: RUN,
        project: PROJECT,
        flow: Name::from("flow"),
        input: RunInput {
            question: "why".to_owned(),
            size: Size::Small,
            fast: false,
            agent: Name::from("agent"),
            model: None,
            extra: BTreeMap::new(),
        },
        unit: None,
    }
}

#[test]
fn s4_04_s4_18_s4_27_a_fan_out_advances_when_its_last_task_ends_and_nothing_polls() {
    let outside = Outside::default();
    outside.book.set("flow", plan());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let life = Life::default();
        let ports = outside.ports(&life, START, Arc::new(Slowly));
        let engine = Engine::open(ports, Config::default()).await.unwrap();
        let add = BoardInput::AddProject {
            project: PROJECT,
            name: "p".to_owned(),
            path: "/p".to_owned(),
        };
        engine.change_board(add, None).await.unwrap();
        engine.start_run(ask(), None).await.unwrap();
        let mut positions = engine.positions();
        let is_over = || {
            outside.disk.holds(Stream::Run(RUN), |event| {
                matches!(event, Event::Run(RunEvent::Completed { .. }))
            })
        };
        while !is_over() {
            positions.changed().await.unwrap();
        }
        life.end();
    });

    let history = outside.disk.stream(Stream::Run(RUN), 0);
    let at = |is_it: &dyn Fn(&RunEvent) -> bool| -> Vec<Moment> {
        let moment = |recorded: &engine::ports::Recorded| match &recorded.event {
            Event::Run(event) if is_it(event) => Some(recorded.at),
            Event::Run(_) | Event::Unit(_) | Event::Board(_) => None,
        };
        history.iter().filter_map(moment).collect()
    };
    let ends = at(&|event| matches!(event, RunEvent::TaskEnded { .. }));
    let after = StepKey::only("after");
    let orders = at(&|event| matches!(event, RunEvent::TaskOrdered(order) if order.key == after));
    // The clock jumps to whatever is waited for. A loop that looks now and then would be late by its pause, or would
    // have made the clock stop on the way.
    assert_eq!(
        orders,
        [ends[2]],
        "the step after begins at the very moment of the third end"
    );
    let started = at(&|event| matches!(event, RunEvent::TaskStarted { .. }));
    let ordered = at(&|event| matches!(event, RunEvent::TaskOrdered(_)));
    assert_eq!(
        (ordered.len(), started.len(), ends.len()),
        (4, 4, 4),
        "each task is ordered, started, ended, once"
    );
}
