//! What must be under way right now. Derived from the state, never stored: after a crash it is simply asked again.

use super::standing::{Standing, Standings};
use super::{Phase, Run, Step, StepState};
use crate::{Access, AttentionKind, Choice, Moment, Name, PlanStep, Role, StepKey, StepKind, TaskId};

/// Something that must be under way.
#[derive(Clone, Debug, PartialEq)]
pub enum Duty {
    /// A task must begin, once there is a slot for it.
    Begin(Begin),
    /// A task must be under way; if it is not, it was lost.
    Work {
        /// The task.
        task: TaskId,
    },
    /// A task must end.
    Stop {
        /// The task.
        task: TaskId,
    },
    /// Changes must be brought together.
    Merge {
        /// The merge step.
        key: StepKey,
        /// On top of this commit.
        onto: String,
        /// These commits, in the order of the instances.
        heads: Vec<String>,
    },
    /// The run's branch must show its line.
    Publish {
        /// Where the branch is; none when there is no branch yet.
        from: Option<String>,
        /// Where it must be.
        to: String,
    },
    /// The report must be rendered, which ends the run.
    Report,
}

/// A task that must begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begin {
    /// The step instance.
    pub key: StepKey,
    /// Whether its work or its gate is owed.
    pub role: Role,
    /// Which agent does it.
    pub agent: Name,
    /// Which model, where one was asked for.
    pub model: Option<String>,
    /// Not before this moment.
    pub not_before: Option<Moment>,
}

/// The agent of commands and gates.
const COMMAND: &str = "command";

/// What must be under way right now.
#[must_use]
pub fn duties(run: &Run) -> Vec<Duty> {
    match run.phase {
        Phase::Ended(_) => Vec::new(),
        Phase::Cancelling => run.live.iter().map(|task| Duty::Stop { task: *task }).collect(),
        Phase::Active => {
            let standings = Standings::of(run);
            let mut duties: Vec<Duty> = run.live.iter().map(|task| Duty::Work { task: *task }).collect();
            if !run.is_paused && !is_held(run) {
                duties.extend(begins(run, &standings).map(Duty::Begin));
                duties.extend(merges(run, &standings));
            }
            duties.extend(publish(run));
            if is_ready_to_end(run) {
                duties.push(Duty::Report);
            }
            duties
        }
    }
}

/// When the run wants to be told the time: the first moment ahead that something waits for.
#[must_use]
pub fn next_wake(run: &Run, now: Moment) -> Option<Moment> {
    if run.phase != Phase::Active || run.is_paused {
        return None;
    }
    run.steps
        .values()
        .filter_map(|step| match &step.state {
            StepState::Pending { not_before, .. } => *not_before,
            _ => None,
        })
        .filter(|not_before| *not_before > now)
        .min()
}

/// Nothing can become or do anything more, and the branch shows everything.
pub(super) fn is_ready_to_end(run: &Run) -> bool {
    run.phase == Phase::Active
        && run.live.is_empty()
        && run.line == run.published
        && !run
            .attention
            .values()
            .any(|item| item.choices != [Choice::Dismiss])
        && Standings::of(run).all_settled()
}

/// An unanswered question about the whole run holds everything that would begin.
fn is_held(run: &Run) -> bool {
    run.attention
        .values()
        .any(|item| item.key.is_none() && item.choices != [Choice::Dismiss])
}

fn begins<'a>(run: &'a Run, standings: &Standings<'a>) -> impl Iterator<Item = Begin> + use<'a> {
    let mut is_written = is_line_written(run);
    let open: Vec<&PlanStep> = run
        .start()
        .plan
        .steps
        .iter()
        .filter(|plan| plan.kind.has_task() && standings.get(&plan.id) == Standing::Open)
        .collect();
    open.into_iter()
        .flat_map(|plan| run.instances(&plan.id).map(move |(key, step)| (plan, key, step)))
        .filter_map(move |(plan, key, step)| {
            let begin = owed(run, plan, key, step)?;
            // Writers of the run's line work one after another, in the order of the plan.
            if writes_line(plan) && begin.role == Role::Work {
                if is_written {
                    return None;
                }
                is_written = true;
            }
            Some(begin)
        })
}

/// What the step instance owes right now, if anything: `decide` asks again when a slot was given.
pub(super) fn beginnable(run: &Run, key: &StepKey) -> Option<Begin> {
    if run.is_paused || is_held(run) {
        return None;
    }
    let (plan, step) = (run.plan_of(key)?, run.step(key)?);
    if !plan.kind.has_task() || Standings::of(run).get(&plan.id) != Standing::Open {
        return None;
    }
    let begin = owed(run, plan, key, step)?;
    let must_wait = writes_line(plan) && begin.role == Role::Work && is_line_written(run);
    (!must_wait).then_some(begin)
}

fn owed(run: &Run, plan: &PlanStep, key: &StepKey, step: &Step) -> Option<Begin> {
    let key = key.clone();
    match &step.state {
        StepState::Pending { not_before, .. } => {
            let (agent, model) = match plan.kind {
                StepKind::Command => (Name::from(COMMAND), None),
                StepKind::Agent | StepKind::Fold | StepKind::Merge | StepKind::Approval => {
                    (run.agent_of(&key), run.model_of(&key))
                }
            };
            Some(Begin {
                key,
                role: Role::Work,
                agent,
                model,
                not_before: *not_before,
            })
        }
        StepState::Checking { task: None, .. } => Some(Begin {
            key,
            role: Role::Gate,
            agent: Name::from(COMMAND),
            model: None,
            not_before: None,
        }),
        StepState::Working { .. }
        | StepState::Checking { .. }
        | StepState::Asking { .. }
        | StepState::Completed
        | StepState::Failed { .. }
        | StepState::Cancelled
        | StepState::Skipped => None,
    }
}

fn writes_line(plan: &PlanStep) -> bool {
    plan.access == Access::Write && plan.each.is_none()
}

fn is_line_written(run: &Run) -> bool {
    let is_busy = |step: &Step| matches!(step.state, StepState::Working { .. } | StepState::Checking { .. });
    let mut writers = run.start().plan.steps.iter().filter(|plan| writes_line(plan));
    writers.any(|plan| run.instances(&plan.id).any(|(_, step)| is_busy(step)))
}

fn merges<'a>(run: &'a Run, standings: &Standings<'a>) -> Vec<Duty> {
    let open = run
        .start()
        .plan
        .steps
        .iter()
        .filter(|plan| plan.kind == StepKind::Merge);
    let open = open.filter(|plan| standings.get(&plan.id) == Standing::Open);
    open.flat_map(|plan| run.instances(&plan.id).map(move |(key, step)| (plan, key, step)))
        .filter(|(_, _, step)| matches!(step.state, StepState::Pending { .. }))
        .map(|(plan, key, _)| {
            let changes = plan
                .needs
                .iter()
                .flat_map(|need| run.instances(need))
                .filter_map(|(_, step)| step.change.as_ref());
            let heads = changes.map(|change| change.head.clone()).collect();
            Duty::Merge {
                key: key.clone(),
                onto: run.line.clone(),
                heads,
            }
        })
        .collect()
}

fn publish(run: &Run) -> Option<Duty> {
    let is_asked = run
        .attention
        .values()
        .any(|item| item.key.is_none() && item.kind == AttentionKind::Conflict);
    if run.line == run.published || is_asked {
        return None;
    }
    let from = (run.published != run.start().base).then(|| run.published.clone());
    Some(Duty::Publish {
        from,
        to: run.line.clone(),
    })
}
