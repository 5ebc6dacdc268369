//! The Agent Client Protocol, as a client: one JSON-RPC message a line.
//!
//! The order is fixed: initialize, open the session, set the mode and see it set, choose the model, prompt. An agent
//! is offered neither files nor terminals, so it does its own work, in its own sandbox; what it asks is answered at
//! once by rule.

mod permission;
mod update;
mod usage;

use super::failure::{Reading, classify};
use super::turn::Tally;
use super::{Brief, Dialect, Exit, Outcome, Step, TurnEnd, json};
use domain::{Access, Moment, Usage};
use engine::ports::EntryKind;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// What we wait for an answer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Initialize,
    NewSession,
    LoadSession,
    SetMode,
    SetModel,
    Prompt,
}

/// A tool call, as far as the agent told about it.
#[derive(Debug, Default)]
struct Seen {
    title: String,
    kind: Option<String>,
    status: Option<engine::ports::ToolStatus>,
}

/// A client of one agent process.
#[derive(Debug)]
pub(super) struct Acp {
    brief: Brief,
    tally: Tally,
    next_id: u64,
    awaiting: Option<(u64, Stage)>,
    session: Option<String>,
    can_load: bool,
    opened: Json,
    /// The mode that the agent last said it is in.
    mode_seen: Option<String>,
    is_mode_set: bool,
    tools: BTreeMap<String, Seen>,
    message_id: Option<String>,
    denied: Option<String>,
    /// Nothing was said since the last refusal.
    is_mute_since: bool,
    has_system_error: bool,
    /// Used in this turn, for agents that say it piece by piece.
    turn_pieces: Usage,
    cost_seen: Option<u64>,
    cost_taken: u64,
}

impl Acp {
    pub(super) fn new(brief: Brief) -> Self {
        let cost_taken = brief
            .session_total
            .and_then(|total| total.cost_micros)
            .unwrap_or(0);
        Self {
            brief,
            tally: Tally::default(),
            next_id: 0,
            awaiting: None,
            session: None,
            can_load: false,
            opened: Json::Null,
            mode_seen: None,
            is_mode_set: false,
            tools: BTreeMap::new(),
            message_id: None,
            denied: None,
            is_mute_since: false,
            has_system_error: false,
            turn_pieces: Usage::default(),
            cost_seen: None,
            cost_taken,
        }
    }

    fn ask(&mut self, stage: Stage, method: &str, params: &Json, steps: &mut Vec<Step>) {
        self.next_id += 1;
        self.awaiting = Some((self.next_id, stage));
        let message = json!({ "jsonrpc": "2.0", "id": self.next_id, "method": method, "params": params });
        steps.push(Step::Send(message.to_string()));
    }

    fn on_response(&mut self, message: &Json, now: Moment, steps: &mut Vec<Step>) {
        let id = json::count(message, &["id"]);
        let Some((_, stage)) = self.awaiting.filter(|(awaited, _)| Some(*awaited) == id) else {
            return;
        };
        self.awaiting = None;
        if let Some(error) = json::at(message, &["error"]) {
            return self.on_error(stage, error, now, steps);
        }
        let result = message.get("result").unwrap_or(&Json::Null);
        match stage {
            Stage::Initialize => self.on_initialized(result, steps),
            Stage::NewSession | Stage::LoadSession => self.on_opened(result, steps),
            Stage::SetMode => self.on_mode_set(steps),
            Stage::SetModel => self.prompt(self.brief.prompt.clone(), steps),
            Stage::Prompt => self.on_prompted(result, now, steps),
        }
    }

    fn on_initialized(&mut self, result: &Json, steps: &mut Vec<Step>) {
        if result.get("protocolVersion").and_then(Json::as_u64) != Some(1) {
            let reason = "the agent does not speak version 1 of the Agent Client Protocol".to_owned();
            return self.tally.end(Outcome::Permanent(reason), steps);
        }
        self.can_load = json::is_true(result, &["agentCapabilities", "loadSession"]);
        let name = json::text(result, &["agentInfo", "name"]).unwrap_or("an agent without a name");
        let version = json::text(result, &["agentInfo", "version"]).unwrap_or("of unknown version");
        let line = json::clip(&format!("speaking with {name} {version}"), 300);
        steps.push(Step::Entry(EntryKind::Notice(line)));
        match self.brief.resume.clone() {
            Some(session) if self.can_load => self.load_session(session, steps),
            Some(_) => {
                let notice = "this agent cannot go on with a session: it starts anew".to_owned();
                steps.push(Step::Entry(EntryKind::Notice(notice)));
                self.new_session(steps);
            }
            None => self.new_session(steps),
        }
    }

