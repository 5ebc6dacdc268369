//! A daemon of one's own: the real program in a clean environment, its numbers from the system, and gone afterwards.

use crate::Bench;
use crate::project;
use crate::round::timed;
use anyhow::Context as _;
use api::Client;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take before it counts as stuck.
const PATIENCE: Duration = Duration::from_secs(180);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A person's folders, and the daemon that serves them.
pub(crate) struct Daemon {
    root: tempfile::TempDir,
    program: PathBuf,
    project: PathBuf,
}

impl Daemon {
    /// Folders and a project, whose wide flow has so many agents; nothing runs yet.
    pub(crate) fn new(bench: &Bench, wide: usize) -> anyhow::Result<Self> {
        let root = tempfile::Builder::new().prefix("b").tempdir_in(&bench.scratch)?;
        for folder in ["user/.config/partita", "run", "project", "shared"] {
            std::fs::create_dir_all(root.path().join(folder))?;
        }
        let daemon = Self {
            project: project::make(&root.path().join("project"), wide)?,
            program: bench.partita.clone(),
            root,
        };
        let shared = daemon.shared().display().to_string();
        daemon.write(
            "user/.config/partita/agents.toml",
            &format!("[sandbox]\nwritable = [{shared:?}]\n"),
        )?;
        daemon.script("do = [{ say = \"Done.\" }]\n")?;
        Ok(daemon)
    }

    /// A folder that tasks and we see.
    pub(crate) fn shared(&self) -> PathBuf {
        self.root.path().join("shared")
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.root.path().join("user/.local/state/partita")
    }

    pub(crate) fn project(&self) -> &Path {
        &self.project
    }

    fn write(&self, below: &str, text: &str) -> anyhow::Result<()> {
        let path = self.root.path().join(below);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// What the scripted agent does from now on.
    pub(crate) fn script(&self, script: &str) -> anyhow::Result<()> {
        self.write("script.toml", script)
    }

    /// How many tasks may be under way at once, from the next start on.
    pub(crate) fn slots(&self, slots: usize) -> anyhow::Result<()> {
        self.write(
            "user/.config/partita/config.toml",
            &format!("slots = {slots}\nagent = \"rehearsal\"\n"),
        )
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .current_dir(&self.project)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.root.path().join("user"))
            .env("XDG_RUNTIME_DIR", self.root.path().join("run"))
            .env("LANG", "C.UTF-8")
            .env("PARTITA_REHEARSAL", self.root.path().join("script.toml"))
            .stdin(Stdio::null());
        command
    }

    /// Runs a command of the program to its good end.
    pub(crate) fn run(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let done = self
            .command(arguments)
            .output()
            .context("the program does not start")?;
        let said = String::from_utf8_lossy(&done.stderr);
        anyhow::ensure!(done.status.success(), "`partita {}`: {said}", arguments.join(" "));
        Ok(done)
    }

    /// Starts the daemon; how long until it was ready, in milliseconds.
    pub(crate) fn start(&self) -> anyhow::Result<f64> {
        timed(|| self.run(&["start"])).map(|(_, took)| took)
    }

    pub(crate) fn stop(&self) -> anyhow::Result<()> {
        self.run(&["stop"]).map(drop)
    }

    /// Ends the daemon like a crash does.
    pub(crate) fn kill(&self) -> anyhow::Result<()> {
        let pid = self.pid()?;
        let killed = Command::new("kill").args(["-9", &pid]).status()?;
        anyhow::ensure!(killed.success(), "cannot kill the daemon");
        let proc = PathBuf::from("/proc").join(pid).join("exe");
        wait_until("the killed daemon is gone", || {
            Ok(std::fs::read_link(&proc).is_err())
        })
    }

    /// The API's socket, and a client on it.
    pub(crate) fn socket(&self) -> anyhow::Result<PathBuf> {
        let home = self.home().canonicalize()?;
        Ok(api::socket_path(&home, Some(&self.root.path().join("run")))?)
    }

    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        Ok(Client::over_socket(self.socket()?)?)
    }

    fn pid(&self) -> anyhow::Result<String> {
        Ok(std::fs::read_to_string(self.home().join("orchestrator.pid"))?
            .trim()
            .to_owned())
    }

    /// A number of the daemon's memory, in MiB: `VmRSS` is now, `VmHWM` the most there was.
    pub(crate) fn memory(&self, field: &str) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(Path::new("/proc").join(self.pid()?).join("status"))?;
        Ok(number(&status, field)? / 1_024.0)
    }

    /// How often the daemon's threads woke from waiting, since they began.
    pub(crate) fn wakes(&self) -> anyhow::Result<f64> {
        let tasks = Path::new("/proc").join(self.pid()?).join("task");
        let mut sum = 0.0;
        for task in std::fs::read_dir(tasks)? {
            let status = std::fs::read_to_string(task?.path().join("status"))?;
            sum += number(&status, "voluntary_ctxt_switches")?;
        }
        Ok(sum)
    }
}

fn number(status: &str, field: &str) -> anyhow::Result<f64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let word = line.and_then(|line| line.split_whitespace().next());
    word.with_context(|| format!("no `{field}` in a status of /proc"))?
        .parse()
        .with_context(|| format!("`{field}` is no number"))
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // One that was never started, or is stopped, says so; either way nothing is left.
        let _ended = self.command(&["stop"]).output();
    }
}

/// Waits for a fact that nobody tells, with a limit.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let until = Instant::now() + PATIENCE;
    while !holds()? {
        anyhow::ensure!(Instant::now() < until, "not within {PATIENCE:?}: {what}");
        std::thread::park_timeout(LOOK_EVERY);
    }
    Ok(())
}
