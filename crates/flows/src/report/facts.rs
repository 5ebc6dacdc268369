//! What a report says of a run and its steps, gathered once for both of its forms.

use crate::bundle::size_word;
use crate::definition::{Checked, CheckedStep};
use domain::{Change, Run, Step, StepKey, StepState, Value};

/// The end of one step instance, as a report says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Done,
    Failed,
    Skipped,
    Cancelled,
    NotDone,
}

impl End {
    pub(super) const fn of(state: &StepState) -> Self {
        match state {
            StepState::Completed => Self::Done,
            StepState::Failed { .. } => Self::Failed,
            StepState::Skipped => Self::Skipped,
            StepState::Cancelled => Self::Cancelled,
            StepState::Pending { .. }
            | StepState::Working { .. }
            | StepState::Checking { .. }
            | StepState::Asking { .. } => Self::NotDone,
        }
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Skipped => "skipped by hand",
            Self::Cancelled => "cancelled",
            Self::NotDone => "not done",
        }
    }
}

/// Why a step instance failed.
pub(super) fn reason(step: &Step) -> Option<&str> {
    if let StepState::Failed { reason } = &step.state {
        Some(reason)
    } else {
        None
    }
}

/// A step instance as people tell it from its siblings: the name of its item, where it has one.
pub(super) fn label(step: &CheckedStep, key: &StepKey, instance: &Step) -> String {
    let item = match &instance.item {
        Value::Map(entries) => ["name", "title", "id"]
            .iter()
            .find_map(|name| entries.get(*name)?.as_text()),
        Value::Text(text) => Some(text.as_str()),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::List(_) => None,
    };
    match (item, key.item) {
        (Some(item), _) => format!("{}: {item}", step.plan.title),
        (None, Some(number)) => format!("{} {}", step.plan.title, number + 1),
        (None, None) => step.plan.title.clone(),
    }
}

/// The model that the run was asked to use.
pub(super) fn model(run: &Run) -> &str {
    run.start().input.model.as_deref().unwrap_or("agent default")
}

/// The size, and whether speed mattered.
pub(super) fn size(run: &Run) -> String {
    let fast = if run.start().input.fast { ", fast" } else { "" };
    format!("{}{fast}", size_word(run.start().input.size))
}

/// Everything that the run changed, from its base to its line; none when nothing was.
pub(super) fn changes<'a>(run: &'a Run, flow: &'a Checked) -> impl Iterator<Item = &'a Change> {
    flow.steps
        .iter()
        .flat_map(|step| run.instances(&step.plan.id))
        .filter_map(|(_, instance)| instance.change.as_ref())
}

/// Whether the step came to nothing because it did not apply.
pub(super) fn is_left_out(run: &Run, step: &CheckedStep) -> bool {
    run.instances(&step.plan.id).next().is_none()
}