    fn new_session(&mut self, steps: &mut Vec<Step>) {
        let params = json!({ "cwd": self.brief.cwd.to_string_lossy(), "mcpServers": [] });
        self.ask(Stage::NewSession, "session/new", &params, steps);
    }

    fn load_session(&mut self, session: String, steps: &mut Vec<Step>) {
        let cwd = self.brief.cwd.to_string_lossy();
        let params = json!({ "sessionId": session, "cwd": cwd, "mcpServers": [] });
        self.session = Some(session);
        self.ask(Stage::LoadSession, "session/load", &params, steps);
    }

    fn on_opened(&mut self, result: &Json, steps: &mut Vec<Step>) {
        if let Some(session) = json::text(result, &["sessionId"]) {
            self.session = Some(session.to_owned());
        }
        let Some(session) = self.session.clone() else {
            let reason = "the agent opened a session without an id".to_owned();
            return self.tally.end(Outcome::Permanent(reason), steps);
        };
        steps.push(Step::SessionId(session.clone()));
        self.opened = result.clone();
        self.mode_seen = current_mode(result);
        let Some(mode) = self.brief.mode.clone() else {
            return self.choose_model(steps);
        };
        let offered = offered_modes(result);
        if !offered.contains(&mode.as_str()) {
            let offered = if offered.is_empty() {
                "none".to_owned()
            } else {
                offered.join(", ")
            };
            let reason = format!("the agent does not offer the mode `{mode}`; it offers: {offered}");
            return self
                .tally
                .end(Outcome::ModeNotSet(json::clip(&reason, 600)), steps);
        }
        // What it said before we asked says nothing about what it does then.
        self.mode_seen = None;
        let params = json!({ "sessionId": session, "modeId": mode });
        self.ask(Stage::SetMode, "session/set_mode", &params, steps);
    }

    fn on_mode_set(&mut self, steps: &mut Vec<Step>) {
        self.is_mode_set = true;
        self.check_mode(steps);
        if !self.tally.has_ended() {
            self.choose_model(steps);
        }
    }

    /// An agent that leaves the mode that makes it a reader is not to be trusted any more.
    fn check_mode(&mut self, steps: &mut Vec<Step>) {
        let (Some(mode), Some(seen)) = (&self.brief.mode, &self.mode_seen) else {
            return;
        };
        if !self.is_mode_set || seen == mode || self.tally.has_ended() {
            return;
        }
        let reason = format!(
            "asked for the mode `{mode}`, the agent is in `{}`",
            json::clip(seen, 100)
        );
        match self.brief.access {
            Access::Read => {
                steps.extend(self.cancel());
                self.tally.end(Outcome::ModeNotSet(reason), steps);
            }
            Access::Write => steps.push(Step::Entry(EntryKind::Notice(reason))),
        }
    }

    fn choose_model(&mut self, steps: &mut Vec<Step>) {
        let (Some(model), Some(session)) = (self.brief.model.clone(), self.session.clone()) else {
            return self.prompt(self.brief.prompt.clone(), steps);
        };
        let option = json::list(&self.opened, &["configOptions"])
            .iter()
            .find(|option| json::text(option, &["category"]) == Some("model"));
        let listed = option.and_then(|option| {
            let is_listed = json::list(option, &["options"])
                .iter()
                .any(|choice| json::text(choice, &["value"]) == Some(model.as_str()));
            is_listed.then(|| json::text(option, &["id"])).flatten()
        });
        if let Some(config) = listed {
            let params = json!({ "sessionId": session, "configId": config, "value": model });
            self.ask(Stage::SetModel, "session/set_config_option", &params, steps);
        } else if json::at(&self.opened, &["models"]).is_some() || option.is_some() {
            let params = json!({ "sessionId": session, "modelId": model });
            self.ask(Stage::SetModel, "session/set_model", &params, steps);
        } else {
            let notice = format!("the agent offers no choice of models; asked for `{model}`");
            steps.push(Step::Entry(EntryKind::Notice(notice)));
            self.prompt(self.brief.prompt.clone(), steps);
        }
    }

