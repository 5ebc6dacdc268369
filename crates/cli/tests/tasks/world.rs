//! A user of one's own, with a project, flows, a scripted agent, and a daemon that is gone when the test is.

use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long anything here may take before it counts as stuck.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// `nobody`, on nearly every Linux.
const NOBODY: u32 = 65_534;

/// Every way of keeping the processes of a task together.
pub(crate) const MODES: [(&str, &str); 3] = [
    ("bwrap", "mode = \"bwrap\"\n"),
    ("bwrap+landlock", "mode = \"landlock\"\ncontainment = \"bwrap\"\n"),
    ("shim+landlock", "mode = \"landlock\"\ncontainment = \"shim\"\n"),
];

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
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

pub(crate) struct World {
    root: tempfile::TempDir,
    program: PathBuf,
    /// Who the daemon is, where it is somebody else than the test.
    user: Option<u32>,
    /// The ids of the runs that were begun, by their names.
    ids: RefCell<BTreeMap<String, String>>,
}

impl World {
    /// A world in which tasks are bounded in that way.
    pub(crate) fn new(sandbox: &str) -> Self {
        Self::of(sandbox, None)
    }

    /// The same, of an ordinary user; none where the test may not become one.
    pub(crate) fn of_nobody(sandbox: &str) -> Option<Self> {
        rustix::process::geteuid()
            .is_root()
            .then(|| Self::of(sandbox, Some(NOBODY)))
    }

