//! What every dialect remembers of its turns, and what their end means together with the process's.

use super::failure::{Reading, classify_known, shortened};
use super::{Exit, Outcome, Step, TurnEnd, json};
use domain::Usage;
use engine::ports::EntryKind;
use std::sync::Arc;

/// How much of a final message is kept: its end, where structured answers stand.
const MESSAGE_MAX: usize = 1 << 20;
/// How much of a tool's input or output a transcript keeps.
pub(super) const DETAIL_MAX: usize = 4_096;

/// What was said and used so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    message: String,
    /// The message once a turn has ended with it; whoever asks shares it, because it may be long and tasks are many.
    whole: Option<Arc<str>>,
    is_message_open: bool,
    /// Tool calls of this turn.
    pub(super) tools: u64,
    /// Everything used since the dialect was made.
    pub(super) usage: Usage,
    /// What the session has used in all, where the agent counts so.
    pub(super) session_total: Option<Usage>,
    /// The harness asked to stop.
    pub(super) is_interrupted: bool,
    /// How the last turn ended; none while one is under way.
    ended: Option<Outcome>,
}

impl Tally {
    /// A new turn begins.
    pub(super) fn begin(&mut self) {
        self.forget_message();
        self.is_message_open = false;
        self.tools = 0;
        self.ended = None;
    }

    /// A piece of the agent's answer.
    pub(super) fn say(&mut self, text: &str, steps: &mut Vec<Step>) {
        if text.is_empty() {
            return;
        }
        if !self.is_message_open {
            self.forget_message();
            self.is_message_open = true;
        }
        self.message.push_str(text);
        if self.message.len() > 2 * MESSAGE_MAX {
            self.message = json::tail(&self.message, MESSAGE_MAX).to_owned();
        }
        steps.push(Step::Entry(EntryKind::Text(text.to_owned())));
    }

    /// The message is whole: what is said next begins another.
    pub(super) fn close_message(&mut self, steps: &mut Vec<Step>) {
        if std::mem::take(&mut self.is_message_open) {
            steps.push(Step::Entry(EntryKind::MessageEnd));
        }
    }

    /// The last message of this turn so far.
    pub(super) fn message(&self) -> &str {
        let whole = self.whole.as_deref();
        whole.unwrap_or_else(|| json::tail(&self.message, MESSAGE_MAX))
    }

    fn forget_message(&mut self) {
        self.message.clear();
        self.whole = None;
    }

    /// Puts the agent's own account of its final message in the place of ours.
    pub(super) fn replace_message(&mut self, text: &str) {
        self.forget_message();
        self.message.push_str(json::tail(text, MESSAGE_MAX));
    }

    /// Whether nothing was said, done or used in this turn: an agent that claims to be done then is not believed.
    pub(super) fn is_blank(&self, turn_usage: Usage) -> bool {
        let tokens = turn_usage.input_uncached | turn_usage.input_cached | turn_usage.output;
        self.message().trim().is_empty() && self.tools == 0 && tokens == 0
    }

    /// Whether the turn has ended.
    pub(super) const fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// Ends the turn. An end that is already there holds.
    pub(super) fn end(&mut self, outcome: Outcome, steps: &mut Vec<Step>) {
        if self.ended.is_some() {
            return;
        }
        self.close_message(steps);
        let end = self.ending(outcome);
        steps.push(Step::TurnEnded(end));
    }

    fn ending(&mut self, outcome: Outcome) -> TurnEnd {
        self.ended = Some(outcome.clone());
        let message: Arc<str> = match self.whole.take() {
            Some(whole) => whole,
            None => self.message().into(),
        };
        self.message = String::new();
        self.whole = Some(Arc::clone(&message));
        TurnEnd {
            outcome,
            message,
            usage: self.usage,
            session_total: self.session_total,
        }
    }

    /// How it all ended, now that the process is gone. A claim of being done is taken back by a process that failed.
    pub(super) fn conclude(&mut self, exit: Exit, stderr_tail: &str, reading: Reading<'_>) -> TurnEnd {
        let claimed = self.ended.clone();
        let outcome = match (claimed, exit) {
            (_, Exit::Stopped | Exit::Unknown) if self.is_interrupted => Outcome::Cancelled,
            (Some(Outcome::Done | Outcome::NoResult(_)), Exit::Code(code)) if code != 0 => Outcome::Exited {
                code,
                reason: said_last("it gave its answer, then ended", exit, stderr_tail),
            },
            (Some(Outcome::Done | Outcome::NoResult(_)), Exit::Signal(_)) => {
                Outcome::Killed(said_last("it gave its answer, then ended", exit, stderr_tail))
            }
            (Some(outcome), _) => outcome,
            (None, _) if self.is_interrupted => Outcome::Cancelled,
            (None, Exit::Signal(_)) => Outcome::Killed(said_last("ended", exit, stderr_tail)),
            (None, Exit::Code(code)) if code != 0 => {
                classify_known(stderr_tail, reading).unwrap_or_else(|| Outcome::Exited {
                    code,
                    reason: said_last("ended", exit, stderr_tail),
                })
            }
            (None, _) => Outcome::NoResult(said_last("ended without a result", exit, stderr_tail)),
        };
        self.ending(outcome)
    }
}

fn said_last(what: &str, exit: Exit, stderr_tail: &str) -> String {
    let how = match exit {
        Exit::Code(code) => format!(" with exit code {code}"),
        Exit::Signal(signal) => format!(" by signal {signal}"),
        Exit::Stopped => " when it was stopped".to_owned(),
        Exit::Unknown => " unseen".to_owned(),
    };
    match stderr_tail
        .lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty())
    {
        Some(line) => format!("{what}{how}: {}", shortened(line)),
        None => format!("{what}{how}"),
    }
}

/// `later - earlier`, never below zero: a counter that went back was started anew, and counts as it is.
pub(super) fn difference(later: Usage, earlier: Usage) -> Usage {
    if later.input_uncached < earlier.input_uncached || later.output < earlier.output {
        return later;
    }
    Usage {
        input_uncached: later.input_uncached - earlier.input_uncached,
        input_cached: later.input_cached.saturating_sub(earlier.input_cached),
        output: later.output - earlier.output,
        cost_micros: later
            .cost_micros
            .map(|cost| cost.saturating_sub(earlier.cost_micros.unwrap_or(0))),
    }
}
