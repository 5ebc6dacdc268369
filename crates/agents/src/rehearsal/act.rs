//! Plays a scene: one act after the other, until one of them ends the turn.

use super::agent::{Finish, error};
use super::detail::{Ask, Fail, Hang, Say, SwitchMode, Tool, UsageSaid};
use super::script::{Act, Scene};
use super::wire::{Heard, Wire};
use serde_json::{Value as Json, json};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// What plays a scene.
pub(super) struct Player<'a> {
    pub(super) wire: &'a mut Wire,
    pub(super) session: String,
    pub(super) mode: &'a mut String,
    pub(super) ignores_mode: bool,
    pub(super) cwd: PathBuf,
    pub(super) home: Option<PathBuf>,
    pub(super) attempt: u64,
    pub(super) turn: u64,
    pub(super) prompt: String,
    pub(super) said: u64,
    pub(super) tools: u64,
    pub(super) usage: Option<Json>,
    pub(super) is_usage_silent: bool,
}

/// Whether the scene goes on.
pub(super) type Next = io::Result<Option<Finish>>;

impl Player<'_> {
    /// Plays it; also what the turn used, where that is said.
    pub(super) fn play(&mut self, scene: &Scene) -> io::Result<(Finish, Option<Json>)> {
        for act in &scene.acts {
            if let Some(finish) = self.act(act)? {
                return Ok((finish, self.usage()));
            }
        }
        Ok((Finish::Stop("end_turn".to_owned()), self.usage()))
    }

    fn act(&mut self, act: &Act) -> Next {
        match act {
            Act::Say(say) => self.say_paced(say),
            Act::Lines(lines) => self.lines(lines),
            Act::Think(text) => self.chunk("agent_thought_chunk", text).map(|()| None),
            Act::Answer(value) => self.answer(value),
            Act::Verdicts(verdicts) => self.verdicts(verdicts),
            Act::Tool(tool) => self.announce(tool).map(|()| None),
            Act::Read(path) => self.read(path),
            Act::Write(file) => self.write(file),
            Act::Edit(file) => self.edit(file),
            Act::Delete(path) => self.delete(path),
            Act::Run(command) => self.run(command),
            Act::Ask(ask) => self.ask_and_say(ask),
            Act::SwitchMode(switch) => self.switch_mode(switch),
            Act::Append(append) => self.append(append),
            Act::SleepMs(ms) => self.pause(*ms, false),
            Act::WaitFor(file) => self.wait_for(file),
            Act::Hang(hang) => self.hang(hang),
            Act::Usage(used) => {
                self.usage_said(used)?;
                Ok(None)
            }
            Act::NoUsage(is_silent) => {
                self.is_usage_silent = *is_silent;
                Ok(None)
            }
            Act::End(reason) => Ok(Some(Finish::Stop(reason.clone()))),
            Act::Error(said) => Ok(Some(Finish::Error(error(
                said.code,
                &said.message,
                said.data.clone(),
            )))),
            Act::Fail(fail) => Ok(Some(Finish::Error(failing(fail)))),
            Act::Hostile(hostile) => self.hostile(hostile),
            Act::Exit(code) => Ok(Some(Finish::Exit(*code))),
            Act::IgnoreTerm(_)
            | Act::Fork(_)
            | Act::Flood(_)
            | Act::Raw(_)
            | Act::RawHex(_)
            | Act::Stderr(_)
            | Act::HalfJson(_)
            | Act::Cut(_)
            | Act::CloseStdout(_)
            | Act::Kill(_) => self.misbehave(act),
        }
    }

    /// Tells the client something about the turn.
    pub(super) fn update(&mut self, update: &Json) -> io::Result<()> {
        let params = json!({ "sessionId": self.session, "update": update });
        self.wire
            .send(&json!({ "jsonrpc": "2.0", "method": "session/update", "params": params }))
    }

    fn chunk(&mut self, what: &str, text: &str) -> io::Result<()> {
        self.said = self
            .said
            .saturating_add(u64::try_from(text.len()).unwrap_or(u64::MAX));
        self.update(&json!({ "sessionUpdate": what, "content": { "type": "text", "text": text } }))
    }

    /// Says a text at once.
    pub(super) fn say(&mut self, text: &str) -> io::Result<()> {
        self.chunk("agent_message_chunk", text)
    }

    /// Says a text, then a value as a fenced block.
    pub(super) fn say_json(&mut self, text: &str, value: &Json) -> io::Result<()> {
        let shown = serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string());
        self.say(&format!("{text}\n```json\n{shown}\n```\n"))
    }

    fn say_paced(&mut self, say: &Say) -> Next {
        let (text, piece, delay_ms) = match say {
            Say::Plain(text) => (text, 48, 0),
            Say::Paced {
                text,
                piece,
                delay_ms,
            } => (text, (*piece).max(1), *delay_ms),
        };
        let text = self.filled(text);
        let letters: Vec<char> = text.chars().collect();
        for (index, piece) in letters.chunks(piece).enumerate() {
            if index > 0
                && delay_ms > 0
                && let Some(finish) = self.pause(delay_ms, false)?
            {
                return Ok(Some(finish));
            }
            self.say(&piece.iter().collect::<String>())?;
        }
        Ok(None)
    }

    /// Waits; a cancel ends the turn, a client that is gone the process.
    pub(super) fn pause(&mut self, ms: u64, is_deaf: bool) -> Next {
        self.pause_for(Duration::from_millis(ms), is_deaf)
    }

    pub(super) fn pause_for(&mut self, time: Duration, is_deaf: bool) -> Next {
        Ok(match self.wire.wait(time, is_deaf) {
            Heard::Nothing => None,
            Heard::Cancel => Some(Finish::Stop("cancelled".to_owned())),
            Heard::End => Some(Finish::Exit(0)),
        })
    }

    fn hang(&mut self, hang: &Hang) -> Next {
        let is_deaf = match hang {
            Hang::Plain(false) => return Ok(None),
            Hang::Plain(true) => false,
            Hang::Told { deaf } => *deaf,
        };
        loop {
            if let Some(finish) = self.pause(1_000, is_deaf)? {
                return Ok(Some(finish));
            }
        }
    }

    /// A new tool call's id.
    pub(super) fn tool_id(&mut self) -> String {
        self.tools += 1;
        format!("call-{}-{}", self.turn, self.tools)
    }

    fn announce(&mut self, tool: &Tool) -> io::Result<()> {
        let id = self.tool_id();
        self.begin_tool(&id, &tool.title, &tool.kind)?;
        self.end_tool(&id, &tool.status, &tool.output)
    }

    pub(super) fn begin_tool(&mut self, id: &str, title: &str, kind: &str) -> io::Result<()> {
        let update = json!({ "sessionUpdate": "tool_call", "toolCallId": id, "title": title, "kind": kind,
            "status": "in_progress", "content": [] });
        self.update(&update)
    }

    pub(super) fn end_tool(&mut self, id: &str, status: &str, output: &str) -> io::Result<()> {
        let content = json!([{ "type": "content", "content": { "type": "text", "text": output } }]);
        let update = json!({ "sessionUpdate": "tool_call_update", "toolCallId": id, "status": status,
            "content": content });
        self.update(&update)
    }

    /// Asks the client; whether it may, and the kind of the option that was chosen.
    pub(super) fn permission(&mut self, id: &str, ask: &Ask) -> io::Result<(bool, String)> {
        let options: Vec<Json> = ask
            .options
            .iter()
            .map(|kind| json!({ "optionId": format!("option-{kind}"), "name": kind, "kind": kind }))
            .collect();
        let call = json!({ "toolCallId": id, "title": ask.title, "kind": ask.kind, "status": "pending" });
        let params = json!({ "sessionId": self.session, "toolCall": call, "options": options });
        let answer = self.wire.request("session/request_permission", &params)?;
        let chosen = answer
            .as_ref()
            .and_then(|answer| answer.pointer("/result/outcome/optionId"))
            .and_then(Json::as_str)
            .and_then(|option| option.strip_prefix("option-"))
            .unwrap_or("cancelled")
            .to_owned();
        Ok((chosen.starts_with("allow"), chosen))
    }

    fn ask_and_say(&mut self, ask: &Ask) -> Next {
        let id = self.tool_id();
        let (is_allowed, chosen) = self.permission(&id, ask)?;
        self.say(&format!("asked `{}` ({}): {chosen}\n", ask.title, ask.kind))?;
        let stops = ask.stops && !is_allowed;
        Ok(stops.then(|| Finish::Stop("cancelled".to_owned())))
    }

    fn switch_mode(&mut self, switch: &SwitchMode) -> Next {
        let ask = Ask {
            kind: "switch_mode".to_owned(),
            title: format!("Leave the mode {}", self.mode),
            options: ["allow_once", "allow_always", "reject_once"]
                .map(ToOwned::to_owned)
                .to_vec(),
            stops: false,
        };
        let may = if switch.force {
            true
        } else {
            let id = self.tool_id();
            self.permission(&id, &ask)?.0
        };
        if !may {
            self.say("I stay in my mode.\n")?;
            return Ok(None);
        }
        switch.to.clone_into(self.mode);
        let update = json!({ "sessionUpdate": "current_mode_update", "currentModeId": switch.to });
        self.update(&update)?;
        Ok(None)
    }

    fn usage_said(&mut self, used: &UsageSaid) -> io::Result<()> {
        let total = used.input.saturating_add(used.cached).saturating_add(used.output);
        self.usage = Some(
            json!({ "inputTokens": used.input, "cachedReadTokens": used.cached,
            "cachedWriteTokens": 0, "outputTokens": used.output, "totalTokens": total }),
        );
        if let Some(cost) = used.cost_usd {
            let cost = json!({ "amount": cost, "currency": "USD" });
            let update =
                json!({ "sessionUpdate": "usage_update", "used": total, "size": 200_000, "cost": cost });
            self.update(&update)?;
        }
        Ok(())
    }

    /// What the turn used: as its script says, else about what a model would have.
    fn usage(&self) -> Option<Json> {
        if self.is_usage_silent {
            return None;
        }
        let guess = || {
            let prompt_size = u64::try_from(self.prompt.len()).unwrap_or(u64::MAX);
            let (input, output) = (prompt_size / 4 + 400, self.said / 4 + 20 * self.tools);
            json!({ "inputTokens": input, "cachedReadTokens": 1_000, "cachedWriteTokens": 0,
                "outputTokens": output, "totalTokens": input + output + 1_000 })
        };
        Some(self.usage.clone().unwrap_or_else(guess))
    }

    /// Fills in what texts may name.
    pub(super) fn filled(&self, text: &str) -> String {
        if !text.contains("@{") {
            return text.to_owned();
        }
        let home = self
            .home
            .as_ref()
            .map(|home| home.to_string_lossy().into_owned())
            .unwrap_or_default();
        let known = [
            ("@{home}", home),
            ("@{cwd}", self.cwd.to_string_lossy().into_owned()),
            ("@{attempt}", self.attempt.to_string()),
            ("@{turn}", self.turn.to_string()),
            ("@{pid}", std::process::id().to_string()),
        ];
        let mut text = known
            .iter()
            .fold(text.to_owned(), |text, (name, value)| text.replace(name, value));
        while let Some(start) = text.find("@{env:") {
            let Some(length) = text[start..].find('}') else {
                break;
            };
            let name = text[start + 6..start + length].to_owned();
            text.replace_range(start..=start + length, &std::env::var(name).unwrap_or_default());
        }
        text
    }
}

/// The errors of failing providers, as agents pass them on.
fn failing(fail: &Fail) -> Json {
    let (with, resets) = match fail {
        Fail::Plain(with) => (with.as_str(), None),
        Fail::Told { with, resets_in_s } => (with.as_str(), *resets_in_s),
    };
    let internal = |text: &str, data: Option<Json>| error(-32603, &format!("Internal error: {text}"), data);
    match with {
        "rate_limit" => {
            let data =
                resets.map(|seconds| json!({ "responseHeaders": { "retry-after": seconds.to_string() } }));
            internal("API Error: 429 rate_limit_error: too many requests", data)
        }
        "usage_limit" => {
            let when = resets
                .map(|seconds| format!(" Try again in {seconds} seconds."))
                .unwrap_or_default();
            internal(&format!("You've hit your usage limit.{when}"), None)
        }
        "login" => internal(
            "API Error: 401 authentication_error: OAuth token has expired",
            None,
        ),
        "server" => internal("API Error: 500 internal server error", None),
        "bad_request" => internal("API Error: 400 invalid_request_error: prompt is too long", None),
        other => internal(other, None),
    }
}