    fn of(sandbox: &str, user: Option<u32>) -> Self {
        let root = tempfile::Builder::new()
            .prefix("partita-tasks-")
            .tempdir()
            .unwrap();
        for folder in ["user", "project/.partita/flows", "run", "effects", "bin", "home"] {
            std::fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        let mut program = PathBuf::from(env!("CARGO_BIN_EXE_partita"));
        if user.is_some() {
            // The build's folder may be closed to others.
            let copy = root.path().join("bin/partita");
            std::fs::copy(&program, &copy).unwrap();
            program = copy;
        }
        let world = Self {
            root,
            program,
            user,
            ids: RefCell::default(),
        };
        world.write(
            "user/.config/partita/config.toml",
            "agent = \"rehearsal\"\nslots = 8\n",
        );
        world.agents(sandbox, "");
        world.write("project/README.md", "# A project\n");
        world.flow("readers", &readers());
        world.flow("two", TWO);
        for command in ["git init -q -b main", "git add .", "git commit -qm first"] {
            world.sh(command);
        }
        world
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.root.path().join(below)
    }

    pub(crate) fn project(&self) -> PathBuf {
        self.path("project")
    }

    pub(crate) fn write(&self, below: &str, content: &str) {
        let path = self.path(below);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn flow(&self, name: &str, text: &str) {
        self.write(&format!("project/.partita/flows/{name}.toml"), text);
    }

    /// The user's agents: the scripted one, which may write into `effects`, and others.
    pub(crate) fn agents(&self, sandbox: &str, others: &str) {
        let effects = self.path("effects");
        let text = format!(
            "[sandbox]\n{sandbox}writable = [{effects:?}]\n[agents.rehearsal.env]\nEFFECTS = {effects:?}\n{others}"
        );
        self.write("user/.config/partita/agents.toml", &text);
    }

    /// What the scripted agent does.
    pub(crate) fn script(&self, script: &str) {
        self.write("script.toml", script);
    }

    /// Lets a task that waits for this go on.
    pub(crate) fn let_go(&self, what: &str) {
        self.write(&format!("effects/{what}"), "");
    }

    /// What tasks wrote down, outside of what is tested.
    pub(crate) fn effects(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.path("effects/effects")).unwrap_or_default();
        text.lines().map(ToOwned::to_owned).collect()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.plain(&self.program);
        command
            .args(arguments)
            .args(["--home".as_ref(), self.path("home").as_os_str()])
            .env("PARTITA_REHEARSAL", self.path("script.toml"))
            .env(
                "PARTITA_WITHOUT",
                std::env::var_os("PARTITA_WITHOUT").unwrap_or_default(),
            );
        command
    }

    fn plain(&self, program: &Path) -> Command {
        if let Some(user) = self.user {
            give(self.root.path(), user);
        }
        let mut command = Command::new(program);
        command
            .current_dir(self.project())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.path("user"))
            .env("XDG_RUNTIME_DIR", self.path("run"))
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::null());
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command
    }

    /// Runs a command of ours to its end.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> Given {
        given(&mut self.command(arguments))
    }

    /// Runs a shell script as the user would, in the project.
    #[track_caller]
    pub(crate) fn sh(&self, script: &str) -> String {
        let mut command = self.plain(Path::new("/bin/sh"));
        command.args(["-c", script]);
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "Ada");
            command.env(format!("GIT_{who}_EMAIL"), "ada@example.org");
        }
        given(&mut command).ok().trim_end().to_owned()
    }

    /// Begins a run; its name.
    #[track_caller]
    pub(crate) fn begin(&self, flow: &str) -> String {
        self.begin_by("rehearsal", flow)
    }

    /// Begins a run of another agent's.
    #[track_caller]
    pub(crate) fn begin_by(&self, agent: &str, flow: &str) -> String {
        let begun = self.run(&[
            "run", flow, "--focus", "it", "--agent", agent, "--detach", "--json",
        ]);
        let begun = begun.json();
        let of = |name: &str| {
            begun[name]
                .as_str()
                .unwrap_or_else(|| panic!("{begun:#}"))
                .to_owned()
        };
        let (slug, id) = (of("slug"), of("id"));
        self.ids.borrow_mut().insert(slug.clone(), id);
        slug
    }

    #[track_caller]
    pub(crate) fn show(&self, run: &str) -> Value {
        let shown = self.run(&["run", "show", run, "--json"]).json();
        assert!(shown["steps"].is_array(), "{shown:#}");
        shown
    }

    /// Waits for the end of a run.
    #[track_caller]
    pub(crate) fn end_of(&self, run: &str) -> Value {
        await_that(|| self.show(run)["ended_at"].is_string(), "the run ends");
        self.show(run)
    }

    /// What waits for a person, of that run, each as `kind: title: detail`.
    #[track_caller]
    pub(crate) fn attention(&self, run: &str) -> Vec<String> {
        let id = self.show(run)["id"].clone();
        let open = self.run(&["attention", "--json"]).json();
        let open = open["items"].as_array().unwrap().clone();
        let own = open.iter().filter(|item| item["run_id"] == id);
        own.map(ToString::to_string).collect()
    }

    /// Waits until a person is asked about a run, and how long that took.
    #[track_caller]
    pub(crate) fn asked(&self, run: &str) -> (Vec<String>, Duration) {
        let since = Instant::now();
        let mut items = Vec::new();
        await_that(
            || {
                items = self.attention(run);
                assert!(
                    !items.is_empty() || self.show(run)["ended_at"].is_null(),
                    "it ended without asking anybody: {:#}",
                    self.show(run)
                );
                !items.is_empty()
            },
            "a person is asked",
        );
        (items, since.elapsed())
    }

    pub(crate) fn daemon(&self) -> u32 {
        let text = std::fs::read_to_string(self.path("home/orchestrator.pid")).unwrap();
        text.trim().parse().unwrap()
    }

    /// What `kill -9` does, and waiting until it is done.
    pub(crate) fn kill_daemon(&self) {
        let pid = self.daemon();
        signal(pid, rustix::process::Signal::KILL);
        await_that(|| !is_alive(pid), "the killed daemon is gone");
    }

    /// The tree of a step's place; the name of its folder begins with the step's.
    pub(crate) fn tree(&self, run: &str, step: &str) -> PathBuf {
        let id = self.ids.borrow()[run].clone();
        let places = std::fs::read_dir(self.path("home/worktrees").join(id)).unwrap();
        let name = |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        let place = places
            .flatten()
            .find(|entry| name(entry).starts_with(&format!("{step}-")));
        place.expect("the step has a place").path().join("tree")
    }

    /// Everything in the folder of places that is a step's, by its path.
    pub(crate) fn places(&self) -> Vec<String> {
        let folders = |path: &Path| -> Vec<PathBuf> {
            let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
            let entries = entries.filter(|entry| !entry.file_name().to_string_lossy().starts_with(".bench"));
            entries
                .map(|entry| entry.path())
                .filter(|path| path.is_dir())
                .collect()
        };
        let runs = folders(&self.path("home/worktrees"));
        let places = runs.iter().flat_map(|run| folders(run));
        places
            .map(|place| place.file_name().unwrap().to_string_lossy().into_owned())
            .collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let stopped = given(&mut self.command(&["stop"]));
        if !std::thread::panicking() {
            assert!(
                matches!(stopped.code, 0 | 3),
                "the daemon did not stop: {stopped:#?}"
            );
        }
    }
}

