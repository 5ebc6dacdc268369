//! A user with one real agent, a sample repository, and a model that says what the test wants.

use crate::env::{Given, TestEnv, await_that};
use model_server::{ModelServer, Records, Script};
use serde_json::{Value, json};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// How long a run may take. Codex tells its resets to the minute.
const PATIENCE: Duration = Duration::from_secs(200);

pub(crate) const BROKEN: &str = "#!/bin/sh\necho $(($1 - $2))\n";
pub(crate) const MENDED: &str = "#!/bin/sh\necho $(($1 + $2))\n";

/// What differs between the agents, as far as their users meet it.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) name: &'static str,
    /// The variable that holds its key.
    key: &'static str,
    /// A model that it takes.
    pub(crate) model: &'static str,
    /// A model that it takes where no endpoint is chosen for it, and the host that it then asks.
    pub(crate) provider: (&'static str, &'static str),
    /// Its own tool for writing a file, the name of that tool's path, its shell: called even where they are not on
    /// offer. Codex always offers its own.
    tools: Option<[&'static str; 3]>,
    /// Whether it tells the model alone that a tool is not there.
    pub(crate) hides_refusals: bool,
}

pub(crate) const CLAUDE: Agent = Agent {
    name: "claude",
    key: "ANTHROPIC_API_KEY",
    model: "scripted-1",
    provider: ("sonnet", "api.anthropic.com"),
    tools: Some(["Write", "file_path", "Bash"]),
    hides_refusals: false,
};
pub(crate) const CODEX: Agent = Agent {
    name: "codex",
    key: "CODEX_API_KEY",
    model: "scripted-1",
    provider: ("gpt-5", "api.openai.com"),
    tools: None,
    hides_refusals: false,
};
pub(crate) const QWEN: Agent = Agent {
    name: "qwen",
    key: "OPENAI_API_KEY",
    model: "scripted-1",
    provider: ("gpt-5", "api.openai.com"),
    tools: Some(["write_file", "file_path", "run_shell_command"]),
    hides_refusals: false,
};
pub(crate) const GEMINI: Agent = Agent {
    name: "gemini",
    key: "GEMINI_API_KEY",
    // It knows its models by name.
    model: "gemini-2.5-pro",
    provider: ("gemini-2.5-pro", "generativelanguage.googleapis.com"),
    tools: Some(["write_file", "file_path", "run_shell_command"]),
    hides_refusals: true,
};
pub(crate) const OPENCODE: Agent = Agent {
    name: "opencode",
    key: "OPENAI_API_KEY",
    model: "scripted-1",
    provider: ("openai/gpt-5", "api.openai.com"),
    tools: Some(["write", "filePath", "bash"]),
    hides_refusals: false,
};

impl Agent {
    /// A call that writes a file, and one that redirects into another.
    pub(crate) fn plants(&self, file: &Path, command: &str) -> [Value; 2] {
        let file = file.to_str().unwrap();
        match self.tools {
            Some([write, path, shell]) => [
                json!({ "call": { "name": write, "input": { path: file, "content": "planted\n" } } }),
                json!({ "call": { "name": shell, "input": {
                    "command": command, "description": "plants a file", "is_background": false,
                } } }),
            ],
            None => [
                json!({ "write": { "path": file, "content": "planted\n" } }),
                json!({ "shell": { "command": command } }),
            ],
        }
    }
}

/// Dropped from its first field to its last: the daemon goes before the model does.
pub(crate) struct World {
    pub(crate) env: TestEnv,
    model: ModelServer,
    pub(crate) agent: &'static Agent,
    _runtime: Runtime,
}

impl World {
    pub(crate) fn new(agent: &'static Agent, script: Value) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let mut env = TestEnv::new();
        let script = Script::from_value(script).unwrap();
        let records = Records {
            bodies: Some(env.path("bodies")),
            ..Records::default()
        };
        let model = runtime.block_on(ModelServer::start(script, 0, records)).unwrap();
        println!("network: {}", network());
        std::fs::write(env.project().join("sum.sh"), BROKEN).unwrap();
        env.make_repository();
        env.set(agent.key, "sk-scripted");
        let agents = format!(
            "[sandbox]\npath = [{:?}]\n[agents.{}]\nbase_url = {:?}\n",
            agents_folder().join("bin"),
            agent.name,
            model.base_url(),
        );
        env.write_user_file(".config/partita/agents.toml", &agents);
        Self {
            env,
            model,
            agent,
            _runtime: runtime,
        }
    }

    /// The model says something else from now on.
    pub(crate) fn play(&self, script: Value) {
        self.model.play(Script::from_value(script).unwrap());
    }

    /// A flow of the project's own.
    pub(crate) fn flow(&self, name: &str, steps: &str) {
        let folder = self.env.project().join(".partita/flows");
        std::fs::create_dir_all(&folder).unwrap();
        let head = format!("name = {name:?}\ncategory = \"analysis\"\nsummary = \"For a test.\"\n");
        std::fs::write(folder.join(format!("{name}.toml")), head + steps).unwrap();
    }

    /// Runs a flow with this world's agent and model, watched to its end.
    pub(crate) fn run(&self, flow: &str, more: &[&str]) -> Given {
        in_time(
            &self.env,
            &[
                &[
                    "run",
                    flow,
                    "--agent",
                    self.agent.name,
                    "--model",
                    self.agent.model,
                ],
                more,
            ]
            .concat(),
        )
    }

