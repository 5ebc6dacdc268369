//! A history that the rules could have made, with every kind of event in it, for tests of every layer of the store.

mod story;

pub(crate) use story::everything;

use domain::{
    Access, BoardEvent, Ending, Event, Expression, FlowRef, Moment, Network, Plan, PlanStep, PlannedStep,
    ProcessIdentity, ProjectId, Retry, Role, RunEvent, RunId, RunInput, RunStarted, Size, StepKey, StepKind,
    Stream, TaskId, TaskOrdered, Trigger, UnitEvent, UnitId, Usage, Value,
};
use engine::ports::{Append, Batch};
use std::collections::BTreeMap;
use std::sync::Arc;

/// When the history begins.
pub(crate) const START: Moment = Moment::from_ms(1_790_000_000_000);

/// Batches in order, a second apart, with the expectations that each stream's length gives.
#[derive(Default)]
pub(crate) struct Script {
    lengths: BTreeMap<Stream, u64>,
    pub(crate) batches: Vec<Batch>,
}

impl Script {
    /// Adds a batch of events for these streams.
    pub(crate) fn batch(&mut self, appends: Vec<(Stream, Vec<Event>)>) {
        let at = START.plus_ms(self.batches.len() as u64 * 1_000);
        let appends = appends
            .into_iter()
            .map(|(stream, events)| {
                let length = self.lengths.entry(stream).or_default();
                let expected_seq = *length;
                *length += events.len() as u64;
                Append {
                    stream,
                    expected_seq,
                    events,
                }
            })
            .collect();
        self.batches.push(Batch {
            at,
            appends,
            idempotency: None,
            wakes: Vec::new(),
        });
    }

    pub(crate) fn run(&mut self, run: RunId, events: impl IntoIterator<Item = RunEvent>) {
        self.batch(vec![(
            Stream::Run(run),
            events.into_iter().map(Event::Run).collect(),
        )]);
    }

    pub(crate) fn unit(&mut self, unit: UnitId, events: impl IntoIterator<Item = UnitEvent>) {
        self.batch(vec![(
            Stream::Unit(unit),
            events.into_iter().map(Event::Unit).collect(),
        )]);
    }

    pub(crate) fn board(&mut self, events: impl IntoIterator<Item = BoardEvent>) {
        self.batch(vec![(
            Stream::Board,
            events.into_iter().map(Event::Board).collect(),
        )]);
    }
}

pub(crate) const PROJECT: ProjectId = ProjectId::from_bits(0x11);
pub(crate) const UNIT: UnitId = UnitId::from_bits(0x21);
pub(crate) const OTHER_UNIT: UnitId = UnitId::from_bits(0x22);
pub(crate) const RUN: RunId = RunId::from_bits(0x31);
pub(crate) const FAILED_RUN: RunId = RunId::from_bits(0x32);
pub(crate) const CANCELLED_RUN: RunId = RunId::from_bits(0x33);

/// A text past what a row holds.
pub(crate) fn long_text() -> String {
    "A long line about what was found.\n".repeat(4_000)
}

pub(crate) fn plan() -> Plan {
    let mut angles = PlanStep::new("angles", StepKind::Agent);
    angles.each = Some(Expression::parse("size.angles").unwrap());
    angles.agents = vec!["claude".into(), "codex".into()];
    angles.gate = true;
    let mut fold = PlanStep::new("fold", StepKind::Fold);
    fold.needs = vec!["angles".into()];
    fold.trigger = Trigger::AllDone;
    let mut check = PlanStep::new("check", StepKind::Command);
    check.needs = vec!["fold".into()];
    check.when = Some(Expression::parse("fold.count > 0").unwrap());
    check.access = Access::Write;
    check.network = Network::None;
    check.model = Some("opus".to_owned());
    check.retry = Retry {
        max: 1,
        base_ms: 1_000,
        cap_ms: 9_000,
    };
    let mut merge = PlanStep::new("merge", StepKind::Merge);
    merge.trigger = Trigger::OneSuccess;
    let approve = PlanStep::new("approve", StepKind::Approval);
    let size = BTreeMap::from([(
        "angles".to_owned(),
        Value::List(vec![Value::from("correctness"), Value::Float(0.5)]),
    )]);
    Plan {
        steps: vec![angles, fold, check, merge, approve],
        size,
    }
}

pub(crate) fn started(slug: &str, unit: Option<UnitId>) -> RunEvent {
    RunEvent::Started(Box::new(RunStarted {
        project: PROJECT,
        unit,
        slug: slug.to_owned(),
        flow: FlowRef {
            name: "review".into(),
            version: 3,
            hash: "f00d".repeat(16),
        },
        plan: Arc::new(plan()),
        input: RunInput {
            question: "Is the lock released?".to_owned(),
            size: Size::Medium,
            fast: true,
            agent: "claude".into(),
            model: Some("sonnet".to_owned()),
            extra: BTreeMap::from([("branch".to_owned(), Value::from("main"))]),
        },
        base: "b".repeat(40),
    }))
}

pub(crate) fn planned(keys: &[StepKey]) -> RunEvent {
    let step = |key: &StepKey| PlannedStep {
        key: key.clone(),
        item: key.item.map_or(Value::Null, |item| Value::Int(i64::from(item))),
    };
    RunEvent::StepsPlanned {
        steps: keys.iter().map(step).collect(),
    }
}

pub(crate) fn ordered(run: RunId, key: &StepKey, role: Role, serial: u32) -> RunEvent {
    RunEvent::TaskOrdered(Box::new(TaskOrdered {
        task: TaskId::of(run, key, serial),
        key: key.clone(),
        chat: key.chat(run),
        role,
        serial,
        agent: "claude".into(),
        model: Some("sonnet".to_owned()),
        prompt: format!("Look at {key}."),
    }))
}

pub(crate) fn task_started(task: TaskId) -> RunEvent {
    let process = ProcessIdentity {
        pid: 4_242,
        start_ticks: 987_654,
        boot_id: "0f0f0f0f-boot".to_owned(),
    };
    RunEvent::TaskStarted { task, process }
}

pub(crate) fn ended(task: TaskId, ending: Ending) -> RunEvent {
    let usage = Usage {
        input_uncached: 10,
        input_cached: 200,
        output: 30,
        cost_micros: Some(4_000),
    };
    RunEvent::TaskEnded { task, ending, usage }
}
