//! The smallest worlds that show a rule: a run that is driven as its keeper drives it, and
//! events and duties as values to compare with.

pub(crate) use crate::plan::*;
use domain::{
    Attention, AttentionKind, Begin, Change, Choice, Duty, Ending, FailureClass, FlowRef, Input, Moment,
    Name, Plan, PlanStep, PlannedStep, ProcessIdentity, ProjectId, Refusal, Role, Run, RunEvent, RunId,
    RunInput, RunStarted, Size, StepState, TaskId, TaskOrdered, Untrusted, Usage, Value, begin, decide,
    duties, follow,
};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) const RUN: RunId = RunId::from_bits(0x0a);
/// Who does what people do.
pub(crate) const ADA: &str = "ada";
/// The commit that every run starts from.
pub(crate) const BASE: &str = "c0";
/// The agent of steps that name none.
pub(crate) const HAND: &str = "hand";
/// When everything happens that no rule asks the time of.
pub(crate) const NOW: Moment = Moment::from_ms(1_000_000);

pub(crate) type Decided = Result<Vec<RunEvent>, Refusal>;

// Runs.

/// `size.angles` is `[bugs, style]` and `size.none` is empty; the question is "why?".
pub(crate) fn start_of(steps: impl IntoIterator<Item = PlanStep>) -> RunStarted {
    let size = [("angles", texts(&["bugs", "style"])), ("none", texts(&[]))];
    RunStarted {
        project: ProjectId::from_bits(1),
        unit: None,
        slug: "calm-otter".to_owned(),
        flow: FlowRef {
            name: Name::from("review"),
            version: 1,
            hash: "h1".to_owned(),
        },
        plan: Arc::new(Plan {
            steps: steps.into_iter().collect(),
            size: size.map(|(name, value)| (name.to_owned(), value)).into(),
        }),
        input: RunInput {
            question: "why?".to_owned(),
            size: Size::Small,
            fast: false,
            agent: Name::from(HAND),
            model: None,
            extra: BTreeMap::new(),
        },
        base: BASE.to_owned(),
    }
}

/// A run and its history, driven as its keeper does it: decide, apply, and apply what follows until nothing does.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) run: Run,
    pub(crate) history: Vec<RunEvent>,
}

pub(crate) fn run_of(steps: impl IntoIterator<Item = PlanStep>) -> World {
    World::begun(start_of(steps), None)
}

impl World {
    pub(crate) fn begun(started: RunStarted, untrusted: Option<Untrusted>) -> Self {
        let run = Run::started(RUN, &started);
        let mut events = begin(RUN, started, untrusted);
        let mut world = Self {
            run,
            history: vec![events.remove(0)],
        };
        world.remember(events);
        world
    }

    /// Takes an input and says what happened, what follows included.
    pub(crate) fn take_at(&mut self, input: Input, now: Moment) -> Decided {
        let events = decide(&self.run, input, now)?;
        let before = self.history.len();
        self.remember(events);
        assert_eq!(
            Run::replay(RUN, &self.history).as_ref(),
            Some(&self.run),
            "the history says it all"
        );
        Ok(self.history[before..].to_vec())
    }

    pub(crate) fn take(&mut self, input: Input) -> Decided {
        self.take_at(input, NOW)
    }

    fn remember(&mut self, mut events: Vec<RunEvent>) {
        loop {
            events.iter().for_each(|event| self.run.apply(event));
            self.history.append(&mut events);
            events = follow(&self.run);
            if events.is_empty() {
                return;
            }
        }
    }

    /// What followed from the start alone.
    pub(crate) fn since_start(&self) -> &[RunEvent] {
        &self.history[1..]
    }

    pub(crate) fn duties(&self) -> Vec<Duty> {
        duties(&self.run)
    }

    pub(crate) fn state(&self, step: &str) -> &StepState {
        &self.run.step(&key(step)).expect(step).state
    }

    /// The task that does the step, or checks it.
    pub(crate) fn live(&self, step: &str) -> TaskId {
        match self.state(step) {
            StepState::Working { task } | StepState::Checking { task: Some(task), .. } => *task,
            state => panic!("no task does `{step}`: {state:?}"),
        }
    }

