//! The smallest worlds in which a rule can be seen.

use domain::{
    Attention, AttentionId, AttentionKind, Change, Choice, Ending, Expression, FailureClass, FlowRef, Input,
    Moment, Name, Plan, PlanStep, PlannedStep, ProjectId, Refusal, Retry, Role, Run, RunEvent, RunId,
    RunInput, RunStarted, Size, StepKey, StepKind, TaskId, TaskOrdered, Usage, Value, begin, decide, follow,
};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) const RUN: RunId = RunId::from_bits(7);

pub(crate) fn at(ms: u64) -> Moment {
    Moment::from_ms(ms)
}

pub(crate) fn key(name: &str) -> StepKey {
    name.parse().unwrap()
}

pub(crate) fn expression(source: &str) -> Option<Expression> {
    Some(Expression::parse(source).unwrap())
}

pub(crate) fn agent(id: &str) -> PlanStep {
    PlanStep {
        retry: Retry {
            max: 0,
            base_ms: 100,
            cap_ms: 1_000,
        },
        ..PlanStep::new(id, StepKind::Agent)
    }
}

pub(crate) fn step(id: &str, kind: StepKind, needs: &[&str]) -> PlanStep {
    PlanStep {
        kind,
        ..after(agent(id), needs)
    }
}

pub(crate) fn after(step: PlanStep, needs: &[&str]) -> PlanStep {
    PlanStep {
        needs: needs.iter().map(|need| Name::from(*need)).collect(),
        ..step
    }
}

pub(crate) fn plan(steps: Vec<PlanStep>) -> Plan {
    Plan {
        steps,
        size: BTreeMap::from([(
            "angles".to_owned(),
            Value::List(vec!["bugs".into(), "style".into()]),
        )]),
    }
}

pub(crate) fn started(plan: Plan) -> RunStarted {
    RunStarted {
        project: ProjectId::from_bits(1),
        unit: None,
        slug: "calm-otter".to_owned(),
        flow: FlowRef {
            name: Name::from("review"),
            version: 1,
            hash: "aa".to_owned(),
        },
        plan: Arc::new(plan),
        input: RunInput {
            question: "why".to_owned(),
            size: Size::Small,
            fast: false,
            agent: Name::from("ada"),
            model: None,
            extra: BTreeMap::new(),
        },
        base: "c0".to_owned(),
    }
}

/// A run with its whole history.
pub(crate) struct Tale {
    pub(crate) run: Run,
    pub(crate) history: Vec<RunEvent>,
}

impl Tale {
    /// A run of these steps, with everything that follows from its start.
    pub(crate) fn of(steps: Vec<PlanStep>) -> Self {
        Self::begun(begin(RUN, started(plan(steps)), None))
    }

    pub(crate) fn begun(history: Vec<RunEvent>) -> Self {
        let run = Run::replay(RUN, &history).unwrap();
        let mut tale = Self { run, history };
        tale.remember(Vec::new());
        tale
    }

    fn remember(&mut self, mut events: Vec<RunEvent>) -> Vec<RunEvent> {
        let mut all = Vec::new();
        loop {
            events.iter().for_each(|event| self.run.apply(event));
            all.append(&mut events);
            events = follow(&self.run);
            if events.is_empty() {
                self.history.extend(all.iter().cloned());
                return all;
            }
        }
    }

    /// What happens when this arrives.
    pub(crate) fn when(&mut self, input: Input, now: Moment) -> Result<Vec<RunEvent>, Refusal> {
        let events = decide(&self.run, input, now)?;
        Ok(self.remember(events))
    }

    /// The step instance gets a slot.
    pub(crate) fn admit(&mut self, step: &str) -> Result<Vec<RunEvent>, Refusal> {
        let input = Input::Admitted {
            key: key(step),
            prompt: Ok(format!("do {step}")),
        };
        self.when(input, at(0))
    }

    /// The task that is under way for the step instance.
    pub(crate) fn task(&self, step: &str) -> TaskId {
        TaskId::of(RUN, &key(step), self.run.step(&key(step)).unwrap().serial)
    }

    /// The step instance's task ends.
    pub(crate) fn end(&mut self, step: &str, ending: Ending, now: Moment) -> Result<Vec<RunEvent>, Refusal> {
        self.when(task_ended(self.task(step), ending), now)
    }

    /// The step instance gets a slot and its task does its work.
    pub(crate) fn complete(&mut self, step: &str) -> Vec<RunEvent> {
        self.complete_with(step, "done".into())
    }

    pub(crate) fn complete_with(&mut self, step: &str, output: Value) -> Vec<RunEvent> {
        self.admit(step).unwrap();
        let ending = Ending::Completed { output, change: None };
        self.end(step, ending, at(0)).unwrap()
    }

    /// The step instance gets a slot and its task fails for good.
    pub(crate) fn fail(&mut self, step: &str) -> Vec<RunEvent> {
        self.admit(step).unwrap();
        self.end(step, failed(FailureClass::Permanent), at(0)).unwrap()
    }

    /// The writer gets a slot and its task leaves a commit.
    pub(crate) fn write(&mut self, step: &str, base: &str, head: &str) -> Vec<RunEvent> {
        self.admit(step).unwrap();
        let ending = Ending::Completed {
            output: "done".into(),
            change: Some(change(base, head)),
        };
        self.end(step, ending, at(0)).unwrap()
    }

