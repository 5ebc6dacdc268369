//! Random plans: everything that a flow may ask of the rules, in small.

use domain::{Access, Expression, Name, Plan, PlanStep, Retry, StepKind, Trigger, Value};
use engine::testkit::Rng;

pub(super) const AGENTS: [&str; 3] = ["ada", "bob", "cyd"];

pub(crate) fn random(rng: &mut Rng) -> Plan {
    let count = rng.between(1, 6);
    let mut steps: Vec<PlanStep> = Vec::new();
    for index in 0..count {
        let step = step(rng, index, &steps);
        steps.push(step);
    }
    if steps.iter().any(is_fan_out_writer) && rng.in_thousand(800) {
        steps.push(merge(&steps));
    }
    let angles = (0..rng.below(4)).map(|item| Value::Int(i64::try_from(item).unwrap()));
    Plan {
        steps,
        size: [("angles".to_owned(), Value::List(angles.collect()))].into(),
    }
}

fn is_fan_out_writer(step: &PlanStep) -> bool {
    step.access == Access::Write && step.each.is_some()
}

fn merge(before: &[PlanStep]) -> PlanStep {
    let mut merge = PlanStep::new("merge", StepKind::Merge);
    let writers = before.iter().filter(|step| is_fan_out_writer(step));
    merge.needs = writers.map(|step| step.id.clone()).collect();
    merge
}

fn step(rng: &mut Rng, index: u64, before: &[PlanStep]) -> PlanStep {
    let kind = match rng.below(20) {
        0..=12 => StepKind::Agent,
        13 | 14 => StepKind::Command,
        15..=17 if !before.is_empty() => StepKind::Fold,
        18 => StepKind::Approval,
        _ => StepKind::Agent,
    };
    // Names whose order is not that of the plan.
    let id = format!("{}{index}", rng.one_of(&["a", "m", "z"]));
    let mut step = PlanStep::new(id.as_str(), kind);
    for other in before {
        if rng.in_thousand(if kind == StepKind::Fold { 700 } else { 400 }) {
            step.needs.push(other.id.clone());
        }
    }
    step.trigger = match rng.below(10) {
        0 | 1 => Trigger::AllDone,
        2 if !step.needs.is_empty() => Trigger::OneSuccess,
        _ => Trigger::AllSuccess,
    };
    let max = u32::try_from(rng.below(4)).unwrap();
    step.retry = Retry {
        max,
        base_ms: rng.between(100, 5_000),
        cap_ms: 9_000,
    };
    if !kind.has_task() {
        return step;
    }
    if rng.in_thousand(250) {
        step.each = Some(each(rng, &step.needs, before));
    }
    step.when = condition(rng, &step.needs);
    step.access = if rng.in_thousand(400) {
        Access::Write
    } else {
        Access::Read
    };
    step.gate = rng.in_thousand(300);
    for agent in AGENTS {
        if kind == StepKind::Agent && rng.in_thousand(250) {
            step.agents.push(Name::from(agent));
        }
    }
    step
}

fn each(rng: &mut Rng, needs: &[Name], before: &[PlanStep]) -> Expression {
    let folds: Vec<&PlanStep> = before
        .iter()
        .filter(|step| step.kind == StepKind::Fold && needs.contains(&step.id))
        .collect();
    let source = if folds.is_empty() || rng.in_thousand(500) {
        "size.angles".to_owned()
    } else {
        format!("{}.items", rng.one_of(&folds).id)
    };
    Expression::parse(&source).unwrap()
}

fn condition(rng: &mut Rng, needs: &[Name]) -> Option<Expression> {
    let source = match rng.below(10) {
        0 => "input.fast".to_owned(),
        1 => "not input.fast".to_owned(),
        2 if !needs.is_empty() => rng.one_of(needs).to_string(),
        _ => return None,
    };
    Some(Expression::parse(&source).unwrap())
}
