//! What may happen to a run, and what happened then. One function per input.

use super::duties::{Begin, beginnable};
use super::{Outcome, Phase, Run, RunEvent, RunStarted, StepState};
use crate::id::Digest;
use crate::{
    Attention, AttentionId, AttentionKind, Change, Choice, Ending, FailureClass, Moment, Name,
    ProcessIdentity, Refusal, Remedy, Retry, Role, RunId, StepKey, TaskId, TaskOrdered, Usage, Value,
};

/// So many interruptions in a row and a person is asked.
const INTERRUPTIONS_MAX: u32 = 3;

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

/// Commands that a run brought along and that nobody trusts yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untrusted {
    /// Hash over their canonical bytes.
    pub hash: String,
    /// As a person must see them.
    pub shown: String,
}

/// What happens when a run comes to be: it starts, and asks first when it brought commands that nobody trusts yet.
#[must_use]
pub fn begin(id: RunId, started: RunStarted, untrusted: Option<Untrusted>) -> Vec<RunEvent> {
    let approval = untrusted.map(|Untrusted { hash, shown }| {
        RunEvent::AttentionRaised(Box::new(Attention {
            id: AttentionId::of(id, 1),
            kind: AttentionKind::Approval,
            key: None,
            title: format!(
                "flow `{}` brings commands along that run in the sandbox",
                started.flow.name
            ),
            body: shown,
            choices: vec![Choice::Approve, Choice::Cancel],
            trusts: Some(hash),
        }))
    });
    [Some(RunEvent::Started(Box::new(started))), approval]
        .into_iter()
        .flatten()
        .collect()
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

/// May it happen, and what happened then? Consequences that need no input are [`super::follow`]'s.
///
/// # Errors
/// A refusal, when the rules say no. Nothing happened then.
pub fn decide(run: &Run, input: Input, now: Moment) -> Result<Vec<RunEvent>, Refusal> {
    match input {
        Input::Admitted { key, prompt } => on_admitted(run, key, prompt),
        Input::TaskSpawned { task, process } => on_spawned(run, task, process),
        Input::TaskEnded { task, ending, usage } => on_ended(run, task, ending, usage, now),
        Input::Merged { key, merge } => on_merged(run, key, merge),
        Input::Published { head } => on_published(run, head),
        Input::PublishFailed { reason } => on_publish_failed(run, reason),
        Input::Reported { report } => on_reported(run, report),
        Input::Answered {
            attention,
            choice,
            text,
            by,
        } => on_answered(run, attention, choice, text, by),
        Input::Pause { by } => active(run).and_then(|()| pause(run, by)),
        Input::Resume { by } => active(run).and_then(|()| resume(run, by)),
        Input::Cancel { by } => active(run).map(|()| vec![RunEvent::CancelRequested { by }]),
        Input::Retry { key, by } => on_retry(run, key, &by),
        Input::Skip { key, by } => on_skip(run, key, by),
        Input::DefinitionFound { hash } => on_definition_found(run, hash),
    }
}

fn active(run: &Run) -> Result<(), Refusal> {
    match run.phase {
        Phase::Active => Ok(()),
        Phase::Cancelling => Err(Refusal::RunCancelling),
        Phase::Ended(_) => Err(Refusal::RunEnded),
    }
}

fn on_admitted(run: &Run, key: StepKey, prompt: Result<String, String>) -> Result<Vec<RunEvent>, Refusal> {
    active(run)?;
    let step = run.step(&key).ok_or_else(|| Refusal::UnknownStep(key.clone()))?;
    let Some(Begin {
        role, agent, model, ..
    }) = beginnable(run, &key)
    else {
        return Err(Refusal::StepNotOpen(key));
    };
    let prompt = match prompt {
        Ok(prompt) => prompt,
        Err(reason) => return Ok(vec![RunEvent::StepFailed { key, reason }]),
    };
    let serial = step.serial + 1;
    let task = TaskId::of(run.id, &key, serial);
    let chat = key.chat(run.id);
    Ok(vec![RunEvent::TaskOrdered(Box::new(TaskOrdered {
        task,
        key,
        chat,
        role,
        serial,
        agent,
        model,
        prompt,
    }))])
}

fn live_task(run: &Run, task: TaskId) -> Result<&crate::Task, Refusal> {
    if run.live.contains(&task) {
        Ok(&run.tasks[&task])
    } else {
        Err(Refusal::StaleTask(task))
    }
}

fn on_spawned(run: &Run, task: TaskId, process: ProcessIdentity) -> Result<Vec<RunEvent>, Refusal> {
    live_task(run, task)?;
    active(run)?;
    Ok(vec![RunEvent::TaskStarted { task, process }])
}

fn on_ended(
    run: &Run,
    task: TaskId,
    ending: Ending,
    usage: Usage,
    now: Moment,
) -> Result<Vec<RunEvent>, Refusal> {
    let (key, role) = {
        let task = live_task(run, task)?;
        (task.key.clone(), task.role)
    };
    let consequence = if let Ending::Completed { output, change } = &ending {
        completion(run, &key, role, output, change.as_ref())
    } else if run.phase == Phase::Active {
        setback(run, &key, task, &ending, now)
    } else {
        None
    };
    Ok([Some(RunEvent::TaskEnded { task, ending, usage }), consequence]
        .into_iter()
        .flatten()
        .collect())
}

/// A task did what it was for: so did its step, unless a gate is owed first.
fn completion(
    run: &Run,
    key: &StepKey,
    role: Role,
    output: &Value,
    change: Option<&Change>,
) -> Option<RunEvent> {
    let step = run.step(key)?;
    match (role, &step.state) {
        (Role::Gate, StepState::Checking { output, change, .. }) => Some(RunEvent::StepCompleted {
            key: key.clone(),
            output: output.clone(),
            change: change.clone(),
        }),
        (Role::Gate, _) => None,
        (Role::Work, _) if run.plan_of(key)?.gate => None,
        (Role::Work, _) => Some(RunEvent::StepCompleted {
            key: key.clone(),
            output: output.clone(),
            change: change.cloned(),
        }),
    }
}

/// A task did not do what it was for: again later, another agent, a person, or never.
fn setback(run: &Run, key: &StepKey, task: TaskId, ending: &Ending, now: Moment) -> Option<RunEvent> {
    let step = run.step(key)?;
    match ending {
        Ending::Completed { .. } => None,
        Ending::Failed { class, reason } => Some(match class.remedy() {
            Remedy::Retry => retry_or_fail(run, key, task, reason, now),
            Remedy::Ask => ask(
                run,
                key,
                failure_kind(*class),
                failure_title(*class, key),
                reason.clone(),
            ),
            Remedy::GiveUp => RunEvent::StepFailed {
                key: key.clone(),
                reason: reason.clone(),
            },
        }),
        Ending::Interrupted { reason } if step.interruptions + 1 >= INTERRUPTIONS_MAX => {
            let title = format!("step `{key}` was interrupted {INTERRUPTIONS_MAX} times in a row");
            Some(ask(run, key, AttentionKind::Stuck, title, reason.clone()))
        }
        Ending::Parked { .. } => next_agent(run, key).map(|agent| RunEvent::AgentChanged {
            key: key.clone(),
            agent,
        }),
        Ending::Interrupted { .. } | Ending::Cancelled => None,
    }
}

fn retry_or_fail(run: &Run, key: &StepKey, task: TaskId, reason: &str, now: Moment) -> RunEvent {
    let retry = run.plan_of(key).map_or_else(Retry::default, |plan| plan.retry);
    let failures = run.step(key).map_or(0, |step| step.failures) + 1;
    if failures > retry.max {
        return RunEvent::StepFailed {
            key: key.clone(),
            reason: reason.to_owned(),
        };
    }
    let not_before = now.plus_ms(pause_ms(retry, failures, task));
    RunEvent::RetryScheduled {
        key: key.clone(),
        failures,
        not_before,
    }
}

/// `min(cap, base·2ⁿ)` plus up to a quarter of it, spread by the task's id.
fn pause_ms(retry: Retry, failures: u32, task: TaskId) -> u64 {
    let factor = 1_u64.checked_shl(failures - 1).unwrap_or(u64::MAX);
    let pause = retry.base_ms.saturating_mul(factor).min(retry.cap_ms);
    pause.saturating_add(Digest::new(0x6a).bits(task.bits()).spread(pause / 4))
}

fn next_agent(run: &Run, key: &StepKey) -> Option<Name> {
    let agents = &run.plan_of(key)?.agents;
    let now = run.agent_of(key);
    let at = agents.iter().position(|agent| *agent == now)?;
    agents.get(at + 1).cloned()
}

const fn failure_kind(class: FailureClass) -> AttentionKind {
    match class {
        FailureClass::Authentication | FailureClass::Missing => AttentionKind::Failure,
        FailureClass::Transient
        | FailureClass::Permanent
        | FailureClass::Output
        | FailureClass::Gate
        | FailureClass::Timeout
        | FailureClass::Silence
        | FailureClass::NoSpace
        | FailureClass::AccessViolated => AttentionKind::Stuck,
    }
}

fn failure_title(class: FailureClass, key: &StepKey) -> String {
    match class {
        FailureClass::Authentication => format!("the agent of step `{key}` is not logged in"),
        FailureClass::Missing => format!("the agent of step `{key}` cannot be used"),
        FailureClass::Transient
        | FailureClass::Permanent
        | FailureClass::Output
        | FailureClass::Gate
        | FailureClass::Timeout
        | FailureClass::Silence
        | FailureClass::NoSpace
        | FailureClass::AccessViolated => format!("step `{key}` does not get done"),
    }
}

fn ask(run: &Run, key: &StepKey, kind: AttentionKind, title: String, body: String) -> RunEvent {
    RunEvent::AttentionRaised(Box::new(Attention {
        id: AttentionId::of(run.id, run.attention_serial + 1),
        kind,
        key: Some(key.clone()),
        title,
        body,
        choices: vec![Choice::Retry, Choice::Skip, Choice::Cancel],
        trusts: None,
    }))
}

fn on_merged(run: &Run, key: StepKey, merge: Merge) -> Result<Vec<RunEvent>, Refusal> {
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

fn on_published(run: &Run, head: String) -> Result<Vec<RunEvent>, Refusal> {
    if head != run.line || head == run.published {
        return Err(Refusal::NothingToDo);
    }
    Ok(vec![RunEvent::LinePublished { head }])
}

fn on_publish_failed(run: &Run, reason: String) -> Result<Vec<RunEvent>, Refusal> {
    active(run)?;
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

fn on_reported(run: &Run, report: String) -> Result<Vec<RunEvent>, Refusal> {
    active(run)?;
    if !super::duties::is_ready_to_end(run) {
        return Err(Refusal::NothingToDo);
    }
    let standings = super::standing::Standings::of(run);
    let mut events: Vec<RunEvent> = run
        .steps
        .iter()
        .filter(|(_, step)| !step.state.is_final())
        .map(|(key, _)| RunEvent::StepCancelled { key: key.clone() })
        .collect();
    events.extend(
        run.attention
            .keys()
            .map(|id| RunEvent::AttentionWithdrawn { attention: *id }),
    );
    events.push(match standings.fatal() {
        None => RunEvent::Completed { report },
        Some(step) => {
            let why = run.instances(step).find_map(|(key, step)| match &step.state {
                StepState::Failed { reason } => Some(format!("step `{key}` failed: {reason}")),
                _ => None,
            });
            RunEvent::Failed {
                reason: why.unwrap_or_else(|| format!("step `{step}` failed")),
                report,
            }
        }
    });
    Ok(events)
}

fn on_answered(
    run: &Run,
    attention: AttentionId,
    choice: Choice,
    text: String,
    by: String,
) -> Result<Vec<RunEvent>, Refusal> {
    active(run)?;
    let item = run
        .attention
        .get(&attention)
        .ok_or(Refusal::UnknownAttention(attention))?;
    if !item.choices.contains(&choice) {
        return Err(Refusal::WrongChoice(attention));
    }
    let consequence = match (choice, &item.key) {
        (Choice::Skip, Some(key)) => Some(RunEvent::StepSkipped {
            key: key.clone(),
            by: by.clone(),
        }),
        (Choice::Approve, Some(key)) => Some(RunEvent::StepCompleted {
            key: key.clone(),
            output: Value::map([
                ("approved", Value::Bool(true)),
                ("text", Value::from(text.as_str())),
            ]),
            change: None,
        }),
        (Choice::Reject, Some(key)) => {
            let said = if text.is_empty() {
                String::new()
            } else {
                format!(": {text}")
            };
            Some(RunEvent::StepFailed {
                key: key.clone(),
                reason: format!("rejected by {by}{said}"),
            })
        }
        (Choice::Cancel | Choice::Reject, _) => Some(RunEvent::CancelRequested { by: by.clone() }),
        (Choice::Retry | Choice::Dismiss | Choice::Approve | Choice::Skip, _) => None,
    };
    let answered = RunEvent::AttentionAnswered {
        attention,
        choice,
        text,
        by,
    };
    Ok([Some(answered), consequence].into_iter().flatten().collect())
}

fn pause(run: &Run, by: String) -> Result<Vec<RunEvent>, Refusal> {
    if run.is_paused {
        Err(Refusal::PauseUnchanged)
    } else {
        Ok(vec![RunEvent::Paused { by }])
    }
}

fn resume(run: &Run, by: String) -> Result<Vec<RunEvent>, Refusal> {
    if run.is_paused {
        Ok(vec![RunEvent::Resumed { by }])
    } else {
        Err(Refusal::PauseUnchanged)
    }
}

/// Whether steps that ended may be opened again: not in a run that was cancelled or that succeeded.
fn may_reopen(run: &Run) -> Result<(), Refusal> {
    match run.phase {
        Phase::Active | Phase::Ended(Outcome::Failed) => Ok(()),
        Phase::Cancelling => Err(Refusal::RunCancelling),
        Phase::Ended(Outcome::Completed | Outcome::Cancelled) => Err(Refusal::RunEnded),
    }
}

fn on_retry(run: &Run, key: Option<StepKey>, by: &str) -> Result<Vec<RunEvent>, Refusal> {
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

fn on_skip(run: &Run, key: StepKey, by: String) -> Result<Vec<RunEvent>, Refusal> {
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

fn on_definition_found(run: &Run, hash: String) -> Result<Vec<RunEvent>, Refusal> {
    active(run)?;
    let flow = &run.start().flow;
    if hash == flow.hash {
        return Err(Refusal::NothingToDo);
    }
    let found = if hash.is_empty() {
        "is gone".to_owned()
    } else {
        "was changed".to_owned()
    };
    let item = Attention {
        id: AttentionId::of(run.id, run.attention_serial + 1),
        kind: AttentionKind::Review,
        key: None,
        title: format!(
            "flow `{}` {found} since run `{}` began",
            flow.name,
            run.start().slug
        ),
        body: "The run keeps to the definition that it began with.".to_owned(),
        choices: vec![Choice::Dismiss],
        trusts: None,
    };
    Ok(vec![
        RunEvent::DefinitionDrifted { found: hash },
        RunEvent::AttentionRaised(Box::new(item)),
    ])
}
