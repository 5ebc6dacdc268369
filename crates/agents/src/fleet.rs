//! The agents, as the engine knows them.
//!
//! Owns: the port's implementation: what is put together for a task, and the errors that say what is missing.
//! Leaves out: each of the parts.

use crate::account::{Accounts, Logins};
use crate::confined::{Ended, Errand, Limits, run};
use crate::descriptor::{Catalog, Descriptor};
use crate::harness::Task;
use crate::home;
use crate::install::Whereabouts;
use crate::prepare::prepare;
use crate::process::Leftovers;
use crate::sandbox::{InForce, Policy, Program, probe};
use crate::scratch::{self, Purpose};
use crate::spawner::Spawner;
use domain::{Access, Name, Network, ProcessIdentity, RunId, TaskId};
use engine::faults::{Control, is_off};
use engine::ports::{Agents, BeginError, Begun, Clock, Later, WorkOrder};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// How many agents may be starting at once: starting takes more of the machine than working.
const STARTS_AT_ONCE: usize = 2;

/// What the agents are made from.
pub struct FleetConfig {
    /// The daemon's home.
    pub home: PathBuf,
    /// The home of the person whose daemon this is.
    pub user_home: PathBuf,
    /// The daemon's own environment, as it was started.
    pub environment: BTreeMap<String, String>,
    /// The program that is a shim when its first argument is [`crate::SHIM_ARGUMENT`]: our own.
    pub program: PathBuf,
    /// What is known about each agent, and what the user chose.
    pub catalog: Catalog,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Bytes of each task's transcript that are kept as they come; an eighth of it more, a mebibyte at most, is kept of the end.
    pub transcript_max: usize,
}

impl FleetConfig {
    /// The configuration of a daemon with that home, from this process's environment.
    pub fn of_this_process(home: PathBuf, catalog: Catalog, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let environment: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let user_home = environment.get("HOME").map(PathBuf::from);
        let user_home =
            user_home.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "HOME is not set"))?;
        let program = std::env::current_exe()?;
        Ok(Self {
            home,
            user_home,
            environment,
            program,
            catalog,
            clock,
            transcript_max: 64 << 20,
        })
    }
}

/// The agents.
pub struct Fleet {
    pub(crate) config: FleetConfig,
    pub(crate) in_force: InForce,
    pub(crate) spawner: Spawner,
    pub(crate) accounts: Accounts,
    pub(crate) logins: Arc<Logins>,
    pub(crate) places: Whereabouts,
    pub(crate) starts: Arc<Semaphore>,
    leftovers: Leftovers,
}

/// Why there are no agents.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// The machine refused.
    #[error("cannot start the process harness: {0}")]
    Io(#[from] io::Error),
    /// What the user asked for is not to be had.
    #[error("{0}")]
    Unenforceable(String),
}

/// A program to run inside the sandbox, without network.
#[derive(Clone, Debug, Default)]
pub struct Confined {
    /// The program, as an absolute path, and its arguments.
    pub line: Vec<String>,
    /// The working copy, where it starts and which it may change.
    pub place: PathBuf,
    /// Folders it may read besides.
    pub readable: Vec<PathBuf>,
    /// Folders it may change besides.
    pub writable: Vec<PathBuf>,
    /// Its environment, on top of a path, a language and an empty home.
    pub environment: Vec<(String, String)>,
    /// What it reads; nothing when none.
    pub input: Option<Vec<u8>>,
    /// Until it is killed.
    pub time: Duration,
    /// Bytes kept of each of its outputs.
    pub output_max: usize,
}

impl Fleet {
    /// Makes the agents: starts the spawner, then tries which sandbox holds.
    pub async fn new(config: FleetConfig) -> Result<Self, FleetError> {
        let spawner = Spawner::new(config.program.clone())?;
        let homes = config.home.join("homes");
        scratch::remove_abandoned(&homes);
        let scratch = scratch::fresh(&homes, Purpose::Probe);
        crate::account::private_folder(&scratch)?;
        let probed = probe(&spawner, &scratch, &config.catalog.sandbox).await;
        home::remove(&scratch);
        let in_force = probed.map_err(FleetError::Unenforceable)?;
        let (accounts, places) = (config.accounts(), config.places());
        let starts = Arc::new(Semaphore::new(STARTS_AT_ONCE));
        let logins = Arc::new(Logins::new(Arc::clone(&config.clock)));
        Ok(Self {
            config,
            in_force,
            spawner,
            accounts,
            logins,
            places,
            starts,
            leftovers: Leftovers::default(),
        })
    }

