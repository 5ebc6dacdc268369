//! What the events of a run say to those who watch it.

use crate::show;
use api::{AttentionState, FeedStep, FlowRunStarted, FlowRunStepUpdated, Frame, RunStatus, StepStatus};
use domain::{AttentionId, Outcome, Phase, PlanStep, Run, RunEvent, StepKey, StepKind, StepState, TaskId};
use store::iso;

/// Where and when an event lies.
pub(super) struct When {
    pub(super) position: u64,
    pub(super) at: String,
}

/// What of a run an event changes.
pub(super) enum Touched {
    /// A step instance.
    Step(StepKey),
    /// The run as a whole; the report comes with its completion.
    Whole {
        reason: Option<String>,
        report: Option<String>,
    },
}

const WHOLE: Touched = Touched::Whole {
    reason: None,
    report: None,
};

pub(super) fn started(run: &Run, when: When) -> Frame {
    let start = run.start();
    Frame::FlowRunStarted(FlowRunStarted {
        position: when.position,
        run_id: show::id(run.id()),
        slug: start.slug.clone(),
        flow_name: start.flow.name.to_string(),
        project_id: show::id(start.project),
        unit_id: start.unit.map(show::id),
        question: start.input.question.clone(),
        size: show::size(start.input.size),
        steps: start.plan.steps.iter().map(|step| feed_step(run, step)).collect(),
        at: when.at,
    })
}

fn feed_step(run: &Run, step: &PlanStep) -> FeedStep {
    let key = StepKey::only(step.id.clone());
    FeedStep {
        step_id: step.id.to_string(),
        item: None,
        fans_out: step.each.is_some(),
        agent: agent(run, &key),
        kind: show::step_kind(step.kind),
        chat_id: step.each.is_none().then(|| show::id(key.chat(run.id()))),
        label: step.title.clone(),
    }
}

/// The agent of a step that one does.
fn agent(run: &Run, key: &StepKey) -> Option<String> {
    let kind = run.plan_of(key).map(|plan| plan.kind);
    (kind == Some(StepKind::Agent)).then(|| run.agent_of(key).to_string())
}

/// What an event changes; `run` is as it was before.
pub(super) fn touched(run: &Run, event: &RunEvent) -> Vec<Touched> {
    let one = |key: &StepKey| vec![Touched::Step(key.clone())];
    let asked = |id: &AttentionId| {
        let key = run.attention().get(id).and_then(|item| item.key.clone());
        key.map(Touched::Step).into_iter().collect()
    };
    match event {
        RunEvent::StepsPlanned { steps } => {
            steps.iter().map(|step| Touched::Step(step.key.clone())).collect()
        }
        RunEvent::TaskOrdered(order) => one(&order.key),
        RunEvent::TaskEnded { task, .. } => run
            .tasks()
            .get(task)
            .map(|task| Touched::Step(task.key.clone()))
            .into_iter()
            .collect(),
        RunEvent::RetryScheduled { key, .. }
        | RunEvent::AgentChanged { key, .. }
        | RunEvent::StepCompleted { key, .. }
        | RunEvent::StepFailed { key, .. }
        | RunEvent::StepCancelled { key }
        | RunEvent::StepSkipped { key, .. }
        | RunEvent::StepReopened { key, .. } => one(key),
        RunEvent::AttentionRaised(item) => item.key.clone().map(Touched::Step).into_iter().collect(),
        RunEvent::AttentionAnswered { attention, .. } | RunEvent::AttentionWithdrawn { attention } => {
            asked(attention)
        }
        RunEvent::Paused { .. } | RunEvent::Resumed { .. } | RunEvent::CancelRequested { .. } => vec![WHOLE],
        RunEvent::Completed { report } => vec![Touched::Whole {
            reason: None,
            report: Some(report.clone()),
        }],
        RunEvent::Failed { reason, .. } => vec![Touched::Whole {
            reason: Some(reason.clone()),
            report: None,
        }],
        RunEvent::Cancelled => vec![WHOLE],
        // Nothing that a watcher of steps would see.
        RunEvent::Started(_)
        | RunEvent::StepsLeftOut { .. }
        | RunEvent::TaskStarted { .. }
        | RunEvent::LinePublished { .. }
        | RunEvent::DefinitionDrifted { .. } => Vec::new(),
    }
}

