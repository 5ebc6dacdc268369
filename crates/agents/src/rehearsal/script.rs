//! What a rehearsal script says: scenes, and what is done in each. TOML or JSON, unknown words refused.

use serde::Deserialize;
use serde_json::Value as Json;

/// A script: what the agent claims to be, and a scene for every prompt that it will meet.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Script {
    /// The modes that it offers; `default` asks before it acts, `plan` only reads, `auto` asks nothing.
    pub(super) modes: Option<Vec<String>>,
    /// Refuses to change its mode.
    pub(super) refuses_mode: bool,
    /// Writes in plan mode all the same.
    pub(super) ignores_mode: bool,
    /// Asks for a login where a session is opened.
    pub(super) is_logged_out: bool,
    /// Never reads its standard input: acts at once, as if the first prompt were empty.
    pub(super) is_deaf: bool,
    /// The only scene of a script that needs no more than one.
    #[serde(rename = "do")]
    pub(super) acts: Vec<Act>,
    /// What follows the answer of the only scene.
    pub(super) after: Vec<Act>,
    /// The scenes; the first that fits is played.
    #[serde(rename = "scene")]
    pub(super) scenes: Vec<Scene>,
}

/// What is done for one kind of prompt.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Scene {
    /// For people.
    pub(super) title: String,
    /// Texts that the prompt must contain, all of them; capitals do not matter.
    #[serde(rename = "match")]
    pub(super) all: Texts,
    /// Texts of which the prompt must contain one.
    pub(super) any: Texts,
    /// Texts that the prompt must not contain.
    pub(super) none: Texts,
    /// The attempts that it is for, counted from one over all processes with this home; every one without.
    pub(super) attempt: Numbers,
    /// The turns that it is for, counted from one in this process; every one without.
    pub(super) turn: Numbers,
    /// What is done, in order.
    #[serde(rename = "do")]
    pub(super) acts: Vec<Act>,
    /// What is done after the answer was given.
    pub(super) after: Vec<Act>,
}

/// One text or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Texts {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl Default for Texts {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl Texts {
    /// All of them.
    pub(super) fn all(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }
}

/// One number or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Numbers {
    /// One.
    One(u64),
    /// Several.
    Many(Vec<u64>),
}

impl Default for Numbers {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl Numbers {
    /// Whether the number is among them; every number is among none.
    pub(super) fn fit(&self, number: u64) -> bool {
        match self {
            Self::One(one) => *one == number,
            Self::Many(many) => many.is_empty() || many.contains(&number),
        }
    }
}

/// One thing that is done. In texts that name places, commands and lines, `@{home}`, `@{cwd}`, `@{attempt}`,
/// `@{turn}`, `@{pid}` and `@{env:NAME}` are filled in.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Act {
    /// Says a text, in pieces.
    Say(Say),
    /// Thinks aloud.
    Think(String),
    /// Says a value as a fenced `json` block. Whatever in it has a `file` and a `quote` is looked up first: it gets
    /// the `line` where the quote stands and the whole of that line; what is not there is left out of its list.
    Answer(Json),
    /// Judges every item of a numbered list in the prompt, as a fenced `json` block of verdicts.
    Verdicts(Verdicts),
    /// Announces a tool call, without doing anything.
    Tool(Tool),
    /// Reads a file.
    Read(String),
    /// Writes a file.
    Write(WriteFile),
    /// Replaces a text in a file: it must be there exactly once.
    Edit(EditFile),
    /// Deletes a file.
    Delete(String),
    /// Runs a shell command line.
    Run(RunCommand),
    /// Asks to be allowed something, and says how it was answered.
    Ask(Ask),
    /// Leaves its mode, asking first unless forced.
    SwitchMode(SwitchMode),
    /// Appends one line to a file, in one write: counts effects outside of what is tested.
    Append(AppendLine),
    /// Waits.
    SleepMs(u64),
    /// Waits for a file to appear.
    WaitFor(WaitFor),
    /// Waits for ever; a deaf one does not even hear a cancel.
    Hang(Hang),
    /// Survives SIGTERM from here on.
    IgnoreTerm(bool),
    /// Leaves children behind.
    Fork(Fork),
    /// Prints without end.
    Flood(Flood),
    /// Prints this to standard output as it is, without a line end.
    Raw(String),
    /// Prints these bytes, given in hexadecimal.
    RawHex(String),
    /// Prints to standard error.
    Stderr(String),
    /// Prints half a message, without a line end.
    HalfJson(bool),
    /// Cuts the connection: half a message, standard output closed, exit code 1.
    Cut(bool),
    /// Closes standard output and goes on.
    CloseStdout(bool),
    /// Ends the process with this code, without an answer.
    Exit(u8),
    /// Ends the process by this signal.
    Kill(i32),
    /// What the turn used.
    Usage(UsageSaid),
    /// Says nothing about what the turn used.
    NoUsage(bool),
    /// Ends the turn with this stop reason.
    End(String),
    /// Ends the turn with an error of the protocol.
    Error(ErrorSaid),
    /// Ends the turn as a failing provider does: `rate_limit`, `usage_limit`, `login`, `server`, `bad_request`.
    Fail(Fail),
    /// Tries everything that an agent must not be able to do, and reports what came of it.
    Hostile(Hostile),
}

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
    ["allow_once", "allow_always", "reject_once"].map(ToOwned::to_owned).to_vec()
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
    /// How long they live by themselves.
    pub(super) seconds: u64,
    /// A file that each appends its process id to.
    pub(super) pids: Option<String>,
}

impl Default for Fork {
    fn default() -> Self {
        Self { count: 1, setsid: false, double: false, ignore_term: false, seconds: 60, pids: None }
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
        Self { bytes: 1 << 20, line: 1_000, stderr: false, says: false }
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
    /// A file that planted commands make: it must never appear.
    pub(super) marker: Option<String>,
}

impl Script {
    /// Reads a script: JSON where it begins like an object, else TOML.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|error| error.to_string())
        } else {
            toml::from_str(text).map_err(|error| error.to_string())
        }
    }

    /// The script in the last fenced `rehearsal` block of a prompt.
    pub(super) fn in_prompt(prompt: &str) -> Option<Result<Self, String>> {
        let start = prompt.rfind("```rehearsal")?;
        let body = prompt[start..].split_once('\n')?.1;
        let body = body.split_once("\n```").map_or(body, |(body, _)| body);
        Some(Self::parse(body))
    }

    /// The scene for a prompt. `attempts` tells how often a scene of the same texts was met, this time included.
    pub(super) fn scene(&self, prompt: &str, turn: u64, mut attempts: impl FnMut(&Scene) -> u64) -> Option<Scene> {
        let prompt = prompt.to_lowercase();
        let contains = |text: &String| prompt.contains(&text.to_lowercase());
        let fitting = self.scenes.iter().find(|scene| {
            let any = scene.any.all();
            scene.all.all().iter().all(contains)
                && (any.is_empty() || any.iter().any(contains))
                && !scene.none.all().iter().any(contains)
                && scene.turn.fit(turn)
                && scene.attempt.fit(attempts(scene))
        });
        let only = || Scene { acts: self.acts.clone(), after: self.after.clone(), ..Scene::default() };
        let has_only = !self.acts.is_empty() || !self.after.is_empty();
        fitting.cloned().or_else(|| has_only.then(only))
    }
}
