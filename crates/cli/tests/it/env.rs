//! A user of one's own: folders, a clean environment, and a daemon that is gone when the test is.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long anything here may take before it counts as stuck.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct TestEnv {
    root: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

/// What a command gave.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Given {
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:#?}");
        self.out
    }

    #[track_caller]
    pub(crate) fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

impl TestEnv {
    pub(crate) fn new() -> Self {
        let root = tempfile::Builder::new().prefix("partita-it-").tempdir().unwrap();
        for folder in ["user", "project", "run"] {
            std::fs::create_dir(root.path().join(folder)).unwrap();
        }
        Self {
            root,
            variables: Vec::new(),
        }
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.root.path().join(below)
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.path("user/.local/state/partita")
    }

    pub(crate) fn project(&self) -> PathBuf {
        self.path("project")
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// A file of the user's, below their home.
    pub(crate) fn write_user_file(&self, below: &str, content: &str) {
        let path = self.path("user").join(below);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// What the scripted agent does, in the runs that begin from now on.
    pub(crate) fn script(&self, script: &str) {
        std::fs::write(self.path("script.toml"), script).unwrap();
    }

    /// A command of ours in this environment, run in the project's folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_partita"));
        command
            .args(arguments)
            .current_dir(self.project())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.path("user"))
            .env("XDG_RUNTIME_DIR", self.path("run"))
            .env("LANG", "C.UTF-8")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        // A control that is turned off for a test is off for the daemon.
        if let Some(without) = std::env::var_os("PARTITA_WITHOUT") {
            command.env("PARTITA_WITHOUT", without);
        }
        // Without a script of the test's, the agent has its own for the demo.
        let script = self.path("script.toml");
        if script.exists() {
            command.env("PARTITA_REHEARSAL", script);
        }
        command
    }

    /// Runs a command to its end.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> Given {
        given(&self.command(arguments).output().unwrap())
    }

    /// The number of the daemon, from its file.
    pub(crate) fn pid(&self) -> u32 {
        std::fs::read_to_string(self.home().join("orchestrator.pid"))
            .unwrap()
            .trim()
            .parse()
            .unwrap()
    }

    /// What `kill -9` does, and waiting until it is done.
    pub(crate) fn kill_daemon(&self) {
        let pid = self.pid();
        assert!(
            Command::new("kill")
                .args(["-9", &pid.to_string()])
                .status()
                .unwrap()
                .success()
        );
        await_that(|| !is_alive(pid), "the killed daemon is gone");
    }

    /// A repository with one commit in the project's folder.
    pub(crate) fn make_repository(&self) {
        let git = |arguments: &[&str]| {
            let done = Command::new("git")
                .args([
                    "-c",
                    "user.name=Test",
                    "-c",
                    "user.email=test@localhost",
                    "-c",
                    "init.defaultBranch=main",
                ])
                .args(arguments)
                .current_dir(self.project())
                .env("GIT_CONFIG_NOSYSTEM", "1")
                .env("GIT_CONFIG_GLOBAL", "/dev/null")
                .output()
                .unwrap();
            assert!(
                done.status.success(),
                "git {arguments:?}: {}",
                String::from_utf8_lossy(&done.stderr)
            );
        };
        std::fs::write(self.project().join("README.md"), "# A project\n").unwrap();
        git(&["init", "--quiet"]);
        git(&["add", "."]);
        git(&["commit", "--quiet", "--message", "first"]);
    }
}

impl Drop for TestEnv {
    fn drop(&mut self) {
        let stopped = self.command(&["stop"]).output();
        if let (Ok(output), false) = (stopped, std::thread::panicking()) {
            let code = output.status.code();
            assert!(
                matches!(code, Some(0 | 3)),
                "the daemon did not stop: {:#?}",
                given(&output)
            );
        }
    }
}

pub(crate) fn given(output: &Output) -> Given {
    Given {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Whether a process of this number exists and is more than a corpse.
pub(crate) fn is_alive(pid: u32) -> bool {
    let process = Path::new("/proc").join(pid.to_string());
    let Ok(status) = std::fs::read_to_string(process.join("stat")) else {
        return false;
    };
    // Its first thread can be a corpse while others still hold files, locks and ports.
    let has_others = std::fs::read_dir(process.join("task")).is_ok_and(|threads| threads.count() > 1);
    let state = status
        .rsplit(')')
        .next()
        .and_then(|rest| rest.trim().chars().next());
    has_others || !matches!(state, Some('Z' | 'X') | None)
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
