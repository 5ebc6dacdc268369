//! The engine as the rest of the daemon sees it: wishes go in, the history says what came of them.

use crate::board::{self, BoardKeeper};
use crate::keeper::{self, Command};
use crate::ports::{Append, Batch, CommitError, Idempotency};
use crate::secrets;
use crate::shared::{Ports, Shared};
use crate::start::{self, StartRun};
use crate::wakes;
use crate::{EngineError, Health};
use domain::{
    Board, BoardInput, Event, Input, Moment, Name, NewUnit, Run, RunId, RunInput, Stream, UnitId, UnitInput,
};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

/// What the engine needs to know beside its ports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The agent of work units whose order names none.
    pub default_agent: Option<Name>,
}

/// What spans runs, as numbers for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    /// How many tasks may be under way at once.
    pub slots: u32,
    /// How many are.
    pub busy: u32,
    /// How many runs are in memory.
    pub keepers: usize,
}

/// The engine. Clones are the same engine.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

impl Engine {
    /// Reads the history and carries on where it stops: there is no other way to start. Must be called inside a
    /// runtime, which takes everything with it when it goes.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub async fn open(ports: Ports, config: Config) -> Result<Self, EngineError> {
        let engine = Self::open_held(ports, config).await?;
        engine.begin();
        Ok(engine)
    }

    /// As [`Self::open`], but nothing begins before [`Self::begin`]: what earlier lives left is ended meanwhile.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub async fn open_held(ports: Ports, config: Config) -> Result<Self, EngineError> {
        Self::open_with(ports, config, |_| {}).await
    }

    /// From here on tasks begin.
    pub fn begin(&self) {
        self.shared.begin();
    }

    /// As [`Self::open`], seen by a probe.
    ///
    /// # Errors
    /// When the history cannot be read.
    #[cfg(feature = "testkit")]
    pub async fn open_probed(
        ports: Ports,
        config: Config,
        probe: crate::testkit::Probe,
    ) -> Result<Self, EngineError> {
        let engine = Self::open_with(ports, config, |shared| shared.probe = probe).await?;
        engine.begin();
        Ok(engine)
    }

    async fn open_with(
        ports: Ports,
        config: Config,
        prepare: impl FnOnce(&mut Shared),
    ) -> Result<Self, EngineError> {
        let (board, position) = (board::read_board(&ports).await?, ports.store.position().await?);
        let units = board::read_units(&ports).await?;
        #[expect(
            clippy::disallowed_methods,
            reason = "every sender is a person's request or the end of a task: few"
        )]
        let (to_board, board_inbox) = mpsc::unbounded_channel();
        let mut shared = Shared::new(ports, board, position, to_board);
        prepare(&mut shared);
        let shared = Arc::new(shared);
        let open_runs = shared.ports.store.open_runs().await?;
        let unsettled = open_runs.iter().filter(|open| open.has_live_task);
        shared.recover_first(unsettled.map(|open| open.run));
        let keeper = BoardKeeper::new(Arc::clone(&shared), units, config.default_agent);
        shared.spawn_vital("the board's keeper", keeper.run(board_inbox));
        shared.spawn_vital("the timer", wakes::run_timer(Arc::clone(&shared)));
        shared.spawn_vital("the look for room", heal(Arc::clone(&shared)));
        for open in open_runs {
            match open.wake {
                Some(at) if !open.has_live_task => shared.wakes.set(open.run, Some(at)),
                Some(_) | None => shared.send(open.run, keeper::Message::Look),
            }
        }
        for run in shared.ports.store.unreleased().await? {
            shared.send(run, keeper::Message::LetGo);
        }
        Ok(Self { shared })
    }

    /// Whether a run could start in a folder that is no project yet, as far as its definition, its input and its agents
    /// say. Nothing is kept.
    ///
    /// # Errors
    /// As [`Engine::start_run`] would refuse it.
    pub async fn check_run(&self, folder: &Path, flow: &Name, input: RunInput) -> Result<(), EngineError> {
        start::check(&self.shared, folder, flow, input).await.map(drop)
    }

    /// Starts a run.
    ///
    /// # Errors
    /// When the definition, the input, the agent or the place does not do; nothing was created then.
    pub async fn start_run(
        &self,
        ask: StartRun,
        idempotency: Option<Idempotency>,
    ) -> Result<(), EngineError> {
        if self.shared.is_draining() {
            return Err(EngineError::Stopping);
        }
        let run = ask.run;
        let events = match start::prepare(&self.shared, ask).await {
            Ok(events) => events,
            Err(error) => return Err(self.first_answer(idempotency.as_ref(), error).await),
        };
        let batch = Batch {
            at: self.shared.ports.clock.now(),
            appends: vec![Append {
                stream: Stream::Run(run),
                expected_seq: 0,
                events: events.into_iter().map(Event::Run).collect(),
            }],
            idempotency,
            wakes: Vec::new(),
        };
        let committed = self
            .shared
            .ports
            .store
            .commit(batch)
            .await
            .inspect_err(|error| self.note(error))?;
        self.shared.publish(committed.position);
        self.shared.send(run, keeper::Message::Look);
        Ok(())
    }

    /// A request that fails now may have been answered before.
    async fn first_answer(&self, request: Option<&Idempotency>, error: EngineError) -> EngineError {
        match request {
            Some(request) => self.shared.answered_before(request).await.unwrap_or(error),
            None => error,
        }
    }

    fn note(&self, error: &CommitError) {
        match error {
            CommitError::Full => self.shared.set_health(Health::Full),
            CommitError::Down(why) => self.shared.set_health(Health::Down(why.clone())),
            CommitError::Conflict(_) | CommitError::Repeated { .. } | CommitError::KeyReused => {}
        }
    }

    /// Brings a person's wish to a run. A person's trust in commands that the run brought along is kept for others.
    ///
    /// # Errors
    /// When there is no such run or the rules say no.
    pub async fn tell_run(
        &self,
        run: RunId,
        input: Input,
        idempotency: Option<Idempotency>,
    ) -> Result<(), EngineError> {
        let (answer, answered) = oneshot::channel();
        let command = Command {
            input,
            idempotency,
            answer,
        };
        self.shared.send(run, keeper::Message::Command(Box::new(command)));
        answered.await.unwrap_or(Err(EngineError::Stopping))
    }

    /// Creates a work unit.
    ///
    /// # Errors
    /// When the rules say no.
    pub async fn create_unit(
        &self,
        unit: UnitId,
        new: NewUnit,
        idempotency: Option<Idempotency>,
    ) -> Result<(), EngineError> {
        let new = Box::new(secrets::of_unit(self.shared.ports.transcripts.as_ref(), new));
        self.ask_board(|answer| board::Message::CreateUnit {
            unit,
            new,
            idempotency,
            answer,
        })
        .await
    }

    /// Changes a work unit: all of it or nothing.
    ///
    /// # Errors
    /// When there is no such unit or the rules say no.
    pub async fn change_unit(
        &self,
        chunk: String,
        inputs: Vec<UnitInput>,
        idempotency: Option<Idempotency>,
    ) -> Result<(), EngineError> {
        self.ask_board(|answer| board::Message::ChangeUnit {
            chunk,
            inputs,
            idempotency,
            answer,
        })
        .await
    }

    /// Changes the board: projects, slots, trusted commands.
    ///
    /// # Errors
    /// When the rules say no.
    pub async fn change_board(
        &self,
        input: BoardInput,
        idempotency: Option<Idempotency>,
    ) -> Result<(), EngineError> {
        self.ask_board(|answer| board::Message::Change {
            input,
            idempotency,
            answer,
        })
        .await
    }

    async fn ask_board(
        &self,
        message: impl FnOnce(board::Answer) -> board::Message,
    ) -> Result<(), EngineError> {
        let (answer, answered) = oneshot::channel();
        // A board that is gone drops the answer, which says the same.
        let _ = self.shared.to_board.send(message(answer));
        answered.await.unwrap_or(Err(EngineError::Stopping))
    }

    /// The name that people get for a run.
    #[must_use]
    pub fn slug(run: RunId) -> String {
        crate::slug::of(run)
    }

    /// The position up to which events can be read; changes when there are more.
    #[must_use]
    pub fn positions(&self) -> watch::Receiver<u64> {
        self.shared.position.subscribe()
    }

    /// How the engine is.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        self.shared.health.subscribe()
    }

    /// What spans runs, right now.
    #[must_use]
    pub fn load(&self) -> Load {
        let board = self.shared.board();
        Load {
            slots: board.slots,
            busy: board.busy(),
            keepers: self.shared.keepers(),
        }
    }

    /// The board, right now.
    #[must_use]
    pub fn board(&self) -> Board {
        self.shared.board().clone()
    }

    /// Stops everything that is under way, starts nothing new, and returns when all of it has ended and is stored.
    pub async fn drain(&self) {
        self.shared.drain().await;
    }
}

/// While the disk is full, asks now and then whether there is room again.
async fn heal(shared: Arc<Shared>) {
    const PAUSE_MS: u64 = 1_000;
    let mut health = shared.health.subscribe();
    while health.wait_for(|health| *health == Health::Full).await.is_ok() {
        let clock = &shared.ports.clock;
        clock.sleep_until(clock.now().plus_ms(PAUSE_MS)).await;
        let at: Moment = clock.now();
        let batch = Batch {
            at,
            appends: Vec::new(),
            idempotency: None,
            wakes: Vec::new(),
        };
        if shared.ports.store.commit(batch).await.is_ok() {
            shared.set_health(Health::Good);
        }
    }
}

/// A run as its history has it, for those who show it.
///
/// # Errors
/// When there is no such run or the history cannot be read.
pub async fn read_run(store: &dyn crate::ports::Store, run: RunId) -> Result<Run, EngineError> {
    let recorded = store.load(Stream::Run(run), 0).await?;
    let events = recorded.iter().filter_map(|recorded| match &recorded.event {
        Event::Run(event) => Some(event),
        Event::Unit(_) | Event::Board(_) => None,
    });
    Run::replay(run, events).ok_or(EngineError::UnknownRun(run))
}
