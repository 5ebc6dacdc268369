//! How the steps of a plan stand, as those who need them see it: open, succeeded, failed, or never to begin.

use super::Run;
use crate::planted::{self, Bug};
use crate::{Name, Plan, PlanStep, Trigger};
use std::collections::BTreeMap;

/// Where each step stands in its plan, and what it needs: looked up once, since every turn asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Places {
    by_id: BTreeMap<Name, usize>,
    needs: Vec<Vec<usize>>,
}

impl Places {
    pub(super) fn of(plan: &Plan) -> Self {
        let by_id: BTreeMap<Name, usize> = (0..)
            .zip(&plan.steps)
            .map(|(at, step)| (step.id.clone(), at))
            .collect();
        let needs = plan.steps.iter().map(|step| {
            let needs = step.needs.iter();
            needs.filter_map(|need| by_id.get(need).copied()).collect()
        });
        Self {
            needs: needs.collect(),
            by_id,
        }
    }

    pub(super) fn at(&self, step: &Name) -> Option<usize> {
        self.by_id.get(step).copied()
    }
}

/// Counts over the instances of one step of the plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) is_planned: bool,
    pub(super) is_left_out: bool,
    pub(super) open: u32,
    pub(super) succeeded: u32,
    pub(super) failed: u32,
}

/// How a step of the plan stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It waits for its needs.
    Waiting,
    /// Its needs let it begin, or it is under way.
    Open,
    /// All instances are done, or it does not apply.
    Succeeded,
    /// All instances ended, and one failed.
    Failed,
    /// What its needs did never lets it begin.
    Blocked,
}

impl Standing {
    const fn is_settled(self) -> bool {
        match self {
            Self::Waiting | Self::Open => false,
            Self::Succeeded | Self::Failed | Self::Blocked => true,
        }
    }
}

/// All steps of the plan, in its order.
pub(super) struct Standings<'a> {
    run: &'a Run,
    by_place: Vec<Standing>,
}

impl<'a> Standings<'a> {
    pub(super) fn of(run: &'a Run) -> Self {
        let plan = &*run.start().plan;
        let mut by_place = Vec::with_capacity(plan.steps.len());
        for (at, step) in (0..).zip(&plan.steps) {
            by_place.push(judge(step, &run.tally[at], &run.places.needs[at], &by_place));
        }
        Self { run, by_place }
    }

    pub(super) fn get(&self, step: &Name) -> Standing {
        let at = self.run.places.at(step);
        self.by_place[at.expect("only steps of the plan are asked for")]
    }

    /// The steps that stand like this, in the order of the plan.
    pub(super) fn that_are(&self, standing: Standing) -> impl Iterator<Item = &'a PlanStep> {
        let steps = self.run.start().plan.steps.iter().zip(&self.by_place);
        steps
            .filter(move |(_, stands)| **stands == standing)
            .map(|(step, _)| step)
    }

    /// The steps with instances that have not ended, in the order of the plan.
    pub(super) fn unfinished(&self) -> impl Iterator<Item = (&'a PlanStep, Standing)> {
        let steps = self.run.start().plan.steps.iter().zip(&self.by_place);
        let open = steps.zip(&self.run.tally).filter(|(_, tally)| tally.open > 0);
        open.map(|((step, standing), _)| (step, *standing))
    }

    /// Whether no step can do or become anything more.
    pub(super) fn all_settled(&self) -> bool {
        self.by_place.iter().all(|standing| standing.is_settled())
    }

    /// The first failed step that nothing makes up for: no step that accepts its end has succeeded.
    pub(super) fn fatal(&self) -> Option<&'a Name> {
        let applies = |step: &PlanStep| {
            let at = self.run.places.at(&step.id);
            at.is_some_and(|at| !self.run.tally[at].is_left_out)
        };
        let makes_up = |failed: &Name| {
            let mut well = self.that_are(Standing::Succeeded).filter(|step| applies(step));
            well.any(|step| step.trigger != Trigger::AllSuccess && step.needs.contains(failed))
        };
        let mut failed = self.that_are(Standing::Failed).map(|step| &step.id);
        failed.find(|step| !makes_up(step))
    }
}

fn judge(step: &PlanStep, tally: &Tally, needs: &[usize], before: &[Standing]) -> Standing {
    if tally.is_planned && tally.open == 0 {
        return if tally.failed == 0 {
            Standing::Succeeded
        } else {
            Standing::Failed
        };
    }
    if tally.is_left_out && planted::is(Bug::LeftOutIsDone) {
        return Standing::Succeeded;
    }
    let needs = || needs.iter().map(|need| before[*need]);
    let all_settled = needs().all(Standing::is_settled);
    let has_success = needs().any(|need| need == Standing::Succeeded);
    let has_failure = needs().any(|need| matches!(need, Standing::Failed | Standing::Blocked));
    match step.trigger {
        Trigger::AllSuccess if has_failure && !planted::is(Bug::FailuresForgiven) => Standing::Blocked,
        Trigger::OneSuccess if has_success || step.needs.is_empty() => may_begin(tally),
        Trigger::OneSuccess if all_settled => Standing::Blocked,
        Trigger::AllSuccess | Trigger::AllDone if all_settled => may_begin(tally),
        Trigger::AllSuccess | Trigger::AllDone | Trigger::OneSuccess => Standing::Waiting,
    }
}

/// A step that does not apply is done as soon as it might have begun: what comes after it still comes after what came
/// before it.
const fn may_begin(tally: &Tally) -> Standing {
    if tally.is_left_out {
        Standing::Succeeded
    } else {
        Standing::Open
    }
}
