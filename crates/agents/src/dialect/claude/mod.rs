//! Claude Code's own two-way JSON: one process, several turns, and we are asked before it acts.
//!
//! The prompt is sent only after the process said in which mode it is; `result` lines end turns, and their `subtype`
//! says `success` even when they are errors.

mod content;
mod result;

use super::failure::Reading;
use super::policy::judge;
use super::turn::{DETAIL_MAX, Tally};
use super::{Brief, Dialect, Exit, Outcome, Step, TurnEnd, json};
use domain::{Access, Moment};
use engine::ports::{EntryKind, ToolStatus};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// The id of the request that opens the conversation.
const INITIALIZE: &str = "initialize";
/// How many tool calls and streamed messages are remembered at once.
const REMEMBERED_MAX: usize = 4_096;

/// A conversation with one process.
#[derive(Debug)]
pub(super) struct Claude {
    brief: Brief,
    tally: Tally,
    is_prompted: bool,
    has_session: bool,
    interrupts: u64,
    /// Titles of tool calls by id.
    tools: BTreeMap<String, String>,
    /// Messages whose words came piece by piece: when they come again as a whole, they are no news.
    streamed: BTreeSet<String>,
    streaming: Option<String>,
    /// When the last refused rate limit is lifted, in seconds since the epoch.
    limit_resets_at: Option<u64>,
    /// The session's counters as the last result gave them.
    totals: Option<domain::Usage>,
}

impl Claude {
    pub(super) fn new(brief: Brief) -> Self {
        let totals = brief.session_total;
        Self {
            brief,
            tally: Tally::default(),
            is_prompted: false,
            has_session: false,
            interrupts: 0,
            tools: BTreeMap::new(),
            streamed: BTreeSet::new(),
            streaming: None,
            limit_resets_at: None,
            totals,
        }
    }

    fn prompt(&mut self, text: &str, steps: &mut Vec<Step>) {
        self.tally.begin();
        self.is_prompted = true;
        let message = json!({
            "type": "user",
            "message": { "role": "user", "content": text },
            "parent_tool_use_id": null,
            "session_id": "",
        });
        steps.push(Step::Send(message.to_string()));
        steps.push(Step::Entry(EntryKind::Prompt(text.to_owned())));
    }

    fn on_control_response(&mut self, message: &Json, steps: &mut Vec<Step>) {
        let response = message.get("response").unwrap_or(&Json::Null);
        if json::text(response, &["request_id"]) != Some(INITIALIZE)
            || self.is_prompted
            || self.tally.has_ended()
        {
            return;
        }
        if json::text(response, &["subtype"]) == Some("error") {
            let said = json::text(response, &["error"]).unwrap_or("no reason given");
            let reason = format!("the agent refused to begin: {}", super::failure::shortened(said));
            return self.tally.end(Outcome::Permanent(reason), steps);
        }
        let mode = json::text(response, &["response", "current_permission_mode"]);
        if let Some(mode) = mode {
            self.check_mode(mode, steps);
        }
        if !self.tally.has_ended() {
            let prompt = self.brief.prompt.clone();
            self.prompt(&prompt, steps);
        }
    }

    /// An agent that is not in the mode that was asked for is not prompted, and stopped where it was.
    fn check_mode(&mut self, mode: &str, steps: &mut Vec<Step>) {
        let Some(wanted) = self.brief.mode.as_deref().filter(|wanted| *wanted != mode) else {
            return;
        };
        if self.tally.has_ended() {
            return;
        }
        let reason = format!(
            "asked for the mode `{wanted}`, the agent is in `{}`",
            json::clip(mode, 100)
        );
        match self.brief.access {
            Access::Read => {
                if self.is_prompted {
                    steps.push(self.stop_request());
                }
                self.tally.end(Outcome::ModeNotSet(reason), steps);
            }
            Access::Write => steps.push(Step::Entry(EntryKind::Notice(reason))),
        }
    }

