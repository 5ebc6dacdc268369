//! What happens to a run's tasks, and what their ends mean for its steps.

use super::super::duties::{Begin, beginnable};
use super::super::{Phase, Run, RunEvent, StepState};
use super::active;
use crate::id::Digest;
use crate::planted::{self, Bug};
use crate::{
    Attention, AttentionId, AttentionKind, Change, Choice, Ending, FailureClass, Moment, Name,
    ProcessIdentity, Refusal, Remedy, Retry, Role, StepKey, TaskId, TaskOrdered, TaskState, Usage, Value,
};

/// So many interruptions in a row and a person is asked.
const INTERRUPTIONS_MAX: u32 = 3;

pub(super) fn on_admitted(
    run: &Run,
    key: StepKey,
    prompt: Result<String, String>,
) -> Result<Vec<RunEvent>, Refusal> {
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
    let is_known = planted::is(Bug::ReportsTwice) && run.tasks.contains_key(&task);
    if run.live.contains(&task) || is_known {
        Ok(&run.tasks[&task])
    } else {
        Err(Refusal::StaleTask(task))
    }
}

pub(super) fn on_spawned(
    run: &Run,
    task: TaskId,
    process: ProcessIdentity,
) -> Result<Vec<RunEvent>, Refusal> {
    if live_task(run, task)?.state != TaskState::Starting {
        return Err(Refusal::StaleTask(task));
    }
    active(run)?;
    Ok(vec![RunEvent::TaskStarted { task, process }])
}

pub(super) fn on_ended(
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
        (Role::Work, _) if run.plan_of(key)?.gate && !planted::is(Bug::GateSkipped) => None,
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
            Remedy::Retry => retry(run, key, task, now).unwrap_or_else(|| gives_up(run, key, *class, reason)),
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
        Ending::Interrupted { reason } if planted::is(Bug::InterruptionIsRetry) => {
            let failed = || RunEvent::StepFailed {
                key: key.clone(),
                reason: reason.clone(),
            };
            Some(retry(run, key, task, now).unwrap_or_else(failed))
        }
        Ending::Interrupted { .. } if planted::is(Bug::NobodyAsked) => None,
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

/// Another try, if the step has one left.
fn retry(run: &Run, key: &StepKey, task: TaskId, now: Moment) -> Option<RunEvent> {
    let retry = run.plan_of(key).map_or_else(Retry::default, |plan| plan.retry);
    let failures = run.step(key).map_or(0, |step| step.failures) + 1;
    if failures > retry.max + u32::from(planted::is(Bug::RetriesOneMore)) {
        return None;
    }
    let not_before = now.plus_ms(pause_ms(retry, failures, task));
    Some(RunEvent::RetryScheduled {
        key: key.clone(),
        failures,
        not_before,
    })
}

/// No try is left. A full disk is nothing that the work did: a person makes room, and it goes on from there.
fn gives_up(run: &Run, key: &StepKey, class: FailureClass, reason: &str) -> RunEvent {
    if class == FailureClass::NoSpace {
        let body = format!(
            "{reason}\n\nMake room on that disk, then answer `retry`: step `{key}` goes on from there."
        );
        return ask(run, key, failure_kind(class), failure_title(class, key), body);
    }
    RunEvent::StepFailed {
        key: key.clone(),
        reason: reason.to_owned(),
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
        FailureClass::Authentication | FailureClass::Missing | FailureClass::NoSpace => {
            AttentionKind::Failure
        }
        FailureClass::Transient
        | FailureClass::Permanent
        | FailureClass::Output
        | FailureClass::Gate
        | FailureClass::Timeout
        | FailureClass::Silence
        | FailureClass::AccessViolated => AttentionKind::Stuck,
    }
}

fn failure_title(class: FailureClass, key: &StepKey) -> String {
    match class {
        FailureClass::Authentication => format!("the agent of step `{key}` is not logged in"),
        FailureClass::Missing => format!("the agent of step `{key}` cannot be used"),
        FailureClass::NoSpace => format!("step `{key}` has no space left"),
        FailureClass::Transient
        | FailureClass::Permanent
        | FailureClass::Output
        | FailureClass::Gate
        | FailureClass::Timeout
        | FailureClass::Silence
        | FailureClass::AccessViolated => format!("step `{key}` does not get done"),
    }
}

pub(super) fn ask(run: &Run, key: &StepKey, kind: AttentionKind, title: String, body: String) -> RunEvent {
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
