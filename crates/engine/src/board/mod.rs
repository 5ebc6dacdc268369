//! Keeps the board and all work units: what spans runs is decided here, one thing at a time.
//!
//! Owns: the units in memory, and the one way to write the streams of the board and of units.
//! Leaves out: slots, which are not history and are given away under the board's lock by whoever changes them.

mod claims;
mod people;

use crate::faults::{CrashPoint, reach};
use crate::ports::{Append, Batch, CommitError, Idempotency};
use crate::shared::{Ports, Shared};
use crate::{EngineError, Health};
use domain::{
    Board, BoardInput, Event, Name, NewUnit, RunEvent, RunId, Stream, UnitId, UnitInput, Units, WorkUnit,
    decide_board,
};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// So many conflicts in a row and whoever asked is told.
const CONFLICTS_MAX: u32 = 8;

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
    /// Something happened that the board is to know; says back whether it is stored.
    Note {
        input: BoardInput,
        done: oneshot::Sender<bool>,
    },
    /// A run ended.
    RunEnded { run: RunId, unit: UnitId, end: End },
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
    shared: Arc<Shared>,
    units: Units,
    /// Units whose run is being prepared.
    preparing: BTreeSet<UnitId>,
    /// The agent of units that name none.
    default_agent: Option<Name>,
    /// Whether something that happened to a run could not be told to its unit yet.
    is_behind: bool,
}

/// Why a change was not stored.
enum Unstored {
    /// A stream had moved on. What is in memory was read again: decide again.
    Moved,
    /// Whoever asked is told.
    Said(EngineError),
}

impl<E: Into<EngineError>> From<E> for Unstored {
    fn from(error: E) -> Self {
        Self::Said(error.into())
    }
}

type Changes = Vec<(Stream, Vec<Event>)>;

impl BoardKeeper {
    pub(crate) fn new(shared: Arc<Shared>, units: Units, default_agent: Option<Name>) -> Self {
        Self {
            shared,
            units,
            preparing: BTreeSet::new(),
            default_agent,
            is_behind: true,
        }
    }

