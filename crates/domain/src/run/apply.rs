//! Remembers what happened to a run: one arm per event, and nothing that could fail.

use super::standing::Tally;
use super::{Outcome, Phase, PlannedStep, Run, RunEvent, Step, StepState, Trusted};
use crate::{
    Attention, AttentionId, Change, Choice, Ending, Name, Role, StepKey, Task, TaskId, TaskOrdered,
    TaskState, Usage, Value,
};

impl Run {
    /// Remembers what happened.
    pub fn apply(&mut self, event: &RunEvent) {
        self.seq += 1;
        match event {
            RunEvent::Started(_) => unreachable!("a run is started once, by `started`"),
            RunEvent::StepsPlanned { steps } => self.plan_steps(steps),
            RunEvent::StepsLeftOut { steps } => {
                steps
                    .iter()
                    .for_each(|step| self.tally_of(step).is_left_out = true);
            }
            RunEvent::TaskOrdered(order) => self.order_task(order),
            RunEvent::TaskStarted { task, process } => {
                let task = self.task_mut(*task);
                task.state = TaskState::Running;
                task.process = Some(process.clone());
            }
            RunEvent::TaskEnded { task, ending, usage } => self.end_task(*task, ending, *usage),
            RunEvent::RetryScheduled {
                key,
                failures,
                not_before,
            } => {
                let step = self.step_mut(key);
                step.failures = *failures;
                match &mut step.state {
                    // Only its gate came to nothing: that is what is tried again.
                    StepState::Checking { not_before: wait, .. } => *wait = Some(*not_before),
                    state => {
                        *state = StepState::Pending {
                            not_before: Some(*not_before),
                            parked: None,
                        };
                    }
                }
            }
            RunEvent::AgentChanged { key, agent } => {
                let step = self.step_mut(key);
                step.agent = Some(agent.clone());
                step.state = StepState::PENDING;
            }
            RunEvent::StepCompleted { key, output, change } => {
                self.complete_step(key, output, change.as_ref())
            }
            RunEvent::StepFailed { key, reason } => {
                self.settle_step(
                    key,
                    StepState::Failed {
                        reason: reason.clone(),
                    },
                );
            }
            RunEvent::StepCancelled { key } => self.settle_step(key, StepState::Cancelled),
            RunEvent::StepSkipped { key, .. } => self.settle_step(key, StepState::Skipped),
            RunEvent::StepReopened { key, .. } => self.reopen_step(key),
            RunEvent::AttentionRaised(item) => self.raise(item),
            RunEvent::AttentionAnswered {
                attention,
                choice,
                by,
                ..
            } => self.answer(*attention, *choice, by),
            RunEvent::AttentionWithdrawn { attention } => {
                self.attention.remove(attention);
            }
            RunEvent::Paused { .. } => self.is_paused = true,
            RunEvent::Resumed { .. } => self.is_paused = false,
            RunEvent::CancelRequested { .. } => self.phase = Phase::Cancelling,
            RunEvent::LinePublished { head } => self.publish(head),
            RunEvent::DefinitionDrifted { found } => self.drifted = Some(found.clone()),
            RunEvent::Completed { report } => self.end(Outcome::Completed, Some(report)),
            RunEvent::Failed { report, .. } => self.end(Outcome::Failed, Some(report)),
            RunEvent::Cancelled => self.end(Outcome::Cancelled, None),
        }
    }

    fn tally_of(&mut self, step: &Name) -> &mut Tally {
        let at = self.places.at(step);
        &mut self.tally[at.expect("events name only steps of the plan")]
    }

    fn step_mut(&mut self, key: &StepKey) -> &mut Step {
        self.steps
            .get_mut(key)
            .expect("events name only planned step instances")
    }

    fn task_mut(&mut self, task: TaskId) -> &mut Task {
        self.tasks.get_mut(&task).expect("events name only ordered tasks")
    }

    fn plan_steps(&mut self, planned: &[PlannedStep]) {
        for PlannedStep { key, item } in planned {
            let tally = self.tally_of(&key.step);
            tally.is_planned = true;
            tally.open += 1;
            let step = Step {
                item: item.clone(),
                state: StepState::PENDING,
                agent: None,
                serial: 0,
                failures: 0,
                interruptions: 0,
                before: None,
                set_aside: None,
                output: None,
                change: None,
            };
            self.steps.insert(key.clone(), step);
        }
    }

    fn order_task(&mut self, order: &TaskOrdered) {
        let step = self.step_mut(&order.key);
        step.serial = order.serial;
        match (&mut step.state, order.role) {
            (StepState::Checking { task, .. }, Role::Gate) => *task = Some(order.task),
            (state, _) => *state = StepState::Working { task: order.task },
        }
        let task = Task {
            key: order.key.clone(),
            role: order.role,
            agent: order.agent.clone(),
            state: TaskState::Starting,
            process: None,
            usage: Usage::default(),
        };
        self.tasks.insert(order.task, task);
        self.live.insert(order.task);
    }

