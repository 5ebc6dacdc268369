//! The agent, spoken to by our own client, in one process with the test; and the demo on its sample.

use super::agent::Agent;
use super::memory::Memory;
use super::script::Script;
use super::wire::Wire;
use super::*;
use crate::dialect::{Brief, DialectKind, Exit, Outcome, Step, TurnEnd, speak};
use domain::{Access, Moment};
use engine::ports::EntryKind;
use std::io::{BufRead as _, PipeWriter, pipe};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

const NOW: Moment = Moment::from_ms(1_795_262_400_000);

fn brief(prompt: &str, cwd: &Path, access: Access) -> Brief {
    Brief {
        prompt: prompt.to_owned(),
        cwd: cwd.to_owned(),
        access,
        is_sandboxed: true,
        mode: Some(if access == Access::Read { "plan" } else { "default" }.to_owned()),
        model: None,
        resume: None,
        session_total: None,
        zone: jiff::tz::TimeZone::UTC,
    }
}

/// One conversation, from the first line to the last.
struct Talk {
    end: TurnEnd,
    steps: Vec<Step>,
    code: u8,
}

impl Talk {
    fn text(&self) -> String {
        self.steps
            .iter()
            .filter_map(|step| {
                if let Step::Entry(EntryKind::Text(text)) = step {
                    Some(text.as_str())
                } else {
                    None
                }
            })
            .collect()
    }

    fn json(&self) -> serde_json::Value {
        let body = self
            .end
            .message
            .rsplit_once("```json\n")
            .unwrap()
            .1
            .split_once("\n```")
            .unwrap()
            .0;
        serde_json::from_str(body).unwrap()
    }
}

/// Speaks until the turn is over; `interrupt_at` is a text at which the turn is cancelled.
fn talk_until(script: &str, brief: Brief, home: &Path, interrupt_at: Option<&str>) -> Talk {
    let script = Script::parse(script).unwrap_or_else(|error| panic!("{error}"));
    let (agent_in, mut to_agent) = pipe().unwrap();
    let (from_agent, agent_out) = pipe().unwrap();
    let home = home.to_owned();
    let agent = std::thread::spawn(move || {
        let wire = Wire::new(Some(Box::new(BufReader::new(agent_in))), Box::new(agent_out));
        Agent::new(script, wire, Memory::in_home(Some(home.clone())), Some(home)).serve()
    });
    let mut dialect = speak(DialectKind::Rehearsal, brief);
    let mut steps = Vec::new();
    let first = dialect.open();
    carry_out(first, &mut to_agent, &mut steps);
    for line in BufReader::new(from_agent).split(b'\n') {
        let line = String::from_utf8_lossy(&line.unwrap()).into_owned();
        let next = dialect.on_line(&line, NOW);
        let is_over = next.iter().any(|step| matches!(step, Step::TurnEnded(_)));
        carry_out(next, &mut to_agent, &mut steps);
        if interrupt_at.is_some_and(|text| line.contains(text)) {
            let next = dialect.interrupt();
            carry_out(next, &mut to_agent, &mut steps);
        }
        if is_over {
            break;
        }
    }
    drop(to_agent);
    let code = agent.join().unwrap();
    let end = dialect.on_end(Exit::Code(i32::from(code)), "", NOW);
    Talk { end, steps, code }
}

fn carry_out(next: Vec<Step>, to_agent: &mut PipeWriter, steps: &mut Vec<Step>) {
    for step in &next {
        if let Step::Send(line) = step {
            // An agent that is gone hears nothing more.
            drop(writeln!(to_agent, "{line}"));
        }
    }
    steps.extend(next);
}

fn talk(script: &str, access: Access) -> Talk {
    let folder = tempfile::tempdir().unwrap();
    talk_until(script, brief("Do it", folder.path(), access), folder.path(), None)
}

