//! What happens of itself: the consequences of what happened, without any input. Ask until nothing more does.

use super::fold::fold;
use super::standing::{Standing, Standings};
use super::{Phase, PlannedStep, Run, RunEvent, StepState};
use crate::planted::{self, Bug};
use crate::{Attention, AttentionId, AttentionKind, Choice, Expression, PlanStep, StepKey, StepKind, Value};

/// The next consequences, none when there are no more. Each round is applied before the next is asked for.
#[must_use]
pub fn follow(run: &Run) -> Vec<RunEvent> {
    match run.phase {
        Phase::Active => {
            let standings = Standings::of(run);
            let planned = plan_what_can_be(run, &standings);
            if planned.is_empty() {
                code_steps(run, &standings)
            } else {
                planned
            }
        }
        Phase::Cancelling if run.live.is_empty() || planted::is(Bug::CancelledAlive) => end_cancelled(run),
        Phase::Cancelling | Phase::Ended(_) => Vec::new(),
    }
}

/// Decides conditions and items as soon as what they depend on is known.
fn plan_what_can_be(run: &Run, standings: &Standings<'_>) -> Vec<RunEvent> {
    let mut steps = Vec::new();
    let mut left_out = Vec::new();
    for (step, tally) in run.start().plan.steps.iter().zip(&run.tally) {
        if tally.is_planned || tally.is_left_out {
            continue;
        }
        if standings.get(&step.id) != Standing::Open && depends_on_steps(run, step) {
            continue;
        }
        match instances(run, step) {
            instances if instances.is_empty() => left_out.push(step.id.clone()),
            instances => steps.extend(instances),
        }
    }
    let planned = (!steps.is_empty()).then_some(RunEvent::StepsPlanned { steps });
    let left_out = (!left_out.is_empty()).then_some(RunEvent::StepsLeftOut { steps: left_out });
    [planned, left_out].into_iter().flatten().collect()
}

fn depends_on_steps(run: &Run, step: &PlanStep) -> bool {
    [&step.when, &step.each]
        .into_iter()
        .flatten()
        .flat_map(Expression::roots)
        .any(|root| run.places.at(&root.into()).is_some())
}

fn instances(run: &Run, step: &PlanStep) -> Vec<PlannedStep> {
    let scope = run.scope();
    if step
        .when
        .as_ref()
        .is_some_and(|when| !when.evaluate(&scope).is_truthy())
    {
        return Vec::new();
    }
    let Some(each) = &step.each else {
        return vec![PlannedStep {
            key: StepKey::only(step.id.clone()),
            item: Value::Null,
        }];
    };
    let items = match each.evaluate(&scope) {
        Value::List(items) => items,
        Value::Null => Vec::new(),
        one => vec![one],
    };
    (0..)
        .zip(items)
        .map(|(index, item)| PlannedStep {
            key: StepKey::item(step.id.clone(), index),
            item,
        })
        .collect()
}

/// Steps that need no process: folds are done on the spot, approvals are asked for.
fn code_steps(run: &Run, standings: &Standings<'_>) -> Vec<RunEvent> {
    let mut serial = run.attention_serial;
    let mut events = Vec::new();
    for plan in standings.that_are(Standing::Open) {
        let waiting = run
            .instances(&plan.id)
            .filter(|(_, step)| matches!(step.state, StepState::Pending { .. }));
        match plan.kind {
            StepKind::Fold => events.extend(waiting.map(|(key, _)| RunEvent::StepCompleted {
                key: key.clone(),
                output: fold(run, plan),
                change: None,
            })),
            StepKind::Approval => events.extend(waiting.map(|(key, _)| {
                serial = if planted::is(Bug::AttentionShared) {
                    run.attention_serial + 1
                } else {
                    serial + 1
                };
                request_approval(run, plan, key, serial)
            })),
            StepKind::Agent | StepKind::Command | StepKind::Merge => {}
        }
    }
    events
}

fn request_approval(run: &Run, plan: &PlanStep, key: &StepKey, serial: u32) -> RunEvent {
    RunEvent::AttentionRaised(Box::new(Attention {
        id: AttentionId::of(run.id, serial),
        kind: AttentionKind::Approval,
        key: Some(key.clone()),
        title: plan.title.clone(),
        body: format!("Run `{}` goes on when this is approved.", run.start().slug),
        choices: vec![Choice::Approve, Choice::Reject],
        trusts: None,
    }))
}

fn end_cancelled(run: &Run) -> Vec<RunEvent> {
    let open = run.steps.iter().filter(|(_, step)| !step.state.is_final());
    open.map(|(key, _)| RunEvent::StepCancelled { key: key.clone() })
        .chain(
            run.attention
                .keys()
                .map(|id| RunEvent::AttentionWithdrawn { attention: *id }),
        )
        .chain([RunEvent::Cancelled])
        .collect()
}
