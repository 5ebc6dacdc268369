//! What must hold of the history of one run.

use super::verdict::{counted, is_verdict};
use domain::{
    Access, AttentionId, Change, Choice, Ending, FailureClass, Moment, Plan, PlanStep, Remedy, Role,
    RunEvent, RunId, RunStarted, StepKey, StepKind, TaskId, Trigger, Value,
};
use engine::ports::Recorded;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Clone, Debug)]
pub(super) struct Live {
    pub(super) ordered_position: u64,
    key: StepKey,
    role: Role,
    is_started: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Completed,
    Failed,
    Cancelled,
    Skipped,
}

#[derive(Clone, Debug)]
struct Step {
    state: State,
    /// What the last completed work gave, and whether the gate passed since.
    work: Option<(Value, Option<Change>)>,
    is_checked: bool,
    failures: u32,
    last: Option<(Role, Ending)>,
    last_at: Moment,
    not_before: Option<Moment>,
    interruptions: u32,
    asked: Option<AttentionId>,
}

/// How a step of the plan stands to those that need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    Open,
    Well,
    Badly,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum May {
    Begin,
    Wait,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Completed,
    Failed,
    Cancelled,
}

pub(super) struct Known {
    pub(super) live: BTreeMap<TaskId, Live>,
    pub(super) end: Option<End>,
    id: RunId,
    plan: Arc<Plan>,
    steps: BTreeMap<StepKey, Step>,
    left_out: BTreeSet<domain::Name>,
    ordered: BTreeSet<TaskId>,
    is_paused: bool,
    is_cancelling: bool,
    held_by: BTreeSet<AttentionId>,
    line: String,
    published: String,
}

impl Known {
    pub(super) fn new(id: RunId, started: &RunStarted) -> Self {
        Self {
            live: BTreeMap::new(),
            end: None,
            id,
            plan: Arc::clone(&started.plan),
            steps: BTreeMap::new(),
            left_out: BTreeSet::new(),
            ordered: BTreeSet::new(),
            is_paused: false,
            is_cancelling: false,
            held_by: BTreeSet::new(),
            line: started.base.clone(),
            published: started.base.clone(),
        }
    }

    fn plan_of(&self, key: &StepKey) -> &PlanStep {
        self.plan.step(&key.step).expect("a step of the plan")
    }

    fn stands(&self, step: &PlanStep) -> Stands {
        let mut instances = self
            .steps
            .iter()
            .filter(|(key, _)| key.step == step.id)
            .peekable();
        if instances.peek().is_some() {
            let states: Vec<State> = instances.map(|(_, step)| step.state).collect();
            if states.iter().all(|state| *state != State::Open) {
                let is_bad = |state: &State| matches!(state, State::Failed | State::Cancelled);
                return if states.iter().any(is_bad) {
                    Stands::Badly
                } else {
                    Stands::Well
                };
            }
        }
        match (self.may(step), self.left_out.contains(&step.id)) {
            (May::Never, _) => Stands::Badly,
            (May::Begin, true) => Stands::Well,
            (May::Begin | May::Wait, _) => Stands::Open,
        }
    }

    /// Whether the ends of what a step needs let it begin.
    fn may(&self, step: &PlanStep) -> May {
        let needs: Vec<Stands> = step
            .needs
            .iter()
            .map(|need| self.stands(self.plan.step(need).expect("a step of the plan")))
            .collect();
        let all_ended = needs.iter().all(|need| *need != Stands::Open);
        match step.trigger {
            Trigger::AllSuccess if needs.contains(&Stands::Badly) => May::Never,
            Trigger::OneSuccess if needs.is_empty() || needs.contains(&Stands::Well) => May::Begin,
            Trigger::OneSuccess if all_ended => May::Never,
            Trigger::AllSuccess | Trigger::AllDone if all_ended => May::Begin,
            _ => May::Wait,
        }
    }

    fn step(&mut self, key: &StepKey) -> Result<&mut Step, String> {
        self.steps.get_mut(key).ok_or(format!("rows: {key} has no row"))
    }

