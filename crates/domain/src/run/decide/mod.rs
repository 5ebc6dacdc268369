//! What may happen to a run, and what happened then: one file per family of inputs.

mod answer;
mod begin;
mod end;
mod line;
mod person;
mod task;

pub use begin::{Untrusted, begin};

use super::{Phase, Run, RunEvent};
use crate::{AttentionId, Change, Choice, Ending, Moment, ProcessIdentity, Refusal, StepKey, TaskId, Usage};

/// What arrives at a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A slot is free for what the step instance owes, and this is what its task is told.
    Admitted {
        /// The step instance.
        key: StepKey,
        /// The rendered prompt, or command line; an error fails the step.
        prompt: Result<String, String>,
    },
    /// The task's process exists and waits to be let go.
    TaskSpawned {
        /// The task.
        task: TaskId,
        /// Its process.
        process: ProcessIdentity,
    },
    /// The task's process and all it started are gone, or never were.
    TaskEnded {
        /// The task.
        task: TaskId,
        /// How.
        ending: Ending,
        /// What it used.
        usage: Usage,
    },
    /// The changes that a merge step needs were brought together, or not.
    Merged {
        /// The merge step.
        key: StepKey,
        /// What came of it.
        merge: Merge,
    },
    /// The run's branch shows this commit.
    Published {
        /// The commit.
        head: String,
    },
    /// The run's branch could not be moved.
    PublishFailed {
        /// For people.
        reason: String,
    },
    /// The report was rendered.
    Reported {
        /// As Markdown.
        report: String,
    },
    /// A person answered.
    Answered {
        /// The item.
        attention: AttentionId,
        /// What.
        choice: Choice,
        /// In their words.
        text: String,
        /// Who.
        by: String,
    },
    /// Start nothing new.
    Pause {
        /// Who.
        by: String,
    },
    /// Start again.
    Resume {
        /// Who.
        by: String,
    },
    /// End the run.
    Cancel {
        /// Who.
        by: String,
    },
    /// Do what failed again: one step instance, or all that failed.
    Retry {
        /// The step instance.
        key: Option<StepKey>,
        /// Who.
        by: String,
    },
    /// Go on without a step instance.
    Skip {
        /// The step instance.
        key: StepKey,
        /// Who.
        by: String,
    },
    /// The flow's name stands for another definition than the run's.
    DefinitionFound {
        /// Its hash; empty when the name stands for nothing.
        hash: String,
    },
}

/// What came of a merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Merge {
    /// All changes are together.
    Done(Option<Change>),
    /// These files do not fit together.
    Conflict(Vec<String>),
    /// It could not be tried.
    Failed(String),
}

/// May it happen, and what happened then? Consequences that need no input are [`crate::follow`]'s.
///
/// # Errors
/// A refusal, when the rules say no. Nothing happened then.
pub fn decide(run: &Run, input: Input, now: Moment) -> Result<Vec<RunEvent>, Refusal> {
    match input {
        Input::Admitted { key, prompt } => task::on_admitted(run, key, prompt),
        Input::TaskSpawned { task, process } => task::on_spawned(run, task, process),
        Input::TaskEnded { task, ending, usage } => task::on_ended(run, task, ending, usage, now),
        Input::Merged { key, merge } => line::on_merged(run, key, merge),
        Input::Published { head } => line::on_published(run, head),
        Input::PublishFailed { reason } => line::on_publish_failed(run, reason),
        Input::Reported { report } => end::on_reported(run, report),
        Input::Answered {
            attention,
            choice,
            text,
            by,
        } => answer::on_answered(run, attention, choice, text, by),
        Input::Pause { by } => active(run).and_then(|()| person::pause(run, by)),
        Input::Resume { by } => active(run).and_then(|()| person::resume(run, by)),
        Input::Cancel { by } => person::cancel(run, by),
        Input::Retry { key, by } => person::on_retry(run, key, &by),
        Input::Skip { key, by } => person::on_skip(run, key, by),
        Input::DefinitionFound { hash } => end::on_definition_found(run, hash),
    }
}

fn active(run: &Run) -> Result<(), Refusal> {
    match run.phase {
        Phase::Active => Ok(()),
        Phase::Cancelling => Err(Refusal::RunCancelling),
        Phase::Ended(_) => Err(Refusal::RunEnded),
    }
}
