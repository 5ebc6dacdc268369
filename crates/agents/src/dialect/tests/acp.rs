//! The client of the Agent Client Protocol, driven by what real agents sent to another client: what ours sends must
//! mean the same wherever that client did the right thing.

use super::*;
use std::collections::{BTreeMap, VecDeque};

struct Replay {
    dialect: Box<dyn Dialect>,
    steps: Vec<Step>,
    outbox: VecDeque<Json>,
    /// Ids that the recorded client gave, to ours.
    ids: BTreeMap<u64, u64>,
    log: String,
}

impl Replay {
    fn take(&mut self, steps: Vec<Step>) {
        for step in &steps {
            if let Step::Send(line) = step {
                self.outbox.push_back(parsed(line));
            }
        }
        self.log.push_str(&rendered(&steps));
        self.steps.extend(steps);
    }

    fn end(&self) -> &TurnEnd {
        let ended = self.steps.iter().rev().find_map(|step| match step {
            Step::TurnEnded(end) => Some(end),
            _ => None,
        });
        ended.unwrap_or_else(|| panic!("no end in\n{}", self.log))
    }
}

/// Plays a recording. Every message of the recorded client is expected of ours, in order and in meaning.
fn replay(name: &str, brief: Brief) -> Replay {
    let mut dialect = speak(DialectKind::Acp, brief);
    let first = dialect.open();
    let mut replay = Replay {
        dialect,
        steps: Vec::new(),
        outbox: VecDeque::new(),
        ids: BTreeMap::new(),
        log: String::new(),
    };
    replay.take(first);
    for line in recording(name) {
        let line = parsed(&line);
        let message = &line["msg"];
        if line["dir"] == "c2a" {
            if message["method"] == "session/cancel" {
                let steps = replay.dialect.interrupt();
                replay.take(steps);
            }
            let ours = replay.outbox.pop_front();
            let ours =
                ours.unwrap_or_else(|| panic!("{name}: nothing sent where {message} was\n{}", replay.log));
            assert_eq!(meaning(&ours), meaning(message), "{name}\n{}", replay.log);
            if let (Some(theirs), Some(ours)) = (message["id"].as_u64(), ours["id"].as_u64()) {
                replay.ids.insert(theirs, ours);
            }
        } else {
            let mut message = message.clone();
            if message.get("method").is_none() {
                let ours = message["id"].as_u64().and_then(|id| replay.ids.get(&id));
                message["id"] = Json::from(*ours.unwrap());
            }
            let steps = replay.dialect.on_line(&message.to_string(), NOW);
            replay.take(steps);
        }
    }
    assert!(
        replay.outbox.is_empty(),
        "{name}: more was sent: {:?}",
        replay.outbox
    );
    replay
}

/// What of a message must be the same: not ids of requests, not capabilities, not words to people.
fn meaning(message: &Json) -> Json {
    let params = &message["params"];
    match message["method"].as_str() {
        Some("initialize") => serde_json::json!(["initialize", params["protocolVersion"]]),
        Some("session/prompt") => serde_json::json!(["prompt", params["sessionId"], params["prompt"]]),
        Some(method) => serde_json::json!([method, params]),
        None if message.get("error").is_some() => {
            serde_json::json!(["error", message["id"], message["error"]["code"]])
        }
        None => serde_json::json!(["answer", message["id"], message["result"]]),
    }
}

fn in_mode(access: Access, mode: &str) -> Brief {
    Brief {
        mode: Some(mode.to_owned()),
        ..brief(access)
    }
}

#[test]
fn recorded_turns_are_understood() {
    for (name, brief) in [
        ("claude/acp_ask_write_deny", brief(Access::Read)),
        ("claude/acp_plan_exit_deny", in_mode(Access::Read, "plan")),
        ("claude/acp_error_400", brief(Access::Write)),
        ("codex/acp_error_400", brief(Access::Write)),
        (
            "codex-acp-0.16/acp_escalation_deny",
            in_mode(Access::Read, "read-only"),
        ),
        (
            "codex-acp-0.16/acp_escalation_allow",
            in_mode(Access::Write, "read-only"),
        ),
        ("qwen/acp_ask_write_deny", in_mode(Access::Read, "default")),
        ("qwen/acp_plan_exit_deny", in_mode(Access::Read, "plan")),
        ("qwen/acp_error_400", brief(Access::Write)),
        ("gemini/acp_ask_write_allow", in_mode(Access::Write, "default")),
        ("gemini/acp_ask_write_deny", in_mode(Access::Read, "default")),
        ("gemini/acp_plan_exit_deny", in_mode(Access::Read, "plan")),
        ("gemini/acp_plan_write", in_mode(Access::Read, "plan")),
        ("gemini/acp_error_400", brief(Access::Write)),
    ] {
        let mut replay = replay(name, brief);
        let end = replay.end().clone();
        assert_eq!(replay.dialect.on_end(Exit::Code(0), "", NOW), end, "{name}");
        snapshot(name, &replay.log);
    }
}