    fn begins(&self, key: &StepKey) -> Result<(), String> {
        match self.may(self.plan_of(key)) {
            May::Begin => Ok(()),
            May::Wait => Err(format!("order: {key} begins before what it needs has ended")),
            May::Never => Err(format!("order: {key} begins although what it needs forbids it")),
        }
    }

    pub(super) fn apply(&mut self, event: &RunEvent, recorded: &Recorded) -> Result<(), String> {
        let id = self.id;
        self.check(event, recorded)
            .map_err(|wrong| format!("{wrong} (run {id}, position {})", recorded.position))
    }

    fn check(&mut self, event: &RunEvent, recorded: &Recorded) -> Result<(), String> {
        // A branch that moved has moved, whatever became of the run.
        let may_follow = matches!(
            event,
            RunEvent::StepReopened { .. } | RunEvent::LinePublished { .. }
        );
        if self.end.is_some() && !may_follow {
            return Err(format!("ended: something happened after the end: {event:?}"));
        }
        match event {
            RunEvent::Started(_) => return Err("numbers: a second start".to_owned()),
            RunEvent::StepsPlanned { steps } => {
                for planned in steps {
                    let fresh = Step {
                        state: State::Open,
                        work: None,
                        is_checked: false,
                        failures: 0,
                        last: None,
                        last_at: recorded.at,
                        not_before: None,
                        interruptions: 0,
                        asked: None,
                    };
                    if self.steps.insert(planned.key.clone(), fresh).is_some() {
                        return Err(format!("rows: {} is planned twice", planned.key));
                    }
                }
            }
            RunEvent::StepsLeftOut { steps } => self.left_out.extend(steps.iter().cloned()),
            RunEvent::TaskOrdered(order) => self.ordered(order, recorded)?,
            RunEvent::TaskStarted { task, .. } => {
                let live = self.live.get_mut(task).ok_or("twice: a start of no live task")?;
                if std::mem::replace(&mut live.is_started, true) {
                    return Err("twice: a task started twice".to_owned());
                }
            }
            RunEvent::TaskEnded { task, ending, .. } => self.ended(*task, ending, recorded)?,
            RunEvent::RetryScheduled {
                key,
                failures,
                not_before,
            } => self.retry(key, *failures, *not_before)?,
            RunEvent::AgentChanged { .. } => {}
            RunEvent::StepCompleted { key, output, change } => {
                self.completed(key, output, change.as_ref())?
            }
            RunEvent::StepFailed { key, .. } => self.failed(key)?,
            RunEvent::StepCancelled { key } => self.settle(key, State::Cancelled)?,
            RunEvent::StepSkipped { key, .. } => self.settle(key, State::Skipped)?,
            RunEvent::StepReopened { key, .. } => self.reopened(key)?,
            RunEvent::AttentionRaised(item) => {
                let holds = item.choices != [Choice::Dismiss];
                match &item.key {
                    None if holds => {
                        self.held_by.insert(item.id);
                    }
                    Some(key) if holds => {
                        if self.plan_of(key).kind == StepKind::Approval {
                            self.begins(key)?;
                        }
                        let max = self.plan_of(key).retry.max;
                        let step = self.step(key)?;
                        step.asked = Some(item.id);
                        step.failures = counted(key, step.last.as_ref(), step.failures, max)?;
                    }
                    _ => {}
                }
            }
            RunEvent::AttentionAnswered {
                attention, choice, ..
            } => self.answered(*attention, Some(*choice)),
            RunEvent::AttentionWithdrawn { attention } => self.answered(*attention, None),
            RunEvent::Paused { .. } => self.is_paused = true,
            RunEvent::Resumed { .. } => self.is_paused = false,
            RunEvent::CancelRequested { .. } => self.is_cancelling = true,
            RunEvent::LinePublished { head } => self.published.clone_from(head),
            RunEvent::DefinitionDrifted { .. } => {}
            RunEvent::Completed { .. } => self.over(End::Completed)?,
            RunEvent::Failed { .. } => self.over(End::Failed)?,
            RunEvent::Cancelled => self.over(End::Cancelled)?,
        }
        Ok(())
    }

