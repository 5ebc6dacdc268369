//! A small world for tests: a fleet with a home of its own, a working copy, and what a task said.
use agents::{Catalog, Fleet, FleetConfig};
use domain::{Access, Ending, Moment, Name, Network, RunId, StepKey, TaskId, Value};
use engine::ports::{
    AgentEnd, Agents, BeginError, Clock, Entry, EntryKind, Later, OutputCheck, Transcripts, WorkOrder,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long anything here may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const BWRAP: &str = "[sandbox]\nmode = 'bwrap'\n";
pub(crate) const LANDLOCK: &str = "[sandbox]\nmode = 'landlock'\ncontainment = 'shim'\n";
pub(crate) const NOTHING: &str =
    "[sandbox]\nmode = 'none'\ncontainment = 'shim'\nread_without_sandbox = true\n";
/// A process namespace that hides nothing, and Landlock in it.
const NAMESPACE: &str = "[sandbox]\nmode = 'landlock'\ncontainment = 'bwrap'\n";
pub(crate) const MODES: [(&str, &str); 2] = [("bwrap", BWRAP), ("shim+landlock", LANDLOCK)];
/// Every way of keeping processes together.
pub(crate) const ALL_MODES: [(&str, &str); 3] = [
    ("bwrap", BWRAP),
    ("bwrap+landlock", NAMESPACE),
    ("shim+landlock", LANDLOCK),
];

pub(crate) struct StillClock;

impl Clock for StillClock {
    fn now(&self) -> Moment {
        Moment::from_ms(1_790_000_000_000)
    }
    fn sleep_until(&self, _until: Moment) -> Later<'static, ()> {
        Box::pin(std::future::pending())
    }
}

