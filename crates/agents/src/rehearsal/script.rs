//! What a rehearsal script says: scenes, and what is done in each. TOML or JSON, unknown words refused.

use super::detail::{
    AppendLine, Ask, EditFile, ErrorSaid, Fail, Flood, Fork, Hang, Hostile, Lines, RunCommand, Say,
    SwitchMode, Tool, UsageSaid, Verdicts, WaitFor, WriteFile,
};
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
    /// Says numbered lines with the time of each, at an even pace.
    Lines(Lines),
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
    pub(super) fn scene(
        &self,
        prompt: &str,
        turn: u64,
        mut attempts: impl FnMut(&Scene) -> u64,
    ) -> Option<Scene> {
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
        let only = || Scene {
            acts: self.acts.clone(),
            after: self.after.clone(),
            ..Scene::default()
        };
        let has_only = !self.acts.is_empty() || !self.after.is_empty();
        fitting.cloned().or_else(|| has_only.then(only))
    }
}