    fn answered(&mut self, attention: AttentionId, choice: Option<Choice>) {
        self.held_by.remove(&attention);
        for step in self.steps.values_mut() {
            if step.asked == Some(attention) {
                step.asked = None;
                if choice == Some(Choice::Retry) {
                    step.interruptions = 0;
                }
            }
        }
    }

    fn ordered(&mut self, order: &domain::TaskOrdered, recorded: &Recorded) -> Result<(), String> {
        let key = &order.key;
        if self.is_paused || self.is_cancelling || !self.held_by.is_empty() {
            return Err(format!("held: {key} is ordered while nothing may begin"));
        }
        if !self.ordered.insert(order.task) {
            return Err(format!("twice: the task of {key} is ordered twice"));
        }
        if self.live.values().any(|live| live.key == *key) {
            return Err(format!("one-task: {key} has two live tasks"));
        }
        // What it needs may have been opened again since its work was done: its gate comes all the same.
        if order.role == Role::Work {
            self.begins(key)?;
        }
        let plan = self.plan_of(key).clone();
        let writes_line = |plan: &PlanStep| plan.access == Access::Write && plan.each.is_none();
        let is_written = || {
            let others = self.live.values().filter(|live| live.key != *key);
            others
                .into_iter()
                .any(|live| writes_line(self.plan_of(&live.key)))
        };
        if writes_line(&plan) && is_written() {
            return Err(format!(
                "writers: {key} begins while another writes the run's line"
            ));
        }
        let step = self.step(key)?;
        if step.state != State::Open {
            return Err(format!("done-again: {key} is {:?} and is done again", step.state));
        }
        if step.asked.is_some() {
            return Err(format!("held: {key} is ordered while a person is asked"));
        }
        if step.not_before.is_some_and(|at| recorded.at < at) {
            return Err(format!("pause: {key} is ordered before its pause is over"));
        }
        if step.interruptions >= 3 {
            return Err(format!(
                "interruptions: {key} goes on after {} in a row",
                step.interruptions
            ));
        }
        step.not_before = None;
        if order.role == Role::Work {
            if let (Some(_), Some((Role::Gate, ending))) = (&step.work, &step.last)
                && !is_verdict(ending)
            {
                return Err(format!(
                    "gate: {key} is done again although its gate said nothing about it"
                ));
            }
            step.work = None;
            step.is_checked = false;
        } else if step.work.is_none() {
            return Err(format!("gate: {key} is checked before it is done"));
        }
        let live = Live {
            ordered_position: recorded.position,
            key: key.clone(),
            role: order.role,
            is_started: false,
        };
        self.live.insert(order.task, live);
        Ok(())
    }

    fn ended(&mut self, task: TaskId, ending: &Ending, recorded: &Recorded) -> Result<(), String> {
        let live = self
            .live
            .remove(&task)
            .ok_or(format!("twice: {task} ended, but was not live"))?;
        let step = self.step(&live.key)?;
        step.last = Some((live.role, ending.clone()));
        step.last_at = recorded.at;
        step.interruptions = match ending {
            Ending::Interrupted { .. } => step.interruptions + 1,
            _ => 0,
        };
        match (ending, live.role) {
            (Ending::Completed { output, change }, Role::Work) => {
                step.work = Some((output.clone(), change.clone()))
            }
            (Ending::Completed { .. }, Role::Gate) => step.is_checked = true,
            (Ending::Failed { class, .. }, _) if class.remedy() == Remedy::Retry => step.failures += 1,
            (_, _) => {}
        }
        Ok(())
    }

    fn retry(&mut self, key: &StepKey, failures: u32, not_before: Moment) -> Result<(), String> {
        let retry = self.plan_of(key).retry;
        let step = self.step(key)?;
        if failures != step.failures || failures > retry.max {
            return Err(format!(
                "retries: {key} is tried again after {failures} counted and {} real failures of {}",
                step.failures, retry.max
            ));
        }
        let pause = retry
            .base_ms
            .saturating_mul(1 << (failures - 1))
            .min(retry.cap_ms);
        let waits = not_before.ms_since(step.last_at);
        if waits < pause || waits > pause + pause / 4 {
            return Err(format!("pause: {key} waits {waits} where {pause} is right"));
        }
        step.not_before = Some(not_before);
        Ok(())
    }

