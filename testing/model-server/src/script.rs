//! What a script may say: conversations, their turns, and the parts of a turn.
//!
//! Owns the JSON shape (unknown fields are errors, since a misspelt one would silently play another test) and its
//! translation into [`Turn`], where a turn is exactly one of saying, failing and hanging.
//!
//! ```json
//! { "workspace": "/abs/dir", "model": "scripted-1", "usage": {"input": 1200, "cached": 1000, "output": 34},
//!   "aux_text": "ok", "aux_match": "managed memory",
//!   "turns": [{"write": {"path": "a.txt", "content": "hi\n"}}, {"text": "Done."}],
//!   "conversations": [{"match": "angle: (\\w+)", "turns": [{"text": "Found:", "text_json": {"findings": []}}]}],
//!   "on_end": {"text": "Script ended."} }
//! ```
//!
//! `README.md` of this package describes every field.

use std::time::Duration;

use regex::Regex;
use serde::Deserialize;
use serde_json::{Map, Value};

/// A whole script: what the server answers from now on.
#[derive(Debug, Clone)]
pub struct Script {
    /// Where relative paths of calls lie; unset, the folder that the agent says it works in.
    pub(crate) workspace: Option<String>,
    /// The name the model reports; unset, the one asked for.
    pub(crate) model: Option<String>,
    pub(crate) usage: Usage,
    pub(crate) aux_text: String,
    pub(crate) aux_match: Option<Regex>,
    /// Played, in order, to whoever matches no conversation.
    pub(crate) turns: Vec<Turn>,
    pub(crate) conversations: Vec<Conversation>,
    pub(crate) on_end: Turn,
}

/// Turns for the requests that match; each instance plays them from the start.
#[derive(Debug, Clone)]
pub(crate) struct Conversation {
    pub(crate) matching: Regex,
    pub(crate) turns: Vec<Turn>,
    pub(crate) on_end: Option<Turn>,
}

/// One answer to one main request.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    pub(crate) reply: Reply,
    /// How many requests in a row get it.
    pub(crate) times: u32,
    pub(crate) usage: Usage,
    /// The pause before each streamed frame.
    pub(crate) delay: Duration,
    /// The connection is dropped after this many streamed frames.
    pub(crate) cut_after: Option<usize>,
}

#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Say { text: String, calls: Vec<Call> },
    Fail(Failure),
    Limit(Limit),
    Hang(Duration),
}

/// An HTTP error in the dialect's own form.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) status: u16,
    pub(crate) retry_after_s: Option<u64>,
    pub(crate) message: Option<String>,
    pub(crate) code: Option<String>,
}

/// A limit that was reached, told the way each provider tells it.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limit {
    #[serde(default)]
    pub(crate) kind: LimitKind,
    /// Seconds from the answer to the moment the limit resets.
    #[serde(default = "an_hour_s")]
    pub(crate) resets_in: u64,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LimitKind {
    /// The plan's allowance is used up until it resets.
    #[default]
    Usage,
    /// Too many requests just now.
    Rate,
    /// Nothing is left and nothing resets: somebody has to pay.
    Quota,
}

/// One scripted call, by the kind of tool or by name.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Call {
    Write(WriteCall),
    Shell(ShellCall),
    Read(ReadCall),
    Ask(AskCall),
    PlanExit(PlanExitCall),
    /// This tool, whether offered or not. `report_result` also finds `mcp__anything__report_result`.
    #[serde(rename = "call")]
    Named(NamedCall),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WriteCall {
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) content: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShellCall {
    pub(crate) command: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadCall {
    pub(crate) path: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskCall {
    pub(crate) question: String,
    #[serde(default = "yes_and_no")]
    pub(crate) options: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlanExitCall {
    pub(crate) plan: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NamedCall {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) input: Map<String, Value>,
}

/// Tokens a turn reports; what is unset comes from the script, then from the defaults.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Usage {
    input: Option<u64>,
    cached: Option<u64>,
    output: Option<u64>,
}

/// Tokens as reported: `input` includes `cached`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tokens {
    pub(crate) input: u64,
    pub(crate) cached: u64,
    pub(crate) output: u64,
}

impl Usage {
    /// This usage, completed from the script's.
    pub(crate) fn or(self, script: Self) -> Tokens {
        let input = self.input.or(script.input).unwrap_or(1200);
        Tokens {
            input,
            cached: self.cached.or(script.cached).unwrap_or(1000).min(input),
            output: self.output.or(script.output).unwrap_or(34),
        }
    }
}

/// Why a script cannot be played.
#[derive(Debug)]
pub struct ScriptError(String);

impl std::fmt::Display for ScriptError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the script cannot be played: {}", self.0)
    }
}

