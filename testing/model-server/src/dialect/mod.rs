//! The four ways of talking to a model: one file each, all with the same four questions.
//!
//! A dialect reads what tools and messages a request has, and words an answer, whole or in frames. Errors are worded in
//! `failure`, where the four stand side by side.

mod chat;
mod gemini;
mod messages;
mod responses;

use serde_json::Value;

use crate::answer::{Answer, Frame};
use crate::asked::{Asked, Message, Tool};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// OpenAI chat completions.
    Chat,
    /// OpenAI Responses.
    Responses,
    /// Anthropic Messages.
    Messages,
    /// Gemini's generateContent.
    Gemini,
}

impl Dialect {
    /// The dialect spoken at this path; agents put any prefix before it.
    pub(crate) fn at(path: &str) -> Option<Self> {
        let endings = [
            ("/chat/completions", Self::Chat),
            ("/responses", Self::Responses),
            ("/messages", Self::Messages),
        ];
        let ended = endings.into_iter().find(|(ending, _)| path.ends_with(ending));
        let generated = path.ends_with(":generateContent") || path.ends_with(":streamGenerateContent");
        ended
            .map(|(_, dialect)| dialect)
            .or(generated.then_some(Self::Gemini))
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Responses => "responses",
            Self::Messages => "messages",
            Self::Gemini => "gemini",
        }
    }

    /// What this request asks.
    pub(crate) fn read(self, path: &str, body: &Value) -> Asked {
        let in_path = path
            .rsplit_once("/models/")
            .and_then(|(_, rest)| rest.split(':').next());
        Asked {
            model: body["model"].as_str().or(in_path).map(str::to_owned),
            is_streamed: body["stream"] == true || path.ends_with(":streamGenerateContent"),
            tools: self.tools(body),
            messages: self.messages(body),
            body: body.to_string(),
        }
    }

    fn tools(self, body: &Value) -> Vec<Tool> {
        let offered = body["tools"].as_array().map(Vec::as_slice).unwrap_or_default();
        match self {
            Self::Chat => chat::tools(offered),
            Self::Responses => responses::tools(offered),
            Self::Messages => messages::tools(offered),
            Self::Gemini => gemini::tools(offered),
        }
    }

    fn messages(self, body: &Value) -> Vec<Message> {
        match self {
            Self::Chat => chat::messages(body),
            Self::Responses => responses::messages(body),
            Self::Messages => messages::messages(body),
            Self::Gemini => gemini::messages(body),
        }
    }

    /// The answer as one document.
    pub(crate) fn whole(self, answer: &Answer) -> Value {
        match self {
            Self::Chat => chat::whole(answer),
            Self::Responses => responses::whole(answer),
            Self::Messages => messages::whole(answer),
            Self::Gemini => gemini::whole(answer),
        }
    }

    /// The answer as a stream.
    pub(crate) fn frames(self, answer: &Answer) -> Vec<Frame> {
        match self {
            Self::Chat => chat::frames(answer),
            Self::Responses => responses::frames(answer),
            Self::Messages => messages::frames(answer),
            Self::Gemini => gemini::frames(answer),
        }
    }
}

/// The elements of a list, none when it is something else.
fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn named(name: &Value, schema: &Value) -> Option<Tool> {
    Some(Tool {
        name: name.as_str()?.to_owned(),
        schema: schema.clone(),
        ..Tool::default()
    })
}