    /// The step instances that could begin now.
    pub(crate) fn begins(&self) -> Vec<String> {
        domain::duties(&self.run)
            .into_iter()
            .filter_map(|duty| match duty {
                domain::Duty::Begin(begin) => Some(begin.key.to_string()),
                _ => None,
            })
            .collect()
    }

    /// The report is rendered, which ends the run.
    pub(crate) fn report(&mut self) -> Result<Vec<RunEvent>, Refusal> {
        let report = "# report".to_owned();
        self.when(Input::Reported { report }, at(0))
    }

    /// A person answers the only open question.
    pub(crate) fn answer(&mut self, choice: Choice) -> Result<Vec<RunEvent>, Refusal> {
        let attention = *self.run.attention().keys().next().unwrap();
        let input = Input::Answered {
            attention,
            choice,
            text: String::new(),
            by: "sam".to_owned(),
        };
        self.when(input, at(0))
    }
}

pub(crate) fn by() -> String {
    "sam".to_owned()
}

pub(crate) fn change(base: &str, head: &str) -> Change {
    Change {
        base: base.to_owned(),
        head: head.to_owned(),
        files: 1,
        insertions: 2,
        deletions: 3,
    }
}

pub(crate) fn failed(class: FailureClass) -> Ending {
    Ending::Failed {
        class,
        reason: "no".to_owned(),
    }
}

pub(crate) fn interrupted() -> Ending {
    Ending::Interrupted {
        reason: "cable".to_owned(),
    }
}

pub(crate) fn parked(until: Option<Moment>) -> Ending {
    Ending::Parked {
        account: Name::from("ada/main"),
        until,
        reason: "limit".to_owned(),
    }
}

pub(crate) fn done() -> Ending {
    Ending::Completed {
        output: "done".into(),
        change: None,
    }
}

pub(crate) fn task_ended(task: TaskId, ending: Ending) -> Input {
    Input::TaskEnded {
        task,
        ending,
        usage: Usage::default(),
    }
}

// What happened, in short.

pub(crate) fn planned(keys: &[&str]) -> RunEvent {
    let items = ["bugs", "style"];
    let steps = keys.iter().map(|name| {
        let key = key(name);
        PlannedStep {
            item: key.item.map_or(Value::Null, |item| items[item as usize].into()),
            key,
        }
    });
    RunEvent::StepsPlanned {
        steps: steps.collect(),
    }
}

pub(crate) fn left_out(steps: &[&str]) -> RunEvent {
    RunEvent::StepsLeftOut {
        steps: steps.iter().map(|step| Name::from(*step)).collect(),
    }
}

pub(crate) fn ordered(step: &str, role: Role, serial: u32, agent: &str) -> RunEvent {
    let key = key(step);
    RunEvent::TaskOrdered(Box::new(TaskOrdered {
        task: TaskId::of(RUN, &key, serial),
        chat: key.chat(RUN),
        key,
        role,
        serial,
        agent: Name::from(agent),
        model: None,
        prompt: format!("do {step}"),
    }))
}

pub(crate) fn ended(step: &str, serial: u32, ending: Ending) -> RunEvent {
    RunEvent::TaskEnded {
        task: TaskId::of(RUN, &key(step), serial),
        ending,
        usage: Usage::default(),
    }
}

pub(crate) fn completed(step: &str, output: Value) -> RunEvent {
    RunEvent::StepCompleted {
        key: key(step),
        output,
        change: None,
    }
}

pub(crate) fn step_failed(step: &str, reason: &str) -> RunEvent {
    RunEvent::StepFailed {
        key: key(step),
        reason: reason.to_owned(),
    }
}

pub(crate) fn cancelled(step: &str) -> RunEvent {
    RunEvent::StepCancelled { key: key(step) }
}

pub(crate) fn reopened(step: &str) -> RunEvent {
    RunEvent::StepReopened {
        key: key(step),
        by: by(),
    }
}

pub(crate) fn skipped(step: &str) -> RunEvent {
    RunEvent::StepSkipped {
        key: key(step),
        by: by(),
    }
}

pub(crate) fn run_completed() -> RunEvent {
    RunEvent::Completed {
        report: "# report".to_owned(),
    }
}

pub(crate) fn asked(serial: u32, kind: AttentionKind, step: Option<&str>, said: (&str, &str)) -> RunEvent {
    RunEvent::AttentionRaised(Box::new(Attention {
        id: AttentionId::of(RUN, serial),
        kind,
        key: step.map(key),
        title: said.0.to_owned(),
        body: said.1.to_owned(),
        choices: match (kind, step) {
            (AttentionKind::Approval, Some(_)) => vec![Choice::Approve, Choice::Reject],
            (AttentionKind::Review, _) => vec![Choice::Dismiss],
            (_, Some(_)) => vec![Choice::Retry, Choice::Skip, Choice::Cancel],
            (_, None) => vec![Choice::Retry, Choice::Cancel],
        },
        trusts: None,
    }))
}

pub(crate) fn answered(serial: u32, choice: Choice) -> RunEvent {
    RunEvent::AttentionAnswered {
        attention: AttentionId::of(RUN, serial),
        choice,
        text: String::new(),
        by: by(),
    }
}
