//! The ports of a world where only deciding and storing take time.

use domain::{
    Access, Change, Ending, Event, Moment, Name, ProcessIdentity, RunEvent, RunId, Stream, TaskId, Usage,
    Value,
};
use engine::ports::{
    AdvanceSpec, AgentEnd, Agents, Answered, Base, Batch, BeginError, Begun, Clock, CommitError, Committed,
    Entry, Later, MergeOutcome, MergeSpec, OpenRun, Place, PlaceSpec, Recorded, Running, Store, StoreError,
    Transcripts, WorkOrder, WorkspaceError, Workspaces,
};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{self, Duration};
use store::SqliteStore;
use tokio::sync::watch;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A commit that the store kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    /// The first stream of it.
    pub(crate) stream: Stream,
    /// How many events.
    pub(crate) events: u64,
    /// The position of the last one.
    pub(crate) last: u64,
}

/// The real store, with a list of what it kept and a count of the runs that ended.
pub(crate) struct Watched {
    store: Arc<SqliteStore>,
    kept: Mutex<Vec<Kept>>,
    ended: watch::Sender<usize>,
}

impl Watched {
    pub(crate) fn new(store: Arc<SqliteStore>) -> Self {
        Self {
            store,
            kept: Mutex::default(),
            ended: watch::Sender::new(0),
        }
    }

    /// Counts from nothing again.
    pub(crate) fn forget(&self) {
        lock(&self.kept).clear();
        self.ended.send_replace(0);
    }

    pub(crate) fn kept(&self) -> Vec<Kept> {
        lock(&self.kept).clone()
    }

    /// Waits until so many runs have ended.
    pub(crate) async fn ended(&self, runs: usize) -> anyhow::Result<()> {
        const PATIENCE: Duration = Duration::from_secs(600);
        let mut ended = self.ended.subscribe();
        tokio::time::timeout(PATIENCE, ended.wait_for(|ended| *ended >= runs)).await??;
        Ok(())
    }

    async fn keep(&self, batch: Batch) -> Result<Committed, CommitError> {
        let stream = batch.appends.first().map(|append| append.stream);
        let all = || batch.appends.iter().flat_map(|append| &append.events);
        let events = all().count() as u64;
        let ends = all()
            .filter(|event| {
                matches!(
                    event,
                    Event::Run(RunEvent::Completed { .. } | RunEvent::Failed { .. } | RunEvent::Cancelled)
                )
            })
            .count();
        let committed = self.store.commit(batch).await?;
        if let Some(stream) = stream.filter(|_| events > 0) {
            lock(&self.kept).push(Kept {
                stream,
                events,
                last: committed.position,
            });
        }
        if ends > 0 {
            self.ended.send_modify(|ended| *ended += ends);
        }
        Ok(committed)
    }
}

impl Store for Watched {
    fn commit(&self, batch: Batch) -> Later<'_, Result<Committed, CommitError>> {
        Box::pin(self.keep(batch))
    }

    fn load(&self, stream: Stream, after: u64) -> Later<'_, Result<Vec<Recorded>, StoreError>> {
        self.store.load(stream, after)
    }

    fn after(&self, position: u64, limit: usize) -> Later<'_, Result<Vec<Recorded>, StoreError>> {
        self.store.after(position, limit)
    }

    fn position(&self) -> Later<'_, Result<u64, StoreError>> {
        self.store.position()
    }

    fn answered(&self, key: String, at: Moment) -> Later<'_, Result<Option<Answered>, StoreError>> {
        self.store.answered(key, at)
    }

    fn open_runs(&self) -> Later<'_, Result<Vec<OpenRun>, StoreError>> {
        self.store.open_runs()
    }

    fn unreleased(&self) -> Later<'_, Result<Vec<RunId>, StoreError>> {
        self.store.unreleased()
    }

    fn units(&self) -> Later<'_, Result<Vec<domain::UnitId>, StoreError>> {
        self.store.units()
    }

    fn put_blob(&self, bytes: Vec<u8>) -> Later<'_, Result<String, CommitError>> {
        self.store.put_blob(bytes)
    }

    fn blob(&self, hash: String) -> Later<'_, Result<Vec<u8>, StoreError>> {
        self.store.blob(hash)
    }
}

/// When a task of a run was let go, and when it ended.
type Life = (time::Instant, time::Instant);

/// Agents that end as soon as they begin, once they are let go.
pub(crate) struct Instant {
    is_open: watch::Sender<bool>,
    lives: Arc<Mutex<BTreeMap<RunId, Vec<Life>>>>,
}

