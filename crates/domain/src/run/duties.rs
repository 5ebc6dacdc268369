//! What must be under way right now. Derived from the state, never stored: after a crash it is simply asked again.

use super::standing::{Standing, Standings};
use super::{Phase, Run, Step, StepState};
use crate::planted::{self, Bug};
use crate::{
    Access, Attention, AttentionKind, Choice, Moment, Name, PlanStep, Role, StepKey, StepKind, TaskId,
};

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
        Phase::Cancelling if planted::is(Bug::NoStopOnCancel) => {
            run.live.iter().map(|task| Duty::Work { task: *task }).collect()
        }
        Phase::Cancelling => run.live.iter().map(|task| Duty::Stop { task: *task }).collect(),
        Phase::Active => {
            let standings = Standings::of(run);
            let mut duties: Vec<Duty> = run.live.iter().map(|task| Duty::Work { task: *task }).collect();
            let is_paused = run.is_paused && !planted::is(Bug::PauseIgnored);
            if !is_paused && !is_held(run) {
                duties.extend(begins(run, &standings).into_iter().map(Duty::Begin));
                duties.extend(merge(run, &standings));
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
            StepState::Pending { not_before, .. } | StepState::Checking { not_before, .. } => *not_before,
            _ => None,
        })
        .filter(|not_before| *not_before > now)
        .min()
}

/// Nothing can become or do anything more, and the branch shows everything.
pub(super) fn is_ready_to_end(run: &Run) -> bool {
    run.unpublished.is_empty() && is_done(run)
}

/// Nothing can become or do anything more; what is left is to show it.
pub(super) fn is_done(run: &Run) -> bool {
    run.phase == Phase::Active
        && run.live.is_empty()
        && !run.attention.values().any(holds_up)
        && Standings::of(run).all_settled()
        && !run.steps.values().any(is_unchecked)
}

fn is_unchecked(step: &Step) -> bool {
    matches!(step.state, StepState::Checking { .. })
}

/// What is only offered for a look holds nothing up.
fn holds_up(item: &Attention) -> bool {
    item.choices != [Choice::Dismiss]
}

/// An unanswered question about the whole run holds everything that would begin.
fn is_held(run: &Run) -> bool {
    let mut items = run.attention.values();
    items.any(|item| item.key.is_none() && holds_up(item))
}

/// Whose turn it is to add to the run's line. One at a time: whoever else began now would build on a line that is
/// about to move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineTurn<'a> {
    /// A writer is under way.
    Taken,
    /// This merge's; merges come first, since they are short and wait for nobody.
    Merge(&'a StepKey),
    /// The next writer's, in the order of the plan.
    Free,
}

fn line_turn<'a>(run: &'a Run, standings: &Standings<'a>) -> LineTurn<'a> {
    if planted::is(Bug::WritersTogether) {
        return LineTurn::Free;
    }
    // Work that is set aside while a person is asked about its gate will still come to the line where it began.
    let is_busy = |step: &Step| match step.state {
        StepState::Working { .. } | StepState::Checking { .. } => true,
        StepState::Asking { .. } => step.set_aside.is_some(),
        _ => false,
    };
    let mut writers = run.start().plan.steps.iter().filter(|plan| writes_line(plan));
    if writers.any(|plan| run.instances(&plan.id).any(|(_, step)| is_busy(step))) {
        return LineTurn::Taken;
    }
    standings
        .that_are(Standing::Open)
        .filter(|plan| plan.kind == StepKind::Merge)
        .flat_map(|plan| run.instances(&plan.id))
        .find(|(_, step)| matches!(step.state, StepState::Pending { .. }))
        .map_or(LineTurn::Free, |(key, _)| LineTurn::Merge(key))
}

fn writes_line(plan: &PlanStep) -> bool {
    plan.access == Access::Write && plan.each.is_none()
}

fn begins<'a>(run: &'a Run, standings: &Standings<'a>) -> Vec<Begin> {
    let mut is_free = line_turn(run, standings) == LineTurn::Free;
    standings
        .unfinished()
        .filter(|(plan, _)| plan.kind.has_task())
        .flat_map(|(plan, standing)| {
            run.instances(&plan.id)
                .map(move |(key, step)| (plan, standing, key, step))
        })
        .filter_map(|(plan, standing, key, step)| {
            let begin = owed(run, plan, key, step).filter(|begin| is_its_turn(begin, standing))?;
            let must_wait = writes_line(plan) && begin.role == Role::Work && !is_free;
            is_free &= !writes_line(plan) || planted::is(Bug::WritersTogether);
            (!must_wait).then_some(begin)
        })
        .collect()
}

/// A step waits for its needs until its work begins. Its gate does not: what it needs may have been opened again
/// since, and waiting for that, it would keep the line from the very steps it waits for.
fn is_its_turn(begin: &Begin, standing: Standing) -> bool {
    begin.role == Role::Gate || standing == Standing::Open
}

/// What the step instance owes right now, if anything: `decide` asks again when a slot was given.
pub(super) fn beginnable(run: &Run, key: &StepKey) -> Option<Begin> {
    let is_paused = run.is_paused && !planted::is(Bug::PauseIgnored);
    if is_paused || is_held(run) {
        return None;
    }
    let (plan, step) = (run.plan_of(key)?, run.step(key)?);
    let standings = Standings::of(run);
    if !plan.kind.has_task() {
        return None;
    }
    let standing = standings.get(&plan.id);
    let begin = owed(run, plan, key, step).filter(|begin| is_its_turn(begin, standing))?;
    let writes = writes_line(plan) && begin.role == Role::Work;
    (!writes || line_turn(run, &standings) == LineTurn::Free).then_some(begin)
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
                not_before: not_before.filter(|_| !planted::is(Bug::PauseForgotten)),
            })
        }
        StepState::Checking {
            task: None,
            not_before,
            ..
        } => Some(Begin {
            key,
            role: Role::Gate,
            agent: Name::from(COMMAND),
            model: None,
            not_before: not_before.filter(|_| !planted::is(Bug::PauseForgotten)),
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

/// The merge whose turn it is. What wrote the line itself is on it already.
fn merge(run: &Run, standings: &Standings<'_>) -> Option<Duty> {
    let LineTurn::Merge(key) = line_turn(run, standings) else {
        return None;
    };
    let heads = run
        .plan_of(key)?
        .needs
        .iter()
        .flat_map(|need| run.instances(need))
        .filter(|(key, _)| key.item.is_some())
        .filter_map(|(_, step)| step.change.as_ref())
        .map(|change| change.head.clone())
        .collect();
    Some(Duty::Merge {
        key: key.clone(),
        onto: run.line.clone(),
        heads,
    })
}

fn publish(run: &Run) -> Option<Duty> {
    if has_asked_about_branch(run) {
        return None;
    }
    let from = (run.published != run.start().base).then(|| run.published.clone());
    let to = if planted::is(Bug::BranchJumps) {
        run.unpublished.last()?.clone()
    } else {
        run.unpublished.first()?.clone()
    };
    Some(Duty::Publish { from, to })
}

/// Whether a person is being asked about the run's branch.
pub(super) fn has_asked_about_branch(run: &Run) -> bool {
    let mut items = run.attention.values();
    items.any(|item| item.key.is_none() && item.kind == AttentionKind::Conflict)
}
