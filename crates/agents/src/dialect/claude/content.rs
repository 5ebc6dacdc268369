//! What claude says and does while it works: words piece by piece, whole messages, tool calls and what they brought.

use super::super::policy::Wish;
use super::super::turn::DETAIL_MAX;
use super::super::{Step, json};
use super::{Claude, REMEMBERED_MAX};
use engine::ports::{EntryKind, ToolStatus};
use serde_json::Value as Json;

impl Claude {
    /// Takes a piece of a message.
    pub(super) fn on_stream_event(&mut self, message: &Json, steps: &mut Vec<Step>) {
        let is_subagent = json::at(message, &["parent_tool_use_id"]).is_some();
        let event = message.get("event").unwrap_or(&Json::Null);
        match json::text(event, &["type"]) {
            Some("message_start") => {
                self.streaming = json::text(event, &["message", "id"]).map(ToOwned::to_owned);
            }
            Some("content_block_delta") => {
                let id = json::text(message, &["api_message_id"])
                    .map(ToOwned::to_owned)
                    .or_else(|| self.streaming.clone());
                let words = json::text(event, &["delta", "text"]);
                let thought = json::text(event, &["delta", "thinking"]);
                let Some(id) = id.filter(|_| words.is_some() || thought.is_some()) else {
                    return;
                };
                if self.streamed.len() >= REMEMBERED_MAX {
                    self.streamed.clear();
                }
                self.streamed.insert(id);
                if let Some(thought) = thought {
                    steps.push(Step::Entry(EntryKind::Thought(thought.to_owned())));
                }
                match words {
                    Some(words) if is_subagent => {
                        steps.push(Step::Entry(EntryKind::Thought(words.to_owned())));
                    }
                    Some(words) => self.tally.say(words, steps),
                    None => {}
                }
            }
            _ => {}
        }
    }

    /// Takes a whole message.
    pub(super) fn on_assistant(&mut self, message: &Json, steps: &mut Vec<Step>) {
        let is_subagent = json::at(message, &["parent_tool_use_id"]).is_some();
        let is_error = json::is_true(message, &["is_api_error_message"]);
        let is_known = json::text(message, &["message", "id"]).is_some_and(|id| self.streamed.contains(id));
        for block in json::list(message, &["message", "content"]) {
            match json::text(block, &["type"]) {
                Some("text") => {
                    let text = json::text(block, &["text"]).unwrap_or_default();
                    if is_error {
                        steps.push(Step::Entry(EntryKind::Notice(json::clip(text, 2_000))));
                    } else if !is_known && is_subagent {
                        steps.push(Step::Entry(EntryKind::Thought(text.to_owned())));
                    } else if !is_known {
                        self.tally.say(text, steps);
                    }
                    if !is_subagent {
                        self.tally.close_message(steps);
                    }
                }
                Some("thinking") if !is_known => {
                    let thought = json::text(block, &["thinking"]).unwrap_or_default();
                    steps.push(Step::Entry(EntryKind::Thought(thought.to_owned())));
                }
                Some("tool_use") => {
                    self.tally.close_message(steps);
                    self.tally.tools += 1;
                    let input = block.get("input").unwrap_or(&Json::Null);
                    let name = json::text(block, &["name"]).unwrap_or("a tool without a name");
                    let id = json::text(block, &["id"]).unwrap_or(name);
                    let detail = json::shown(input, DETAIL_MAX);
                    steps.push(self.tool(id, ToolStatus::Running, Some(title_of(name, input)), detail));
                }
                _ => {}
            }
        }
    }

    /// Takes what came back to the agent: results of its tools.
    pub(super) fn on_user(&mut self, message: &Json, steps: &mut Vec<Step>) {
        for block in json::list(message, &["message", "content"]) {
            match json::text(block, &["type"]) {
                Some("tool_result") => {
                    let id = json::text(block, &["tool_use_id"]).unwrap_or("a tool without an id");
                    let status = if json::is_true(block, &["is_error"]) {
                        ToolStatus::Failed
                    } else {
                        ToolStatus::Completed
                    };
                    let content = block.get("content").unwrap_or(&Json::Null);
                    steps.push(self.tool(id, status, None, shown_content(content)));
                }
                Some("text") => {
                    let text = json::text(block, &["text"]).unwrap_or_default();
                    steps.push(Step::Entry(EntryKind::Notice(json::clip(text, 600))));
                }
                _ => {}
            }
        }
    }
}

fn shown_content(content: &Json) -> String {
    let Some(parts) = content.as_array() else {
        return json::shown(content, DETAIL_MAX);
    };
    let texts: Vec<&str> = parts
        .iter()
        .take(32)
        .filter_map(|part| json::text(part, &["text"]))
        .collect();
    json::clip(&texts.join("\n"), DETAIL_MAX)
}

/// What a tool of claude's does.
pub(super) fn wish_of(tool: &str) -> Wish {
    match tool {
        "Read" | "Glob" | "Grep" | "LS" | "NotebookRead" => Wish::Read,
        "Write" | "Edit" | "MultiEdit" | "NotebookEdit" => Wish::Edit,
        "Bash" | "BashOutput" | "KillShell" | "KillBash" => Wish::Execute,
        "WebFetch" | "WebSearch" => Wish::Fetch,
        "ExitPlanMode" | "EnterPlanMode" => Wish::SwitchMode,
        _ => Wish::Other,
    }
}

/// A tool call for people: its name and what it is about.
pub(super) fn title_of(tool: &str, input: &Json) -> String {
    let about = [
        "file_path",
        "notebook_path",
        "path",
        "command",
        "pattern",
        "url",
        "query",
        "description",
    ]
    .iter()
    .find_map(|key| json::text(input, &[key]));
    let title = about.map_or_else(|| tool.to_owned(), |about| format!("{tool} {about}"));
    json::clip(&title, 300)
}
