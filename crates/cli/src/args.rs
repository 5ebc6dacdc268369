//! The command line: what can be said, and what each word means.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Conducts coding agents.
#[derive(Debug, Parser)]
#[command(
    name = "partita",
    version,
    max_term_width = 100,
    disable_help_subcommand = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// The folder agents work on; default: this folder.
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) project_dir: Option<PathBuf>,
    /// Where the daemon keeps everything; default: PARTITA_HOME, else the user's state folder.
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// Print JSON, one value.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the daemon.
    Start(StartArgs),
    /// Stop the daemon; what is under way goes on at the next start.
    Stop(StopArgs),
    /// Show how the daemon is.
    Status,
    /// List work units, or the tasks that are under way.
    Ps {
        /// List tasks instead of work units.
        #[arg(long)]
        tasks: bool,
    },
    /// Create, list, show, change, delete work units.
    #[command(subcommand)]
    WorkUnit(WorkUnitCommand),
    /// Run a flow and watch it; or list, show, watch, diff, apply, cancel, retry, export runs.
    Run(RunArgs),
    /// List flows, or show one.
    Flows {
        /// Show this one.
        name: Option<String>,
    },
    /// List agents; probe, log in, import a login.
    Agents {
        #[command(subcommand)]
        command: Option<AgentsCommand>,
    },
    /// List or prune working copies.
    #[command(subcommand)]
    Worktree(WorktreeCommand),
    /// Show what an agent said, or the daemon's own log.
    Logs(LogsArgs),
    /// List what waits for you.
    Attention,
    /// Answer what waits for you.
    Answer {
        /// Its id, or enough of the beginning of it.
        id: String,
        /// One of the choices that it lists.
        choice: String,
        /// In your words.
        #[arg(long, default_value = "")]
        text: String,
    },
    /// Check this machine and say what is missing.
    Doctor,
    /// See it work, with a scripted agent and a sample repository.
    Demo(DemoArgs),
    /// Make this folder a project.
    Init {
        /// Give it a home, and so a daemon, of its own.
        #[arg(long)]
        local: bool,
    },
    /// Open the page in the browser, logged in; starts the daemon when there is none.
    Ui(UiArgs),
    /// Print completions for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// The daemon itself.
    #[command(name = "__daemon", hide = true)]
    Daemon {
        /// Also listen on this loopback port.
        #[arg(long)]
        port: Option<u16>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct StartArgs {
    /// Also listen on this port of 127.0.0.1, with a token.
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<u16>,
}

#[derive(Debug, Args)]
pub(crate) struct StopArgs {
    /// How long to wait before the daemon is ended firmly.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) wait: u64,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WorkUnitCommand {
    /// Create a work unit.
    Create(Box<UnitCreateArgs>),
    /// Show a unit's status, or set it.
    Status {
        /// The unit.
        chunk: String,
        /// READY, RUNNING, BLOCKED, NEEDS_ATTENTION or DONE.
        status: Option<String>,
    },
    /// List work units; the same as `ps`.
    List,
    /// Show one, with its history.
    Show {
        /// The unit.
        chunk: String,
    },
    /// Delete one; its history stays.
    Delete {
        /// The unit.
        chunk: String,
    },
    /// Do one again, whatever its status.
    Retry {
        /// The unit.
        chunk: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct UnitCreateArgs {
    /// Its name: a-z, 0-9, `-`, `_`, `.`.
    pub(crate) chunk: String,
    /// GOAL, PLAN, IMPLEMENT or COMPLETE.
    #[arg(long, default_value = "GOAL")]
    pub(crate) phase: String,
    /// A unit that must be done first; may be repeated.
    #[arg(long, value_name = "CHUNK")]
    pub(crate) blocked_by: Vec<String>,
    /// Higher goes first.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    pub(crate) priority: i64,
    /// Run this flow for it as soon as it is ready.
    #[arg(long)]
    pub(crate) flow: Option<String>,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

/// What a flow is asked.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct AskArgs {
    /// The question, goal or focus.
    #[arg(long, visible_alias = "question", value_name = "TEXT")]
    pub(crate) focus: Option<String>,
    /// How much work to make of it; small when the project says nothing else.
    #[arg(long, value_enum)]
    pub(crate) size: Option<SizeArg>,
    /// Leave out what is not needed for a first answer.
    #[arg(long)]
    pub(crate) fast: bool,
    /// Which agent.
    #[arg(long)]
    pub(crate) agent: Option<String>,
    /// Which model.
    #[arg(long)]
    pub(crate) model: Option<String>,
    /// A command that must pass before the change counts as done.
    #[arg(long, value_name = "COMMAND")]
    pub(crate) gate: Option<String>,
    /// Start from, or look at, this branch, tag or commit instead of what is checked out.
    #[arg(long, value_name = "REF")]
    pub(crate) target: Option<String>,
    /// What a change is compared with: a branch, tag or commit.
    #[arg(long, value_name = "REF")]
    pub(crate) base: Option<String>,
    /// Another input of the flow; may be repeated.
    #[arg(long = "input", value_name = "NAME=VALUE")]
    pub(crate) inputs: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SizeArg {
    /// The quick look.
    Small,
    /// The usual.
    Medium,
    /// The thorough one.
    Large,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct RunArgs {
    #[command(subcommand)]
    pub(crate) command: Option<RunCommand>,
    /// The flow to run.
    #[arg(required = true)]
    pub(crate) flow: Option<String>,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
    /// Start it and come back at once.
    #[arg(long)]
    pub(crate) detach: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunCommand {
    /// List runs, newest first.
    List {
        /// Only these: running, completed, failed, cancelled.
        #[arg(long)]
        status: Option<String>,
        /// How many, 500 at most.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=500))]
        limit: u32,
    },
    /// Show a run: its steps, its report when it has ended.
    Show {
        /// Its name or id.
        run: String,
    },
    /// Watch a run until it ends.
    Watch {
        /// Its name or id.
        run: String,
    },
    /// Show what a run changed.
    Diff {
        /// Its name or id.
        run: String,
    },
    /// Bring what a run changed into this checkout, uncommitted.
    Apply {
        /// Its name or id.
        run: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// End a run.
    Cancel {
        /// Its name or id.
        run: String,
    },
    /// Start nothing new in a run.
    Pause {
        /// Its name or id.
        run: String,
    },
    /// Start again.
    Resume {
        /// Its name or id.
        run: String,
    },
    /// Do what failed again.
    Retry {
        /// Its name or id.
        run: String,
        /// Only this step.
        #[arg(long)]
        step: Option<String>,
    },
    /// Go on without a step.
    Skip {
        /// Its name or id.
        run: String,
        /// The step.
        step: String,
    },
    /// Write a run's report.
    Export {
        /// Its name or id.
        run: String,
        /// Which form.
        #[arg(long, value_enum, default_value_t)]
        format: ExportFormat,
        /// Where to; default: standard output.
        #[arg(long, short)]
        output: Option<PathBuf>,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// As people read it.
    #[default]
    Markdown,
    /// As programs read it.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AgentsCommand {
    /// Look again at what is installed and logged in.
    Probe {
        /// Only this one.
        agent: Option<String>,
    },
    /// Log an agent in, in an account of Partita's own.
    Login {
        /// Which agent.
        agent: String,
        /// The account's name.
        #[arg(long, default_value = "default")]
        account: String,
    },
    /// Copy your own login of an agent into an account. Your files stay as they are.
    Import {
        /// Which agent.
        agent: String,
        /// The account's name.
        #[arg(long, default_value = "default")]
        account: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum WorktreeCommand {
    /// List working copies.
    List,
    /// Remove those that nothing needs. Nothing with work that has not landed is removed.
    Prune {
        /// Only say what would be removed.
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// A run's name or id, or a task's id; without one, the daemon's own log.
    pub(crate) what: Option<String>,
    /// Only this step of the run.
    #[arg(long)]
    pub(crate) step: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct UiArgs {
    /// Print the address instead of opening it. So does --json.
    #[arg(long)]
    pub(crate) no_open: bool,
    /// Have the page at this port of 127.0.0.1; default: where it was before, else any that is free.
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<u16>,
    /// Close the port and log every browser out.
    #[arg(long, conflicts_with_all = ["no_open", "port"])]
    pub(crate) close: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Where to make the sample repository; default: a new folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) into: Option<PathBuf>,
    /// Slow the scripted agent down to a pace that can be watched.
    #[arg(long)]
    pub(crate) slow: bool,
}