    fn stop_request(&mut self) -> Step {
        self.interrupts += 1;
        let id = format!("interrupt-{}", self.interrupts);
        let message =
            json!({ "type": "control_request", "request_id": id, "request": { "subtype": "interrupt" } });
        Step::Send(message.to_string())
    }

    fn on_control_request(&mut self, message: &Json, steps: &mut Vec<Step>) {
        let id = message.get("request_id").unwrap_or(&Json::Null);
        let request = message.get("request").unwrap_or(&Json::Null);
        if json::text(request, &["subtype"]) != Some("can_use_tool") {
            let answer = json!({ "type": "control_response", "response": {
                "subtype": "error", "request_id": id, "error": "this client does not know this request" } });
            steps.push(Step::Send(answer.to_string()));
            return;
        }
        let tool = json::text(request, &["tool_name"]).unwrap_or("a tool without a name");
        let input = request.get("input").cloned().unwrap_or_else(|| json!({}));
        let verdict = judge(self.brief.access, self.brief.is_sandboxed, content::wish_of(tool));
        let response = if verdict.is_allowed {
            json!({ "behavior": "allow", "updatedInput": input })
        } else {
            json!({ "behavior": "deny", "message": format!("refused: {}", verdict.rule) })
        };
        steps.push(Step::Entry(EntryKind::Permission {
            title: content::title_of(tool, &input),
            allowed: verdict.is_allowed,
            rule: verdict.rule.to_owned(),
        }));
        let answer = json!({ "type": "control_response", "response": {
            "subtype": "success", "request_id": id, "response": response } });
        steps.push(Step::Send(answer.to_string()));
    }

    fn on_system(&mut self, message: &Json, steps: &mut Vec<Step>) {
        let subtype = json::text(message, &["subtype"]).unwrap_or_default();
        match subtype {
            "init" => {
                if let Some(session) = json::text(message, &["session_id"]).filter(|_| !self.has_session) {
                    self.has_session = true;
                    steps.push(Step::SessionId(session.to_owned()));
                    let model = json::text(message, &["model"]).unwrap_or("an unnamed model");
                    let version =
                        json::text(message, &["claude_code_version"]).unwrap_or("of unknown version");
                    let line = json::clip(&format!("speaking with claude {version}, {model}"), 300);
                    steps.push(Step::Entry(EntryKind::Notice(line)));
                }
                if let Some(mode) = json::text(message, &["permissionMode"]) {
                    self.check_mode(mode, steps);
                }
            }
            "status" => {
                if let Some(mode) = json::text(message, &["permissionMode"]) {
                    self.check_mode(mode, steps);
                }
            }
            "api_retry" => {
                let count = |key| message.get(key).and_then(Json::as_u64).unwrap_or(0);
                let status = message.get("error_status").and_then(Json::as_u64);
                let what = json::text(message, &["error"]).unwrap_or("an error");
                let status = status.map(|status| format!(" ({status})")).unwrap_or_default();
                let line = format!(
                    "{}{status}: tries again in {} ms, {} of {}",
                    json::clip(what, 100),
                    count("retry_delay_ms"),
                    count("attempt"),
                    count("max_retries")
                );
                steps.push(Step::Entry(EntryKind::Notice(line)));
            }
            "permission_denied" => {
                let tool = json::text(message, &["tool_name"]).unwrap_or("a tool");
                let said = json::text(message, &["message"]).unwrap_or("the agent's own rules");
                steps.push(Step::Entry(EntryKind::Permission {
                    title: json::clip(tool, 300),
                    allowed: false,
                    rule: json::clip(said, 600),
                }));
            }
            _ => {
                if let Some(content) = json::text(message, &["content"]) {
                    steps.push(Step::Entry(EntryKind::Notice(json::clip(content, 600))));
                }
            }
        }
    }

