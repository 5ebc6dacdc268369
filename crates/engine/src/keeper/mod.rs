//! Keeps one run going: takes what arrives, decides, stores, and only then acts.
//!
//! Owns: the run in memory and the handles of what is under way for it. Start-up and recovery are this same path: a
//! keeper reads the history, compares what must be under way with what is, and carries on.
//! Leaves out: what may happen (`domain`), how a task is done (`work`), who gets a slot (`domain::admit`).

mod act;
mod keep;
mod turn;

use crate::EngineError;
use crate::faults::{Control, is_off};
use crate::ports::{Idempotency, Rendered};
use crate::shared::Shared;
use crate::work::Report;
use domain::planted::{self, Bug};
use domain::{Event, Input, Moment, Phase, Run, RunId, StepKey, Stream, TaskId};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// What a keeper is sent.
pub(crate) enum Message {
    /// A person's wish, and the way to answer it.
    Command(Box<Command>),
    /// News of what is under way.
    Report(Report),
    /// Look at what is owed: the run is new, its time has come, a slot was given to it, or the daemon has just started.
    Look,
    /// An earlier life ended the run and did not come to let go of what it kept.
    LetGo,
    /// Stop what is under way and leave.
    Drain,
}

pub(crate) struct Command {
    pub(crate) input: Input,
    pub(crate) idempotency: Option<Idempotency>,
    pub(crate) answer: Answer,
}

/// The way back to whoever asked.
pub(crate) type Answer = oneshot::Sender<Result<(), EngineError>>;

impl Message {
    /// Whether it must reach the run even while the daemon stops.
    pub(crate) const fn is_owed(&self) -> bool {
        match self {
            Self::Report(_) => true,
            Self::Command(_) | Self::Look | Self::LetGo | Self::Drain => false,
        }
    }

    /// Whether it may come again, and must then be answered as it was the first time.
    fn is_repeatable(&self) -> bool {
        matches!(self, Self::Command(command) if command.idempotency.is_some())
    }

    pub(crate) fn refuse(self) {
        if let Self::Command(command) = self {
            // Whoever asked may have left.
            let _ = command.answer.send(Err(EngineError::Stopping));
        }
    }
}

/// A run whose keeper broke goes on with another so often, in one life of the daemon.
const LOSSES_MAX: u32 = 3;

pub(crate) async fn keep(shared: Arc<Shared>, id: RunId, inbox: mpsc::UnboundedReceiver<Message>) {
    let mut guard = LostKeeper {
        shared: Arc::clone(&shared),
        run: id,
        is_armed: true,
    };
    let mut keeper = Keeper {
        is_draining: shared.is_draining(),
        shared,
        id,
        inbox,
        run: None,
        under_way: BTreeMap::new(),
        told: BTreeMap::new(),
        again: VecDeque::new(),
        conflicts: 0,
        is_checked: false,
        is_released: false,
        kept_wake: None,
    };
    keeper.work_until_idle().await;
    guard.is_armed = false;
}

/// A keeper that panics must not leave a run that nobody can reach, nor one that nobody moves.
struct LostKeeper {
    shared: Arc<Shared>,
    run: RunId,
    is_armed: bool,
}

impl Drop for LostKeeper {
    fn drop(&mut self) {
        if self.is_armed {
            self.shared.board().forget(self.run);
            self.shared.recovered(self.run);
            let losses = self.shared.lost(self.run);
            if is_off(Control::BrokenTold) {
                return;
            }
            if losses <= LOSSES_MAX {
                self.shared.send(self.run, Message::Look);
            } else {
                let run = self.run;
                tracing::error!(run.id = %run, losses, "bug: a run breaks its keeper again and again; it is left alone");
            }
        }
    }
}

struct Keeper {
    shared: Arc<Shared>,
    id: RunId,
    inbox: mpsc::UnboundedReceiver<Message>,
    run: Option<Run>,
    /// What is being done, by what it is for.
    under_way: BTreeMap<Effort, Handle>,
    /// What the tasks that were ordered in this life are told, until they begin.
    told: BTreeMap<TaskId, Rendered>,
    /// What comes before the inbox: what must be decided on again because it could not be stored, or later because
    /// it is stored by itself.
    again: VecDeque<Message>,
    /// Conflicts in a row.
    conflicts: u32,
    is_draining: bool,
    /// Whether the definition was compared with what its name stands for now.
    is_checked: bool,
    /// Whether what the run kept was let go of, since it ended.
    is_released: bool,
    /// The wake that the store has of this run, where this keeper knows: nobody else writes it, so that one that is
    /// there already is not written again.
    kept_wake: Option<Option<Moment>>,
}