    /// Starts a flow and gives its name.
    pub(crate) fn start(&self, flow: &str, more: &[&str]) -> String {
        let started = self.run(flow, &[&["--detach", "--json"], more].concat()).json();
        started["slug"]
            .as_str()
            .unwrap_or_else(|| panic!("{started:#}"))
            .to_owned()
    }

    pub(crate) fn show(&self, run: &str) -> Value {
        self.env.run(&["run", "show", run, "--json"]).json()
    }

    /// Watches a run to its end: the exit code, and the run.
    pub(crate) fn watch(&self, run: &str) -> (i32, Value) {
        let given = in_time(&self.env, &["run", "watch", run, "--json"]);
        (given.code, given.json())
    }

    pub(crate) fn transcripts(&self, run: &str) -> Vec<Value> {
        transcripts(&self.env, run)
    }

    /// The requests that the model answered out of the script, in order.
    pub(crate) fn requests(&self) -> Vec<Value> {
        let state = self.model.state();
        state["requests"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|request| request["aux"] == false)
            .cloned()
            .collect()
    }

    /// What the model was last asked, whole.
    pub(crate) fn last_body(&self) -> String {
        let number = self.requests().last().unwrap()["n"].clone();
        std::fs::read_to_string(
            self.env
                .path(&format!("bodies/{:04}.json", number.as_u64().unwrap())),
        )
        .unwrap()
    }

    pub(crate) fn await_requests(&self, count: usize) {
        await_that(
            || self.requests().len() >= count,
            &format!("{count} requests reach the model"),
        );
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let done = Command::new("git")
            .args(arguments)
            .current_dir(self.env.project())
            .output()
            .unwrap();
        assert!(
            done.status.success(),
            "git {arguments:?}: {}",
            String::from_utf8_lossy(&done.stderr)
        );
        String::from_utf8(done.stdout).unwrap()
    }

    /// Processes of this world beside its daemon, by what they have in their environment.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let (mark, daemon) = (self.env.path("user"), self.env.pid());
        let mark = mark.to_str().unwrap().as_bytes();
        let numbers = std::fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
        let is_ours = |pid: &u32| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            *pid != daemon && environment.windows(mark.len()).any(|part| part == mark)
        };
        numbers.filter(is_ours).collect()
    }
}

/// Who reads a failure wants to know what the agents said.
impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let runs = self.env.run(&["run", "list", "--json"]);
        let runs: Value = serde_json::from_str(&runs.out).unwrap_or_default();
        for run in runs["items"].as_array().into_iter().flatten() {
            let slug = run["slug"].as_str().unwrap_or_default();
            println!("{}", self.env.run(&["logs", slug]).out);
        }
        for request in self.requests() {
            println!(
                "asked for {} in turn {}: {}",
                request["model"], request["turn"], request["last"]
            );
        }
    }
}

/// Runs a command that waits for agents, with a limit.
#[track_caller]
pub(crate) fn in_time(env: &TestEnv, arguments: &[&str]) -> Given {
    let [out, err] = ["out", "err"].map(|name| {
        let path = env.path(name);
        (File::create(&path).unwrap(), path)
    });
    let mut child = env
        .command(arguments)
        .stdout(out.0)
        .stderr(err.0)
        .spawn()
        .unwrap();
    let read = |path: &PathBuf| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Given {
                code: status.code().unwrap_or(-1),
                out: read(&out.1),
                err: read(&err.1),
            };
        }
        if Instant::now() > until {
            child.kill().unwrap();
            child.wait().unwrap();
            let log = std::fs::read_to_string(env.home().join("orchestrator.log")).unwrap_or_default();
            panic!(
                "{arguments:?} does not end within {PATIENCE:?}: {} {} {log}",
                read(&out.1),
                read(&err.1)
            );
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// The tasks of a run, each with what was said in it.
pub(crate) fn transcripts(env: &TestEnv, run: &str) -> Vec<Value> {
    let mut logs = env.run(&["logs", run, "--json"]).json();
    logs["items"].as_array_mut().map(std::mem::take).unwrap()
}

/// The states of a run's tasks that did a step's work, in the order in which they were decided on.
pub(crate) fn states(run: &Value, step: &str) -> Vec<String> {
    let tasks = run["tasks"].as_array().unwrap().iter();
    tasks
        .filter(|task| task["step_key"] == step && task["role"] == "work")
        .map(|task| task["state"].as_str().unwrap().to_owned())
        .collect()
}

/// Where the pinned agents are. Tests of this program run only where there are any.
fn agents_folder() -> PathBuf {
    let set = std::env::var_os("PARTITA_REAL_AGENTS");
    PathBuf::from(
        set.expect("PARTITA_REAL_AGENTS names the folder that `testing/real-agents/install` prints"),
    )
}

/// `testing/real-agents/offline` takes all other interfaces away, where the machine lets it.
fn network() -> &'static str {
    let interfaces = std::fs::read_to_string("/proc/net/dev").unwrap_or_default();
    let names = interfaces
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, _)| name.trim());
    if names.clone().all(|name| name == "lo") {
        "loopback only"
    } else {
        "the machine's own"
    }
}