/// Writes the sample, as the command line does.
fn write_sample(folder: &Path) {
    for file in sample() {
        let path = folder.join(file.path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, file.content).unwrap();
        let mode = if file.is_executable { 0o755 } else { 0o644 };
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
}

fn tests_pass(folder: &Path) -> bool {
    Command::new("sh")
        .arg("tests/run.sh")
        .current_dir(folder)
        .output()
        .unwrap()
        .status
        .success()
}

fn play_demo(prompt: &str, access: Access) -> (tempfile::TempDir, Talk) {
    let folder = tempfile::tempdir().unwrap();
    let home = tempfile::tempdir().unwrap();
    write_sample(folder.path());
    let talk = talk_until(DEMO, brief(prompt, folder.path(), access), home.path(), None);
    assert_eq!(talk.end.outcome, Outcome::Done, "{}", talk.text());
    (folder, talk)
}

#[test]
fn the_demo_mends_exactly_the_defect_of_the_sample() {
    let (folder, talk) = play_demo(
        "You are an engineer.\n\n# Mend a defect\n\n**The report:** …",
        Access::Write,
    );
    assert!(tests_pass(folder.path()));
    assert!(
        talk.end.message.contains("All tests in tests/run.sh pass"),
        "{}",
        talk.end.message
    );
    for file in sample() {
        let now = std::fs::read_to_string(folder.path().join(file.path)).unwrap();
        let changed: Vec<_> = file
            .content
            .lines()
            .zip(now.lines())
            .filter(|(old, new)| old != new)
            .collect();
        let expected = if file.path == "invoice.sh" { 2 } else { 0 };
        assert_eq!(
            (changed.len(), now.lines().count()),
            (expected, file.content.lines().count()),
            "{changed:?}"
        );
    }
}

#[test]
fn the_sample_has_a_defect_that_its_tests_show() {
    let folder = tempfile::tempdir().unwrap();
    write_sample(folder.path());
    assert!(!tests_pass(folder.path()));
}

#[test]
fn the_demo_answers_with_lines_that_are_there() {
    let angles = ["correctness", "tests", "callers", "clarity", "safety"];
    let mut prompts: Vec<(String, &str)> = angles
        .iter()
        .map(|angle| (format!("# Review: {angle}\n"), "findings"))
        .collect();
    prompts.extend([
        ("# Sum up a review\n".to_owned(), "claims"),
        ("# Survey for a question\n".to_owned(), "places"),
        ("# Investigate: the promises\n".to_owned(), "observations"),
        ("# Investigate: the exceptions\n".to_owned(), "observations"),
        ("# Answer a question about the code\n".to_owned(), "claims"),
        ("# Find the cause of a defect\n".to_owned(), "places"),
        ("# Review a fix: correctness\n".to_owned(), "findings"),
    ]);
    for (prompt, list) in prompts {
        let (folder, talk) = play_demo(&prompt, Access::Read);
        let json = talk.json();
        let items = json[list]
            .as_array()
            .unwrap_or_else(|| panic!("{prompt}: {json}"));
        assert!(!items.is_empty() || prompt.contains("safety"), "{prompt}");
        for item in items {
            let text = std::fs::read_to_string(folder.path().join(item["file"].as_str().unwrap())).unwrap();
            let line = usize::try_from(item["line"].as_u64().unwrap()).unwrap();
            assert_eq!(
                text.lines().nth(line - 1).unwrap().trim(),
                item["quote"].as_str().unwrap(),
                "{prompt}"
            );
        }
    }
}

#[test]
fn the_demo_finds_nothing_wrong_with_its_own_fix() {
    let folder = tempfile::tempdir().unwrap();
    write_sample(folder.path());
    let ask =
        |prompt: &str, access| talk_until(DEMO, brief(prompt, folder.path(), access), folder.path(), None);
    ask("# Mend a defect", Access::Write);
    let review = ask("# Review a fix: correctness", Access::Read);
    assert_eq!(review.json()["findings"], serde_json::json!([]));
}

#[test]
fn the_demo_judges_every_item_once() {
    let list = "## The findings\n\n1. [high] Tax\n   at invoice.sh:36\n2. [low] Amounts are rounded for every line\n\
                3. [low] Nothing tests\n\n## How to go about it\n\n1. Not an item\n";
    let (_, talk) = play_demo(&format!("# Try to refute these findings\n\n{list}"), Access::Read);
    let json = talk.json();
    let verdicts: Vec<_> = json["verdicts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["verdict"].as_str().unwrap())
        .collect();
    assert_eq!(verdicts, ["stands", "refuted", "stands"]);
}

#[test]
fn a_script_in_the_prompt_goes_before_all_others() {
    let folder = tempfile::tempdir().unwrap();
    let prompt = "Do this:\n\n```rehearsal\n[[do]]\nsay = \"from the prompt\"\n```\n";
    let talk = talk_until(
        DEMO,
        brief(prompt, folder.path(), Access::Read),
        folder.path(),
        None,
    );
    assert_eq!(&*talk.end.message, "from the prompt");
    let broken = "```rehearsal\nnonsense = 1\n```\n";
    let talk = talk_until(
        DEMO,
        brief(broken, folder.path(), Access::Read),
        folder.path(),
        None,
    );
    assert_ne!(talk.end.outcome, Outcome::Done);
}

#[test]
fn attempts_are_counted_in_the_home() {
    let script = "[[scene]]\nmatch = 'it'\nattempt = 1\ndo = [{ fail = 'server' }]\n\
                  [[scene]]\nmatch = 'it'\nattempt = [2, 3]\ndo = [{ say = 'attempt @{attempt}' }]\n";
    let home = tempfile::tempdir().unwrap();
    let ask = || {
        talk_until(
            script,
            brief("Do it", home.path(), Access::Read),
            home.path(),
            None,
        )
        .end
    };
    assert!(matches!(ask().outcome, Outcome::Transient(_)));
    assert_eq!(&*ask().message, "attempt 2");
    assert_eq!(&*ask().message, "attempt 3");
    assert!(ask().message.contains("says nothing"));
}

#[test]
fn providers_fail_in_every_known_way() {
    let outcome = |fail: &str| {
        talk(&format!("do = [{{ fail = {fail} }}]"), Access::Read)
            .end
            .outcome
    };
    let Outcome::Limited { until, .. } = outcome("{ with = 'rate_limit', resets_in_s = 90 }") else {
        panic!()
    };
    assert_eq!(until, Some(NOW.plus_ms(90_000)));
    let Outcome::Limited { until, .. } = outcome("{ with = 'usage_limit', resets_in_s = 7200 }") else {
        panic!()
    };
    assert_eq!(until, Some(NOW.plus_ms(7_200_000)));
    assert!(matches!(
        outcome("'rate_limit'"),
        Outcome::Limited { until: None, .. }
    ));
    assert!(matches!(outcome("'login'"), Outcome::Authentication(_)));
    assert!(matches!(outcome("'server'"), Outcome::Transient(_)));
    assert!(matches!(outcome("'bad_request'"), Outcome::Permanent(_)));
    assert!(matches!(
        talk("is_logged_out = true", Access::Read).end.outcome,
        Outcome::Authentication(_)
    ));
    assert!(matches!(
        talk("refuses_mode = true", Access::Read).end.outcome,
        Outcome::ModeNotSet(_)
    ));
    assert!(matches!(
        talk("modes = []", Access::Read).end.outcome,
        Outcome::ModeNotSet(_)
    ));
}

#[test]
fn ends_without_a_result_are_told_apart() {
    let outcome = |acts: &str| talk(&format!("do = [{acts}]"), Access::Read).end.outcome;
    assert!(matches!(
        outcome("{ say = 'x' }, { exit = 0 }"),
        Outcome::NoResult(_)
    ));
    assert!(matches!(
        outcome("{ say = 'x' }, { exit = 3 }"),
        Outcome::Exited { code: 3, .. }
    ));
    assert!(matches!(
        outcome("{ half_json = true }, { exit = 0 }"),
        Outcome::NoResult(_)
    ));
    assert!(matches!(outcome("{ no_usage = true }"), Outcome::NoResult(_)));
    let late = talk("do = [{ say = 'done' }]\nafter = [{ exit = 4 }]", Access::Read);
    assert_eq!(late.code, 4);
    assert!(matches!(late.end.outcome, Outcome::Exited { code: 4, .. }));
}

#[test]
fn noise_is_survived() {
    let noise = "{ flood = { bytes = 300000, line = 0 } }, { raw = \"\\n\" }, { raw_hex = 'fffe00c3280a' }, \
                 { raw = \"{\\\"jsonrpc\\\":\\n\" }, { flood = { bytes = 200000, says = true } }, { say = ' end' }";
    let talk = talk(&format!("do = [{noise}]"), Access::Read);
    assert_eq!(talk.end.outcome, Outcome::Done);
    assert!(talk.end.message.ends_with(" end"));
}

#[test]
fn a_hanging_turn_hears_a_cancel() {
    let folder = tempfile::tempdir().unwrap();
    let script = "do = [{ say = 'waiting' }, { wait_for = { path = 'never' } }]";
    let talk = talk_until(
        script,
        brief("x", folder.path(), Access::Read),
        folder.path(),
        Some("waiting"),
    );
    assert_eq!(talk.end.outcome, Outcome::Cancelled);
}

#[test]
fn a_reader_is_refused_and_a_writer_is_allowed_once() {
    let script = "ignores_mode = true\ndo = [\
        { write = { path = 'a.txt', content = 'x', ask = true } }, { ask = { kind = 'other' } },\
        { switch_mode = { to = 'auto' } }, { append = { path = 'count', line = '@{attempt}' } }]";
    for (access, is_written) in [(Access::Read, false), (Access::Write, true)] {
        let folder = tempfile::tempdir().unwrap();
        let talk = talk_until(script, brief("x", folder.path(), access), folder.path(), None);
        assert_eq!(folder.path().join("a.txt").exists(), is_written);
        assert!(talk.text().contains("(other): reject_once"), "{}", talk.text());
        assert!(talk.text().contains("I stay in my mode"));
        assert_eq!(
            std::fs::read_to_string(folder.path().join("count")).unwrap(),
            "1\n"
        );
    }
}

#[test]
fn leaving_the_mode_by_force_is_noticed() {
    let talk = talk(
        "do = [{ switch_mode = { to = 'auto', force = true } }, { say = 'x' }]",
        Access::Read,
    );
    assert!(matches!(talk.end.outcome, Outcome::ModeNotSet(_)));
}

#[test]
fn usage_is_as_the_script_says() {
    let script = "do = [{ usage = { input = 10, cached = 20, output = 5, cost_usd = 0.25 } }, { say = 'x' }]";
    let usage = talk(script, Access::Read).end.usage;
    assert_eq!(
        (
            usage.input_uncached,
            usage.input_cached,
            usage.output,
            usage.cost_micros
        ),
        (10, 20, 5, Some(250_000))
    );
}

#[test]
fn unknown_words_in_a_script_are_refused() {
    for script in [
        "doo = []",
        "do = [{ shout = 'x' }]",
        "[[scene]]\nmatches = 'x'",
        "{\"do\": [{\"exit\": 300}]}",
    ] {
        assert!(Script::parse(script).is_err(), "{script}");
    }
    Script::parse("{\"do\": [{\"hostile\": {\"outside\": \"@{env:OUTSIDE}\"}}, {\"fork\": {\"count\": 2}}]}")
        .unwrap();
}

#[test]
fn what_is_planted_is_reported_as_planted() {
    let folder = tempfile::tempdir().unwrap();
    let hostile = detail::Hostile::default();
    let planted = hostile::planted(&hostile, folder.path());
    assert!(planted.len() >= 25, "{planted:?}");
    assert!(planted.iter().all(|(_, class, _)| *class == "plant"));
    assert!(folder.path().join(".git/hooks/post-checkout").exists());
    assert!(folder.path().join(".claude/settings.json").exists());
}