/// Takes any answer, or only one that holds a word.
pub(crate) struct Wants(pub Option<&'static str>);

impl OutputCheck for Wants {
    fn check(&self, message: &str) -> Result<Value, String> {
        match self.0 {
            Some(word) if !message.contains(word) => Err(format!("say {word}")),
            Some(_) | None => Ok(Value::Text(message.to_owned())),
        }
    }
}

#[derive(Default)]
pub(crate) struct Kept {
    entries: Mutex<Vec<EntryKind>>,
    grown: std::sync::Condvar,
}

impl Transcripts for Kept {
    fn append(&self, entry: Entry) {
        self.entries.lock().unwrap().push(entry.kind);
        self.grown.notify_all();
    }
    fn close(&self, _task: TaskId) {}
}

impl Kept {
    pub(crate) fn all(&self) -> Vec<EntryKind> {
        self.entries.lock().unwrap().clone()
    }
    pub(crate) fn raw(&self) -> String {
        let of = |kind: EntryKind| {
            if let EntryKind::Raw(text) = kind {
                text
            } else {
                String::new()
            }
        };
        self.all().into_iter().map(of).collect()
    }
    /// Waits, on a thread that may, until a task said it.
    pub(crate) fn wait_for(&self, said: &str) {
        self.wait_for_times(said, 1);
    }
    pub(crate) fn wait_for_times(&self, said: &str, times: usize) {
        let deadline = Instant::now() + PATIENCE;
        let mut entries = self.entries.lock().unwrap();
        let says = |kind: &&EntryKind| matches!(kind, EntryKind::Raw(text) if text.contains(said));
        while entries.iter().filter(says).count() < times {
            let left = deadline
                .checked_duration_since(Instant::now())
                .expect("the task says it in time");
            entries = self.grown.wait_timeout(entries, left).unwrap().0;
        }
    }
}

pub(crate) struct World {
    pub(crate) ground: tempfile::TempDir,
    pub(crate) fleet: Fleet,
    pub(crate) kept: Arc<Kept>,
}

impl World {
    pub(crate) async fn new(agents_toml: &str) -> Self {
        Self::with(agents_toml, &[]).await
    }

    pub(crate) async fn with(agents_toml: &str, environment: &[(&str, &str)]) -> Self {
        let ground = tempfile::Builder::new()
            .prefix("partita-agents-")
            .tempdir_in(base())
            .unwrap();
        for folder in ["place", "user", "home"] {
            std::fs::create_dir(ground.path().join(folder)).unwrap();
        }
        let fleet = Fleet::new(config(ground.path(), agents_toml, environment))
            .await
            .unwrap();
        Self {
            ground,
            fleet,
            kept: Arc::new(Kept::default()),
        }
    }

    pub(crate) fn place(&self) -> PathBuf {
        self.ground.path().join("place")
    }

    /// A command as a task that may write.
    pub(crate) fn command(&self, script: &str) -> WorkOrder {
        order(self.ground.path(), &self.kept, "command", script)
    }

    pub(crate) async fn run(&self, order: WorkOrder) -> AgentEnd {
        let begun = self.fleet.begin(order).await.unwrap();
        within(begun.running.finish(Box::pin(std::future::pending()))).await
    }

    pub(crate) async fn refusal(&self, order: WorkOrder) -> BeginError {
        self.fleet.begin(order).await.err().expect("it is refused")
    }
}

/// Not below `/tmp`, which is private inside the sandbox and would hide what should be seen to be hidden.
fn base() -> PathBuf {
    let base = std::env::var("PARTITA_TEST_GROUND").unwrap_or(env!("CARGO_TARGET_TMPDIR").to_owned());
    let base = PathBuf::from(base);
    std::fs::create_dir_all(&base).unwrap();
    base
}

pub(crate) fn config(ground: &Path, agents_toml: &str, environment: &[(&str, &str)]) -> FleetConfig {
    let mut daemon = BTreeMap::from([("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned())]);
    daemon.extend(
        environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    );
    FleetConfig {
        home: ground.join("home"),
        user_home: ground.join("user"),
        environment: daemon,
        program: std::env::var("PARTITA_TEST_SHIM")
            .unwrap_or(env!("CARGO_BIN_EXE_agents-shim").to_owned())
            .into(),
        catalog: Catalog::parse(agents_toml, "agents.toml").unwrap(),
        clock: Arc::new(StillClock),
        transcript_max: 1 << 20,
    }
}

pub(crate) fn order(ground: &Path, kept: &Arc<Kept>, agent: &str, prompt: &str) -> WorkOrder {
    static SERIAL: AtomicU32 = AtomicU32::new(1);
    // Marks are looked for over the whole machine: tests that run at once must not share them.
    let run = RunId::from_bits(u128::from(std::process::id()) << 32 | 7);
    let key = StepKey::item("step", SERIAL.fetch_add(1, Ordering::Relaxed));
    WorkOrder {
        task: TaskId::of(run, &key, 1),
        chat: key.chat(run),
        run,
        key,
        agent: Name::from(agent),
        model: None,
        place: ground.join("place"),
        readable: Vec::new(),
        access: Access::Write,
        network: Network::None,
        prompt: prompt.to_owned(),
        files: Vec::new(),
        timeout_ms: 50_000,
        idle_timeout_ms: 50_000,
        setup: None,
        check: Arc::new(Wants(None)),
        transcripts: Arc::clone(kept) as Arc<dyn Transcripts>,
    }
}

pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("in time")
}

pub(crate) fn said(end: &AgentEnd) -> &str {
    match &end.ending {
        Ending::Completed { output, .. } => output.as_text().unwrap(),
        other => panic!("{other:?}"),
    }
}

/// Processes whose command line holds the word.
pub(crate) fn alive(word: &str) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap();
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let holds = |pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(word)
    };
    pids.filter(holds).collect()
}

/// Waits for the end of each process, at most until the limit; says which are left.
pub(crate) fn left_after(pids: &[u32], limit: Duration) -> Vec<u32> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::process::{Pid, PidfdFlags, pidfd_open};
    let deadline = Instant::now() + limit;
    let ends_in_time = |pid: &&u32| {
        let Ok(held) = pidfd_open(Pid::from_raw(pid.cast_signed()).unwrap(), PidfdFlags::empty()) else {
            return true;
        };
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec {
            tv_sec: left.as_secs().cast_signed(),
            tv_nsec: i64::from(left.subsec_nanos()),
        };
        poll(&mut [PollFd::new(&held, PollFlags::IN)], Some(&left)).unwrap() > 0
    };
    pids.iter().filter(|pid| !ends_in_time(pid)).copied().collect()
}

/// A duration in seconds that no other process sleeps for, to be found again by. Whoever still sleeps for it when the
/// test is over is killed: a test that fails must not leave anybody behind either.
pub(crate) struct Token(String);

impl Token {
    pub(crate) fn new() -> Self {
        Self(token())
    }
}

impl std::ops::Deref for Token {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        for pid in alive(&self.0) {
            let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
            let _gone = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

/// The same as plain text, where nothing can be left behind.
pub(crate) fn token() -> String {
    static SERIAL: AtomicU32 = AtomicU32::new(1);
    format!(
        "9{:07}.{:04}",
        std::process::id(),
        SERIAL.fetch_add(1, Ordering::Relaxed)
    )
}

/// Processes that sleep for a duration which begins with the token.
pub(crate) fn sleepers(token: &str) -> Vec<u32> {
    let sleeps = |pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let word = line.strip_prefix(b"sleep\0").unwrap_or_default();
        word.starts_with(token.as_bytes())
    };
    alive(token).into_iter().filter(sleeps).collect()
}

/// Looks until something is so, with a limit: there is nothing to be told by.
pub(crate) fn until(mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

/// How often something is done: usually, and in a soak.
pub(crate) fn rounds(usually: u32, in_a_soak: u32) -> u32 {
    if std::env::var_os("PARTITA_SOAK").is_some() {
        in_a_soak
    } else {
        usually
    }
}
