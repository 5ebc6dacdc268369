//! The agent's side of the Agent Client Protocol: opens sessions, keeps a mode, plays a scene for every prompt.

use super::act::Player;
use super::memory::Memory;
use super::script::{Scene, Script};
use super::wire::Wire;
use serde_json::{Value as Json, json};
use std::io;
use std::path::PathBuf;

/// One process of the agent.
pub(super) struct Agent {
    script: Script,
    /// The script that a prompt brought along.
    told: Option<Script>,
    wire: Wire,
    memory: Memory,
    home: Option<PathBuf>,
    cwd: PathBuf,
    session: Option<String>,
    mode: String,
    turns: u64,
}

/// How a turn ended.
#[derive(Debug)]
pub(super) enum Finish {
    /// With a stop reason.
    Stop(String),
    /// With an error of the protocol.
    Error(Json),
    /// The process ends.
    Exit(u8),
}

impl Agent {
    pub(super) fn new(script: Script, wire: Wire, memory: Memory, home: Option<PathBuf>) -> Self {
        let cwd = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        let mode = script.modes.as_ref().and_then(|modes| modes.first().cloned());
        let mode = mode.unwrap_or_else(|| "default".to_owned());
        Self {
            script,
            told: None,
            wire,
            memory,
            home,
            cwd,
            session: None,
            mode,
            turns: 0,
        }
    }

    /// Serves until there is nothing more to serve. Nobody hears an error on a broken pipe: it ends all the same.
    pub(super) fn serve(mut self) -> u8 {
        if self.script.is_deaf {
            return match self.play("") {
                Ok((Finish::Exit(code), _)) => code,
                Ok(_) | Err(_) => 0,
            };
        }
        while let Some(message) = self.wire.next() {
            match self.on_message(&message) {
                Ok(None) => {}
                Ok(Some(code)) => return code,
                Err(_) => return 1,
            }
        }
        0
    }

    fn on_message(&mut self, message: &Json) -> io::Result<Option<u8>> {
        let Some(method) = message.get("method").and_then(Json::as_str) else {
            return Ok(None);
        };
        let Some(id) = message.get("id") else {
            return Ok(None);
        };
        let params = message.get("params").unwrap_or(&Json::Null);
        let result = match method {
            "initialize" => Ok(initialized()),
            "authenticate" => Ok(json!({})),
            "session/new" => self.open(),
            "session/load" | "session/resume" => self.load(params),
            "session/set_mode" => self.set_mode(params),
            "session/set_model" | "session/set_config_option" => Ok(json!({})),
            "session/prompt" => return self.on_prompt(id, params),
            _ => Err(error(-32601, "Method not found", None)),
        };
        if let (Ok(_), "session/new" | "session/load", Some(cwd)) =
            (&result, method, params.get("cwd").and_then(Json::as_str))
        {
            self.cwd = PathBuf::from(cwd);
        }
        self.answer(id, result)?;
        Ok(None)
    }

    fn answer(&mut self, id: &Json, result: Result<Json, Json>) -> io::Result<()> {
        self.wire.send(&match result {
            Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
            Err(error) => json!({ "jsonrpc": "2.0", "id": id, "error": error }),
        })
    }

    fn open(&mut self) -> Result<Json, Json> {
        if self.script.is_logged_out {
            return Err(error(-32000, "Authentication required", None));
        }
        let id = format!("rehearsal-{}-{}", std::process::id(), self.turns);
        self.memory.keep_session(&id);
        self.session = Some(id.clone());
        let mut opened = self.modes();
        opened["sessionId"] = Json::from(id);
        Ok(opened)
    }

    fn load(&mut self, params: &Json) -> Result<Json, Json> {
        let id = params
            .get("sessionId")
            .and_then(Json::as_str)
            .unwrap_or_default()
            .to_owned();
        if !self.memory.has_session(&id) {
            return Err(error(
                -32603,
                "Internal error",
                Some(json!({ "details": "session not found" })),
            ));
        }
        self.session = Some(id);
        Ok(self.modes())
    }

    fn modes(&self) -> Json {
        let modes = self.offered();
        if modes.is_empty() {
            return json!({});
        }
        let listed: Vec<Json> = modes
            .iter()
            .map(|mode| json!({ "id": mode, "name": mode }))
            .collect();
        json!({ "modes": { "currentModeId": self.mode, "availableModes": listed } })
    }

