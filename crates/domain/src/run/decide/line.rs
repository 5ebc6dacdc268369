//! What happens to the run's line of commits: merges, and the branch that shows it.

use super::super::duties::has_asked_about_branch;
use super::super::standing::{Standing, Standings};
use super::super::{Run, RunEvent, StepState};
use super::task::ask;
use super::{Merge, active};
use crate::planted::{self, Bug};
use crate::{Attention, AttentionId, AttentionKind, Choice, Refusal, StepKey, StepKind, Value};

pub(super) fn on_merged(run: &Run, key: StepKey, merge: Merge) -> Result<Vec<RunEvent>, Refusal> {
    active(run)?;
    let step = run.step(&key).ok_or_else(|| Refusal::UnknownStep(key.clone()))?;
    let plan = run.plan_of(&key).expect("only steps of the plan have instances");
    let is_owed = plan.kind == StepKind::Merge && Standings::of(run).get(&plan.id) == Standing::Open;
    if !is_owed || !matches!(step.state, StepState::Pending { .. }) {
        return Err(Refusal::StepNotOpen(key));
    }
    Ok(vec![match merge {
        Merge::Done(change) => {
            let files = change.as_ref().map_or(0, |change| i64::from(change.files));
            RunEvent::StepCompleted {
                key,
                output: Value::map([("files", Value::Int(files))]),
                change,
            }
        }
        Merge::Conflict(files) => {
            let title = format!("the changes that `{key}` brings together do not fit");
            ask(run, &key, AttentionKind::Conflict, title, files.join("\n"))
        }
        Merge::Failed(reason) => RunEvent::StepFailed { key, reason },
    }])
}

pub(super) fn on_published(run: &Run, head: String) -> Result<Vec<RunEvent>, Refusal> {
    let is_known = planted::is(Bug::BranchJumps) && run.unpublished.contains(&head);
    if run.unpublished.first() != Some(&head) && !is_known {
        return Err(Refusal::NothingToDo);
    }
    // Somebody may have been asked about the branch before it moved after all.
    let is_question = |item: &&Attention| item.key.is_none() && item.kind == AttentionKind::Conflict;
    let asked = run.attention.values().filter(is_question);
    let withdrawn = asked.map(|item| RunEvent::AttentionWithdrawn { attention: item.id });
    Ok([RunEvent::LinePublished { head }]
        .into_iter()
        .chain(withdrawn)
        .collect())
}

pub(super) fn on_publish_failed(run: &Run, reason: String) -> Result<Vec<RunEvent>, Refusal> {
    active(run)?;
    if run.unpublished.is_empty() || has_asked_about_branch(run) {
        return Err(Refusal::NothingToDo);
    }
    Ok(vec![RunEvent::AttentionRaised(Box::new(Attention {
        id: AttentionId::of(run.id, run.attention_serial + 1),
        kind: AttentionKind::Conflict,
        key: None,
        title: format!("the branch of run `{}` could not be moved", run.start().slug),
        body: reason,
        choices: vec![Choice::Retry, Choice::Cancel],
        trusts: None,
    }))])
}
