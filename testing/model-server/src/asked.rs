//! What a request asks, whatever its dialect: the tools on offer, the messages, the folder the agent works in.
//!
//! Owns reading meaning out of a request. Leaves out where each dialect keeps those parts (`dialect`).

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// One request to the model.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) model: Option<String>,
    pub(crate) is_streamed: bool,
    pub(crate) tools: Vec<Tool>,
    pub(crate) messages: Vec<Message>,
    /// The whole body as it came.
    pub(crate) body: String,
}

/// A tool on offer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tool {
    pub(crate) name: String,
    /// The group it was offered in, which some dialects want back.
    pub(crate) namespace: Option<String>,
    pub(crate) schema: Value,
    /// It takes plain text instead of arguments.
    pub(crate) is_freeform: bool,
}

/// A message of the request, reduced to who and what.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) speaker: Speaker,
    pub(crate) text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaker {
    User,
    Model,
    /// System, developer, tool results.
    Other,
}

impl Speaker {
    pub(crate) fn of(role: &Value) -> Self {
        match role.as_str() {
            Some("user") => Self::User,
            Some("assistant" | "model") => Self::Model,
            _ => Self::Other,
        }
    }
}

/// Agents name their folder in a sentence, a list or an element of the prompt; here are the ways seen so far. The
/// body is still JSON, so a new line is a backslash and an n.
static FOLDER: LazyLock<Regex> = LazyLock::new(|| {
    let words = r"(?i)working directory|working in the directory|current directory|workspace directories";
    let between = r"(?: is)?:?(?:\*\*)?(?:\\n *-)? *`?";
    let pattern = format!(r"(?:(?:{words}){between}|<cwd>)(?P<folder>/[^\s`<,\x22\\]*)");
    Regex::new(&pattern).expect("the pattern is constant")
});

/// How the side requests begin that offer tools all the same.
const SIDE_REQUESTS: &[&str] = &["[SUGGESTION MODE:"];

impl Asked {
    /// What the person said before the model first spoke: the same in every request of a conversation.
    pub(crate) fn prompt(&self) -> String {
        let opening = self
            .messages
            .iter()
            .take_while(|message| message.speaker != Speaker::Model);
        let said = opening.filter(|message| message.speaker == Speaker::User);
        said.map(|message| message.text.as_str())
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// The folder the agent says it works in.
    pub(crate) fn folder(&self) -> Option<String> {
        let folder = FOLDER.captures(&self.body)?.name("folder")?.as_str();
        Some(folder.trim_end_matches(['.', '/']).to_owned())
    }

    /// Whether the agent asks on its own account: a title, a classification, a suggestion what to type next.
    pub(crate) fn is_aside(&self) -> bool {
        let last = self.messages.last().map_or("", |message| message.text.as_str());
        self.tools.is_empty() || SIDE_REQUESTS.iter().any(|start| last.starts_with(start))
    }

    /// Tells conversations apart that match the same pattern: their prompt, and the folder they happen in.
    pub(crate) fn instance(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.folder().unwrap_or_default());
        hash.update([0]);
        hash.update(self.prompt());
        hash.finalize()
            .iter()
            .take(6)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// The text of a message's content: a string, or a list of parts of which some are text.
pub(crate) fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts = parts
                .iter()
                .filter_map(|part| part["text"].as_str().or(part.as_str()));
            texts.collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(body: &str, messages: Vec<Message>) -> Asked {
        Asked {
            model: None,
            is_streamed: false,
            tools: Vec::new(),
            messages,
            body: body.to_owned(),
        }
    }

    fn message(speaker: Speaker, text: &str) -> Message {
        Message {
            speaker,
            text: text.to_owned(),
        }
    }

    #[test]
    fn the_prompt_is_what_was_said_before_the_first_answer() {
        let request = asked(
            "",
            vec![
                message(Speaker::Other, "You are an agent."),
                message(Speaker::User, "Context."),
                message(Speaker::User, "Do it."),
                message(Speaker::Model, "Done."),
                message(Speaker::User, "Again."),
            ],
        );
        assert_eq!(request.prompt(), "Context.\nDo it.");
    }

    #[test]
    fn the_folder_is_found_however_it_is_worded() {
        for (body, folder) in [
            (
                r"<env>\nWorking directory: /w/one\nIs directory a git repo",
                Some("/w/one"),
            ),
            (r"<cwd>/w/two</cwd>", Some("/w/two")),
            (
                r"I'm currently working in the directory: /w/three\n",
                Some("/w/three"),
            ),
            (r" - Primary working directory: /w/four\n", Some("/w/four")),
            (
                r"- **Workspace Directories:**\n  - /w/five\n- **Directory",
                Some("/w/five"),
            ),
            (r"no folder at all", None),
        ] {
            assert_eq!(asked(body, Vec::new()).folder().as_deref(), folder, "{body}");
        }
    }

    #[test]
    fn the_same_prompt_in_two_folders_is_two_instances() {
        let one = asked("<cwd>/w/one</cwd>", vec![message(Speaker::User, "Do it.")]);
        let two = asked("<cwd>/w/two</cwd>", vec![message(Speaker::User, "Do it.")]);
        assert_ne!(one.instance(), two.instance());
    }
}
