//! Keys that the daemon hands to agents, said again by an agent in every way there is: nothing that the daemon keeps or
//! shows holds one, and no branch does.

use crate::env::{TestEnv, await_that};
use cases::Case;
use serde_json::{Value as Json, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

const FLOW: &str = r#"
name = "leak"
category = "analysis"
version = 1
summary = "An agent that says what it should not."

[[step]]
id = "first"
kind = "agent"
prompt = "Begin. {{ input.question }}"

[[step]]
id = "second"
kind = "agent"
needs = ["first"]
prompt = "Go on with this: {{ first }}"

[[step]]
id = "may"
kind = "approval"
needs = ["second"]

[[step]]
id = "third"
kind = "agent"
needs = ["may"]
retry = { max = 0 }
prompt = "End."
"#;

const CHANGE: &str = r#"
name = "change"
category = "authoring"
version = 1
summary = "An agent that writes what it should not."

[[step]]
id = "write"
kind = "agent"
access = "write"
retry = { max = 0 }
prompt = "Write."
"#;

/// Ways in which a secret is planted, each for as many secrets.
const WAYS: usize = 10;

fn count() -> usize {
    if std::env::var_os("PARTITA_SOAK").is_some() {
        10_000
    } else {
        200
    }
}

/// Looks like no other secret, and has what is written in another way in a URL or in JSON.
fn secret(number: usize) -> String {
    let mixed = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("pt/{number:05}+{mixed:016x}=?")
}

fn base64(text: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut shown = String::new();
    for group in text.as_bytes().chunks(3) {
        let bits = (0..3).fold(0_u32, |bits, at| {
            bits << 8 | u32::from(*group.get(at).unwrap_or(&0))
        });
        for place in 0..=group.len() {
            shown.push(char::from(ALPHABET[(bits >> (18 - 6 * place) & 63) as usize]));
        }
    }
    shown
}

fn url(text: &str) -> String {
    text.bytes().fold(String::new(), |mut shown, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                shown.push(char::from(byte))
            }
            other => write!(shown, "%{other:02X}").unwrap(),
        }
        shown
    })
}

/// What the first agent does with a secret, by its number.
fn plant(number: usize) -> Vec<Json> {
    let secret = secret(number);
    match number % WAYS {
        0 => vec![json!({"say": format!("whole: {secret}\n")})],
        1 => vec![json!({"say": {"text": format!("in pieces: {secret}\n"), "piece": 5}})],
        2 => vec![json!({"say": format!("base64: {}\n", base64(&secret))})],
        3 => vec![
            json!({"say": {"text": format!("base64: {}\n", base64(&format!("x{secret}y"))), "piece": 7}}),
        ],
        4 => vec![json!({"say": format!("in a link: https://example.invalid/?key={}\n", url(&secret))})],
        5 => vec![json!({"think": format!("it is {secret}, I think")})],
        6 => vec![json!({"tool": {"title": format!("Read {secret}"), "output": format!("found {secret}")}})],
        7 => vec![json!({"stderr": format!("warning: {secret} was used\n")})],
        8 => vec![json!({"raw": format!("no protocol: {secret}\n")})],
        _ => vec![json!({"say": format!("{}\n", json!({"in json": secret}))})],
    }
}

/// What is kept of the words of all steps: the last of them, so every secret stands there once more.
fn words() -> String {
    let all = (0..count()).fold(String::new(), |all, number| all + &secret(number) + "\n");
    format!("The end: {all}")
}

fn env(change: &str) -> TestEnv {
    let env = TestEnv::new();
    env.make_repository();
    let folder = env.project().join(".partita/flows");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("leak.toml"), FLOW).unwrap();
    std::fs::write(folder.join("change.toml"), CHANGE).unwrap();
    let mut acts: Vec<Json> = (0..count()).flat_map(plant).collect();
    acts.push(json!({"say": words()}));
    let last = count() - 1;
    let script = json!({"scene": [
        {"match": "Begin.", "do": acts},
        {"match": "Go on with this", "do": [{"answer": {"list": [secret(0), {"deep": secret(1)}], secret(2): 1}}]},
        {"match": "End.", "do": [{"error": {"code": -32603, "message": format!("the key {} is bad", secret(last))}}]},
        {"match": "Write.", "do": [
            {"write": {"path": "fine.txt", "content": "nothing to see\n"}},
            {"write": {"path": "leak.txt", "content": format!("one\nkey = {change}\n")}},
            {"say": "Done."},
        ]},
    ]});
    env.script(&script.to_string());
    let mut agents = "[agents.rehearsal.env]\n".to_owned();
    for number in 0..count() {
        writeln!(agents, "PLANTED_{number}_KEY = {:?}", secret(number)).unwrap();
    }
    env.write_user_file(".config/partita/agents.toml", &agents);
    env
}

/// Every secret in every way in which it can be written, a line each: `grep` looks for all of them at once.
fn patterns(env: &TestEnv) -> PathBuf {
    let mut all = String::new();
    for number in 0..count() {
        let secret = secret(number);
        let (aligned, shifted) = (base64(&secret), base64(&format!("x{secret}y")));
        // Only what the secret alone decides.
        for spelled in [
            &secret,
            &secret.replace('/', "\\/"),
            &url(&secret),
            &aligned[..36],
            &shifted[4..36],
        ] {
            writeln!(all, "{spelled}").unwrap();
        }
    }
    let path = env.path("patterns");
    std::fs::write(&path, all).unwrap();
    path
}

