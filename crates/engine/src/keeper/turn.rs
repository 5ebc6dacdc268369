//! One turn: decides on what has arrived, as much as may be stored together.

use super::{Command, Effort, Handle, Keeper, Message};
use crate::EngineError;
use crate::faults::{Control, is_off};
use crate::ports::{DefinitionError, Idempotency, PromptAsk, Rendered};
use crate::secrets;
use crate::work::Report;
use domain::planted::{self, Bug};
use domain::{
    Begin, Duty, Input, Moment, Phase, ProcessIdentity, Refusal, Role, RunEvent, StepKey, StepState, TaskId,
    Want, decide, duties, follow,
};
use std::collections::BTreeSet;
use tokio::sync::oneshot;

/// How many messages are decided on before they are stored together.
const TURN_MAX: usize = 512;

/// What one turn of messages led to, to be stored and then carried out.
#[derive(Default)]
pub(super) struct Turn {
    pub(super) events: Vec<RunEvent>,
    pub(super) idempotency: Option<Idempotency>,
    /// What was decided on, to be answered, or decided on again if this is not stored.
    pub(super) taken: Vec<Taken>,
    /// Steps whose tasks ended and whose slots this turn gave to nothing else: they are given back once that is stored.
    pub(super) ending: BTreeSet<StepKey>,
    /// When all that is owed may begin at the earliest; none when something is in hand or may begin now.
    pub(super) wake: Option<Moment>,
    /// What the run kept outside the history was let go of.
    pub(super) is_released: bool,
}

/// A message that was decided on.
pub(super) enum Taken {
    Command {
        command: Box<Command>,
        result: Result<(), EngineError>,
    },
    Spawned {
        task: TaskId,
        process: ProcessIdentity,
        go: oneshot::Sender<()>,
        is_to_go: bool,
    },
    Report(Report),
}

impl Keeper {
    pub(super) fn take_turn(&mut self, first: Message) -> Turn {
        let mut turn = Turn::default();
        let now = self.shared.ports.clock.now();
        // What follows without any input: the first steps of a new run.
        self.remember(Vec::new(), &mut turn);
        let mut next = Some(first);
        while let Some(message) = next.take() {
            // A request that may be repeated is stored by itself, with its answer: nobody else shares its fate.
            let is_alone = message.is_repeatable();
            if is_alone && !turn.taken.is_empty() {
                self.again.push_front(message);
                break;
            }
            self.take(message, &mut turn, now);
            if is_alone || turn.taken.len() >= TURN_MAX {
                break;
            }
            next = self.again.pop_front().or_else(|| self.inbox.try_recv().ok());
        }
        self.check_definition(&mut turn, now);
        self.begin_what_is_owed(&mut turn, now);
        turn
    }

    fn take(&mut self, message: Message, turn: &mut Turn, now: Moment) {
        match message {
            Message::Command(command) => {
                let result = self.obey(&command.input, turn, now);
                if result.is_ok() {
                    turn.idempotency.clone_from(&command.idempotency);
                }
                let result = result.map_err(EngineError::Refused);
                turn.taken.push(Taken::Command { command, result });
            }
            Message::Report(report) => self.take_report(report, turn, now),
            Message::Look => {}
            Message::LetGo => self.is_released = false,
            Message::Drain => self.is_draining = true,
        }
    }

    fn obey(&mut self, input: &Input, turn: &mut Turn, now: Moment) -> Result<(), Refusal> {
        let is_over = matches!(self.run().phase(), Phase::Ended(_));
        if is_over && self.project_path().is_none() {
            // Opened again, it would have no place to go on in.
            return Err(Refusal::UnknownProject);
        }
        self.decide(input.clone(), turn, now)
    }

