//! What happens to the run's line of commits: merges, and the branch that shows it.

use super::super::duties::has_asked_about_branch;
use super::super::{Run, RunEvent, StepState};
use super::task::ask;
use super::{Merge, active};
use crate::planted::{self, Bug};
use crate::{Attention, AttentionId, AttentionKind, Choice, Refusal, StepKey, Value};

pub(super) fn on_merged(run: &Run, key: StepKey, merge: Merge) -> Result<Vec<RunEvent>, Refusal> {
    active(run)?;
    let step = run.step(&key).ok_or_else(|| Refusal::UnknownStep(key.clone()))?;
    if !matches!(step.state, StepState::Pending { .. }) {
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
    Ok(vec![RunEvent::LinePublished { head }])
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