/// What something under way is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Effort {
    /// A task.
    Task(TaskId),
    /// A merge step. There is one at a time: each builds on the one before.
    Merge,
    /// The run's branch.
    Publish,
    /// Letting go of what an ended run kept. Nothing begins meanwhile: it would lose its place.
    Release,
}

enum Handle {
    /// A task of this life.
    Task {
        key: StepKey,
        stop: Option<oneshot::Sender<()>>,
    },
    /// What is left of a task of an earlier life.
    Burial { key: StepKey },
    /// Anything that needs no slot and is not stopped.
    Errand,
}

impl Keeper {
    async fn work_until_idle(&mut self) {
        while let Some(first) = self.next_message().await {
            if self.run.is_none()
                && let Err(error) = self.load().await
            {
                self.fail(first, &error);
            } else {
                let turn = self.take_turn(first);
                self.store_and_act(turn).await;
            }
            if self.under_way.is_empty() && self.again.is_empty() && self.leave() {
                return;
            }
        }
    }

    async fn next_message(&mut self) -> Option<Message> {
        if let Some(message) = self.again.pop_front() {
            return Some(message);
        }
        self.inbox.recv().await
    }

    /// Reads the history. What it says is under way, but is not, was lost with an earlier life.
    async fn load(&mut self) -> Result<(), EngineError> {
        let recorded = self.shared.ports.store.load(Stream::Run(self.id), 0).await?;
        let events = recorded.iter().filter_map(|recorded| match &recorded.event {
            Event::Run(event) => Some(event),
            Event::Unit(_) | Event::Board(_) => None,
        });
        let run = Run::replay(self.id, events).ok_or(EngineError::UnknownRun(self.id))?;
        let hash = &run.start().flow.hash;
        if !self.shared.ports.definitions.has(hash) {
            let bundle = self.shared.ports.store.blob(hash.clone()).await?;
            self.shared.ports.definitions.restore(&bundle)?;
        }
        self.is_released = matches!(run.phase(), Phase::Ended(_));
        self.told.retain(|task, _| run.live().contains(task));
        self.run = Some(run);
        Ok(())
    }

    /// Nothing can be decided on a run that cannot be read: those who wait are told so.
    fn fail(&mut self, first: Message, error: &EngineError) {
        tracing::error!(run.id = %self.id, %error, "a run cannot be read");
        let waiting = std::mem::take(&mut self.again);
        let arrived = std::iter::from_fn(|| self.inbox.try_recv().ok());
        for message in [first].into_iter().chain(waiting).chain(arrived) {
            match message {
                Message::Command(command) => {
                    // Whoever asked may have left.
                    let _ = command.answer.send(Err(error.clone()));
                }
                Message::Report(Report::Ended { task, .. }) => {
                    self.under_way.remove(&Effort::Task(task));
                }
                Message::Report(_) | Message::Look | Message::LetGo => {}
                Message::Drain => self.is_draining = true,
            }
        }
        self.shared.recovered(self.id);
    }

    fn run(&self) -> &Run {
        self.run
            .as_ref()
            .expect("a keeper loads its run before it takes a turn")
    }

    fn project_path(&self) -> Option<std::path::PathBuf> {
        let board = self.shared.board();
        board
            .projects
            .get(&self.run().start().project)
            .map(|project| project.path.clone().into())
    }

    /// Nothing is in hand: leaves memory to others. What waits for a slot waits on the board, what waits for a moment
    /// with the timer.
    fn leave(&mut self) -> bool {
        let is_waiting = self
            .run
            .as_ref()
            .is_some_and(|run| !self.is_draining && !matches!(run.phase(), Phase::Ended(_)));
        let wake = if is_waiting {
            let now = self.shared.ports.clock.now();
            self.shared.board().leave_to_time(self.id, now)
        } else {
            self.shared.board().forget(self.id);
            None
        };
        self.shared
            .wakes
            .set(self.id, wake.filter(|_| !planted::is(Bug::WakeLost)));
        self.shared.may_leave(self.id, &self.inbox)
    }
}