impl Default for Instant {
    fn default() -> Self {
        Self {
            is_open: watch::Sender::new(false),
            lives: Arc::default(),
        }
    }
}

impl Instant {
    /// From now on agents begin.
    pub(crate) fn let_go(&self) {
        self.is_open.send_replace(true);
    }

    /// How long each step of each run took to follow the one before: from its agent's end to the next one's beginning.
    pub(crate) fn turnarounds(&self) -> Vec<Duration> {
        let lives = lock(&self.lives);
        lives
            .values()
            .flat_map(|lives| {
                lives
                    .windows(2)
                    .map(|pair| pair[1].0.saturating_duration_since(pair[0].1))
            })
            .collect()
    }
}

struct Doing {
    run: RunId,
    lives: Arc<Mutex<BTreeMap<RunId, Vec<Life>>>>,
}

impl Running for Doing {
    fn finish(self: Box<Self>, _stop: Later<'static, ()>) -> Later<'static, AgentEnd> {
        let begun = time::Instant::now();
        Box::pin(async move {
            let ending = Ending::Completed {
                output: Value::from("Done."),
                change: None,
            };
            let mut lives = lock(&self.lives);
            lives
                .entry(self.run)
                .or_default()
                .push((begun, time::Instant::now()));
            AgentEnd {
                ending,
                usage: Usage::default(),
            }
        })
    }
}

impl Agents for Instant {
    fn ready(&self, _agent: &Name, _access: Access) -> Later<'_, Result<(), BeginError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn begin(&self, order: WorkOrder) -> Later<'_, Result<Begun, BeginError>> {
        let mut is_open = self.is_open.subscribe();
        Box::pin(async move {
            let opened = is_open.wait_for(|is_open| *is_open).await.map(drop);
            opened.map_err(|error| BeginError::Failed(error.to_string()))?;
            let process = ProcessIdentity {
                pid: std::process::id(),
                start_ticks: 1,
                boot_id: "bench".to_owned(),
            };
            let running = Box::new(Doing {
                run: order.run,
                lives: Arc::clone(&self.lives),
            });
            Ok(Begun { process, running })
        })
    }

    fn end_leftover(&self, _task: TaskId, _process: Option<ProcessIdentity>) -> Later<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    fn account(&self, agent: &Name) -> Name {
        agent.clone()
    }

    fn forget_run(&self, _run: RunId) -> Later<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// Places that are only paths.
pub(crate) struct NoPlaces;

fn done<T: Send + 'static>(value: T) -> Later<'static, Result<T, WorkspaceError>> {
    Box::pin(std::future::ready(Ok(value)))
}

impl Workspaces for NoPlaces {
    fn base(&self, _: PathBuf, _: RunId, _: Option<String>) -> Later<'_, Result<Base, WorkspaceError>> {
        done(Base {
            commit: "b".repeat(40),
        })
    }

    fn working_state(&self, _: PathBuf, _: RunId) -> Later<'_, Result<Option<Base>, WorkspaceError>> {
        done(None)
    }

    fn prepare(&self, spec: PlaceSpec) -> Later<'_, Result<Place, WorkspaceError>> {
        done(Place {
            path: spec.project.clone(),
            readable: Vec::new(),
            has_leftovers: false,
            spec,
        })
    }

    fn changed(&self, _: Place) -> Later<'_, Result<Vec<String>, WorkspaceError>> {
        done(Vec::new())
    }

    fn harvest(&self, _: Place, _: TaskId, _: String) -> Later<'_, Result<Option<Change>, WorkspaceError>> {
        done(None)
    }

    fn advance(&self, _: AdvanceSpec) -> Later<'_, Result<(), WorkspaceError>> {
        done(())
    }

    fn merge(&self, _: MergeSpec, _: String) -> Later<'_, Result<MergeOutcome, WorkspaceError>> {
        done(MergeOutcome::Nothing)
    }

    fn release(&self, _: PathBuf, _: RunId) -> Later<'_, Result<(), WorkspaceError>> {
        done(())
    }
}

/// Nobody says anything.
pub(crate) struct NoTranscripts;

impl Transcripts for NoTranscripts {
    fn append(&self, _entry: Entry) {}

    fn close(&self, _task: TaskId) {}
}

/// The time of day.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the port that everyone else asks"
        )]
        let since = time::SystemTime::now()
            .duration_since(time::UNIX_EPOCH)
            .unwrap_or_default();
        Moment::from_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn sleep_until(&self, until: Moment) -> Later<'static, ()> {
        let left = until.ms_since(self.now());
        Box::pin(tokio::time::sleep(Duration::from_millis(left)))
    }
}