#[test]
fn a_cancelled_turn_is_cancelled() {
    for name in [
        "claude/acp_cancel",
        "codex-acp-0.16/acp_cancel",
        "gemini/acp_cancel",
        "gemini/acp_cancel_in_shell",
    ] {
        let mut replay = replay(name, brief(Access::Write));
        assert_eq!(replay.end().outcome, Outcome::Cancelled, "{name}");
        assert!(!replay.dialect.can_repair_in_process());
        assert_eq!(
            replay.dialect.on_end(Exit::Stopped, "", NOW).outcome,
            Outcome::Cancelled
        );
    }
}

#[test]
fn a_loaded_session_goes_on_and_its_history_is_no_news() {
    for (name, session) in [
        ("claude/acp_load_2", None),
        (
            "codex-acp-0.16/acp_load_2",
            Some("01a1fbe3-80a6-7400-a37e-0e1b233f4fdc"),
        ),
        ("qwen/acp_load_2", Some("b1b4336e-fba4-4eb7-ba9f-00a069e6e3bb")),
    ] {
        let recorded = recording(name)
            .into_iter()
            .map(|line| parsed(&line))
            .collect::<Vec<_>>();
        let of = |method: &str| {
            recorded
                .iter()
                .find(|line| line["msg"]["method"] == method)
                .unwrap()["msg"]
                .clone()
        };
        let id = of("session/load")["params"]["sessionId"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(session.is_none_or(|session| session == id));
        let prompt = of("session/prompt")["params"]["prompt"][0]["text"]
            .as_str()
            .unwrap()
            .to_owned();
        let replay = replay(
            name,
            Brief {
                resume: Some(id),
                prompt,
                ..brief(Access::Write)
            },
        );
        assert!(!replay.log.contains("First answer"), "{}", replay.log);
        assert_eq!(replay.end().outcome, Outcome::Done, "{name}");
        assert!(
            replay.end().message.contains("Second answer"),
            "{:?}",
            replay.end()
        );
        snapshot(name, &replay.log);
    }
}

#[test]
fn a_session_that_cannot_be_loaded_starts_anew() {
    let lines: Vec<Json> = recording("gemini/acp_load_2")
        .iter()
        .map(|line| parsed(line))
        .collect();
    let mut dialect = speak(
        DialectKind::Acp,
        Brief {
            resume: Some("704382b1".to_owned()),
            ..brief(Access::Read)
        },
    );
    dialect.open();
    let loading = dialect.on_line(&lines[1]["msg"].to_string(), NOW);
    assert!(rendered(&loading).contains("session/load"));
    let anew = rendered(&dialect.on_line(&lines[3]["msg"].to_string(), NOW));
    assert!(
        anew.contains("session/new") && anew.contains("No previous sessions found"),
        "{anew}"
    );
}

/// Plays only what the agent sent, into a client that goes its own way.
fn hear(name: &str, brief: Brief) -> Vec<Step> {
    let mut dialect = speak(DialectKind::Acp, brief);
    let mut steps = dialect.open();
    for line in recording(name)
        .iter()
        .map(|line| parsed(line))
        .filter(|line| line["dir"] == "a2c")
    {
        steps.extend(dialect.on_line(&line["msg"].to_string(), NOW));
    }
    steps
}

fn outcome_of(steps: &[Step]) -> &Outcome {
    let end = steps.iter().find_map(|step| {
        if let Step::TurnEnded(end) = step {
            Some(end)
        } else {
            None
        }
    });
    &end.unwrap_or_else(|| panic!("no end in\n{}", rendered(steps)))
        .outcome
}

#[test]
fn a_mode_that_is_not_offered_is_never_asked_for() {
    let steps = hear("codex/acp_plan_write", in_mode(Access::Read, "plan"));
    assert!(matches!(outcome_of(&steps), Outcome::ModeNotSet(_)));
    let log = rendered(&steps);
    assert!(
        !log.contains("session/set_mode") && !log.contains("session/prompt"),
        "{log}"
    );
}

#[test]
fn s4_21_a_mode_that_is_refused_stops_everything() {
    let mut dialect = speak(DialectKind::Acp, in_mode(Access::Read, "plan"));
    dialect.open();
    dialect.on_line(r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1}}"#, NOW);
    let opened = r#"{"jsonrpc":"2.0","id":2,"result":{"sessionId":"s","modes":{"currentModeId":"plan",
        "availableModes":[{"id":"plan"}]}}}"#
        .replace('\n', "");
    dialect.on_line(&opened, NOW);
    let refusal = r#"{"jsonrpc":"2.0","id":3,"error":{"code":-32602,"message":"Invalid params"}}"#;
    let steps = dialect.on_line(refusal, NOW);
    assert_eq!(
        *outcome_of(&steps),
        Outcome::ModeNotSet("the agent refused the mode `plan`: Invalid params".into())
    );
    assert!(!rendered(&steps).contains("session/prompt"));
}