/// The attention item that an event is about, and how the item is since.
pub(super) fn attention(run: &Run, event: &RunEvent) -> Option<(AttentionId, AttentionState)> {
    match event {
        RunEvent::AttentionRaised(item) => Some((item.id, AttentionState::Open)),
        RunEvent::AttentionAnswered { attention, .. } => Some((*attention, AttentionState::Answered)),
        RunEvent::AttentionWithdrawn { attention } => Some((*attention, AttentionState::Withdrawn)),
        RunEvent::Started(_)
        | RunEvent::StepsPlanned { .. }
        | RunEvent::StepsLeftOut { .. }
        | RunEvent::TaskOrdered(_)
        | RunEvent::TaskStarted { .. }
        | RunEvent::TaskEnded { .. }
        | RunEvent::RetryScheduled { .. }
        | RunEvent::AgentChanged { .. }
        | RunEvent::StepCompleted { .. }
        | RunEvent::StepFailed { .. }
        | RunEvent::StepCancelled { .. }
        | RunEvent::StepSkipped { .. }
        | RunEvent::StepReopened { .. }
        | RunEvent::Paused { .. }
        | RunEvent::Resumed { .. }
        | RunEvent::CancelRequested { .. }
        | RunEvent::LinePublished { .. }
        | RunEvent::DefinitionDrifted { .. }
        | RunEvent::Completed { .. }
        | RunEvent::Failed { .. }
        | RunEvent::Cancelled => None,
    }
    .filter(|(id, state)| *state == AttentionState::Open || run.attention().contains_key(id))
}

/// Whether nothing more happens to a run by itself.
pub(super) const fn is_over(run: &Run) -> bool {
    match run.phase() {
        Phase::Ended(_) => true,
        Phase::Active | Phase::Cancelling => false,
    }
}

/// The frame for what changed; `run` is as it is since.
pub(super) fn updated(run: &Run, touched: Touched, when: &When) -> Frame {
    let whole = FlowRunStepUpdated {
        position: when.position,
        run_id: show::id(run.id()),
        step_id: None,
        item: None,
        status: None,
        kind: None,
        label: None,
        chat_id: None,
        task_id: None,
        agent: None,
        skipped: false,
        not_before: None,
        waiting_for: None,
        reason: None,
        failures: 0,
        run_status: run_status(run),
        is_paused: run.is_paused(),
        report: None,
        at: when.at.clone(),
    };
    Frame::FlowRunStepUpdated(match touched {
        Touched::Whole { reason, report } => FlowRunStepUpdated {
            reason,
            report,
            ..whole
        },
        Touched::Step(key) => of_step(run, &key, whole),
    })
}

const fn run_status(run: &Run) -> RunStatus {
    match run.phase() {
        Phase::Active | Phase::Cancelling => RunStatus::Running,
        Phase::Ended(Outcome::Completed) => RunStatus::Completed,
        Phase::Ended(Outcome::Failed) => RunStatus::Failed,
        Phase::Ended(Outcome::Cancelled) => RunStatus::Cancelled,
    }
}

fn of_step(run: &Run, key: &StepKey, whole: FlowRunStepUpdated) -> FlowRunStepUpdated {
    let plan = run.plan_of(key);
    let named = FlowRunStepUpdated {
        step_id: Some(key.step.to_string()),
        item: key.item,
        kind: plan.map(|plan| show::step_kind(plan.kind)),
        label: plan.map(|plan| plan.title.clone()),
        chat_id: Some(show::id(key.chat(run.id()))),
        agent: agent(run, key),
        ..whole
    };
    let Some(step) = run.step(key) else { return named };
    let last = (step.serial > 0).then(|| TaskId::of(run.id(), key, step.serial));
    let seen = FlowRunStepUpdated {
        task_id: last.map(show::id),
        failures: step.failures,
        ..named
    };
    match &step.state {
        StepState::Pending { not_before, .. } => FlowRunStepUpdated {
            status: Some(StepStatus::Pending),
            not_before: not_before.map(iso),
            ..seen
        },
        StepState::Working { .. } | StepState::Checking { .. } => FlowRunStepUpdated {
            status: Some(StepStatus::Running),
            ..seen
        },
        StepState::Asking { attention } => FlowRunStepUpdated {
            status: Some(StepStatus::Pending),
            waiting_for: Some(show::id(*attention)),
            ..seen
        },
        StepState::Completed => FlowRunStepUpdated {
            status: Some(StepStatus::Completed),
            ..seen
        },
        StepState::Failed { reason } => FlowRunStepUpdated {
            status: Some(StepStatus::Failed),
            reason: Some(reason.clone()),
            ..seen
        },
        StepState::Cancelled => FlowRunStepUpdated {
            status: Some(StepStatus::Cancelled),
            ..seen
        },
        StepState::Skipped => FlowRunStepUpdated {
            status: Some(StepStatus::Completed),
            skipped: true,
            ..seen
        },
    }
}