    fn end_task(&mut self, id: TaskId, ending: &Ending, usage: Usage) {
        let task = self.task_mut(id);
        task.state = ending.state();
        task.usage = usage;
        let (key, role) = (task.key.clone(), task.role);
        self.usage = self.usage.plus(usage);
        self.live.remove(&id);
        let has_gate = self.plan_of(&key).is_some_and(|plan| plan.gate);
        let step = self.step_mut(&key);
        if let Ending::Interrupted { reason } = ending {
            step.interruptions += 1;
            step.before = Some(format!("the try before this one was interrupted: {reason}"));
        } else {
            step.interruptions = 0;
        }
        if let Ending::Failed { reason, .. } = ending {
            step.before = Some(reason.clone());
        }
        match (ending, role, &mut step.state) {
            (Ending::Completed { output, change }, Role::Work, state) if has_gate => {
                *state = StepState::Checking {
                    task: None,
                    not_before: None,
                    output: output.clone(),
                    change: change.clone(),
                };
            }
            // A gate that did not get to its end is owed again; its work stays done.
            (ending, Role::Gate, StepState::Checking { task, .. }) if !is_verdict(ending) => *task = None,
            (Ending::Parked { account, until, .. }, Role::Work, state) => {
                *state = StepState::Pending {
                    not_before: *until,
                    parked: Some(account.clone()),
                };
            }
            (_, _, state) => *state = StepState::PENDING,
        }
    }

    fn settle_step(&mut self, key: &StepKey, state: StepState) {
        let tally = self.tally_of(&key.step);
        tally.open -= 1;
        match &state {
            StepState::Completed | StepState::Skipped => tally.succeeded += 1,
            StepState::Failed { .. } | StepState::Cancelled => tally.failed += 1,
            StepState::Pending { .. }
            | StepState::Working { .. }
            | StepState::Checking { .. }
            | StepState::Asking { .. } => unreachable!("only final states settle a step"),
        }
        self.step_mut(key).state = state;
    }

    fn complete_step(&mut self, key: &StepKey, output: &Value, change: Option<&Change>) {
        self.settle_step(key, StepState::Completed);
        let step = self.step_mut(key);
        step.output = Some(output.clone());
        step.change = change.cloned();
        if let (Some(change), None) = (change, key.item)
            && change.head != self.line
        {
            self.line.clone_from(&change.head);
            self.unpublished.push(change.head.clone());
        }
    }

    fn publish(&mut self, head: &str) {
        self.published = head.to_owned();
        if let Some(at) = self.unpublished.iter().position(|known| known == head) {
            self.unpublished.drain(..=at);
        }
    }

    fn reopen_step(&mut self, key: &StepKey) {
        let tally = self.tally_of(&key.step);
        tally.failed -= 1;
        tally.open += 1;
        let step = self.step_mut(key);
        step.state = StepState::PENDING;
        step.failures = 0;
        step.interruptions = 0;
        self.phase = Phase::Active;
        self.report = None;
    }

    fn raise(&mut self, item: &Attention) {
        self.attention_serial += 1;
        self.attention.insert(item.id, item.clone());
        // A look that is offered holds nothing up; everything else stops its step.
        if let (Some(key), false) = (&item.key, item.choices == [Choice::Dismiss]) {
            let step = self.step_mut(key);
            let asking = StepState::Asking { attention: item.id };
            if let StepState::Checking { output, change, .. } = std::mem::replace(&mut step.state, asking) {
                step.set_aside = Some((output, change));
            }
        }
    }

    fn answer(&mut self, attention: AttentionId, choice: Choice, by: &str) {
        let item = self
            .attention
            .remove(&attention)
            .expect("only open items are answered");
        if let (Choice::Approve, Some(hash)) = (choice, item.trusts) {
            self.trusted = Some(Trusted {
                hash,
                by: by.to_owned(),
            });
        }
        let Some(key) = item.key else { return };
        if choice == Choice::Retry {
            let step = self.step_mut(&key);
            step.state = match step.set_aside.take() {
                Some((output, change)) => StepState::Checking {
                    task: None,
                    not_before: None,
                    output,
                    change,
                },
                None => StepState::PENDING,
            };
            step.interruptions = 0;
        }
    }

    fn end(&mut self, outcome: Outcome, report: Option<&String>) {
        self.phase = Phase::Ended(outcome);
        self.report = report.cloned();
    }
}

/// Whether the end of a gate says something about the work that it was to check.
const fn is_verdict(ending: &Ending) -> bool {
    match ending {
        Ending::Completed { .. } => true,
        Ending::Failed { class, .. } => class.is_verdict(),
        Ending::Interrupted { .. } | Ending::Parked { .. } | Ending::Cancelled => false,
    }
}
