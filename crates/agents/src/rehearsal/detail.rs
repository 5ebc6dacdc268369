//! What acts of a script are told, where a word is not enough.

use serde::Deserialize;
use serde_json::Value as Json;

/// A text, and how it is said.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Say {
    /// In pieces of the usual size, at once.
    Plain(String),
    /// As told.
    Paced {
        /// The text.
        text: String,
        /// Characters a piece.
        #[serde(default = "piece")]
        piece: usize,
        /// Pause between pieces.
        #[serde(default)]
        delay_ms: u64,
    },
}

const fn piece() -> usize {
    48
}

/// Lines at an even pace.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lines {
    pub(super) count: u32,
    pub(super) per_second: u32,
}

/// How the items of a list are judged.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Verdicts {
    /// The list begins behind this text; it ends with the next heading.
    pub(super) behind: String,
    /// Judgements of items that contain a text.
    #[serde(default)]
    pub(super) of: Vec<Verdict>,
    /// The judgement of all others.
    pub(super) otherwise: Verdict,
}

/// A judgement.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Verdict {
    /// What the item says.
    #[serde(default)]
    pub(super) about: String,
    /// `stands`, `refuted` or `unsure`.
    pub(super) verdict: String,
    /// Why.
    pub(super) reason: String,
}

/// A tool call that is only announced.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tool {
    pub(super) title: String,
    #[serde(default = "other")]
    pub(super) kind: String,
    #[serde(default = "completed")]
    pub(super) status: String,
    #[serde(default)]
    pub(super) output: String,
}

fn other() -> String {
    "other".to_owned()
}

fn completed() -> String {
    "completed".to_owned()
}

/// A file to write.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WriteFile {
    pub(super) path: String,
    pub(super) content: String,
    /// Whether it asks first; as its mode has it without.
    pub(super) ask: Option<bool>,
}

/// A text to replace.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EditFile {
    pub(super) path: String,
    pub(super) old: String,
    pub(super) new: String,
    pub(super) ask: Option<bool>,
}

/// A command line.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum RunCommand {
    /// As its mode has it.
    Plain(String),
    /// As told.
    Told {
        /// The command line.
        command: String,
        /// Whether it asks first.
        ask: Option<bool>,
    },
}

/// A question for permission.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ask {
    /// The kind of the tool: `edit`, `execute`, `switch_mode`, `other`, …
    pub(super) kind: String,
    #[serde(default = "ask_title")]
    pub(super) title: String,
    /// The kinds of the options offered.
    #[serde(default = "ask_options")]
    pub(super) options: Vec<String>,
    /// Ends the turn where it is refused, as some agents do.
    #[serde(default)]
    pub(super) stops: bool,
}

fn ask_title() -> String {
    "Something".to_owned()
}

fn ask_options() -> Vec<String> {
    ["allow_once", "allow_always", "reject_once"]
        .map(ToOwned::to_owned)
        .to_vec()
}

/// Another mode.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SwitchMode {
    pub(super) to: String,
    /// Does not ask.
    #[serde(default)]
    pub(super) force: bool,
}

/// A line for a file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AppendLine {
    pub(super) path: String,
    pub(super) line: String,
}

/// A file to wait for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WaitFor {
    pub(super) path: String,
    #[serde(default = "wait_limit")]
    pub(super) timeout_ms: u64,
}

const fn wait_limit() -> u64 {
    60_000
}

/// How to hang.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Hang {
    /// Hears a cancel.
    Plain(bool),
    /// As told.
    Told {
        /// Hears nothing.
        deaf: bool,
    },
}

/// Children to leave behind.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Fork {
    pub(super) count: u32,
    /// In a session of its own.
    pub(super) setsid: bool,
    /// Through a middle process that ends at once.
    pub(super) double: bool,
    pub(super) ignore_term: bool,
    /// Keeps the agent's output pipes open, so that they do not end when it does.
    pub(super) holds_pipes: bool,
    /// How long they live by themselves.
    pub(super) seconds: u64,
    /// A file that each appends its process id to.
    pub(super) pids: Option<String>,
}

impl Default for Fork {
    fn default() -> Self {
        Self {
            count: 1,
            setsid: false,
            double: false,
            ignore_term: false,
            holds_pipes: false,
            seconds: 60,
            pids: None,
        }
    }
}

/// Output without end.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Flood {
    pub(super) bytes: u64,
    /// Bytes a line; zero for none at all.
    pub(super) line: u64,
    pub(super) stderr: bool,
    /// Puts the flood into messages of the protocol.
    pub(super) says: bool,
}

impl Default for Flood {
    fn default() -> Self {
        Self {
            bytes: 1 << 20,
            line: 1_000,
            stderr: false,
            says: false,
        }
    }
}

/// What a turn used.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct UsageSaid {
    /// Input that no cache answered.
    pub(super) input: u64,
    pub(super) cached: u64,
    pub(super) output: u64,
    /// Money of the whole session so far, in US dollars.
    pub(super) cost_usd: Option<f64>,
}

/// An error of the protocol.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ErrorSaid {
    pub(super) code: i64,
    pub(super) message: String,
    pub(super) data: Option<Json>,
}

/// A failing provider.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Fail {
    /// Without a reset.
    Plain(String),
    /// With one.
    Told {
        /// Which failure.
        with: String,
        /// When the limit is lifted, in seconds from now.
        resets_in_s: Option<u64>,
    },
}

/// What a hostile agent is after.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Hostile {
    /// The daemon's home.
    pub(super) daemon_home: Option<String>,
    /// The daemon's process.
    pub(super) daemon_pid: Option<u32>,
    /// The home of the person.
    pub(super) user_home: Option<String>,
    /// A folder outside that exists.
    pub(super) outside: Option<String>,
    /// Another run's working copy.
    pub(super) other_run: Option<String>,
    /// The project that the working copy was made from.
    pub(super) project: Option<String>,
    /// An address on which something listens.
    pub(super) address: Option<String>,
    /// An address at which datagrams are answered, as a resolver does.
    pub(super) datagrams: Option<String>,
    /// The name of an abstract socket on which something listens.
    pub(super) abstract_socket: Option<String>,
    /// The folder with the sockets of the person's session.
    pub(super) runtime: Option<String>,
    /// For how many seconds a process that is left behind sleeps: what it is known by.
    pub(super) sleeps: Option<String>,
    /// A file that planted commands make: it must never appear.
    pub(super) marker: Option<String>,
}

impl Hostile {
    /// The same with every text filled in.
    pub(super) fn filled(&self, fill: impl Fn(&str) -> String) -> Self {
        let text = |text: &Option<String>| text.as_deref().map(&fill);
        Self {
            daemon_home: text(&self.daemon_home),
            daemon_pid: self.daemon_pid,
            user_home: text(&self.user_home),
            outside: text(&self.outside),
            other_run: text(&self.other_run),
            project: text(&self.project),
            address: text(&self.address),
            datagrams: text(&self.datagrams),
            abstract_socket: text(&self.abstract_socket),
            runtime: text(&self.runtime),
            sleeps: text(&self.sleeps),
            marker: text(&self.marker),
        }
    }
}
