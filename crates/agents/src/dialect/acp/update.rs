//! What an agent tells while it works: words, thoughts, tool calls, its mode, what it costs.

use super::super::turn::DETAIL_MAX;
use super::super::{Step, json};
use super::{Acp, Seen, current_mode, usage};
use engine::ports::{EntryKind, ToolStatus};
use serde_json::Value as Json;

/// How many tool calls are remembered at once.
const TOOLS_MAX: usize = 4_096;

impl Acp {
    /// Takes a `session/update`.
    pub(super) fn on_update(&mut self, params: &Json, steps: &mut Vec<Step>) {
        let update = params.get("update").unwrap_or(&Json::Null);
        match json::text(update, &["sessionUpdate"]) {
            Some("agent_message_chunk") => self.on_message_chunk(update, steps),
            Some("agent_thought_chunk") if self.is_prompting() => {
                if let Some(text) = json::text(update, &["content", "text"]) {
                    steps.push(Step::Entry(EntryKind::Thought(text.to_owned())));
                }
            }
            Some("tool_call" | "tool_call_update") if self.is_prompting() => self.on_tool(update, steps),
            Some("plan") if self.is_prompting() => steps.push(Step::Entry(plan(update))),
            Some("current_mode_update") => {
                let mode = json::text(update, &["currentModeId"]).or_else(|| json::text(update, &["modeId"]));
                self.on_mode(mode.map(ToOwned::to_owned), steps);
            }
            Some("config_option_update") => self.on_mode(current_mode(update), steps),
            Some("session_info_update") => self.on_session_info(update, steps),
            Some("usage_update") => {
                let is_usd =
                    json::text(update, &["cost", "currency"]).is_none_or(|currency| currency == "USD");
                if let Some(cost) = json::micros(json::at(update, &["cost", "amount"])).filter(|_| is_usd) {
                    self.cost_seen = Some(cost);
                }
            }
            // What is replayed when a session is loaded, and what we have no use for.
            _ => {}
        }
    }

    fn on_message_chunk(&mut self, update: &Json, steps: &mut Vec<Step>) {
        if let Some(said) = json::at(update, &["_meta", "usage"])
            && self.is_prompting()
        {
            self.turn_pieces = self.turn_pieces.plus(usage::of_counts(said));
        }
        let Some(text) = json::text(update, &["content", "text"]) else {
            if let Some(kind) = json::text(update, &["content", "type"]) {
                steps.push(Step::Entry(EntryKind::Notice(format!(
                    "showed something: {}",
                    json::clip(kind, 60)
                ))));
            }
            return;
        };
        if !self.is_prompting() {
            return;
        }
        let message_id = json::text(update, &["messageId"]).map(ToOwned::to_owned);
        if message_id != self.message_id {
            self.tally.close_message(steps);
            self.message_id = message_id;
        }
        if !text.is_empty() {
            self.is_mute_since = false;
        }
        self.tally.say(text, steps);
    }

    /// Notes what is new about a tool call.
    pub(super) fn remember(&mut self, id: &str, title: Option<&str>, kind: Option<&str>) -> &mut Seen {
        let id = json::clip(id, 200);
        if self.tools.len() >= TOOLS_MAX && !self.tools.contains_key(&id) {
            self.tools.clear();
        }
        if !self.tools.contains_key(&id) {
            self.tally.tools += 1;
        }
        let seen = self.tools.entry(id).or_default();
        if let Some(title) = title.filter(|title| !title.is_empty()) {
            seen.title = json::clip(title, 300);
        }
        if let Some(kind) = kind {
            seen.kind = Some(json::clip(kind, 60));
        }
        seen
    }

    fn on_tool(&mut self, update: &Json, steps: &mut Vec<Step>) {
        let Some(id) = json::text(update, &["toolCallId"]).map(|id| json::clip(id, 200)) else {
            return;
        };
        self.tally.close_message(steps);
        let seen = self.remember(&id, json::text(update, &["title"]), json::text(update, &["kind"]));
        let status = match json::text(update, &["status"]) {
            Some("pending") => Some(ToolStatus::Pending),
            Some("in_progress") => Some(ToolStatus::Running),
            Some("completed") => Some(ToolStatus::Completed),
            Some("failed") => Some(ToolStatus::Failed),
            _ => None,
        };
        seen.status = status.or(seen.status);
        steps.push(Step::Entry(EntryKind::Tool {
            id,
            title: if seen.title.is_empty() {
                "a tool call".to_owned()
            } else {
                seen.title.clone()
            },
            status: seen.status.unwrap_or(ToolStatus::Pending),
            detail: detail(update),
        }));
    }

    fn on_mode(&mut self, mode: Option<String>, steps: &mut Vec<Step>) {
        if mode.is_some() {
            self.mode_seen = mode;
            self.check_mode(steps);
        }
    }

    /// codex-acp reports a broken turn only here, and ends it as if all were well.
    fn on_session_info(&mut self, update: &Json, steps: &mut Vec<Step>) {
        match json::text(update, &["_meta", "codex", "threadStatus", "type"]) {
            Some("systemError") => {
                self.has_system_error = true;
                // What it says next is the error.
                self.tally.close_message(steps);
            }
            Some("active") => self.has_system_error = false,
            _ => {}
        }
    }
}

/// What a tool call is about or brought: its content, else its output, else its input.
fn detail(update: &Json) -> String {
    let mut shown = String::new();
    for part in json::list(update, &["content"]).iter().take(16) {
        let piece = match json::text(part, &["type"]) {
            Some("content") => json::text(part, &["content", "text"])
                .unwrap_or_default()
                .to_owned(),
            Some("diff") => diff(part),
            _ => String::new(),
        };
        if !piece.is_empty() {
            shown.push_str(&piece);
            shown.push('\n');
        }
        if shown.len() > DETAIL_MAX {
            break;
        }
    }
    if !shown.is_empty() {
        return json::clip(shown.trim_end(), DETAIL_MAX);
    }
    ["rawOutput", "rawInput"]
        .iter()
        .filter_map(|key| update.get(key))
        .map(|value| json::shown(value, DETAIL_MAX))
        .find(|shown| !shown.is_empty())
        .unwrap_or_default()
}

fn diff(part: &Json) -> String {
    let path = json::text(part, &["path"]).unwrap_or_default();
    let lines = |key: &str, sign: char| -> String {
        let text = json::text(part, &[key]).unwrap_or_default();
        text.lines().take(200).fold(String::new(), |mut shown, line| {
            shown.push('\n');
            shown.push(sign);
            shown.push_str(line);
            shown
        })
    };
    format!("{path}{}{}", lines("oldText", '-'), lines("newText", '+'))
}

/// A plan is shown as a tool call that is under way until each of its entries is done.
fn plan(update: &Json) -> EntryKind {
    let entries = json::list(update, &["entries"]);
    let is_done = entries
        .iter()
        .all(|entry| json::text(entry, &["status"]) == Some("completed"));
    let lines: Vec<String> = entries
        .iter()
        .take(100)
        .map(|entry| {
            let status = json::text(entry, &["status"]).unwrap_or("pending");
            format!(
                "{status}: {}",
                json::clip(json::text(entry, &["content"]).unwrap_or_default(), 200)
            )
        })
        .collect();
    EntryKind::Tool {
        id: "plan".to_owned(),
        title: "Plan".to_owned(),
        status: if is_done {
            ToolStatus::Completed
        } else {
            ToolStatus::Running
        },
        detail: json::clip(&lines.join("\n"), DETAIL_MAX),
    }
}
