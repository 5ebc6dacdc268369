//! The engine over the real store and the real definitions, with agents that end at once and places that cost nothing:
//! what is left is what a durable step costs.

mod ports;

pub(crate) use ports::{Kept, SystemClock, Watched};

use crate::project;
use domain::{BoardInput, Moment, Name, ProjectId, RunId, RunInput, Size};
use engine::ports::Clock as _;
use engine::{Config, Engine, Ports, StartRun};
use flows::Library;
use ports::{Instant, NoPlaces, NoTranscripts};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::{Home, Options, SqliteStore};

/// Runtimes are as wide as the daemon's would be on a small machine.
pub(crate) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
}

/// An id that nobody made before.
pub(crate) fn new_id() -> u128 {
    uuid::Uuid::now_v7().as_u128()
}

/// An engine of our own.
pub(crate) struct World {
    engine: Engine,
    store: Arc<SqliteStore>,
    pub(crate) kept: Arc<Watched>,
    pub(crate) agents: Arc<Instant>,
    pub(crate) home: Home,
    project: ProjectId,
}

impl World {
    /// Opens a home, new or with a history; the project becomes one of it.
    pub(crate) async fn open(home: PathBuf, project: &Path, slots: u32) -> anyhow::Result<Self> {
        let home = Home::at(home);
        let clock = Arc::new(SystemClock);
        let store = Arc::new(SqliteStore::open(&home, &Options::default(), clock.now())?);
        let kept = Arc::new(Watched::new(Arc::clone(&store)));
        let agents = Arc::new(Instant::default());
        let ports = Ports {
            store: kept.clone(),
            agents: agents.clone(),
            workspaces: Arc::new(NoPlaces),
            definitions: Arc::new(Library::new()),
            transcripts: Arc::new(NoTranscripts),
            clock,
            ids: Arc::new(new_id),
        };
        let engine = Engine::open(ports, Config::default()).await?;
        let project = match engine.board().projects.first_key_value() {
            Some((known, _)) => *known,
            None => add_project(&engine, project).await?,
        };
        if engine.board().slots != slots {
            engine.change_board(BoardInput::SetSlots { slots }, None).await?;
        }
        kept.forget();
        Ok(Self {
            engine,
            store,
            kept,
            agents,
            home,
            project,
        })
    }

    /// Starts a run; its agents wait until they are let go.
    pub(crate) async fn start(&self, flow: &str) -> anyhow::Result<RunId> {
        let run = RunId::from_bits(new_id());
        let ask = StartRun {
            run,
            project: self.project,
            flow: Name::from(flow),
            input: input(),
            unit: None,
        };
        self.engine.start_run(ask, None).await?;
        Ok(run)
    }

    /// Ends everything, so that the database can be read.
    pub(crate) async fn close(self) {
        self.engine.drain().await;
        self.store.close().await;
    }
}

async fn add_project(engine: &Engine, folder: &Path) -> anyhow::Result<ProjectId> {
    let project = ProjectId::from_bits(new_id());
    let input = BoardInput::AddProject {
        project,
        name: "measured".to_owned(),
        path: folder.display().to_string(),
    };
    engine.change_board(input, None).await?;
    Ok(project)
}

/// What every run is asked.
pub(crate) fn input() -> RunInput {
    RunInput {
        question: "How fast?".to_owned(),
        size: Size::Small,
        fast: false,
        agent: Name::from("rehearsal"),
        model: None,
        extra: BTreeMap::new(),
    }
}

/// A new project beside a new home, both below a folder.
pub(crate) fn project_in(folder: &Path, wide: usize) -> anyhow::Result<PathBuf> {
    let path = folder.join("project");
    std::fs::create_dir_all(&path)?;
    project::make(&path, wide)
}

/// Now, for what is made without an engine.
pub(crate) fn now() -> Moment {
    SystemClock.now()
}
