//! claude's two-way JSON against recordings: of control conversations as they were, and of one-way runs from their
//! first line on.

use super::*;

/// Plays a control conversation; a recorded second prompt is our repair turn, a recorded interrupt ours.
fn converse(name: &str, brief: Brief) -> (Box<dyn Dialect>, Vec<Step>) {
    let mut dialect = speak(DialectKind::Claude, brief);
    let mut steps = dialect.open();
    let mut prompts = 0;
    let mut answers = Vec::new();
    for line in recording(name).iter().map(|line| parsed(line)) {
        let message = &line["msg"];
        if line["dir"] == "out" {
            let mut message = message.clone();
            if message["response"]["request_id"] == "init-1" {
                message["response"]["request_id"] = Json::from("initialize");
            }
            steps.extend(dialect.on_line(&message.to_string(), NOW));
            continue;
        }
        match message["type"].as_str() {
            Some("user") => {
                prompts += 1;
                if prompts > 1 {
                    assert!(dialect.can_repair_in_process());
                    steps.extend(dialect.repair(message["message"]["content"].as_str().unwrap()));
                }
            }
            Some("control_request") if message["request"]["subtype"] == "interrupt" => {
                steps.extend(dialect.interrupt());
            }
            Some("control_response") => answers.push(message["response"]["response"]["behavior"].clone()),
            _ => {}
        }
    }
    // What the recorded client answered is what ours answers, questions to a person apart.
    let ours: Vec<Json> = steps
        .iter()
        .filter_map(|step| {
            if let Step::Send(line) = step {
                Some(parsed(line))
            } else {
                None
            }
        })
        .filter(|message| message["type"] == "control_response")
        .map(|message| message["response"]["response"]["behavior"].clone())
        .collect();
    if !name.contains("ask") && !ours.is_empty() {
        assert_eq!(ours, answers, "{name}");
    }
    (dialect, steps)
}

fn in_mode(access: Access, mode: &str) -> Brief {
    Brief {
        mode: Some(mode.to_owned()),
        ..brief(access)
    }
}

#[test]
fn recorded_conversations_are_understood() {
    for (name, brief) in [
        ("claude/control_allow", in_mode(Access::Write, "default")),
        ("claude/control_deny", in_mode(Access::Read, "default")),
        ("claude/control_ask", in_mode(Access::Read, "default")),
        ("claude/control_plan_write", in_mode(Access::Write, "plan")),
        ("claude/control_two_turns", in_mode(Access::Read, "default")),
        ("claude/control_interrupt", in_mode(Access::Read, "default")),
    ] {
        let (_, steps) = converse(name, brief);
        snapshot(name, &rendered(&steps));
    }
}

#[test]
fn a_reader_in_another_mode_is_never_prompted() {
    let (_, steps) = converse("claude/control_deny", in_mode(Access::Read, "plan"));
    let log = rendered(&steps);
    assert!(
        log.contains("ModeNotSet") && !log.contains(r#""type":"user""#),
        "{log}"
    );
}

/// Plays a one-way run behind a made-up opening.
fn hear(name: &str, brief: Brief, exit: Exit, stderr: &str) -> (Vec<Step>, TurnEnd) {
    let mut dialect = speak(DialectKind::Claude, brief);
    let mut steps = dialect.open();
    let opening = r#"{"type":"control_response","response":{"subtype":"success","request_id":"initialize"}}"#;
    dialect.on_line(opening, NOW);
    for line in recording(name) {
        steps.extend(dialect.on_line(&line, NOW));
    }
    let end = dialect.on_end(exit, stderr, NOW);
    (steps, end)
}

#[test]
fn recorded_runs_are_understood() {
    for (name, exit) in [
        ("claude/error_429_forever", Exit::Code(1)),
        ("claude/error_529_forever", Exit::Code(1)),
        ("claude/error_400", Exit::Code(1)),
        ("claude/error_401", Exit::Stopped),
        ("claude/no_key", Exit::Code(1)),
        ("claude/resume_1", Exit::Code(0)),
        ("claude/resume_missing", Exit::Code(1)),
        ("claude/sigint", Exit::Code(0)),
        ("claude/stream_cut_once", Exit::Code(0)),
        ("claude/stream_cut_forever", Exit::Code(0)),
        ("claude/plan_exit_then_write", Exit::Code(0)),
        ("claude/default_write_denied", Exit::Code(0)),
        ("claude/slow_partial", Exit::Code(0)),
    ] {
        let (steps, end) = hear(name, brief(Access::Read), exit, "");
        snapshot(name, &format!("{}gone       {}\n", rendered(&steps), ended(&end)));
    }
}

#[test]
fn a_resumed_session_counts_only_its_own() {
    let (_, first) = hear("claude/resume_1", brief(Access::Read), Exit::Code(0), "");
    let again = Brief {
        resume: Some("11111111-2222-4333-8444-555555555555".to_owned()),
        session_total: first.session_total,
        ..brief(Access::Read)
    };
    let (_, second) = hear("claude/resume_2", again, Exit::Code(0), "");
    assert_eq!(second.usage, first.usage);
    assert_eq!(second.usage.cost_micros, Some(1680));
    assert_eq!(second.session_total.unwrap().output, 68);
}

#[test]
fn old_versions_that_only_count_up_are_differenced() {
    let strip = |line: &str| {
        let mut message = parsed(line);
        message
            .as_object_mut()
            .unwrap()
            .remove("model_usage_since_last_result");
        message.to_string()
    };
    let before = Usage {
        input_uncached: 200,
        input_cached: 1000,
        output: 34,
        cost_micros: Some(1680),
    };
    let brief = Brief {
        resume: Some("1".into()),
        session_total: Some(before),
        ..brief(Access::Read)
    };
    let mut dialect = speak(DialectKind::Claude, brief);
    dialect.open();
    for line in recording("claude/resume_2") {
        dialect.on_line(&strip(&line), NOW);
    }
    assert_eq!(dialect.on_end(Exit::Code(0), "", NOW).usage, before);
}

#[test]
fn a_rate_limit_event_says_when_the_limit_is_lifted() {
    let mut dialect = speak(DialectKind::Claude, brief(Access::Read));
    dialect.open();
    let resets = NOW.as_ms() / 1000 + 7200;
    let event = format!(
        r#"{{"type":"rate_limit_event","rate_limit_info":{{"status":"rejected","resetsAt":{resets},"rateLimitType":"five_hour"}}}}"#
    );
    dialect.on_line(&event, NOW);
    let result = r#"{"type":"result","subtype":"success","is_error":true,"api_error_status":429,"result":"You've hit your limit · resets 3pm"}"#;
    dialect.on_line(result, NOW);
    let end = dialect.on_end(Exit::Code(1), "", NOW);
    let reason = "You've hit your limit · resets 3pm".to_owned();
    assert_eq!(
        end.outcome,
        Outcome::Limited {
            until: Some(NOW.plus_ms(7_200_000)),
            reason
        }
    );
}

#[test]
fn a_process_that_refuses_to_start_says_why() {
    let mut dialect = speak(DialectKind::Claude, brief(Access::Write));
    dialect.open();
    let stderr =
        "--dangerously-skip-permissions cannot be used with root/sudo privileges for security reasons\n";
    assert!(matches!(
        dialect.on_end(Exit::Code(1), stderr, NOW).outcome,
        Outcome::Permanent(_)
    ));
}
