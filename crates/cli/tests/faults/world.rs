//! A user of one's own with a home, a project and a daemon that can be lost and started again as often as one likes.

use crate::daemon::{Daemon, Switches};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long anything here may take before it counts as stuck.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Whether the sizes of a night are wanted.
pub(crate) fn is_soak() -> bool {
    std::env::var_os("PARTITA_SOAK").is_some_and(|asked| asked == "1")
}

/// So many, or so many in a night.
pub(crate) fn sized(usual: u64, soak: u64) -> u64 {
    if is_soak() { soak } else { usual }
}

/// A number that was measured, for whoever reads the output.
#[expect(
    clippy::print_stdout,
    reason = "only tests run this, and their output is theirs to read"
)]
pub(crate) fn said(words: &str) {
    println!("{words}");
}

pub(crate) struct World {
    root: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    asked: AtomicU64,
}

impl World {
    /// The home, a repository with one commit, the flows, and slots for so many tasks.
    pub(crate) fn new(slots: u32) -> Self {
        let root = tempfile::Builder::new()
            .prefix("partita-faults-")
            .tempdir()
            .unwrap();
        for folder in ["user", "project", "run", "effects"] {
            std::fs::create_dir(root.path().join(folder)).unwrap();
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let world = Self {
            root,
            runtime: runtime.unwrap(),
            asked: AtomicU64::new(0),
        };
        std::fs::write(world.effects(), "").unwrap();
        world.set_slots(slots);
        world.write(
            "user/.config/partita/agents.toml",
            &format!(
                "[sandbox]\nwritable = [{:?}]\n[agents.rehearsal.env]\nEFFECTS = {:?}\n",
                world.path("effects").to_str().unwrap(),
                world.effects().to_str().unwrap()
            ),
        );
        crate::flows::write(&world);
        world.make_repository();
        world
    }

    /// How many tasks the next daemon may do at once.
    pub(crate) fn set_slots(&self, slots: u32) {
        self.write(
            "user/.config/partita/config.toml",
            &format!("agent = \"rehearsal\"\nslots = {slots}\n"),
        );
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.root.path().join(below)
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.path("home")
    }

    pub(crate) fn project(&self) -> PathBuf {
        self.path("project")
    }

    /// The file to which every piece of work appends a line of its own accord.
    pub(crate) fn effects(&self) -> PathBuf {
        self.path("effects/effects.txt")
    }

    pub(crate) fn write(&self, below: &str, content: &str) {
        let path = self.path(below);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// A command of ours: with nothing in its environment but what a user has, and what the tests switch.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_partita"));
        command
            .args(arguments)
            .args(["--home".as_ref(), self.home().as_os_str()])
            .current_dir(self.project())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.path("user"))
            .env("XDG_RUNTIME_DIR", self.path("run"))
            .env("LANG", "C.UTF-8")
            .env("PARTITA_REHEARSAL", self.path("script.toml"))
            .env(
                "PARTITA_WITHOUT",
                std::env::var_os("PARTITA_WITHOUT").unwrap_or_default(),
            )
            .stdin(std::process::Stdio::null());
        command
    }

    /// Starts the daemon in this test's hand; it may be dead before it answers.
    pub(crate) fn start(&self, switches: &Switches) -> Daemon {
        Daemon::start(self, switches)
    }

    /// Starts a daemon that lives.
    #[track_caller]
    pub(crate) fn start_well(&self) -> Daemon {
        let mut daemon = self.start(&Switches::default());
        assert!(daemon.is_ready(), "the daemon starts: {}", self.log());
        daemon
    }

    /// The last lines of the daemons' log.
    pub(crate) fn log(&self) -> String {
        let log = std::fs::read_to_string(self.path("daemon.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        api::socket_path(&self.home(), Some(&self.path("run"))).unwrap()
    }

    /// A client whose request is asked for once, so that a lost answer is seen.
    pub(crate) fn client(&self) -> api::Client {
        self.runtime
            .block_on(async { api::Client::over_socket(self.socket()).unwrap() })
    }

    pub(crate) fn wait<T>(&self, what: impl Future<Output = T>) -> T {
        self.runtime.block_on(what)
    }

    /// A key that no other request of this world has.
    pub(crate) fn key(&self) -> api::IdempotencyKey {
        api::IdempotencyKey::of(format!("k{}", self.asked.fetch_add(1, Ordering::Relaxed)))
    }

    /// What git says in the project.
    #[track_caller]
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let done = Command::new("git")
            .args(["-c", "user.name=Test", "-c", "user.email=test@localhost"])
            .args(["-c", "init.defaultBranch=main"])
            .args(arguments)
            .current_dir(self.project())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "git {arguments:?}: {said}");
        String::from_utf8(done.stdout).unwrap()
    }

    fn make_repository(&self) {
        std::fs::write(self.project().join("README.md"), "# A project\n").unwrap();
        self.git(&["init", "--quiet"]);
        self.git(&["add", "."]);
        self.git(&["commit", "--quiet", "--message", "first"]);
    }
}

/// Whether a process of this number exists and is more than a corpse.
pub(crate) fn is_alive(pid: u32) -> bool {
    let Ok(status) = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")) else {
        return false;
    };
    let state = status
        .rsplit(')')
        .next()
        .and_then(|rest| rest.trim().chars().next());
    !matches!(state, Some('Z' | 'X') | None)
}

/// Waits for a fact about another process, with a limit. There is nothing to be told by, so it looks.
#[track_caller]
pub(crate) fn await_that(mut holds: impl FnMut() -> bool, what: &str) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "not within {PATIENCE:?}: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}