    fn prompt(&mut self, text: String, steps: &mut Vec<Step>) {
        let Some(session) = self.session.clone() else {
            return;
        };
        self.tally.begin();
        self.message_id = None;
        self.denied = None;
        self.is_mute_since = false;
        self.has_system_error = false;
        self.turn_pieces = Usage::default();
        let params = json!({ "sessionId": session, "prompt": [{ "type": "text", "text": text }] });
        self.ask(Stage::Prompt, "session/prompt", &params, steps);
        steps.push(Step::Entry(EntryKind::Prompt(text)));
    }

    fn on_prompted(&mut self, result: &Json, now: Moment, steps: &mut Vec<Step>) {
        let turn = usage::of_result(result).unwrap_or(self.turn_pieces);
        self.add_usage(turn);
        let stop = json::text(result, &["stopReason"]).unwrap_or("nothing");
        let outcome = match stop {
            _ if self.tally.is_interrupted => Outcome::Cancelled,
            "end_turn" if self.has_system_error => classify(
                None,
                self.tally.message(),
                Reading {
                    now,
                    zone: &self.brief.zone,
                },
            ),
            "end_turn" if self.tally.is_blank(turn) => Outcome::NoResult(
                "it says it is done, without a word, a tool call or any use of a model".to_owned(),
            ),
            "end_turn" | "cancelled" if self.is_mute_since => {
                let title = self.denied.as_deref().unwrap_or_default();
                Outcome::NoResult(format!("it stopped when `{title}` was refused"))
            }
            "end_turn" => Outcome::Done,
            "cancelled" => Outcome::NoResult("it cancelled its own turn".to_owned()),
            "refusal" => Outcome::Permanent("the model refused".to_owned()),
            "max_tokens" => Outcome::NoResult("the model's answer reached its length limit".to_owned()),
            "max_turn_requests" => {
                Outcome::NoResult("the agent reached its limit of requests in a turn".to_owned())
            }
            other => Outcome::NoResult(format!("the turn ended with `{}`", json::clip(other, 60))),
        };
        self.tally.end(outcome, steps);
    }

    fn add_usage(&mut self, turn: Usage) {
        self.tally.usage = self.tally.usage.plus(turn);
        if let Some(cost) = self.cost_seen {
            // A session's cost only grows; one that shrank belongs to a counter that was started anew.
            let new = if cost >= self.cost_taken {
                cost - self.cost_taken
            } else {
                cost
            };
            self.cost_taken = cost;
            let cost_before = self.tally.usage.cost_micros.unwrap_or(0);
            self.tally.usage.cost_micros = Some(cost_before.saturating_add(new));
            self.tally.session_total = Some(Usage {
                cost_micros: Some(cost),
                ..self.tally.usage
            });
        }
    }

    fn on_error(&mut self, stage: Stage, error: &Json, now: Moment, steps: &mut Vec<Step>) {
        let code = error.get("code").and_then(Json::as_i64).unwrap_or(0);
        let message = json::text(error, &["message"]).unwrap_or("an error without a message");
        let data = error
            .get("data")
            .map(|data| json::shown(data, 4_096))
            .unwrap_or_default();
        let text = if data.is_empty() {
            message.to_owned()
        } else {
            format!("{message}: {data}")
        };
        let meaning = || {
            // JSON-RPC's own numbers are negative; what is positive was passed on from HTTP.
            let status = u64::try_from(code).ok().filter(|code| (400..600).contains(code));
            match code {
                -32000 => Outcome::Authentication(super::failure::shortened(&text)),
                _ => classify(
                    status,
                    &text,
                    Reading {
                        now,
                        zone: &self.brief.zone,
                    },
                ),
            }
        };
        let outcome = match stage {
            _ if self.tally.is_interrupted => Outcome::Cancelled,
            Stage::LoadSession => {
                let notice = format!("cannot go on with the session, starting anew: {text}");
                steps.push(Step::Entry(EntryKind::Notice(json::clip(&notice, 600))));
                self.session = None;
                return self.new_session(steps);
            }
            Stage::SetMode => Outcome::ModeNotSet(format!(
                "the agent refused the mode `{}`: {}",
                self.brief.mode.as_deref().unwrap_or_default(),
                super::failure::shortened(&text)
            )),
            Stage::SetModel => Outcome::Permanent(format!(
                "the agent refused the model `{}`: {}",
                self.brief.model.as_deref().unwrap_or_default(),
                super::failure::shortened(&text)
            )),
            Stage::Initialize | Stage::NewSession | Stage::Prompt => meaning(),
        };
        if stage == Stage::Prompt {
            self.add_usage(self.turn_pieces);
        }
        self.tally.end(outcome, steps);
    }

