//! Joins the rooms: the only place that knows all of them.

mod fleet;
mod leaks;
mod projects;
mod secrets;

use crate::clock::SystemClock;
use crate::config::Config;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::home::{Home, UserFolders};
use agents::{Catalog, Fleet, FleetConfig};
use domain::{BoardInput, Name};
use engine::faults::{CrashPoint, reach};
use engine::ports::{Clock, Later};
use engine::{Engine, EngineError, Ports};
use flows::Library;
use git::{Confined, ConfinedError, Git, Order, Outcome, Places};
use server::{App, Daemon};
use std::ffi::OsString;
use std::sync::Arc;
use store::{Options, Redactor, SqliteStore, TranscriptFiles, TranscriptLimits};

/// A daemon, joined.
pub(crate) struct Joined {
    pub(crate) app: App,
    pub(crate) engine: Engine,
    pub(crate) store: Arc<SqliteStore>,
}

/// Joins a daemon, in which nothing begins yet. Whoever calls holds the home's lock.
pub(crate) async fn join(
    home: &Home,
    folders: &UserFolders,
    config: &Config,
    redactor: &Redactor,
) -> Result<Joined> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let started_at = clock.now();
    let store = open_store(home, clock.as_ref())?;
    reach(CrashPoint::AfterStore);
    let transcripts = open_transcripts(home, &clock, redactor)?;
    let fleet = open_fleet(home, folders, &clock).await?;
    secrets::hide_keys(redactor, fleet.catalog());
    let places = open_places(home, &fleet).await?;
    let library = Arc::new(Library::new());
    let ports = Ports {
        store: store.clone(),
        agents: Arc::new(secrets::Discreet {
            fleet: Arc::clone(&fleet),
            accounts: home.path.join("accounts"),
            redactor: redactor.clone(),
        }),
        workspaces: Arc::new(secrets::DiscreetPlaces {
            places: Arc::clone(&places),
            redactor: redactor.clone(),
        }),
        definitions: library.clone(),
        transcripts: transcripts.clone(),
        clock: Arc::clone(&clock),
        ids: Arc::new(new_id),
    };
    let default_agent = config.agent.clone().map(Name::from);
    let engine = Engine::open_held(ports, engine::Config { default_agent })
        .await
        .map_err(unreadable)?;
    if let Some(slots) = config.slots {
        set_slots(&engine, slots.get()).await;
    }
    let parts = server::Parts {
        engine: engine.clone(),
        reader: store.reader().clone(),
        store: store.clone(),
        transcripts,
        library,
        projects: Arc::new(projects::ProjectsOf(places)),
        fleet: Arc::new(fleet::FleetOf {
            fleet,
            clock: Arc::clone(&clock),
            folders: folders.clone(),
        }),
        clock,
        ids: Arc::new(new_id),
        daemon: Daemon {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            home: home.path.clone(),
            started_at,
        },
    };
    let app = App::new(parts).await.map_err(|error| unreadable(error.into()))?;
    Ok(Joined { app, engine, store })
}

async fn set_slots(engine: &Engine, slots: u32) {
    match engine.change_board(BoardInput::SetSlots { slots }, None).await {
        Ok(()) | Err(EngineError::Refused(domain::Refusal::NothingToDo)) => {}
        Err(error) => tracing::warn!(%error, "the number of slots stays as it was"),
    }
}

fn open_transcripts(
    home: &Home,
    clock: &Arc<dyn Clock>,
    redactor: &Redactor,
) -> Result<Arc<TranscriptFiles>> {
    let at = store::Home::at(&home.path);
    let limits = TranscriptLimits::default();
    let opened = TranscriptFiles::open_with(&at, limits, Arc::clone(clock), redactor.clone());
    opened.map(Arc::new).map_err(|error| {
        CliError::new(
            Exit::Machine,
            "transcripts",
            "there is no place for what agents say",
        )
        .because(error)
    })
}

