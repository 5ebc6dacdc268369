//! An answer before it is put into a dialect, and the frames a streamed one is cut into.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::script::Tokens;

/// What the model says.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) model: String,
    pub(crate) text: String,
    pub(crate) calls: Vec<ToolCall>,
    pub(crate) tokens: Tokens,
}

/// A call of a tool as the agent offered it.
#[derive(Debug, PartialEq)]
pub(crate) struct ToolCall {
    pub(crate) name: String,
    pub(crate) namespace: Option<String>,
    pub(crate) input: Input,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Input {
    Arguments(Value),
    Freeform(String),
}

impl Input {
    /// For dialects that know only arguments.
    pub(crate) fn arguments(&self) -> Value {
        match self {
            Self::Arguments(arguments) => arguments.clone(),
            Self::Freeform(text) => serde_json::json!({ "input": text }),
        }
    }
}

impl Answer {
    /// Whether there is a text to show; an answer without calls always has one, be it empty.
    pub(crate) fn has_text(&self) -> bool {
        !self.text.is_empty() || self.calls.is_empty()
    }

    /// The text in the pieces it is streamed in: words with the space behind them.
    pub(crate) fn pieces(&self) -> Vec<&str> {
        let mut pieces: Vec<&str> = self.text.split_inclusive(char::is_whitespace).collect();
        if pieces.is_empty() {
            pieces.push("");
        }
        pieces
    }
}

/// One server-sent event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Frame {
    pub(crate) event: Option<String>,
    pub(crate) data: String,
}

impl Frame {
    /// An event without a name.
    pub(crate) fn plain(data: &Value) -> Self {
        Self {
            event: None,
            data: data.to_string(),
        }
    }

    /// An event named by the `type` in its data.
    pub(crate) fn typed(data: &Value) -> Self {
        Self {
            event: data["type"].as_str().map(str::to_owned),
            data: data.to_string(),
        }
    }

    /// The bytes on the wire.
    pub(crate) fn wire(&self) -> String {
        let name = self
            .event
            .as_ref()
            .map(|event| format!("event: {event}\n"))
            .unwrap_or_default();
        format!("{name}data: {}\n\n", self.data)
    }
}

/// An id that no earlier server gave out: resumed conversations carry the ids of the one before.
pub(crate) fn fresh_id(prefix: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let nanos = since_epoch().as_nanos();
    format!("{prefix}_{nanos:x}{:04x}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Unix time, for the fields that want it.
#[expect(
    clippy::disallowed_methods,
    reason = "no port of the engine reaches here: providers stamp real time"
)]
pub(crate) fn since_epoch() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