#[test]
fn a_reader_that_leaves_its_mode_is_stopped() {
    // The recorded client allowed the way out of plan mode. Ours would not have; this agent leaves all the same.
    let steps = hear("claude/acp_plan_exit_allow", in_mode(Access::Read, "plan"));
    let log = rendered(&steps);
    assert!(matches!(outcome_of(&steps), Outcome::ModeNotSet(_)), "{log}");
    assert!(log.contains("session/cancel"), "{log}");
    assert!(!log.contains("exit-plan"), "{log}");
}

#[test]
fn every_permission_is_asked_for_by_kind_and_written_down() {
    for (name, access, mode) in [
        ("claude/acp_ask_write_deny", Access::Read, None),
        ("gemini/acp_plan_exit_deny", Access::Write, Some("plan")),
        ("qwen/acp_plan_exit_deny", Access::Write, Some("plan")),
        ("claude/acp_plan_exit_deny", Access::Write, Some("plan")),
    ] {
        let steps = hear(
            name,
            Brief {
                mode: mode.map(ToOwned::to_owned),
                ..brief(access)
            },
        );
        let answers: Vec<bool> = steps
            .iter()
            .filter_map(|step| match step {
                Step::Entry(EntryKind::Permission { allowed, .. }) => Some(*allowed),
                _ => None,
            })
            .collect();
        assert_eq!(answers, [false], "{name}\n{}", rendered(&steps));
    }
}

#[test]
fn without_a_sandbox_nothing_is_allowed() {
    let bare = Brief {
        is_sandboxed: false,
        ..in_mode(Access::Write, "default")
    };
    let log = rendered(&hear("gemini/acp_ask_write_allow", bare));
    assert!(log.contains("permission no"), "{log}");
    assert!(!log.contains("permission yes"), "{log}");
}

#[test]
fn what_can_only_be_allowed_for_ever_is_refused() {
    let mut dialect = speak(DialectKind::Acp, brief(Access::Write));
    dialect.open();
    let request =
        r#"{"jsonrpc":"2.0","id":"a","method":"session/request_permission","params":{"sessionId":"s",
        "toolCall":{"toolCallId":"t","title":"write","kind":"edit"},
        "options":[{"optionId":"x","kind":"allow_always"},{"optionId":"y","kind":"reject_always"}]}}"#
            .replace('\n', "");
    let log = rendered(&dialect.on_line(&request, NOW));
    assert!(log.contains(r#""outcome":{"outcome":"cancelled"}"#), "{log}");
    assert!(log.contains("permission no"), "{log}");
}

#[test]
fn a_turn_that_ends_without_anything_is_not_believed() {
    let mut dialect = speak(DialectKind::Acp, brief(Access::Write));
    dialect.open();
    dialect.on_line(r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1}}"#, NOW);
    dialect.on_line(r#"{"jsonrpc":"2.0","id":2,"result":{"sessionId":"s"}}"#, NOW);
    let steps = dialect.on_line(
        r#"{"jsonrpc":"2.0","id":3,"result":{"stopReason":"end_turn"}}"#,
        NOW,
    );
    assert!(matches!(outcome_of(&steps), Outcome::NoResult(_)));
    assert!(dialect.can_repair_in_process());
    assert!(rendered(&dialect.repair("again")).contains("session/prompt"));
    assert!(!dialect.can_repair_in_process());
}

#[test]
fn the_model_is_set_where_one_can_be_chosen_and_a_refusal_is_final() {
    let brief = Brief {
        model: Some("gpt-9".to_owned()),
        ..brief(Access::Write)
    };
    let mut dialect = speak(DialectKind::Acp, brief);
    dialect.open();
    dialect.on_line(r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1}}"#, NOW);
    let opened = r#"{"jsonrpc":"2.0","id":2,"result":{"sessionId":"s","configOptions":[{"id":"model",
        "category":"model","options":[{"value":"gpt-9"}]}]}}"#
        .replace('\n', "");
    assert!(rendered(&dialect.on_line(&opened, NOW)).contains("session/set_config_option"));
    let refusal = r#"{"jsonrpc":"2.0","id":3,"error":{"code":-32602,"message":"no such model"}}"#;
    assert!(matches!(
        outcome_of(&dialect.on_line(refusal, NOW)),
        Outcome::Permanent(_)
    ));
}

#[test]
fn a_limit_in_an_error_parks_until_its_reset() {
    let mut dialect = speak(DialectKind::Acp, brief(Access::Write));
    dialect.open();
    dialect.on_line(r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1}}"#, NOW);
    dialect.on_line(r#"{"jsonrpc":"2.0","id":2,"result":{"sessionId":"s"}}"#, NOW);
    let error = r#"{"jsonrpc":"2.0","id":3,"error":{"code":429,"message":"quota exceeded",
        "data":{"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.5s"}]}}}"#
        .replace('\n', "");
    let steps = dialect.on_line(&error, NOW);
    let Outcome::Limited { until, .. } = outcome_of(&steps) else {
        panic!("{}", rendered(&steps))
    };
    assert_eq!(*until, Some(NOW.plus_ms(34_500)));
}