fn given(command: &mut Command) -> Given {
    let output = command.output().unwrap();
    Given {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Gives away what the test wrote as itself.
fn give(path: &Path, user: u32) {
    use std::os::unix::fs::MetadataExt;
    let Ok(seen) = std::fs::symlink_metadata(path) else {
        return;
    };
    // What is the user's already is the daemon's work.
    if seen.uid() != user {
        std::os::unix::fs::lchown(path, Some(user), Some(user)).unwrap();
    }
    if seen.is_dir() && !path.ends_with("home") {
        for entry in std::fs::read_dir(path).unwrap().flatten() {
            give(&entry.path(), user);
        }
    }
}

/// Five steps that need nothing of each other.
fn readers() -> String {
    let steps = ["a", "b", "c", "d", "e"];
    let step = |id| format!("[[step]]\nid = \"{id}\"\nkind = \"agent\"\nprompt = \"READ {id}\"\n");
    let steps: String = steps.map(step).concat();
    format!("name = \"readers\"\ncategory = \"analysis\"\nsummary = \"Five readers at once.\"\n{steps}")
}

/// Two changes, one after the other.
const TWO: &str = r#"
name = "two"
category = "authoring"
summary = "Two changes."
[[step]]
id = "first"
kind = "agent"
access = "write"
prompt = "DO first"
[[step]]
id = "second"
kind = "agent"
needs = ["first"]
access = "write"
prompt = "DO second"
"#;

/// How the scripted agent does the two changes: each says that it began, and waits until it may go on.
pub(crate) const TWO_CHANGES: &str = r#"
[[scene]]
match = ["DO first"]
do = [
    { append = { path = "@{env:EFFECTS}/effects", line = "first" } },
    { wait_for = { path = "@{env:EFFECTS}/go-first" } },
    { write = { path = "first.txt", content = "1\n" } },
    { say = "Done." },
]
[[scene]]
match = ["DO second"]
do = [
    { append = { path = "@{env:EFFECTS}/effects", line = "second" } },
    { wait_for = { path = "@{env:EFFECTS}/go-second" } },
    { write = { path = "second.txt", content = "2\n" } },
    { say = "Done." },
]
[[scene]]
match = ["READ"]
do = [{ say = "Done." }]
"#;

/// The status of a step of a run.
pub(crate) fn step<'a>(run: &'a Value, key: &str) -> &'a Value {
    let steps = run["steps"].as_array().unwrap();
    let found = steps.iter().find(|step| step["key"] == key);
    found.unwrap_or(&Value::Null)
}

/// The tasks of a step of a run.
pub(crate) fn tasks<'a>(run: &'a Value, key: &str) -> Vec<&'a Value> {
    let tasks = run["tasks"].as_array().unwrap().iter();
    tasks.filter(|task| task["step_key"] == key).collect()
}

pub(crate) fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    // One that is gone needs no signal.
    let _gone = rustix::process::kill_process(pid, signal);
}

/// Whether a process of this number exists and is more than a corpse.
pub(crate) fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit(')')
        .next()
        .and_then(|rest| rest.trim().chars().next());
    !matches!(state, Some('Z' | 'X') | None)
}

/// Living processes whose command line, or environment, holds the word.
pub(crate) fn holding(what: &str, word: &str) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let holds = |pid: &u32| {
        let bytes = std::fs::read(format!("/proc/{pid}/{what}")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).contains(word)
    };
    pids.filter(holds).filter(|pid| is_alive(*pid)).collect()
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

/// So many, or so many in a soak.
pub(crate) fn sized(usually: u64, in_a_soak: u64) -> u64 {
    if std::env::var_os("PARTITA_SOAK").is_some() {
        in_a_soak
    } else {
        usually
    }
}
