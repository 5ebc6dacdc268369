//! The smallest worlds in which a rule can be seen.

use domain::{
    Ending, Expression, FailureClass, FlowRef, Input, Moment, Name, Plan, PlanStep, ProjectId, Refusal,
    Retry, Run, RunEvent, RunId, RunInput, RunStarted, Size, StepKind, TaskId, Usage, Value, begin, decide,
    follow,
};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) const RUN: RunId = RunId::from_bits(7);

pub(crate) fn at(ms: u64) -> Moment {
    Moment::from_ms(ms)
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
}

pub(crate) fn by() -> String {
    "sam".to_owned()
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