impl std::error::Error for ScriptError {}

impl Script {
    /// Reads a script from its JSON text.
    pub fn parse(json: &str) -> Result<Self, ScriptError> {
        let written: WrittenScript =
            serde_json::from_str(json).map_err(|error| ScriptError(error.to_string()))?;
        written.into_script()
    }

    /// Takes a script that is JSON already, as tests write it with `json!`.
    pub fn from_value(json: Value) -> Result<Self, ScriptError> {
        Self::parse(&json.to_string())
    }
}

impl Turn {
    /// A turn that only says this.
    pub(crate) fn saying(text: &str) -> Self {
        Self {
            reply: Reply::Say {
                text: text.to_owned(),
                calls: Vec::new(),
            },
            times: 1,
            usage: Usage::default(),
            delay: Duration::ZERO,
            cut_after: None,
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct WrittenScript {
    workspace: Option<String>,
    model: Option<String>,
    usage: Usage,
    aux_text: Option<String>,
    aux_match: Option<String>,
    turns: Vec<WrittenTurn>,
    conversations: Vec<WrittenConversation>,
    on_end: Option<WrittenTurn>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenConversation {
    #[serde(rename = "match")]
    matching: String,
    turns: Vec<WrittenTurn>,
    on_end: Option<WrittenTurn>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct WrittenTurn {
    text: Option<String>,
    text_json: Option<Value>,
    write: Option<WriteCall>,
    shell: Option<ShellCall>,
    read: Option<ReadCall>,
    ask: Option<AskCall>,
    plan_exit: Option<PlanExitCall>,
    call: Option<NamedCall>,
    calls: Vec<Call>,
    status: Option<u16>,
    retry_after: Option<u64>,
    message: Option<String>,
    code: Option<String>,
    limit: Option<Limit>,
    hang: Option<f64>,
    times: Option<u32>,
    usage: Usage,
    delay_ms: u64,
    cut_after: Option<usize>,
}

impl WrittenScript {
    fn into_script(self) -> Result<Script, ScriptError> {
        let aux_match = self
            .aux_match
            .map(|pattern| regex_or_literal(&pattern))
            .transpose()?;
        let conversations = self
            .conversations
            .into_iter()
            .map(WrittenConversation::into_conversation);
        Ok(Script {
            workspace: self.workspace,
            model: self.model,
            usage: self.usage,
            aux_text: self.aux_text.unwrap_or_else(|| "ok".to_owned()),
            aux_match,
            turns: into_turns(self.turns)?,
            conversations: conversations.collect::<Result<_, _>>()?,
            on_end: match self.on_end {
                Some(turn) => turn.into_turn()?,
                None => Turn::saying("Script ended."),
            },
        })
    }
}

impl WrittenConversation {
    fn into_conversation(self) -> Result<Conversation, ScriptError> {
        Ok(Conversation {
            matching: regex_or_literal(&self.matching)?,
            turns: into_turns(self.turns)?,
            on_end: self.on_end.map(WrittenTurn::into_turn).transpose()?,
        })
    }
}

fn into_turns(written: Vec<WrittenTurn>) -> Result<Vec<Turn>, ScriptError> {
    written.into_iter().map(WrittenTurn::into_turn).collect()
}

impl WrittenTurn {
    fn into_turn(mut self) -> Result<Turn, ScriptError> {
        let (times, usage, cut_after) = (self.times.unwrap_or(1), self.usage, self.cut_after);
        let delay = Duration::from_millis(self.delay_ms);
        if times == 0 {
            return Err(ScriptError("`times` is 0: leave the turn out instead".to_owned()));
        }
        Ok(Turn {
            reply: self.take_reply()?,
            times,
            usage,
            delay,
            cut_after,
        })
    }

    fn take_reply(&mut self) -> Result<Reply, ScriptError> {
        let failure = self.status.map(|status| {
            Reply::Fail(Failure {
                status,
                retry_after_s: self.retry_after,
                message: self.message.take(),
                code: self.code.take(),
            })
        });
        let limit = self.limit.map(Reply::Limit);
        let hang = self.hang.map(Duration::try_from_secs_f64).transpose();
        let hang = hang
            .map_err(|error| ScriptError(format!("`hang`: {error}")))?
            .map(Reply::Hang);
        let mut replies: Vec<Reply> = [failure, limit, hang, self.take_words()]
            .into_iter()
            .flatten()
            .collect();
        match (replies.pop(), replies.is_empty()) {
            (Some(reply), true) => Ok(reply),
            (None, _) => Err(ScriptError(
                "a turn says nothing: give it `text`, a call or an error".to_owned(),
            )),
            (Some(_), false) => Err(ScriptError(
                "a turn is one of: an answer, `status`, `limit`, `hang`".to_owned(),
            )),
        }
    }

    fn take_words(&mut self) -> Option<Reply> {
        let single = [
            self.write.take().map(Call::Write),
            self.shell.take().map(Call::Shell),
            self.read.take().map(Call::Read),
            self.ask.take().map(Call::Ask),
            self.plan_exit.take().map(Call::PlanExit),
            self.call.take().map(Call::Named),
        ];
        let calls: Vec<Call> = single.into_iter().flatten().chain(self.calls.drain(..)).collect();
        let fenced = self
            .text_json
            .take()
            .map(|json| format!("```json\n{json:#}\n```"));
        if calls.is_empty() && self.text.is_none() && fenced.is_none() {
            return None;
        }
        let text: Vec<String> = [self.text.take(), fenced].into_iter().flatten().collect();
        Some(Reply::Say {
            text: text.join("\n\n"),
            calls,
        })
    }
}

/// A pattern that is no regular expression is taken word for word.
fn regex_or_literal(pattern: &str) -> Result<Regex, ScriptError> {
    Regex::new(pattern)
        .or_else(|_| Regex::new(&regex::escape(pattern)))
        .map_err(|error| ScriptError(error.to_string()))
}

fn an_hour_s() -> u64 {
    3600
}

fn yes_and_no() -> Vec<String> {
    vec!["yes".to_owned(), "no".to_owned()]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(script: Value) -> String {
        Script::from_value(script)
            .expect_err("a script that cannot be played")
            .to_string()
    }

    #[test]
    fn a_turn_is_exactly_one_thing() {
        assert!(refusal(json!({"turns": [{"text": "a", "status": 500}]})).contains("a turn is one of"));
        assert!(refusal(json!({"turns": [{"delay_ms": 5}]})).contains("says nothing"));
        assert!(refusal(json!({"turns": [{"text": "a", "times": 0}]})).contains("`times` is 0"));
    }

    #[test]
    fn a_misspelt_field_is_refused() {
        assert!(refusal(json!({"turns": [{"txt": "a"}]})).contains("unknown field `txt`"));
        assert!(refusal(json!({"turns": [{"write": {"file": "a"}}]})).contains("unknown field `file`"));
    }

    #[test]
    fn json_is_fenced_after_the_text() {
        let script = Script::from_value(json!({"turns": [{"text": "Found:", "text_json": {"n": 1}}]}));
        let turn = &script.expect("a good script").turns[0];
        let Reply::Say { text, .. } = &turn.reply else {
            panic!("it says something")
        };
        assert_eq!(text, "Found:\n\n```json\n{\n  \"n\": 1\n}\n```");
    }

    #[test]
    fn usage_is_completed_and_cached_never_exceeds_input() {
        let turn = Usage {
            input: Some(10),
            ..Usage::default()
        };
        let script = Usage {
            output: Some(5),
            ..Usage::default()
        };
        assert_eq!(
            turn.or(script),
            Tokens {
                input: 10,
                cached: 10,
                output: 5
            }
        );
    }
}
