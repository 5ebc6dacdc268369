//! Findings and what was judged of them. A step whose output holds `verdicts` judges, by number, the items of the
//! nearest step it needs that has some.

use crate::definition::Checked;
use domain::{Name, PlanStep, Run, StepKind, Value};

/// The items of one step, with what judges said.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Findings {
    /// The step that holds them.
    pub(super) step: Name,
    pub(super) items: Vec<Judged>,
    /// How many judges gave verdicts.
    pub(super) judges: usize,
}

/// One item.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Judged {
    /// Its number, which judges and texts refer to.
    pub(super) number: usize,
    pub(super) item: Value,
    pub(super) verdicts: Vec<Verdict>,
}

/// What one judge said.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Verdict {
    pub(super) verdict: String,
    pub(super) reason: String,
}

impl Judged {
    /// Whether more judges refuted it than did not.
    pub(super) fn is_refuted(&self) -> bool {
        let against = self
            .verdicts
            .iter()
            .filter(|verdict| verdict.verdict == "refuted")
            .count();
        against * 2 > self.verdicts.len()
    }

    /// The worst first.
    pub(super) fn rank(&self) -> u8 {
        match self.item.get("severity").and_then(Value::as_text) {
            Some("high") => 0,
            Some("medium") => 1,
            Some("low") => 2,
            Some(_) | None => 3,
        }
    }
}

/// All lists of findings of a run: those of folds, and those that were judged.
pub(super) fn all(run: &Run, flow: &Checked) -> Vec<Findings> {
    let mut all = Vec::new();
    for step in &flow.steps {
        let plan = &step.plan;
        let judges = judges_of(run, flow, plan);
        let is_wanted = plan.kind == StepKind::Fold || !judges.is_empty();
        let Some(items) = items(run, plan).filter(|_| is_wanted) else {
            continue;
        };
        let verdicts: Vec<Value> = judges.iter().flat_map(|judge| outputs(run, &judge.id)).collect();
        let judged = items.into_iter().enumerate().map(|(index, item)| Judged {
            number: index + 1,
            verdicts: verdicts
                .iter()
                .filter_map(|output| verdict(output, index + 1))
                .collect(),
            item,
        });
        all.push(Findings {
            step: plan.id.clone(),
            items: judged.collect(),
            judges: verdicts.len(),
        });
    }
    all
}

/// Whether a step's output is shown as findings, not on its own.
pub(super) fn holds(all: &[Findings], step: &Name) -> bool {
    all.iter().any(|findings| findings.step == *step)
}

/// The steps that judge the items of a step.
fn judges_of<'a>(run: &Run, flow: &'a Checked, judged: &PlanStep) -> Vec<&'a PlanStep> {
    let plans = flow.steps.iter().map(|step| &step.plan);
    plans
        .filter(|plan| has_verdicts(run, &plan.id) && judged_by(run, flow, plan) == Some(&judged.id))
        .collect()
}

/// The nearest need of a judge that has items.
fn judged_by<'a>(run: &Run, flow: &'a Checked, judge: &'a PlanStep) -> Option<&'a Name> {
    let mut needs = judge.needs.iter().rev().filter_map(|need| flow.step(need));
    needs
        .find(|need| items(run, &need.plan).is_some())
        .map(|need| &need.plan.id)
}

fn has_verdicts(run: &Run, step: &Name) -> bool {
    outputs(run, step)
        .iter()
        .any(|output| output.get("verdicts").is_some())
}

pub(super) fn outputs(run: &Run, step: &Name) -> Vec<Value> {
    run.instances(step)
        .filter_map(|(_, instance)| instance.output.clone())
        .collect()
}

/// The items of a step without fan-out: those of a fold, or the only list of its output.
fn items(run: &Run, plan: &PlanStep) -> Option<Vec<Value>> {
    let output = run.scope().output(&plan.id).into_owned();
    let Value::Map(entries) = output else { return None };
    if plan.kind == StepKind::Fold {
        return entries
            .get("items")
            .and_then(Value::as_list)
            .map(<[Value]>::to_vec);
    }
    let mut lists = entries
        .iter()
        .filter(|(name, _)| *name != "verdicts")
        .filter_map(|(_, value)| value.as_list());
    match (lists.next(), lists.next()) {
        (Some(only), None) => Some(only.to_vec()),
        (Some(_), Some(_)) | (None, _) => None,
    }
}

fn verdict(output: &Value, number: usize) -> Option<Verdict> {
    let number = i64::try_from(number).ok()?;
    let found = output
        .get("verdicts")?
        .as_list()?
        .iter()
        .find(|one| one.get("finding") == Some(&Value::Int(number)))?;
    let part = |name: &str| {
        found
            .get(name)
            .and_then(Value::as_text)
            .unwrap_or_default()
            .to_owned()
    };
    Some(Verdict {
        verdict: part("verdict"),
        reason: part("reason"),
    })
}