    fn decide(&mut self, input: Input, turn: &mut Turn, now: Moment) -> Result<(), Refusal> {
        let input = secrets::input(self.shared.ports.transcripts.as_ref(), input);
        let is_answer = matches!(input, Input::Answered { .. });
        let events = match decide(self.run(), input, now) {
            Err(Refusal::UnknownAttention(_)) if is_answer && is_off(Control::DecisionOnce) => Vec::new(),
            decided => decided?,
        };
        self.remember(events, turn);
        Ok(())
    }

    /// Applies events and all that follows from them.
    fn remember(&mut self, mut events: Vec<RunEvent>, turn: &mut Turn) {
        let run = self
            .run
            .as_mut()
            .expect("a keeper loads its run before it takes a turn");
        loop {
            events.iter().for_each(|event| run.apply(event));
            turn.events.append(&mut events);
            events = follow(run);
            if events.is_empty() {
                return;
            }
        }
    }

    fn take_report(&mut self, report: Report, turn: &mut Turn, now: Moment) {
        let input = match &report {
            Report::Spawned { .. } => None,
            Report::Ended { task, ending, usage } => {
                self.under_way.remove(&Effort::Task(*task));
                if self.run().live().contains(task) {
                    turn.ending.insert(self.run().tasks()[task].key.clone());
                }
                Some(Input::TaskEnded {
                    task: *task,
                    ending: ending.clone(),
                    usage: *usage,
                })
            }
            Report::Merged { key, merge } => {
                self.under_way.remove(&Effort::Merge);
                Some(Input::Merged {
                    key: key.clone(),
                    merge: merge.clone(),
                })
            }
            Report::Published(result) => {
                self.under_way.remove(&Effort::Publish);
                Some(match result.clone() {
                    Ok(head) => Input::Published { head },
                    Err(reason) => Input::PublishFailed { reason },
                })
            }
            Report::Released { is_done } => {
                self.under_way.remove(&Effort::Release);
                turn.is_released = *is_done;
                None
            }
        };
        if let Some(input) = input {
            self.note_stale(input, turn, now);
        }
        let taken = match report {
            Report::Spawned { task, process, go } => {
                let input = Input::TaskSpawned {
                    task,
                    process: process.clone(),
                };
                let is_to_go = self.note_stale(input, turn, now);
                let go = if is_to_go && planted::is(Bug::GoBeforeStored) {
                    let _ = go.send(());
                    oneshot::channel().0
                } else {
                    go
                };
                Taken::Spawned {
                    task,
                    process,
                    go,
                    is_to_go,
                }
            }
            other => Taken::Report(other),
        };
        turn.taken.push(taken);
    }

    /// Reports come late or twice after a crash; the rules refuse those, and that is all there is to it.
    fn note_stale(&mut self, input: Input, turn: &mut Turn, now: Moment) -> bool {
        let result = self.decide(input, turn, now);
        if let Err(refusal) = &result {
            tracing::debug!(run.id = %self.id, %refusal, "a stale report");
        }
        result.is_ok()
    }

    /// Once per life: does the flow's name still stand for what the run follows?
    fn check_definition(&mut self, turn: &mut Turn, now: Moment) {
        if std::mem::replace(&mut self.is_checked, true) || self.run().phase() != Phase::Active {
            return;
        }
        let start = self.run().start();
        let path = self.project_path();
        let (name, size) = (start.flow.name.as_str(), start.input.size);
        let hash = self
            .shared
            .ports
            .definitions
            .current_hash(path.as_deref(), name, size, start.input.fast);
        let hash = hash.unwrap_or_default();
        let is_news = hash != start.flow.hash && !self.run().has_noticed_drift(&hash);
        if is_news {
            self.note_stale(Input::DefinitionFound { hash }, turn, now);
        }
    }