/// Lines of all files below a folder that hold one of these texts, but for those below folders of this name.
fn grep(patterns: &Path, folder: &Path, but: &str) -> Vec<String> {
    let output = Command::new("grep")
        .args(["--recursive", "--text", "--only-matching", "--fixed-strings"])
        .arg(format!("--exclude-dir={but}"))
        .arg(format!("--file={}", patterns.display()))
        .arg(folder)
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().map(str::to_owned).collect()
}

fn start(env: &TestEnv, flow: &str, focus: &str) -> String {
    let arguments = [
        "run",
        flow,
        "--focus",
        focus,
        "--agent",
        "rehearsal",
        "--detach",
        "--json",
    ];
    let started = env.run(&arguments).json();
    started["slug"]
        .as_str()
        .unwrap_or_else(|| panic!("{started:#}"))
        .to_owned()
}

#[test]
fn a_60_a_key_that_an_agent_was_given_is_found_nowhere() {
    let mut case = Case::open("A-60");
    let env = env(&secret(0));
    case.tried_times(count() as u64);
    let slug = start(&env, "leak", &format!("why is {} bad?", secret(3)));
    await_that(
        || {
            !env.run(&["attention", "--json"]).json()["items"]
                .as_array()
                .unwrap()
                .is_empty()
        },
        "the run asks",
    );
    let items = env.run(&["attention", "--json"]).json();
    let id = items["items"][0]["id"].as_str().unwrap().to_owned();
    env.run(&["answer", &id, "approve", "--text", &format!("use {}", secret(4))])
        .ok();
    let ended = env.run(&["run", "watch", &slug, "--json"]);
    assert_eq!(ended.json()["status"], "failed", "the last agent broke");

    let commands: [&[&str]; 5] = [
        &["run", "show", &slug, "--json"],
        &["run", "show", &slug],
        &["logs", &slug],
        &["logs", &slug, "--json"],
        &["run", "list", "--json"],
    ];
    let shown = env.path("shown");
    std::fs::create_dir(&shown).unwrap();
    let mut texts = Vec::new();
    for (number, command) in commands.iter().enumerate() {
        let given = env.run(command);
        assert_eq!(given.code, 0, "{command:?}");
        std::fs::write(shown.join(number.to_string()), given.out.clone() + &given.err).unwrap();
        texts.push(given.out);
    }
    assert!(texts[0].contains("the key [secret] is bad"), "errors are cleaned");
    assert!(texts[0].contains("why is [secret] bad?"), "questions are cleaned");
    assert!(
        texts[2].contains("it is [secret], I think"),
        "thoughts are cleaned"
    );
    let patterns = patterns(&env);
    let nothing: Vec<String> = Vec::new();
    assert_eq!(grep(&patterns, &shown, ""), nothing);
    assert_eq!(grep(&patterns, &env.home(), ""), nothing, "while it runs");
    env.run(&["stop"]).ok();
    assert_eq!(grep(&patterns, &env.home(), ""), nothing, "once it was stopped");
    // Each was planted twice at least; each that was left a mark.
    let mark = env.path("mark");
    std::fs::write(&mark, "[secret]\n").unwrap();
    let marks = grep(&mark, &env.home(), "").len();
    assert!(marks >= 2 * count(), "{marks} marks");
    case.hit_times(count() as u64);
    case.pass(count() as u64);
}

fn git(env: &TestEnv, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(env.project())
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_60_a_change_that_shows_a_key_reaches_no_branch() {
    let mut case = Case::open("A-60");
    for (spelled, is_key) in [
        (secret(7), true),
        (base64(&secret(8)), true),
        (url(&secret(9)), true),
        // No diff shows it as lines.
        (format!("\u{0}\u{1}{}", secret(6)), true),
        ("pt/00009+not-a-key".to_owned(), false),
    ] {
        let env = env(&spelled);
        let slug = start(&env, "change", "write");
        let ended = env.run(&["run", "watch", &slug, "--json"]).json();
        let branches = git(&env, &["branch", "--list", "partita/*"]);
        if !is_key {
            assert_eq!(ended["status"], "completed", "{ended:#}");
            assert!(!branches.is_empty());
            continue;
        }
        case.tried();
        assert_eq!(ended["status"], "failed", "{ended:#}");
        let reason = ended["reason"].as_str().unwrap();
        assert!(
            reason.contains("leak.txt") && !reason.contains("fine.txt"),
            "{reason}"
        );
        assert_eq!(branches, "", "no branch holds it");
        let results = git(
            &env,
            &["for-each-ref", "--format=%(refname)", "refs/partita/tasks"],
        );
        assert_eq!(results, "", "and no name of ours");
        env.run(&["stop"]).ok();
        // What the agent left in its own copy stays there, as everything that is not brought back.
        assert_eq!(
            grep(&patterns(&env), &env.home(), "worktrees"),
            Vec::<String>::new()
        );
        case.hit();
    }
    case.pass(4);
}