    pub(crate) async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Message>) {
        let mut health = self.shared.health.subscribe();
        loop {
            let is_good = *health.borrow_and_update() == Health::Good;
            if self.is_behind && is_good {
                self.catch_up().await;
            }
            if is_good {
                self.claim();
            }
            tokio::select! {
                biased;
                message = inbox.recv() => match message {
                    Some(message) => self.take(message).await,
                    None => return,
                },
                // What could not be done while the disk was full is done now.
                changed = health.changed() => if changed.is_err() {
                    return;
                },
            }
        }
    }

    /// Decides, and decides again while streams move on; then answers.
    async fn take(&mut self, message: Message) {
        if let Message::Prepared { unit, .. } = &message {
            self.preparing.remove(unit);
        }
        let mut conflicts = 0;
        let result = loop {
            match self.decide(&message).await {
                Ok(()) => break Ok(()),
                Err(Unstored::Said(error)) => break Err(error),
                Err(Unstored::Moved) if conflicts < CONFLICTS_MAX => conflicts += 1,
                Err(Unstored::Moved) => break Err(CommitError::Conflict(Stream::Board).into()),
            }
        };
        match message {
            Message::CreateUnit {
                idempotency, answer, ..
            }
            | Message::ChangeUnit {
                idempotency, answer, ..
            }
            | Message::Change {
                idempotency, answer, ..
            } => {
                reach(CrashPoint::AfterRequest);
                self.reply(answer, result, idempotency).await;
            }
            Message::Note { done, .. } => {
                let is_stored = matches!(result, Ok(()) | Err(EngineError::Refused(_)));
                // The task that waits for this may have been dropped.
                let _ = done.send(is_stored);
            }
            Message::RunEnded { unit, .. } | Message::RunReopened { unit, .. } => {
                self.note_behind(unit, result);
            }
            Message::Prepared { unit, .. } => {
                if let Err(error) = result {
                    tracing::warn!(unit.id = %unit, %error, "not claimed");
                }
            }
        }
    }

    async fn decide(&mut self, message: &Message) -> Result<(), Unstored> {
        match message {
            Message::CreateUnit {
                unit,
                new,
                idempotency,
                ..
            } => self.create_unit(*unit, new, idempotency.as_ref()).await,
            Message::ChangeUnit {
                chunk,
                inputs,
                idempotency,
                ..
            } => self.change_unit(chunk, inputs, idempotency.as_ref()).await,
            Message::Change {
                input, idempotency, ..
            } => self.change_board(input, idempotency.as_ref()).await,
            Message::Note { input, .. } => self.change_board(input, None).await,
            Message::RunEnded { run, unit, end } => self.run_ended(*unit, *run, end).await,
            Message::RunReopened { run, unit } => self.run_reopened(*unit, *run).await,
            Message::Prepared { unit, run, events } => self.start(*unit, *run, events).await,
        }
    }

    /// What a unit was not told is told once the store takes it again.
    fn note_behind(&mut self, unit: UnitId, result: Result<(), EngineError>) {
        if let Err(error) = result {
            tracing::warn!(unit.id = %unit, %error, "a unit was not told how its run goes; it will be");
            self.is_behind = true;
        }
    }

    async fn reply(&self, answer: Answer, result: Result<(), EngineError>, request: Option<Idempotency>) {
        let result = match (result, request) {
            (Err(error @ EngineError::Refused(_)), Some(request)) => {
                Err(self.shared.answered_before(&request).await.unwrap_or(error))
            }
            (result, _) => result,
        };
        // Whoever asked may have left.
        let _ = answer.send(result);
    }

    /// Stores a change, and only then believes it.
    async fn store(&mut self, changes: Changes, idempotency: Option<&Idempotency>) -> Result<(), Unstored> {
        let at = self.shared.ports.clock.now();
        let appends = changes.iter().map(|(stream, events)| Append {
            stream: *stream,
            expected_seq: self.seq(*stream),
            events: events.clone(),
        });
        let batch = Batch {
            at,
            appends: appends.collect(),
            idempotency: idempotency.cloned(),
            wakes: Vec::new(),
        };
        let committed = match self.shared.ports.store.commit(batch).await {
            Ok(committed) => committed,
            Err(error) => return Err(self.not_stored(error).await),
        };
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

    async fn not_stored(&mut self, error: CommitError) -> Unstored {
        match &error {
            CommitError::Full => self.shared.set_health(Health::Full),
            CommitError::Down(why) => self.shared.set_health(Health::Down(why.clone())),
            CommitError::Repeated { .. } | CommitError::KeyReused => {}
            CommitError::Conflict(_) => {
                return match self.read_again().await {
                    Ok(()) => Unstored::Moved,
                    Err(error) => Unstored::Said(error),
                };
            }
        }
        error.into()
    }

    async fn read_again(&mut self) -> Result<(), EngineError> {
        let fresh = read_board(&self.shared.ports).await?;
        self.units = read_units(&self.shared.ports).await?;
        let mut board = self.shared.board();
        let before = std::mem::take(&mut *board);
        *board = fresh.with_slots_of(before);
        Ok(())
    }

    fn seq(&self, stream: Stream) -> u64 {
        match stream {
            Stream::Board => self.shared.board().seq,
            Stream::Unit(unit) => self.units.get(unit).map_or(0, |unit| unit.seq),
            Stream::Run(_) => 0,
        }
    }

    async fn change_board(
        &mut self,
        input: &BoardInput,
        request: Option<&Idempotency>,
    ) -> Result<(), Unstored> {
        let input = match input {
            BoardInput::RemoveProject { project, is_busy: _ } => {
                let open = self.shared.ports.store.open_runs().await?;
                BoardInput::RemoveProject {
                    project: *project,
                    is_busy: open.iter().any(|run| run.project == *project),
                }
            }
            other => other.clone(),
        };
        let events = decide_board(&self.shared.board(), input, self.shared.ports.clock.now())?;
        let events = events.into_iter().map(Event::Board).collect();
        self.store(vec![(Stream::Board, events)], request).await
    }
}

pub(crate) async fn read_board(ports: &Ports) -> Result<Board, EngineError> {
    let mut board = Board::default();
    for recorded in ports.store.load(Stream::Board, 0).await? {
        if let Event::Board(event) = &recorded.event {
            board.apply(event);
        }
    }
    Ok(board)
}

pub(crate) async fn read_units(ports: &Ports) -> Result<Units, EngineError> {
    let mut units = Units::default();
    for unit in ports.store.units().await? {
        let recorded = ports.store.load(Stream::Unit(unit), 0).await?;
        let events = recorded.iter().filter_map(|recorded| match &recorded.event {
            Event::Unit(event) => Some((event, recorded.at)),
            Event::Run(_) | Event::Board(_) => None,
        });
        if let Some(unit) = WorkUnit::replay(unit, events) {
            units.insert(unit);
        }
    }
    Ok(units)
}