    /// What bounds every task, and what was tried to find out.
    #[must_use]
    pub fn in_force(&self) -> &InForce {
        &self.in_force
    }

    /// What is known about each agent.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.config.catalog
    }

    /// Runs a program inside the sandbox to its end: the daemon's own work on files that an agent touched.
    pub async fn confined(&self, wanted: Confined) -> io::Result<Ended> {
        let scratch = scratch::fresh(&self.homes(), Purpose::Confined);
        let temporary = scratch.join("tmp");
        crate::account::private_folder(&temporary)?;
        crate::account::private_folder(&scratch.join("tmp.empty"))?;
        let policy = Policy {
            place: wanted.place,
            access: Access::Write,
            protects_tree: false,
            unseen: Vec::new(),
            network: Network::None,
            home: None,
            temporary,
            readable: wanted.readable,
            writable: wanted.writable,
        };
        let mut environment = crate::environment::basic(&self.config.environment, &[]);
        environment.push(("HOME".to_owned(), "/nonexistent".to_owned()));
        environment.extend(wanted.environment);
        let program = Program {
            line: wanted.line,
            environment,
        };
        let limits = Limits {
            time: wanted.time,
            output_max: wanted.output_max,
        };
        let bounds = &self.in_force.bounds;
        let errand = Errand {
            mark: "confined",
            policy: &policy,
            bounds,
            program,
            input: wanted.input,
            limits,
        };
        let ended = run(&self.spawner, errand).await;
        home::remove(&scratch);
        ended
    }

    pub(crate) fn homes(&self) -> PathBuf {
        self.config.home.join("homes")
    }

    /// The description of an agent, or the names there are.
    pub(crate) fn descriptor(&self, agent: &str) -> Result<&Descriptor, BeginError> {
        self.config.catalog.agents.get(agent).ok_or_else(|| {
            let known: Vec<_> = self.config.catalog.agents.keys().map(String::as_str).collect();
            BeginError::Missing(format!(
                "there is no agent `{agent}`; there are {}",
                known.join(", ")
            ))
        })
    }
}

impl Agents for Fleet {
    fn ready(&self, agent: &Name, access: Access) -> Later<'_, Result<(), BeginError>> {
        // Looking at a few files: done before anybody could wait for it.
        Box::pin(std::future::ready(crate::prepare::ready(
            self,
            agent.as_str(),
            access,
        )))
    }

    fn begin(&self, order: WorkOrder) -> Later<'_, Result<Begun, BeginError>> {
        Box::pin(async move {
            let mark = order.task.to_string();
            let prepared = prepare(self, order).await?;
            let failed = |error: io::Error| BeginError::Failed(format!("its guard does not start: {error}"));
            let guard = self.spawner.guard(mark).await.map_err(failed)?;
            let process = guard.identity().map_err(failed)?;
            let running = Box::new(Task {
                prepared,
                guard,
                process: process.clone(),
            });
            Ok(Begun { process, running })
        })
    }

    fn end_leftover(&self, task: TaskId, process: Option<ProcessIdentity>) -> Later<'_, ()> {
        Box::pin(async move {
            if is_off(Control::LeftoversEnded) {
                return;
            }
            if !self.leftovers.end(task, process).await {
                tracing::error!(%task, "what is left of a task was not looked for");
            }
        })
    }

    fn account(&self, agent: &Name) -> Name {
        let account = self
            .config
            .catalog
            .agents
            .get(agent.as_str())
            .map(|descriptor| self.accounts.name(descriptor));
        Name::from(format!("{agent}/{}", account.as_deref().unwrap_or("default")))
    }

    fn forget_run(&self, run: RunId) -> Later<'_, ()> {
        let folder = home::of_run(&self.homes(), run);
        Box::pin(async move {
            let _removed = tokio::task::spawn_blocking(move || home::remove(&folder)).await;
        })
    }
}
