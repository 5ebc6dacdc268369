//! Takes secrets out of what a run is told, before it is decided on: what is remembered, stored, shown and told to other
//! agents is then the same everywhere.
//!
//! Owns: which parts of what arrives are words that somebody wrote.
//! Leaves out: what a secret is, which whoever keeps transcripts knows.

use crate::ports::Transcripts;
use domain::{Ending, Input, Merge, NewUnit, RunInput, Value};

/// What arrives at a run, without secrets.
pub(crate) fn input(keeper: &dyn Transcripts, input: Input) -> Input {
    let clean = |text: String| keeper.without_secrets(text);
    match input {
        Input::Admitted { key, prompt } => Input::Admitted {
            key,
            prompt: prompt.map(clean).map_err(clean),
        },
        Input::TaskEnded { task, ending, usage } => Input::TaskEnded {
            task,
            ending: of_ending(keeper, ending),
            usage,
        },
        Input::Merged { key, merge } => Input::Merged {
            key,
            merge: match merge {
                Merge::Done(change) => Merge::Done(change),
                Merge::Conflict(files) => Merge::Conflict(files.into_iter().map(clean).collect()),
                Merge::Failed(reason) => Merge::Failed(clean(reason)),
            },
        },
        Input::PublishFailed { reason } => Input::PublishFailed {
            reason: clean(reason),
        },
        Input::Reported { report } => Input::Reported {
            report: clean(report),
        },
        Input::Answered {
            attention,
            choice,
            text,
            by,
        } => Input::Answered {
            attention,
            choice,
            text: clean(text),
            by,
        },
        Input::TaskSpawned { .. }
        | Input::Published { .. }
        | Input::Pause { .. }
        | Input::Resume { .. }
        | Input::Cancel { .. }
        | Input::Retry { .. }
        | Input::Skip { .. }
        | Input::DefinitionFound { .. } => input,
    }
}

/// How a task ended, without secrets.
pub(crate) fn of_ending(keeper: &dyn Transcripts, ending: Ending) -> Ending {
    let clean = |text: String| keeper.without_secrets(text);
    match ending {
        Ending::Completed { output, change } => Ending::Completed {
            output: value(keeper, output),
            change,
        },
        Ending::Failed { class, reason } => Ending::Failed {
            class,
            reason: clean(reason),
        },
        Ending::Interrupted { reason } => Ending::Interrupted {
            reason: clean(reason),
        },
        Ending::Parked {
            account,
            until,
            reason,
        } => Ending::Parked {
            account,
            until,
            reason: clean(reason),
        },
        Ending::Cancelled => Ending::Cancelled,
    }
}

/// What a run is asked, without secrets.
pub(crate) fn of_run(keeper: &dyn Transcripts, mut input: RunInput) -> RunInput {
    input.question = keeper.without_secrets(input.question);
    input.extra = (input.extra.into_iter())
        .map(|(name, extra)| (name, value(keeper, extra)))
        .collect();
    input
}

/// What a work unit is made of, without secrets.
pub(crate) fn of_unit(keeper: &dyn Transcripts, mut unit: NewUnit) -> NewUnit {
    if let Some(order) = &mut unit.order {
        order.question = keeper.without_secrets(std::mem::take(&mut order.question));
        order.extra = (std::mem::take(&mut order.extra).into_iter())
            .map(|(name, extra)| (name, value(keeper, extra)))
            .collect();
    }
    unit
}

fn value(keeper: &dyn Transcripts, found: Value) -> Value {
    match found {
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => found,
        Value::Text(text) => Value::Text(keeper.without_secrets(text)),
        Value::List(items) => Value::List(items.into_iter().map(|item| value(keeper, item)).collect()),
        Value::Map(entries) => Value::Map(
            (entries.into_iter())
                .map(|(name, entry)| (keeper.without_secrets(name), value(keeper, entry)))
                .collect(),
        ),
    }
}