    fn on_request(&mut self, id: &Json, method: &str, params: &Json, steps: &mut Vec<Step>) {
        let answer = if method == "session/request_permission" {
            self.tally.close_message(steps);
            let (answer, entry) = self.answer_permission(params);
            steps.push(Step::Entry(entry));
            json!({ "jsonrpc": "2.0", "id": id, "result": answer })
        } else {
            json!({ "jsonrpc": "2.0", "id": id, "error": { "code": -32601, "message": "Method not found" } })
        };
        steps.push(Step::Send(answer.to_string()));
    }

    fn cancel(&self) -> Option<Step> {
        let session = self.session.as_ref()?;
        let message =
            json!({ "jsonrpc": "2.0", "method": "session/cancel", "params": { "sessionId": session } });
        Some(Step::Send(message.to_string()))
    }

    fn is_prompting(&self) -> bool {
        matches!(self.awaiting, Some((_, Stage::Prompt)))
    }
}

impl Dialect for Acp {
    fn arguments(&self) -> Vec<String> {
        Vec::new()
    }

    fn open(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        let params = json!({
            "protocolVersion": 1,
            "clientCapabilities": { "fs": { "readTextFile": false, "writeTextFile": false }, "terminal": false },
            "clientInfo": { "name": "partita", "title": "Partita", "version": env!("CARGO_PKG_VERSION") },
        });
        self.ask(Stage::Initialize, "initialize", &params, &mut steps);
        steps
    }

    fn on_line(&mut self, line: &str, now: Moment) -> Vec<Step> {
        let mut steps = Vec::new();
        let Some(message) = json::object(line) else {
            if !line.trim().is_empty() {
                steps.push(Step::Entry(EntryKind::Raw(json::clip(
                    line,
                    super::turn::DETAIL_MAX,
                ))));
            }
            return steps;
        };
        let params = message.get("params").unwrap_or(&Json::Null);
        match (json::text(&message, &["method"]), json::at(&message, &["id"])) {
            (Some(method), Some(id)) => self.on_request(id, method, params, &mut steps),
            (Some("session/update"), None) => self.on_update(params, &mut steps),
            // News in an agent's own words: harmless, and nothing that we understand.
            (Some(_), None) => {}
            (None, Some(_)) => self.on_response(&message, now, &mut steps),
            (None, None) => {
                steps.push(Step::Entry(EntryKind::Raw(json::clip(
                    line,
                    super::turn::DETAIL_MAX,
                ))));
            }
        }
        steps
    }

    fn interrupt(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        self.tally.is_interrupted = true;
        if self.is_prompting() {
            steps.extend(self.cancel());
        } else {
            self.awaiting = None;
            self.tally.end(Outcome::Cancelled, &mut steps);
        }
        steps
    }

    fn can_repair_in_process(&self) -> bool {
        self.session.is_some()
            && self.tally.has_ended()
            && self.awaiting.is_none()
            && !self.tally.is_interrupted
    }

    fn repair(&mut self, text: &str) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.can_repair_in_process() {
            self.prompt(text.to_owned(), &mut steps);
        }
        steps
    }

    fn on_end(&mut self, exit: Exit, stderr_tail: &str, now: Moment) -> TurnEnd {
        if self.is_prompting() {
            self.add_usage(self.turn_pieces);
            self.awaiting = None;
        }
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

/// The modes that a session offers, in either of the two places where agents say it.
fn offered_modes(opened: &Json) -> Vec<&str> {
    let listed = json::list(opened, &["modes", "availableModes"])
        .iter()
        .filter_map(|mode| json::text(mode, &["id"]));
    let optional = mode_option(opened)
        .map_or(&[][..], |option| json::list(option, &["options"]))
        .iter()
        .filter_map(|choice| json::text(choice, &["value"]));
    let mut modes: Vec<&str> = listed.chain(optional).take(64).collect();
    modes.dedup();
    modes
}

fn mode_option(json: &Json) -> Option<&Json> {
    json::list(json, &["configOptions"])
        .iter()
        .find(|option| json::text(option, &["category"]) == Some("mode"))
}

fn current_mode(json: &Json) -> Option<String> {
    let listed = json::text(json, &["modes", "currentModeId"]);
    let mode = listed.or_else(|| json::text(mode_option(json)?, &["currentValue"]))?;
    Some(mode.to_owned())
}
