//! Keeps the board and all work units: what spans runs is decided here, one thing at a time.
//!
//! Owns: the units in memory, and the one way to write the streams of the board and of units.
//! Leaves out: slots, which are not history and are given away under the board's lock by whoever changes them.

use crate::ports::{Append, Batch, Idempotency};
use crate::shared::Shared;
use crate::start::{self, StartRun};
use crate::{EngineError, keeper};
use domain::{
    BoardEvent, BoardInput, Event, Moment, Name, NewUnit, Outcome, ProjectId, Refusal, Run, RunEvent, RunId,
    RunInput, Stream, UnitEvent, UnitId, UnitInput, UnitStatus, Units, WorkUnit, claimable, decide_board,
    decide_unit,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// The way back to whoever asked.
pub(crate) type Answer = oneshot::Sender<Result<(), EngineError>>;

/// What the board's keeper is sent.
pub(crate) enum Message {
    /// A person wants a unit.
    CreateUnit {
        unit: UnitId,
        new: Box<NewUnit>,
        idempotency: Option<Idempotency>,
        answer: Answer,
    },
    /// A person wants something of a unit; all of it or nothing.
    ChangeUnit {
        chunk: String,
        inputs: Vec<UnitInput>,
        idempotency: Option<Idempotency>,
        answer: Answer,
    },
    /// A person wants something of the board.
    Change {
        input: BoardInput,
        idempotency: Option<Idempotency>,
        answer: Answer,
    },
    /// A task met its account's limit.
    Limited {
        account: Name,
        until: Option<Moment>,
        reason: String,
        done: oneshot::Sender<()>,
    },
    /// A task of an account at its limit did its work.
    Worked {
        account: Name,
        done: oneshot::Sender<()>,
    },
    /// A run ended.
    RunEnded {
        run: RunId,
        project: ProjectId,
        unit: Option<UnitId>,
        end: End,
    },
    /// A run that had ended goes on.
    RunReopened { run: RunId, unit: UnitId },
    /// A unit's run is ready to be stored, or cannot be.
    Prepared {
        unit: UnitId,
        run: RunId,
        events: Result<Vec<RunEvent>, EngineError>,
    },
}

/// How a run ended, as its unit hears it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Completed,
    Stopped(String),
}

impl End {
    pub(crate) fn of(event: &RunEvent) -> Option<Self> {
        match event {
            RunEvent::Completed { .. } => Some(Self::Completed),
            RunEvent::Failed { reason, .. } => Some(Self::Stopped(reason.clone())),
            RunEvent::Cancelled => Some(Self::Stopped("its run was cancelled".to_owned())),
            _ => None,
        }
    }
}

pub(crate) struct BoardKeeper {
    pub(crate) shared: Arc<Shared>,
    pub(crate) units: Units,
    /// Units whose run is being prepared.
    pub(crate) preparing: BTreeSet<UnitId>,
    /// The agent of units that name none.
    pub(crate) default_agent: Option<Name>,
}