/// An id that nobody made before, growing with time.
pub(crate) fn new_id() -> u128 {
    uuid::Uuid::now_v7().as_u128()
}

fn unreadable(error: EngineError) -> CliError {
    CliError::new(Exit::Machine, "unreadable", "the history cannot be read").because(error)
}

fn open_store(home: &Home, clock: &dyn Clock) -> Result<Arc<SqliteStore>> {
    let at = store::Home::at(&home.path);
    SqliteStore::open(&at, &Options::default(), clock.now())
        .map(Arc::new)
        .map_err(|error| {
            CliError::new(
                Exit::Machine,
                "store",
                format!("cannot open the state in {}", home.path.display()),
            )
            .because(error)
            .hint("nothing was changed; copies of the database are in the folder `backups`")
        })
}

async fn open_fleet(home: &Home, folders: &UserFolders, clock: &Arc<dyn Clock>) -> Result<Arc<Fleet>> {
    let config = fleet_config(home, folders, Arc::clone(clock))?;
    Fleet::new(config).await.map(Arc::new).map_err(|error| {
        CliError::new(Exit::Machine, "agents", "no agent can be run here")
            .because(error)
            .hint("`partita doctor` says what is missing")
    })
}

/// What the agents are made from, also for commands that need no daemon.
pub(crate) fn fleet_config(home: &Home, folders: &UserFolders, clock: Arc<dyn Clock>) -> Result<FleetConfig> {
    let catalog = Catalog::load(&folders.config.join("agents.toml")).map_err(|error| {
        CliError::new(Exit::Invalid, "bad_agents", "`agents.toml` cannot be used")
            .because(error)
            .hint("`docs/configuration.md` lists what the file may hold")
    })?;
    FleetConfig::of_this_process(home.path.clone(), catalog, clock)
        .map_err(|error| CliError::new(Exit::Machine, "agents", "no agent can be run here").because(error))
}

async fn open_places(home: &Home, fleet: &Arc<Fleet>) -> Result<Arc<Places>> {
    let git = Git::find().await.map_err(|error| {
        CliError::new(Exit::Machine, "git", "git cannot be used")
            .because(error)
            .hint("install git 2.38 or newer")
    })?;
    if let Some(warning) = git.warning() {
        tracing::warn!(warning, "git");
    }
    let confined = Arc::new(InSandbox(Arc::clone(fleet)));
    Places::new(git, &home.path.join("worktrees"), confined)
        .map(Arc::new)
        .map_err(|error| {
            CliError::new(Exit::Machine, "worktrees", "there is no place for working copies").because(error)
        })
}

/// The sandbox of `agents`, as `git` needs it.
struct InSandbox(Arc<Fleet>);

impl Confined for InSandbox {
    fn run(&self, order: Order) -> Later<'_, std::result::Result<Outcome, ConfinedError>> {
        Box::pin(async move {
            let text = |text: OsString| {
                text.into_string()
                    .map_err(|_| ConfinedError::NotStarted("an argument is not text".to_owned()))
            };
            let mut environment = Vec::new();
            for (name, value) in order.env {
                environment.push((text(name)?, text(value)?));
            }
            let confined = agents::Confined {
                line: order
                    .argv
                    .into_iter()
                    .map(text)
                    .collect::<std::result::Result<_, _>>()?,
                place: order.dir,
                readable: order.readable,
                writable: order.writable,
                environment,
                input: Some(order.stdin),
                time: order.limit,
                output_max: order.output_max,
            };
            let ended = self
                .0
                .confined(confined)
                .await
                .map_err(|error| ConfinedError::NotStarted(error.to_string()))?;
            if ended.is_late {
                return Err(ConfinedError::TooLong);
            }
            if ended.is_cut {
                return Err(ConfinedError::TooMuch);
            }
            Ok(Outcome {
                code: ended.code,
                stdout: ended.stdout,
                stderr: ended.stderr,
            })
        })
    }
}
