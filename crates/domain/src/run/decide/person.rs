//! What people want of a run: to pause, to go on, to do again, to go on without.

use super::super::duties::is_done;
use super::super::{Outcome, Phase, Run, RunEvent, StepState};
use super::active;
use crate::{Refusal, StepKey};

pub(super) fn pause(run: &Run, by: String) -> Result<Vec<RunEvent>, Refusal> {
    if run.is_paused {
        Err(Refusal::PauseUnchanged)
    } else {
        Ok(vec![RunEvent::Paused { by }])
    }
}

pub(super) fn resume(run: &Run, by: String) -> Result<Vec<RunEvent>, Refusal> {
    if run.is_paused {
        Ok(vec![RunEvent::Resumed { by }])
    } else {
        Err(Refusal::PauseUnchanged)
    }
}

/// A run whose work is done has ended for whoever would stop it, though its branch or its report is still owed: there
/// is nothing left to stop, and what it did must not be called cancelled.
pub(super) fn cancel(run: &Run, by: String) -> Result<Vec<RunEvent>, Refusal> {
    active(run)?;
    if is_done(run) {
        return Err(Refusal::RunEnded);
    }
    Ok(vec![RunEvent::CancelRequested { by }])
}

/// Whether steps that ended may be opened again: not in a run that was cancelled or that succeeded.
fn may_reopen(run: &Run) -> Result<(), Refusal> {
    match run.phase {
        Phase::Active | Phase::Ended(Outcome::Failed) => Ok(()),
        Phase::Cancelling => Err(Refusal::RunCancelling),
        Phase::Ended(Outcome::Completed | Outcome::Cancelled) => Err(Refusal::RunEnded),
    }
}

pub(super) fn on_retry(run: &Run, key: Option<StepKey>, by: &str) -> Result<Vec<RunEvent>, Refusal> {
    may_reopen(run)?;
    let has_failed = |key: &StepKey| {
        matches!(
            run.step(key).map(|step| &step.state),
            Some(StepState::Failed { .. })
        )
    };
    let failed: Vec<StepKey> = match key {
        Some(key) if run.step(&key).is_none() => return Err(Refusal::UnknownStep(key)),
        Some(key) if !has_failed(&key) => return Err(Refusal::StepNotEnded(key)),
        Some(key) => vec![key],
        None => run.steps.keys().filter(|key| has_failed(key)).cloned().collect(),
    };
    if failed.is_empty() {
        return Err(Refusal::NothingToDo);
    }
    Ok(reopened(run, failed, by))
}

/// What failed, and with it what was cancelled only because the run ended.
fn reopened(run: &Run, failed: Vec<StepKey>, by: &str) -> Vec<RunEvent> {
    let with_it = run
        .steps
        .iter()
        .filter(|(_, step)| step.state == StepState::Cancelled)
        .map(|(key, _)| key.clone());
    failed
        .into_iter()
        .chain(with_it)
        .map(|key| RunEvent::StepReopened {
            key,
            by: by.to_owned(),
        })
        .collect()
}

pub(super) fn on_skip(run: &Run, key: StepKey, by: String) -> Result<Vec<RunEvent>, Refusal> {
    may_reopen(run)?;
    let step = run.step(&key).ok_or_else(|| Refusal::UnknownStep(key.clone()))?;
    let skipped = RunEvent::StepSkipped {
        key: key.clone(),
        by: by.clone(),
    };
    match &step.state {
        StepState::Pending { .. } | StepState::Checking { task: None, .. } => Ok(vec![skipped]),
        StepState::Asking { attention } => Ok(vec![
            RunEvent::AttentionWithdrawn {
                attention: *attention,
            },
            skipped,
        ]),
        StepState::Failed { .. } => {
            let mut events = reopened(run, vec![key], &by);
            events.push(skipped);
            Ok(events)
        }
        StepState::Working { .. }
        | StepState::Checking { .. }
        | StepState::Completed
        | StepState::Cancelled
        | StepState::Skipped => Err(Refusal::StepNotOpen(key)),
    }
}