impl BoardKeeper {
    pub(crate) async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Message>) {
        self.release_what_ended().await;
        self.claim();
        while let Some(message) = inbox.recv().await {
            self.take(message).await;
            self.claim();
        }
    }

    async fn take(&mut self, message: Message) {
        match message {
            Message::CreateUnit {
                unit,
                new,
                idempotency,
                answer,
            } => {
                let result = match self.units.create(*new) {
                    Ok(event) => {
                        self.store(vec![(Stream::Unit(unit), vec![Event::Unit(event)])], idempotency)
                            .await
                    }
                    Err(refusal) => Err(refusal.into()),
                };
                reply(answer, result);
            }
            Message::ChangeUnit {
                chunk,
                inputs,
                idempotency,
                answer,
            } => {
                let result = self.change_unit(&chunk, inputs, idempotency).await;
                reply(answer, result);
            }
            Message::Change {
                input,
                idempotency,
                answer,
            } => {
                let result = self.change_board(input, idempotency).await;
                reply(answer, result);
            }
            Message::Limited {
                account,
                until,
                reason,
                done,
            } => {
                self.note(BoardInput::Limited {
                    account,
                    until,
                    reason,
                })
                .await;
                // The task that waits for this may have been dropped.
                let _ = done.send(());
            }
            Message::Worked { account, done } => {
                self.note(BoardInput::Worked { account }).await;
                // The task that waits for this may have been dropped.
                let _ = done.send(());
            }
            Message::RunEnded {
                run,
                project,
                unit,
                end,
            } => {
                if let Some(unit) = unit {
                    self.run_ended(unit, run, end).await;
                }
                self.tidy_up(run, project);
            }
            Message::RunReopened { run, unit } => self.run_reopened(run, unit).await,
            Message::Prepared { unit, run, events } => {
                self.preparing.remove(&unit);
                self.start(unit, run, events).await;
            }
        }
    }

    /// Stores a change, and only then believes it.
    async fn store(
        &mut self,
        changes: Vec<(Stream, Vec<Event>)>,
        idempotency: Option<Idempotency>,
    ) -> Result<(), EngineError> {
        let at = self.shared.ports.clock.now();
        let appends = changes.iter().map(|(stream, events)| Append {
            stream: *stream,
            expected_seq: self.seq(*stream),
            events: events.clone(),
        });
        let batch = Batch {
            at,
            appends: appends.collect(),
            idempotency,
            wakes: Vec::new(),
        };
        let committed = self.shared.ports.store.commit(batch).await;
        if let Err(crate::ports::CommitError::Full) = &committed {
            self.shared.set_health(crate::Health::Full);
        }
        let committed = committed?;
        for (stream, events) in &changes {
            for event in events {
                match (stream, event) {
                    (Stream::Board, Event::Board(event)) => self.shared.board().apply(event),
                    (Stream::Unit(unit), Event::Unit(event)) => self.units.apply(*unit, event, at),
                    (_, _) => {}
                }
            }
        }
        self.shared.publish(committed.position);
        self.shared.dispatch();
        Ok(())
    }

    fn seq(&self, stream: Stream) -> u64 {
        match stream {
            Stream::Board => self.shared.board().seq,
            Stream::Unit(unit) => self.units.get(unit).map_or(0, |unit| unit.seq),
            Stream::Run(_) => 0,
        }
    }

    async fn change_unit(
        &mut self,
        chunk: &str,
        inputs: Vec<UnitInput>,
        idempotency: Option<Idempotency>,
    ) -> Result<(), EngineError> {
        let unit = self
            .units
            .of_chunk(chunk)
            .ok_or_else(|| Refusal::UnknownChunk(chunk.to_owned()))?;
        let id = unit.id;
        let is_claimed = self.is_claimed(id);
        let mut after = unit.clone();
        let mut events = Vec::new();
        for input in inputs {
            self.check_names(&after, &input)?;
            let blockers = match &input {
                UnitInput::SetBlockers { blocked_by } => blocked_by,
                _ => &after.blocked_by,
            };
            let open_blocker = self.units.open_blocker(blockers).map(str::to_owned);
            let decided = decide_unit(&after, input, open_blocker.as_deref(), is_claimed)?;
            decided.iter().for_each(|event| after.apply(event));
            events.extend(decided);
        }
        if events.is_empty() {
            return Err(Refusal::NothingToDo.into());
        }
        let mut changes = vec![(Stream::Unit(id), events.into_iter().map(Event::Unit).collect())];
        changes.extend(self.unblocked(&after));
        self.store(changes, idempotency).await
    }

    fn check_names(&self, unit: &WorkUnit, input: &UnitInput) -> Result<(), Refusal> {
        match input {
            UnitInput::Rename { chunk } if *chunk != unit.chunk => self.units.check_chunk(chunk),
            UnitInput::SetBlockers { blocked_by } => self.units.check_blockers(&unit.chunk, blocked_by),
            _ => Ok(()),
        }
    }

    fn is_claimed(&self, unit: UnitId) -> bool {
        self.shared.board().claims.contains_key(&unit) || self.preparing.contains(&unit)
    }

    /// Units that wait for nothing any more once this one is what it is.
    fn unblocked(&self, after: &WorkUnit) -> Vec<(Stream, Vec<Event>)> {
        if after.status != UnitStatus::Done && !after.is_deleted {
            return Vec::new();
        }
        let chunk = self
            .units
            .get(after.id)
            .map_or(&after.chunk, |before| &before.chunk);
        let waiting = self.units.waiting_for(chunk).filter(|unit| unit.id != after.id);
        waiting
            .filter_map(|unit| {
                let others: Vec<String> = unit
                    .blocked_by
                    .iter()
                    .filter(|blocker| *blocker != chunk)
                    .cloned()
                    .collect();
                let open_blocker = self.units.open_blocker(&others);
                let events = decide_unit(unit, UnitInput::Unblocked, open_blocker, false).ok()?;
                Some((
                    Stream::Unit(unit.id),
                    events.into_iter().map(Event::Unit).collect(),
                ))
            })
            .collect()
    }

    async fn change_board(
        &mut self,
        input: BoardInput,
        idempotency: Option<Idempotency>,
    ) -> Result<(), EngineError> {
        let input = match input {
            BoardInput::RemoveProject { project, is_busy: _ } => {
                let open = self.shared.ports.store.open_runs().await?;
                BoardInput::RemoveProject {
                    project,
                    is_busy: open.iter().any(|run| run.project == project),
                }
            }
            other => other,
        };
        let events = decide_board(&self.shared.board(), input, self.shared.ports.clock.now())?;
        self.store(
            vec![(Stream::Board, events.into_iter().map(Event::Board).collect())],
            idempotency,
        )
        .await
    }

    /// Something that happened to the board; when it cannot be stored, the next of its kind will tell it again.
    async fn note(&mut self, input: BoardInput) {
        if let Err(error) = self.change_board(input, None).await {
            tracing::debug!(%error, "not noted on the board");
        }
    }

    /// Finds runs for units that are ready.
    fn claim(&mut self) {
        if self.shared.is_draining() {
            return;
        }
        let units: Vec<UnitId> = claimable(&self.shared.board(), &self.units);
        for id in units
            .into_iter()
            .filter(|unit| !self.preparing.contains(unit))
            .collect::<Vec<_>>()
        {
            self.preparing.insert(id);
            let unit = self
                .units
                .get(id)
                .expect("only known units are claimable")
                .clone();
            let run = RunId::from_bits((self.shared.ports.ids)());
            let shared = Arc::clone(&self.shared);
            let agent = self.default_agent.clone();
            tokio::spawn(async move {
                let events = match ask_of(&unit, run, agent) {
                    Ok(ask) => start::prepare(&shared, ask).await,
                    Err(error) => Err(error),
                };
                // A board that is gone has no use for it.
                let _ = shared.to_board.send(Message::Prepared {
                    unit: id,
                    run,
                    events,
                });
            });
        }
    }

    /// A claim is one batch over board, unit and run.
    async fn start(&mut self, id: UnitId, run: RunId, events: Result<Vec<RunEvent>, EngineError>) {
        let Some(unit) = self.units.get(id) else { return };
        let result = match events {
            Ok(events) => {
                let claimed = decide_unit(unit, UnitInput::Claimed { run }, None, false);
                let on_board = decide_board(
                    &self.shared.board(),
                    BoardInput::Claim { unit: id, run },
                    self.shared.ports.clock.now(),
                );
                let (Ok(claimed), Ok(on_board)) = (claimed, on_board) else {
                    return;
                };
                let batch = vec![
                    (Stream::Board, on_board.into_iter().map(Event::Board).collect()),
                    (Stream::Unit(id), claimed.into_iter().map(Event::Unit).collect()),
                    (Stream::Run(run), events.into_iter().map(Event::Run).collect()),
                ];
                self.store(batch, None).await
            }
            Err(EngineError::Full | EngineError::Stopping | EngineError::Down(_)) => return,
            Err(error) => {
                let stopped = UnitInput::Stopped {
                    reason: format!("no run could be started for it: {error}"),
                };
                let Ok(events) = decide_unit(unit, stopped, None, false) else {
                    return;
                };
                let events = events.into_iter().map(Event::Unit).collect();
                drop(self.store(vec![(Stream::Unit(id), events)], None).await);
                return;
            }
        };
        match result {
            Ok(()) => self.shared.send(run, keeper::Message::Look),
            Err(error) => tracing::warn!(unit.id = %id, %error, "not claimed"),
        }
    }

    /// The batch that finishes a unit unblocks its dependents.
    async fn run_ended(&mut self, id: UnitId, run: RunId, end: End) {
        if self.shared.board().claims.get(&id) != Some(&run) {
            return;
        }
        let released = vec![Event::Board(BoardEvent::ClaimReleased { unit: id })];
        let mut changes = vec![(Stream::Board, released)];
        if let Some(unit) = self.units.get(id) {
            let input = match end {
                End::Completed => UnitInput::Finished,
                End::Stopped(reason) => UnitInput::Stopped { reason },
            };
            if let Ok(events) = decide_unit(unit, input, None, true) {
                let mut after = unit.clone();
                events.iter().for_each(|event| after.apply(event));
                changes.push((Stream::Unit(id), events.into_iter().map(Event::Unit).collect()));
                changes.extend(self.unblocked(&after));
            }
        }
        if let Err(error) = self.store(changes, None).await {
            tracing::warn!(unit.id = %id, %error, "a unit was not told that its run ended; it will be at the next start");
        }
    }

    async fn run_reopened(&mut self, run: RunId, id: UnitId) {
        let Some(unit) = self.units.get(id) else { return };
        let mut after = unit.clone();
        let mut events = Vec::new();
        if after.status == UnitStatus::NeedsAttention {
            let reason = "its run goes on".to_owned();
            events.push(UnitEvent::StatusChanged {
                from: after.status,
                to: UnitStatus::Ready,
                reason,
                forced: false,
            });
            events.iter().for_each(|event| after.apply(event));
        }
        let claimed = decide_unit(&after, UnitInput::Claimed { run }, None, false);
        let input = BoardInput::Claim { unit: id, run };
        let on_board = decide_board(&self.shared.board(), input, self.shared.ports.clock.now());
        let (Ok(claimed), Ok(on_board)) = (claimed, on_board) else {
            return;
        };
        events.extend(claimed);
        let changes = vec![
            (Stream::Board, on_board.into_iter().map(Event::Board).collect()),
            (Stream::Unit(id), events.into_iter().map(Event::Unit).collect()),
        ];
        if let Err(error) = self.store(changes, None).await {
            tracing::warn!(unit.id = %id, %error, "a unit was not told that its run goes on");
        }
    }

    /// Claims whose run ended before its unit could be told: a crash lies between.
    async fn release_what_ended(&mut self) {
        let claims: BTreeMap<UnitId, RunId> = self.shared.board().claims.clone();
        for (unit, run) in claims {
            let Ok(recorded) = self.shared.ports.store.load(Stream::Run(run), 0).await else {
                continue;
            };
            let events: Vec<RunEvent> = recorded
                .into_iter()
                .filter_map(|recorded| match recorded.event {
                    Event::Run(event) => Some(event),
                    Event::Unit(_) | Event::Board(_) => None,
                })
                .collect();
            let is_over = Run::replay(run, &events).is_some_and(|run| {
                matches!(
                    run.phase(),
                    domain::Phase::Ended(Outcome::Completed | Outcome::Failed | Outcome::Cancelled)
                )
            });
            if let (true, Some(end)) = (is_over, events.iter().rev().find_map(End::of)) {
                self.run_ended(unit, run, end).await;
            }
        }
    }

    /// Lets go of what a run that ended kept outside the history.
    fn tidy_up(&self, run: RunId, project: ProjectId) {
        let shared = Arc::clone(&self.shared);
        let path = shared
            .board()
            .projects
            .get(&project)
            .map(|project| project.path.clone());
        tokio::spawn(async move {
            shared.ports.agents.forget_run(run).await;
            if let Some(path) = path
                && let Err(error) = shared.ports.workspaces.release(path.into(), run).await
            {
                tracing::warn!(run.id = %run, %error, "the run's places were not all let go");
            }
        });
    }
}

/// What a unit's order asks for.
fn ask_of(unit: &WorkUnit, run: RunId, default_agent: Option<Name>) -> Result<StartRun, EngineError> {
    let order = unit
        .order
        .clone()
        .expect("only units with an order are claimable");
    let project = unit.project.ok_or(Refusal::UnknownProject)?;
    let missing =
        || crate::ports::BeginError::Missing("no agent was chosen and there is no default".to_owned());
    let input = RunInput {
        question: order.question,
        size: order.size,
        fast: order.fast,
        agent: order.agent.or(default_agent).ok_or_else(missing)?,
        model: order.model,
        extra: order.extra,
    };
    Ok(StartRun {
        run,
        project,
        flow: order.flow,
        input,
        unit: Some(unit.id),
    })
}

fn reply(answer: Answer, result: Result<(), EngineError>) {
    // Whoever asked may have left.
    let _ = answer.send(result);
}
