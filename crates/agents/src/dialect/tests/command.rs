//! A command's output is its answer, its exit code its verdict.

use super::*;

fn run(lines: &[&str], exit: Exit, stderr: &str) -> TurnEnd {
    let mut dialect = speak(DialectKind::Command, brief(Access::Read));
    dialect.open();
    for line in lines {
        dialect.on_line(line, NOW);
    }
    dialect.on_end(exit, stderr, NOW)
}

#[test]
fn what_it_prints_is_its_answer() {
    let end = run(&["```json", "{}", "```"], Exit::Code(0), "");
    assert_eq!((end.outcome, &*end.message), (Outcome::Done, "```json\n{}\n```"));
}

#[test]
fn a_silent_command_may_still_be_done() {
    assert_eq!(run(&[], Exit::Code(0), "").outcome, Outcome::Done);
}

#[test]
fn its_code_is_its_verdict_whatever_it_says_about_limits() {
    let end = run(&["429 Too Many Requests"], Exit::Code(2), "");
    assert_eq!(
        end.outcome,
        Outcome::Exited {
            code: 2,
            reason: "exit code 2: 429 Too Many Requests".into()
        }
    );
    assert!(matches!(
        run(&[], Exit::Signal(9), "").outcome,
        Outcome::Killed(_)
    ));
}

#[test]
fn a_stopped_command_is_cancelled_only_when_it_was_asked_to_stop() {
    let mut dialect = speak(DialectKind::Command, brief(Access::Read));
    dialect.open();
    dialect.interrupt();
    assert_eq!(dialect.on_end(Exit::Stopped, "", NOW).outcome, Outcome::Cancelled);
    assert!(matches!(
        run(&[], Exit::Stopped, "").outcome,
        Outcome::NoResult(_)
    ));
}

#[test]
fn endless_output_keeps_its_end() {
    let mut dialect = speak(DialectKind::Command, brief(Access::Read));
    dialect.open();
    let line = "x".repeat(100_000);
    for _ in 0..50 {
        dialect.on_line(&line, NOW);
    }
    dialect.on_line("the end", NOW);
    let end = dialect.on_end(Exit::Code(0), "", NOW);
    assert!(end.message.ends_with("the end") && end.message.len() <= 256 * 1024);
}