    // What happened before: each goes on only when it may.

    pub(crate) fn and(mut self, input: Input) -> Self {
        self.take(input).expect("what a test begins with is not refused");
        self
    }

    /// Tasks were ordered for these.
    pub(crate) fn working(self, steps: &[&str]) -> Self {
        steps.iter().fold(self, |world, step| world.and(admit(step)))
    }

    /// The step's task ends so; it is ordered first when there is none.
    pub(crate) fn ended(self, step: &str, ending: Ending) -> Self {
        let world = match self.state(step) {
            StepState::Working { .. } | StepState::Checking { task: Some(_), .. } => self,
            _ => self.working(&[step]),
        };
        let task = world.live(step);
        world.and(ends(task, ending))
    }

    pub(crate) fn gave(self, step: &str, output: Value) -> Self {
        self.ended(step, well(output))
    }

    pub(crate) fn done(self, steps: &[&str]) -> Self {
        steps
            .iter()
            .fold(self, |world, step| world.gave(step, Value::Null))
    }

    pub(crate) fn failed(self, steps: &[&str]) -> Self {
        let broke = || badly(FailureClass::Permanent);
        steps.iter().fold(self, |world, step| world.ended(step, broke()))
    }
}

// Inputs.

pub(crate) fn admit(step: &str) -> Input {
    Input::Admitted {
        key: key(step),
        prompt: Ok(format!("do {step}")),
    }
}

pub(crate) fn process() -> ProcessIdentity {
    ProcessIdentity {
        pid: 7,
        start_ticks: 70,
        boot_id: "boot".to_owned(),
    }
}

pub(crate) fn spawned(task: TaskId) -> Input {
    Input::TaskSpawned {
        task,
        process: process(),
    }
}

pub(crate) fn ends(task: TaskId, ending: Ending) -> Input {
    Input::TaskEnded {
        task,
        ending,
        usage: Usage::default(),
    }
}

pub(crate) fn answer(serial: u32, choice: Choice) -> Input {
    Input::Answered {
        attention: question(serial),
        choice,
        text: String::new(),
        by: ADA.to_owned(),
    }
}

pub(crate) fn pause() -> Input {
    Input::Pause { by: ADA.to_owned() }
}

pub(crate) fn resume() -> Input {
    Input::Resume { by: ADA.to_owned() }
}

pub(crate) fn cancel() -> Input {
    Input::Cancel { by: ADA.to_owned() }
}

pub(crate) fn skip(step: &str) -> Input {
    Input::Skip {
        key: key(step),
        by: ADA.to_owned(),
    }
}

pub(crate) fn retry(step: Option<&str>) -> Input {
    Input::Retry {
        key: step.map(key),
        by: ADA.to_owned(),
    }
}

pub(crate) fn report() -> Input {
    Input::Reported {
        report: "# Report".to_owned(),
    }
}

// Endings.

pub(crate) fn well(output: Value) -> Ending {
    Ending::Completed { output, change: None }
}

pub(crate) fn change(head: &str) -> Change {
    Change {
        base: BASE.to_owned(),
        head: head.to_owned(),
        files: 1,
        insertions: 2,
        deletions: 3,
    }
}

/// It did its work and left this commit.
pub(crate) fn wrote(head: &str) -> Ending {
    Ending::Completed {
        output: Value::Null,
        change: Some(change(head)),
    }
}

pub(crate) const BROKE: &str = "it broke";

pub(crate) fn badly(class: FailureClass) -> Ending {
    Ending::Failed {
        class,
        reason: BROKE.to_owned(),
    }
}

pub(crate) fn interrupted() -> Ending {
    Ending::Interrupted {
        reason: "the machine went away".to_owned(),
    }
}

pub(crate) fn parked(until: Option<Moment>) -> Ending {
    Ending::Parked {
        account: Name::from("hand/default"),
        until,
        reason: "enough for today".to_owned(),
    }
}

// Events.

