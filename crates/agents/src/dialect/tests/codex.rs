//! `codex exec --json` against recordings, exit codes as they were.

use super::*;

fn hear(name: &str, brief: Brief, exit: Exit, stderr: &str) -> (Vec<Step>, TurnEnd) {
    let mut dialect = speak(DialectKind::Codex, brief);
    let mut steps = dialect.open();
    for line in recording(name) {
        steps.extend(dialect.on_line(&line, NOW));
    }
    let end = dialect.on_end(exit, stderr, NOW);
    (steps, end)
}

#[test]
fn recorded_runs_are_understood() {
    for (name, exit) in [
        ("codex/auto_write", Exit::Code(0)),
        ("codex/auto_apply_patch", Exit::Code(0)),
        ("codex/readonly_failing_cmd", Exit::Code(0)),
        ("codex/readonly_shell_blocked", Exit::Code(0)),
        ("codex/error_429_once", Exit::Code(0)),
        ("codex/error_429_forever", Exit::Code(1)),
        ("codex/error_401", Exit::Code(1)),
        ("codex/error_400", Exit::Code(1)),
        ("codex/error_500_forever", Exit::Code(1)),
        ("codex/error_usage_limit", Exit::Code(1)),
        ("codex/no_key", Exit::Code(1)),
        ("codex/stream_cut_once", Exit::Code(0)),
        ("codex/stream_cut_forever", Exit::Code(1)),
        ("codex/sigterm_in_shell", Exit::Signal(15)),
    ] {
        let (steps, end) = hear(
            name,
            brief(Access::Read),
            exit,
            "Reading additional input from stdin...\n",
        );
        snapshot(name, &format!("{}gone       {}\n", rendered(&steps), ended(&end)));
    }
}

#[test]
fn a_resumed_thread_counts_only_its_own() {
    let before = Usage {
        input_uncached: 200,
        input_cached: 1000,
        output: 34,
        cost_micros: None,
    };
    let again = Brief {
        resume: Some("01a1".into()),
        session_total: Some(before),
        ..brief(Access::Read)
    };
    let (_, end) = hear("codex/resume_2", again, Exit::Code(0), "");
    assert_eq!(end.usage, before);
    assert_eq!(end.session_total, Some(before.plus(before)));
    assert_eq!(&*end.message, "Resumed.");
}

#[test]
fn the_prompt_goes_in_by_standard_input_and_the_thread_by_argument() {
    let brief = Brief {
        resume: Some("01a1".into()),
        model: Some("m".into()),
        ..brief(Access::Write)
    };
    let mut dialect = speak(DialectKind::Codex, brief);
    let expected = "exec --json --skip-git-repo-check --sandbox workspace-write --model m resume 01a1 -";
    assert_eq!(dialect.arguments().join(" "), expected);
    let steps = dialect.open();
    assert_eq!(steps[0], Step::Send("Please write hello.txt".into()));
    assert_eq!(steps[2], Step::CloseStdin);
    assert!(!dialect.can_repair_in_process());
}

#[test]
fn a_usage_limit_names_its_reset() {
    for (text, ms) in [
        (
            "You've hit your usage limit. Upgrade to Pro (https://openai.com/pricing) or try again in 3 days 1 hour 5 minutes.",
            3 * 86_400_000 + 3_600_000 + 300_000,
        ),
        (
            "You've hit your usage limit. To get more access now, send a request to your admin or try again at 3:05 PM.",
            3 * 3_600_000 + 300_000,
        ),
        (
            "You've hit your usage limit. Visit https://chatgpt.com/codex/settings/usage to purchase more credits or try again at Nov 22nd, 2026 9:00 AM.",
            21 * 3_600_000,
        ),
    ] {
        let mut dialect = speak(DialectKind::Codex, brief(Access::Read));
        dialect.open();
        let line = serde_json::json!({ "type": "turn.failed", "error": { "message": text } }).to_string();
        dialect.on_line(&line, NOW);
        let end = dialect.on_end(Exit::Code(1), "", NOW);
        let Outcome::Limited { until, .. } = end.outcome else {
            panic!("{end:?}")
        };
        assert_eq!(until, Some(NOW.plus_ms(ms)), "{text}");
    }
}

#[test]
fn a_thread_that_is_gone_is_lost_and_not_a_failure() {
    let mut dialect = speak(DialectKind::Codex, brief(Access::Read));
    dialect.open();
    let stderr =
        "Error: thread/resume: thread/resume failed: no rollout found for thread id 01a1fbc5 (code -32600)";
    assert!(matches!(
        dialect.on_end(Exit::Code(1), stderr, NOW).outcome,
        Outcome::SessionLost(_)
    ));
    let stderr = "Not inside a trusted directory and --skip-git-repo-check was not specified.";
    assert!(
        matches!(
            dialect.on_end(Exit::Code(1), stderr, NOW).outcome,
            Outcome::SessionLost(_)
        ),
        "an end holds"
    );
}

#[test]
fn a_claim_is_taken_back_by_a_process_that_failed() {
    for (exit, is_done) in [
        (Exit::Code(0), true),
        (Exit::Stopped, true),
        (Exit::Code(3), false),
        (Exit::Signal(9), false),
    ] {
        let (_, end) = hear("codex/auto_write", brief(Access::Write), exit, "");
        assert_eq!(end.outcome == Outcome::Done, is_done, "{exit:?} {end:?}");
    }
    let (_, end) = hear("codex/auto_write", brief(Access::Write), Exit::Code(3), "boom");
    let reason = "it gave its answer, then ended with exit code 3: boom".to_owned();
    assert_eq!(end.outcome, Outcome::Exited { code: 3, reason });
}