    fn completed(&mut self, key: &StepKey, output: &Value, change: Option<&Change>) -> Result<(), String> {
        let plan = self.plan_of(key).clone();
        // A task was judged when it was ordered: what it needs may have been opened again since.
        if matches!(plan.kind, StepKind::Fold | StepKind::Merge) {
            self.begins(key)?;
        }
        if plan.kind.has_task() {
            let step = self.step(key)?;
            match &step.work {
                None => return Err(format!("gate: {key} completed without work")),
                Some(work) if (&work.0, work.1.as_ref()) != (output, change) => {
                    return Err(format!(
                        "gate: {key} completed with another output than its work's"
                    ));
                }
                Some(_) if plan.gate && !step.is_checked => {
                    return Err(format!("gate: {key} completed without its gate"));
                }
                Some(_) => {}
            }
        }
        if let (Some(change), None) = (change, key.item) {
            if change.base != self.line {
                return Err(format!(
                    "line: {key} builds on {} but the line is at {}",
                    change.base, self.line
                ));
            }
            self.line.clone_from(&change.head);
        }
        self.settle(key, State::Completed)
    }

    fn failed(&mut self, key: &StepKey) -> Result<(), String> {
        let max = self.plan_of(key).retry.max;
        let step = self.step(key)?;
        if let Some((_, Ending::Failed { class, .. })) = &step.last
            && class.remedy() == Remedy::Retry
            && (step.failures != max + 1 || *class == FailureClass::NoSpace)
        {
            return Err(format!(
                "retries: {key} failed after {} tries of {}",
                step.failures,
                max + 1
            ));
        }
        self.settle(key, State::Failed)
    }

    fn settle(&mut self, key: &StepKey, state: State) -> Result<(), String> {
        if self.live.values().any(|live| live.key == *key) {
            return Err(format!("one-task: {key} ends while its task is live"));
        }
        let step = self.step(key)?;
        if step.state != State::Open {
            return Err(format!(
                "done-again: {key} was {:?} and becomes {state:?}",
                step.state
            ));
        }
        step.state = state;
        Ok(())
    }

    fn reopened(&mut self, key: &StepKey) -> Result<(), String> {
        let step = self.step(key)?;
        if !matches!(step.state, State::Failed | State::Cancelled) {
            return Err(format!(
                "done-again: {key} was {:?} and is opened again",
                step.state
            ));
        }
        step.state = State::Open;
        step.failures = 0;
        step.interruptions = 0;
        step.not_before = None;
        step.last = None;
        self.end = None;
        Ok(())
    }

    fn over(&mut self, end: End) -> Result<(), String> {
        if !self.live.is_empty() {
            return Err("alive: the run ended while tasks are live".to_owned());
        }
        if let Some((key, _)) = self.steps.iter().find(|(_, step)| step.state == State::Open) {
            return Err(format!("ended: the run ended while {key} is open"));
        }
        if end != End::Cancelled && self.line != self.published {
            return Err("line: the run ended before its branch shows its line".to_owned());
        }
        if end == End::Cancelled && !self.is_cancelling {
            return Err("ended: cancelled without being asked to".to_owned());
        }
        self.end = Some(end);
        Ok(())
    }

    /// Three interruptions in a row and a person is asked, in the same batch.
    pub(super) fn after_batch(&self) -> Result<(), String> {
        let unasked =
            |step: &&Step| step.interruptions >= 3 && step.asked.is_none() && step.state == State::Open;
        match self.steps.values().find(unasked) {
            Some(_) if !self.is_cancelling => {
                Err("interruptions: three in a row and nobody is asked".to_owned())
            }
            _ => Ok(()),
        }
    }
}