    /// Asks for slots for what is owed, begins what got one, and renders the report when all is done.
    ///
    /// What gets the slot of a task that ends in this very turn is ordered in the batch that stores the end. Nothing
    /// is done for it before that is kept, and the history has the end first: it never shows more tasks than slots.
    fn begin_what_is_owed(&mut self, turn: &mut Turn, now: Moment) {
        let mut refused: BTreeSet<StepKey> = BTreeSet::new();
        loop {
            let owed = duties(self.run());
            if owed.contains(&Duty::Report) {
                self.report(turn, now);
                continue;
            }
            let held = self.held();
            let wants: Vec<Want> = if self.is_draining {
                Vec::new()
            } else {
                let wants = owed.iter().filter_map(|duty| self.want(duty));
                wants
                    .filter(|want| !refused.contains(&want.key) && !held.contains(&want.key))
                    .collect()
            };
            let is_all = wants.len() == owed.len();
            let settled = self.shared.settle(self.id, &held, &turn.ending, wants);
            turn.wake = settled.rest_until.filter(|_| is_all && turn.ending.is_empty());
            if settled.granted.is_empty() {
                return;
            }
            for key in settled.granted {
                if self.order(&key, turn, now) {
                    // For each task that ended one may be ordered, whatever slot it was given: the run then keeps as
                    // many as it has live tasks, before the batch is stored and after.
                    let passed_on = turn.ending.take(&key).is_some();
                    let _one = (!passed_on).then(|| turn.ending.pop_first());
                } else {
                    refused.insert(key);
                }
            }
        }
    }

    /// The step instances whose tasks hold a slot: those that history says are live, and those that still are.
    fn held(&self) -> BTreeSet<StepKey> {
        let run = self.run();
        let live = run.live().iter().map(|task| run.tasks()[task].key.clone());
        let under_way = self.under_way.values().filter_map(|handle| match handle {
            Handle::Task { key, .. } | Handle::Burial { key } => Some(key.clone()),
            Handle::Errand => None,
        });
        live.chain(under_way).collect()
    }

    fn want(&self, duty: &Duty) -> Option<Want> {
        let Duty::Begin(Begin {
            key,
            agent,
            not_before,
            ..
        }) = duty
        else {
            return None;
        };
        let account = self.shared.account(agent);
        Some(Want {
            key: key.clone(),
            account,
            not_before: *not_before,
            priority: 0,
        })
    }

    fn report(&mut self, turn: &mut Turn, now: Moment) {
        let report = self.shared.ports.definitions.report(self.run());
        let report = report.unwrap_or_else(|error| format!("The report could not be rendered: {error}\n"));
        let input = Input::Reported { report };
        self.decide(input, turn, now)
            .expect("a report that is owed is taken");
    }

    /// Renders what a task is told and decides on it. False when there is no task after all.
    fn order(&mut self, key: &StepKey, turn: &mut Turn, now: Moment) -> bool {
        let rendered = self.render(key).map_err(|error| error.to_string());
        let prompt = rendered
            .as_ref()
            .map(|rendered| rendered.prompt.clone())
            .map_err(Clone::clone);
        let input = Input::Admitted {
            key: key.clone(),
            prompt,
        };
        if let Err(refusal) = self.decide(input, turn, now) {
            tracing::error!(run.id = %self.id, step = %key, %refusal, "bug: what is owed is refused");
            return false;
        }
        let task = match self.run().step(key).map(|step| &step.state) {
            Some(StepState::Working { task } | StepState::Checking { task: Some(task), .. }) => *task,
            _ => return false,
        };
        if let Ok(rendered) = rendered {
            self.told.insert(task, rendered);
        }
        true
    }

    fn render(&self, key: &StepKey) -> Result<Rendered, DefinitionError> {
        if self.project_path().is_none() {
            return Err(DefinitionError::Render("its project was removed".to_owned()));
        }
        let run = self.run();
        let step = run.step(key).expect("only planned steps are admitted");
        let role = match &step.state {
            StepState::Checking { .. } => Role::Gate,
            _ => Role::Work,
        };
        let ask = PromptAsk {
            run,
            key,
            role,
            before: step.before.as_deref(),
        };
        self.shared.ports.definitions.render(ask)
    }
}
