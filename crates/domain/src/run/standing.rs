//! How the steps of a plan stand, as those who need them see it: open, succeeded, failed, or never to begin.

use super::Run;
use crate::{Name, Plan, PlanStep, Trigger};
use std::collections::BTreeMap;

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
    plan: &'a Plan,
    by_step: BTreeMap<&'a Name, Standing>,
}

impl<'a> Standings<'a> {
    pub(super) fn of(run: &'a Run) -> Self {
        let plan = &*run.start().plan;
        let mut standings = Self {
            plan,
            by_step: BTreeMap::new(),
        };
        for step in &plan.steps {
            let standing = standings.judge(step, &run.tally[&step.id]);
            standings.by_step.insert(&step.id, standing);
        }
        standings
    }

    fn judge(&self, step: &PlanStep, tally: &Tally) -> Standing {
        let is_ended = tally.is_planned && tally.open == 0;
        if tally.is_left_out || (is_ended && tally.failed == 0) {
            return Standing::Succeeded;
        }
        if is_ended {
            return Standing::Failed;
        }
        let needs = || step.needs.iter().map(|need| self.by_step[need]);
        let all_settled = needs().all(Standing::is_settled);
        let has_success = needs().any(|need| need == Standing::Succeeded);
        let has_failure = needs().any(|need| matches!(need, Standing::Failed | Standing::Blocked));
        match step.trigger {
            Trigger::AllSuccess if has_failure => Standing::Blocked,
            Trigger::OneSuccess if has_success || step.needs.is_empty() => Standing::Open,
            Trigger::OneSuccess if all_settled => Standing::Blocked,
            Trigger::AllSuccess | Trigger::AllDone if all_settled => Standing::Open,
            Trigger::AllSuccess | Trigger::AllDone | Trigger::OneSuccess => Standing::Waiting,
        }
    }

    pub(super) fn get(&self, step: &Name) -> Standing {
        self.by_step[step]
    }

    /// Whether no step can do or become anything more.
    pub(super) fn all_settled(&self) -> bool {
        self.by_step.values().all(|standing| standing.is_settled())
    }

    /// The first failed step that nothing makes up for: no step that accepts its end has succeeded.
    pub(super) fn fatal(&self) -> Option<&'a Name> {
        let makes_up = |failed: &Name| {
            self.plan.steps.iter().any(|step| {
                step.trigger != Trigger::AllSuccess
                    && step.needs.contains(failed)
                    && self.get(&step.id) == Standing::Succeeded
            })
        };
        self.plan
            .steps
            .iter()
            .map(|step| &step.id)
            .find(|step| self.get(step) == Standing::Failed && !makes_up(step))
    }
}
