//! Plans in a few words, and what things in them are called.

use crate::world::RUN;
use domain::{
    Access, AttentionId, Expression, Moment, Name, PlanStep, Retry, StepKey, StepKind, TaskId, Trigger, Value,
};

pub(crate) fn agent(id: &str) -> PlanStep {
    PlanStep::new(id, StepKind::Agent)
}

pub(crate) fn fold(id: &str) -> PlanStep {
    PlanStep::new(id, StepKind::Fold)
}

pub(crate) fn merge(id: &str) -> PlanStep {
    PlanStep::new(id, StepKind::Merge)
}

pub(crate) fn approval(id: &str) -> PlanStep {
    PlanStep::new(id, StepKind::Approval)
}

pub(crate) fn command(id: &str) -> PlanStep {
    PlanStep::new(id, StepKind::Command)
}

/// Says more about a step.
pub(crate) trait Say: Sized {
    fn after(self, needs: &[&str]) -> Self;
    fn each(self, list: &str) -> Self;
    fn when(self, condition: &str) -> Self;
    fn on(self, trigger: Trigger) -> Self;
    fn tries(self, max: u32) -> Self;
    fn pauses(self, base_ms: u64, cap_ms: u64) -> Self;
    fn by(self, agents: &[&str]) -> Self;
    fn writing(self) -> Self;
    fn gated(self) -> Self;
}

impl Say for PlanStep {
    fn after(mut self, needs: &[&str]) -> Self {
        self.needs = names(needs);
        self
    }

    fn each(mut self, list: &str) -> Self {
        self.each = Some(Expression::parse(list).expect(list));
        self
    }

    fn when(mut self, condition: &str) -> Self {
        self.when = Some(Expression::parse(condition).expect(condition));
        self
    }

    fn on(mut self, trigger: Trigger) -> Self {
        self.trigger = trigger;
        self
    }

    fn tries(mut self, max: u32) -> Self {
        self.retry.max = max;
        self
    }

    fn pauses(mut self, base_ms: u64, cap_ms: u64) -> Self {
        self.retry = Retry {
            base_ms,
            cap_ms,
            ..self.retry
        };
        self
    }

    fn by(mut self, agents: &[&str]) -> Self {
        self.agents = names(agents);
        self
    }

    fn writing(mut self) -> Self {
        self.access = Access::Write;
        self
    }

    fn gated(mut self) -> Self {
        self.gate = true;
        self
    }
}

pub(crate) fn names(names: &[&str]) -> Vec<Name> {
    names.iter().map(|name| Name::from(*name)).collect()
}

pub(crate) fn texts(texts: &[&str]) -> Value {
    Value::List(texts.iter().map(|text| Value::from(*text)).collect())
}

pub(crate) fn key(key: &str) -> StepKey {
    key.parse().expect(key)
}

pub(crate) fn task(step: &str, serial: u32) -> TaskId {
    TaskId::of(RUN, &key(step), serial)
}

pub(crate) fn question(serial: u32) -> AttentionId {
    AttentionId::of(RUN, serial)
}

pub(crate) const fn at_ms(ms: u64) -> Moment {
    Moment::from_ms(ms)
}
