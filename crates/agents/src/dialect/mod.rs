//! What agents say on their pipes, translated: one folder per way of speaking.
//!
//! Owns: the words between the process harness and the dialects, and which dialect speaks what. A dialect is pure and
//! total: it opens no file, starts nothing, knows no clock, and takes any bytes for an answer.
//! Leaves out: processes, pipes, limits of time and size (the harness), and what an end means for a run (`domain`).

mod acp;
mod claude;
mod codex;
mod command;
mod failure;
mod json;
mod policy;
mod reset;
#[cfg(test)]
mod tests;
mod turn;

use domain::{Access, Moment, Usage};
use engine::ports::EntryKind;
use std::path::PathBuf;
use std::sync::Arc;

/// The dialect of that kind, for one process.
#[must_use]
pub fn speak(kind: DialectKind, brief: Brief) -> Box<dyn Dialect> {
    match kind {
        DialectKind::Acp | DialectKind::Rehearsal => Box::new(acp::Acp::new(brief)),
        DialectKind::Claude => Box::new(claude::Claude::new(brief)),
        DialectKind::Codex => Box::new(codex::Codex::new(brief)),
        DialectKind::Command => Box::new(command::Command::new(brief)),
    }
}

/// One way of speaking with one agent process, from its start to its end.
///
/// The harness starts the process with [`arguments`](Self::arguments) behind the descriptor's own, carries out the
/// steps of [`open`](Self::open), then gives every line of standard output to [`on_line`](Self::on_line) and carries
/// out what comes back, in order. After [`Step::TurnEnded`] it may ask for a [`repair`](Self::repair), else it closes
/// the process's standard input and lets it end. When the process is gone it asks [`on_end`](Self::on_end), whose
/// answer holds: a turn's end may still be taken back by how the process ended.
pub trait Dialect: Send {
    /// What the command line needs for this brief, behind the arguments that the descriptor gives.
    fn arguments(&self) -> Vec<String>;

    /// What to do first, once the process runs.
    fn open(&mut self) -> Vec<Step>;

    /// Takes a line of standard output, without its line end; bytes that are not UTF-8 replaced.
    fn on_line(&mut self, line: &str, now: Moment) -> Vec<Step>;

    /// Asks the agent politely to stop. Its turn then ends as [`Outcome::Cancelled`], if it is polite too.
    fn interrupt(&mut self) -> Vec<Step>;

    /// Whether another turn on the same process is possible now. Where not, start a new process with
    /// [`Brief::resume`] set to the session id and the repair text as its prompt.
    fn can_repair_in_process(&self) -> bool;

    /// Begins another turn on the same process. Does nothing where that is not possible.
    fn repair(&mut self, text: &str) -> Vec<Step>;

    /// The process is gone: how it all ended. `stderr_tail` is the end of what it wrote to standard error.
    fn on_end(&mut self, exit: Exit, stderr_tail: &str, now: Moment) -> TurnEnd;
}

/// What a dialect needs to know before the process starts.
#[derive(Clone, Debug)]
pub struct Brief {
    /// What the agent is told.
    pub prompt: String,
    /// Its working copy, as the process sees it.
    pub cwd: PathBuf,
    /// What it may touch.
    pub access: Access,
    /// Whether a sandbox bounds what it can touch: only then is anything that it asks for allowed.
    pub is_sandboxed: bool,
    /// The agent's own mode for this access, to be set and verified; none where its descriptor names none.
    pub mode: Option<String>,
    /// The model to ask for.
    pub model: Option<String>,
    /// The session to go on with.
    pub resume: Option<String>,
    /// What the resumed session had used when it was left: [`TurnEnd::session_total`] of its last process.
    pub session_total: Option<Usage>,
    /// Where `resets 3pm` is said: the zone of the machine.
    pub zone: jiff::tz::TimeZone,
}

/// Something for the harness to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Write this and a line end to the process's standard input.
    Send(String),
    /// Put this into the transcript.
    Entry(EntryKind),
    /// The session has this id: keep it, to resume it later.
    SessionId(String),
    /// The agent's turn is over.
    TurnEnded(TurnEnd),
    /// Close the process's standard input: it hears nothing more.
    CloseStdin,
}

/// How a turn ended.
#[derive(Clone, Debug, PartialEq)]
pub struct TurnEnd {
    /// How.
    pub outcome: Outcome,
    /// The final message: what the agent said last in the turn.
    pub message: Arc<str>,
    /// What was used since this dialect was made, all its turns together.
    pub usage: Usage,
    /// What the session has used in all, for agents that count so: give it back when the session is resumed.
    pub session_total: Option<Usage>,
}

/// How a turn, or the process, ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The agent says it is done, and nothing speaks against it.
    Done,
    /// A usage limit of the account.
    Limited {
        /// When it is lifted, where the agent said so.
        until: Option<Moment>,
        /// For people.
        reason: String,
    },
    /// The provider or the way to it: worth another try.
    Transient(String),
    /// Not logged in, or no longer.
    Authentication(String),
    /// Trying again changes nothing.
    Permanent(String),
    /// The agent's own mode for the access could not be set, or was left: nothing it does may be trusted.
    ModeNotSet(String),
    /// The session to resume is not there: nothing was done; start anew without [`Brief::resume`].
    SessionLost(String),
    /// It stopped because it was asked to.
    Cancelled,
    /// It ended without an error and without anything to show. Another turn may still get it.
    NoResult(String),
    /// The process ended by itself with a code that is not zero: a command that failed, or an agent whose end says
    /// nothing better, even after it gave a result.
    Exited {
        /// The code.
        code: i32,
        /// For people.
        reason: String,
    },
    /// A signal ended it that nobody of ours sent.
    Killed(String),
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By a signal that the harness did not send.
    Signal(i32),
    /// The harness stopped it, after its turn or on request: the code says nothing.
    Stopped,
    /// Nobody saw it end.
    Unknown,
}

/// Which dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DialectKind {
    /// The Agent Client Protocol.
    Acp,
    /// Claude Code's two-way JSON.
    Claude,
    /// `codex exec --json`.
    Codex,
    /// A shell command line: what it prints is the answer.
    Command,
    /// Our scripted agent, which speaks the Agent Client Protocol.
    Rehearsal,
}

impl DialectKind {
    /// Every dialect.
    pub const ALL: [Self; 5] = [
        Self::Acp,
        Self::Claude,
        Self::Codex,
        Self::Command,
        Self::Rehearsal,
    ];

    /// Its name in descriptors.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Acp => "acp",
            Self::Claude => "claude",
            Self::Codex => "codex",
            Self::Command => "command",
            Self::Rehearsal => "rehearsal",
        }
    }

    /// The dialect of that name.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}