    fn offered(&self) -> Vec<String> {
        let usual = || ["default", "plan", "auto"].map(ToOwned::to_owned).to_vec();
        self.script.modes.clone().unwrap_or_else(usual)
    }

    fn set_mode(&mut self, params: &Json) -> Result<Json, Json> {
        let mode = params.get("modeId").and_then(Json::as_str).unwrap_or_default();
        if self.script.refuses_mode || !self.offered().iter().any(|offered| offered == mode) {
            return Err(error(-32602, "Invalid params", None));
        }
        mode.clone_into(&mut self.mode);
        Ok(json!({}))
    }

    fn on_prompt(&mut self, id: &Json, params: &Json) -> io::Result<Option<u8>> {
        let prompt: String = params
            .get("prompt")
            .and_then(Json::as_array)
            .map(|parts| {
                parts
                    .iter()
                    .filter_map(|part| part.get("text").and_then(Json::as_str))
                    .collect::<Vec<_>>()
                    .join("\n")
            })
            .unwrap_or_default();
        self.turns += 1;
        self.wire.forget_cancels();
        let (finish, scene) = self.play(&prompt)?;
        self.wire.forget_cancels();
        let result = match finish {
            Finish::Exit(code) => return Ok(Some(code)),
            Finish::Error(error) => Err(error),
            Finish::Stop(reason) => Ok(json!({ "stopReason": reason })),
        };
        let result = result.map(|mut result| {
            if let Some(usage) = scene.usage.clone() {
                result["usage"] = usage;
            }
            result
        });
        self.answer(id, result)?;
        if scene.after.is_empty() {
            return Ok(None);
        }
        let after = Scene {
            acts: scene.after,
            ..Scene::default()
        };
        match self.player().play(&after)?.0 {
            Finish::Exit(code) => Ok(Some(code)),
            Finish::Error(_) | Finish::Stop(_) => Ok(None),
        }
    }

    /// Plays the scene for a prompt.
    fn play(&mut self, prompt: &str) -> io::Result<(Finish, Played)> {
        if let Some(told) = Script::in_prompt(prompt) {
            match told {
                Ok(told) => self.told = Some(told),
                Err(reason) => {
                    let data = Some(json!({ "details": reason }));
                    let refused = error(-32602, "the script in the prompt cannot be read", data);
                    return Ok((Finish::Error(refused), Played::default()));
                }
            }
        }
        let mut attempt = 1;
        let script = self.told.as_ref().unwrap_or(&self.script);
        let memory = &mut self.memory;
        let scene = script.scene(prompt, self.turns.max(1), |scene| {
            attempt = memory.attempt(scene);
            attempt
        });
        let scene = scene.unwrap_or_else(|| Scene {
            acts: vec![super::script::Act::Say(super::detail::Say::Plain(
                "My script says nothing about this prompt.".to_owned(),
            ))],
            ..Scene::default()
        });
        let mut player = self.player();
        player.attempt = attempt;
        prompt.clone_into(&mut player.prompt);
        let (finish, usage) = player.play(&scene)?;
        Ok((
            finish,
            Played {
                usage,
                after: scene.after,
            },
        ))
    }

    fn player(&mut self) -> Player<'_> {
        Player {
            wire: &mut self.wire,
            session: self.session.clone().unwrap_or_default(),
            mode: &mut self.mode,
            ignores_mode: self.told.as_ref().unwrap_or(&self.script).ignores_mode,
            cwd: self.cwd.clone(),
            home: self.home.clone(),
            attempt: 1,
            turn: self.turns,
            prompt: String::new(),
            said: 0,
            tools: 0,
            usage: None,
            is_usage_silent: false,
        }
    }
}

/// What is left of a scene once it was played.
#[derive(Debug, Default)]
struct Played {
    usage: Option<Json>,
    after: Vec<super::script::Act>,
}

/// An error of the protocol.
pub(super) fn error(code: i64, message: &str, data: Option<Json>) -> Json {
    match data {
        Some(data) => json!({ "code": code, "message": message, "data": data }),
        None => json!({ "code": code, "message": message }),
    }
}

fn initialized() -> Json {
    json!({
        "protocolVersion": 1,
        "agentCapabilities": { "loadSession": true, "promptCapabilities": { "embeddedContext": true } },
        "agentInfo": { "name": "rehearsal", "title": "Rehearsal", "version": env!("CARGO_PKG_VERSION") },
        "authMethods": [],
    })
}