pub(crate) fn planned(steps: &[(&str, Value)]) -> RunEvent {
    let steps = steps.iter().map(|(step, item)| PlannedStep {
        key: key(step),
        item: item.clone(),
    });
    RunEvent::StepsPlanned {
        steps: steps.collect(),
    }
}

pub(crate) fn planned_only(steps: &[&str]) -> RunEvent {
    let steps: Vec<_> = steps.iter().map(|step| (*step, Value::Null)).collect();
    planned(&steps)
}

pub(crate) fn left_out(steps: &[&str]) -> RunEvent {
    RunEvent::StepsLeftOut { steps: names(steps) }
}

pub(crate) fn ordered_as(step: &str, serial: u32, role: Role, agent: &str) -> RunEvent {
    RunEvent::TaskOrdered(Box::new(TaskOrdered {
        task: task(step, serial),
        key: key(step),
        chat: key(step).chat(RUN),
        role,
        serial,
        agent: Name::from(agent),
        model: None,
        prompt: format!("do {step}"),
    }))
}

pub(crate) fn ordered(step: &str, serial: u32) -> RunEvent {
    ordered_as(step, serial, Role::Work, HAND)
}

pub(crate) fn task_ended(task: TaskId, ending: Ending) -> RunEvent {
    RunEvent::TaskEnded {
        task,
        ending,
        usage: Usage::default(),
    }
}

pub(crate) fn completed(step: &str, output: Value, change: Option<Change>) -> RunEvent {
    RunEvent::StepCompleted {
        key: key(step),
        output,
        change,
    }
}

pub(crate) fn step_failed(step: &str, reason: &str) -> RunEvent {
    RunEvent::StepFailed {
        key: key(step),
        reason: reason.to_owned(),
    }
}

pub(crate) fn step_cancelled(step: &str) -> RunEvent {
    RunEvent::StepCancelled { key: key(step) }
}

pub(crate) fn skipped(step: &str) -> RunEvent {
    RunEvent::StepSkipped {
        key: key(step),
        by: ADA.to_owned(),
    }
}

pub(crate) fn reopened(step: &str) -> RunEvent {
    RunEvent::StepReopened {
        key: key(step),
        by: ADA.to_owned(),
    }
}

/// A step's trouble, put to a person.
pub(crate) fn asked(serial: u32, kind: AttentionKind, step: &str, title: &str, body: &str) -> RunEvent {
    RunEvent::AttentionRaised(Box::new(Attention {
        id: question(serial),
        kind,
        key: Some(key(step)),
        title: title.to_owned(),
        body: body.to_owned(),
        choices: vec![Choice::Retry, Choice::Skip, Choice::Cancel],
        trusts: None,
    }))
}

pub(crate) fn answered(serial: u32, choice: Choice) -> RunEvent {
    RunEvent::AttentionAnswered {
        attention: question(serial),
        choice,
        text: String::new(),
        by: ADA.to_owned(),
    }
}

pub(crate) fn withdrawn(serial: u32) -> RunEvent {
    RunEvent::AttentionWithdrawn {
        attention: question(serial),
    }
}

pub(crate) fn run_completed() -> RunEvent {
    RunEvent::Completed {
        report: "# Report".to_owned(),
    }
}

pub(crate) fn run_failed(reason: &str) -> RunEvent {
    RunEvent::Failed {
        reason: reason.to_owned(),
        report: "# Report".to_owned(),
    }
}

// Duties.

pub(crate) fn begins_as(step: &str, role: Role, agent: &str, not_before: Option<Moment>) -> Duty {
    Duty::Begin(Begin {
        key: key(step),
        role,
        agent: Name::from(agent),
        model: None,
        not_before,
    })
}

pub(crate) fn begins(step: &str) -> Duty {
    begins_as(step, Role::Work, HAND, None)
}

pub(crate) fn begins_at(step: &str, moment: Moment) -> Duty {
    begins_as(step, Role::Work, HAND, Some(moment))
}

pub(crate) fn work(step: &str, serial: u32) -> Duty {
    Duty::Work {
        task: task(step, serial),
    }
}

pub(crate) fn stop(step: &str, serial: u32) -> Duty {
    Duty::Stop {
        task: task(step, serial),
    }
}