    fn on_rate_limit(&mut self, message: &Json, steps: &mut Vec<Step>) {
        let about = json::at(message, &["rate_limit_info"]).unwrap_or(message);
        let status = json::text(about, &["status"]).unwrap_or("unknown");
        let resets_at = json::count(about, &["resetsAt", "resets_at"]);
        if status == "rejected" {
            self.limit_resets_at = resets_at;
        }
        if status != "allowed" {
            let kind = json::text(about, &["rateLimitType"]).unwrap_or("usage");
            let when = resets_at
                .map(|at| format!(", lifted at {at} s since 1970"))
                .unwrap_or_default();
            let line = format!(
                "limit `{}`: {}{when}",
                json::clip(kind, 60),
                json::clip(status, 60)
            );
            steps.push(Step::Entry(EntryKind::Notice(line)));
        }
    }

    fn tool(&mut self, id: &str, status: ToolStatus, title: Option<String>, detail: String) -> Step {
        if self.tools.len() >= REMEMBERED_MAX {
            self.tools.clear();
        }
        let id = json::clip(id, 200);
        let known = self.tools.entry(id.clone()).or_default();
        if let Some(title) = title {
            *known = title;
        }
        Step::Entry(EntryKind::Tool {
            id,
            title: known.clone(),
            status,
            detail: json::clip(&detail, DETAIL_MAX),
        })
    }
}

impl Dialect for Claude {
    fn arguments(&self) -> Vec<String> {
        let fixed = [
            "-p",
            "--output-format",
            "stream-json",
            "--verbose",
            "--include-partial-messages",
            "--input-format",
            "stream-json",
            "--permission-prompt-tool",
            "stdio",
        ];
        let mut arguments: Vec<String> = fixed.map(ToOwned::to_owned).to_vec();
        let options = [
            ("--permission-mode", &self.brief.mode),
            ("--model", &self.brief.model),
            ("--resume", &self.brief.resume),
        ];
        for (option, value) in options {
            if let Some(value) = value {
                arguments.extend([option.to_owned(), value.clone()]);
            }
        }
        arguments
    }

    fn open(&mut self) -> Vec<Step> {
        let message = json!({ "type": "control_request", "request_id": INITIALIZE,
            "request": { "subtype": "initialize", "hooks": null } });
        vec![Step::Send(message.to_string())]
    }

    fn on_line(&mut self, line: &str, now: Moment) -> Vec<Step> {
        let mut steps = Vec::new();
        let Some(message) = json::object(line) else {
            if !line.trim().is_empty() {
                steps.push(Step::Entry(EntryKind::Raw(json::clip(line, DETAIL_MAX))));
            }
            return steps;
        };
        match json::text(&message, &["type"]) {
            Some("control_response") => self.on_control_response(&message, &mut steps),
            Some("control_request") => self.on_control_request(&message, &mut steps),
            Some("system") => self.on_system(&message, &mut steps),
            Some("stream_event") => self.on_stream_event(&message, &mut steps),
            Some("assistant") => self.on_assistant(&message, &mut steps),
            Some("user") => self.on_user(&message, &mut steps),
            Some("rate_limit_event") => self.on_rate_limit(&message, &mut steps),
            Some("result") => self.on_result(&message, now, &mut steps),
            Some(_) => {}
            None => steps.push(Step::Entry(EntryKind::Raw(json::clip(line, DETAIL_MAX)))),
        }
        steps
    }

    fn interrupt(&mut self) -> Vec<Step> {
        self.tally.is_interrupted = true;
        let mut steps = Vec::new();
        if self.is_prompted && !self.tally.has_ended() {
            steps.push(self.stop_request());
        } else {
            self.tally.end(Outcome::Cancelled, &mut steps);
        }
        steps
    }

    fn can_repair_in_process(&self) -> bool {
        self.is_prompted && self.tally.has_ended() && !self.tally.is_interrupted
    }

    fn repair(&mut self, text: &str) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.can_repair_in_process() {
            self.prompt(text, &mut steps);
        }
        steps
    }

    fn on_end(&mut self, exit: Exit, stderr_tail: &str, now: Moment) -> TurnEnd {
        self.tally.conclude(
            exit,
            stderr_tail,
            Reading {
                now,
                zone: &self.brief.zone,
            },
        )
    }
}
