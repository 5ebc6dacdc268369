//! Whatever an agent, a repository or a request says: of what comes out, a terminal obeys colours and line ends only.

use crate::env::{Given, TestEnv, await_that};
use cases::Case;
use serde_json::{Value as Json, json};

const FLOW: &str = r#"
name = "loud"
category = "analysis"
version = 1
summary = "Says what a terminal would obey. \u001b]0;owned\u0007"

[[step]]
id = "say"
title = "Say \u001b[2J it \u009b2J \u202e"
kind = "agent"
prompt = "Begin. {{ input.question }}"

[[step]]
id = "may"
title = "May it? \u001b]52;c;aGk=\u0007 \r gone"
kind = "approval"
needs = ["say"]

[[step]]
id = "break"
kind = "agent"
needs = ["may"]
retry = { max = 0 }
prompt = "End."
"#;

/// What terminals obey: kinds of sequences, each begun and ended in every way, and single characters.
fn corpus() -> Vec<String> {
    let mut all = Vec::new();
    let ends = ["\u{7}", "\u{1b}\\", "\u{9c}", ""];
    let strings = [
        (
            "]",
            "\u{9d}",
            &[
                "0;title",
                "2;title",
                "52;c;aGVsbG8=",
                "52;c;?",
                "8;;http://attacker.example",
                "4;1;?",
                "10;?",
                "50;?",
                "1337;File=:AA==",
                "777;notify;a;b",
            ][..],
        ),
        (
            "P",
            "\u{90}",
            &["$qm", "+q544e", "1;1|17/ab", "tmux;\u{1b}]0;x"][..],
        ),
        ("_", "\u{9f}", &["Ga=T;AAAA"][..]),
        ("^", "\u{9e}", &["private"][..]),
        ("X", "\u{98}", &["string"][..]),
    ];
    for (seven, eight, bodies) in strings {
        for body in bodies {
            for end in ends {
                all.push(format!("\u{1b}{seven}{body}{end}"));
                all.push(format!("{eight}{body}{end}"));
            }
        }
    }
    for csi in ["\u{1b}[", "\u{9b}"] {
        for body in [
            "2J",
            "3J",
            "H",
            "1;1H",
            "999A",
            "999D",
            "2K",
            "?25l",
            "?1049h",
            "?1000h",
            "?2004h",
            "6n",
            "c",
            ">c",
            "=c",
            "21t",
            "8;1;1t",
            "5i",
            "4i",
            "20l",
            "?5h",
            "!p",
            "1;1r",
            "38;5;1",
            "0;0;0;0",
            "1$r",
            "?1004h",
            "200~rm -rf\n\u{1b}[201~",
            "3 q",
        ] {
            all.push(format!("{csi}{body}"));
        }
    }
    for two in [
        "\u{1b}c",
        "\u{1b}7",
        "\u{1b}8",
        "\u{1b}D",
        "\u{1b}M",
        "\u{1b}#8",
        "\u{1b}(0",
        "\u{1b}%@",
        "\u{1b}Z",
        "\u{1b}=",
        "\u{1b}\u{1b}[2J",
        "\u{1b}",
    ] {
        all.push(two.to_owned());
    }
    let singles = (0..0x20_u32)
        .chain(0x7f..0xa0)
        .filter(|code| ![0, 9, 10].contains(code));
    all.extend(singles.filter_map(char::from_u32).map(String::from));
    for hidden in [
        "\u{202e}drowssap",
        "\u{2066}x\u{2069}",
        "\u{200b}",
        "\u{feff}",
        "\u{ad}",
        "\u{2028}",
        "\u{e0041}",
        "ok\rbad",
        "a\u{8}b",
        "\r\n\u{1b}[A",
    ] {
        all.push(hidden.to_owned());
    }
    // Longer than any line, with something at its end.
    all.push(format!("{}\u{1b}]0;x\u{7}", "x".repeat(50_000)));
    all
}

/// What would be obeyed in a text; only colours, line ends and tabs may.
fn obeyed(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(is_special) {
        rest = &rest[at..];
        let colour = rest.strip_prefix("\u{1b}[").and_then(|body| {
            let length = body.find(|c: char| !c.is_ascii_digit() && c != ';')?;
            body[length..].strip_prefix('m')
        });
        rest = match colour {
            Some(after) => after,
            None => {
                found.push(
                    rest.chars()
                        .take(12)
                        .collect::<String>()
                        .escape_unicode()
                        .to_string(),
                );
                let first = rest.chars().next().unwrap();
                &rest[first.len_utf8()..]
            }
        };
    }
    found
}

fn is_special(c: char) -> bool {
    let code = u32::from(c);
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(code, 0xad | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff | 0xe0000..=0xe007f)
}

fn script() -> String {
    let mut acts: Vec<Json> = Vec::new();
    for (number, text) in corpus().into_iter().enumerate() {
        acts.push(match number % 6 {
            0 => json!({"say": format!("{number}: {text}\n")}),
            1 => json!({"say": {"text": format!("{number}: {text}\n"), "piece": 1}}),
            2 => json!({"think": format!("{number}: {text}")}),
            3 => json!({"tool": {"title": format!("{number}: {text}"), "output": text}}),
            4 => json!({"stderr": format!("{number}: {text}\n")}),
            _ => json!({"raw": format!("{number}: {text}\n")}),
        });
    }
    // No text at all: overlong forms of ESC and CSI, lone parts of characters, eight-bit controls.
    for bytes in [
        "c09b324a0a",
        "e0809b0a",
        "f080809b0a",
        "9b324a0a",
        "9d303b78079c0a",
        "ff1b5b324a0a",
        "c29b324a0a",
    ] {
        acts.push(json!({"raw_hex": bytes}));
    }
    let words: String = corpus()
        .iter()
        .filter(|text| text.len() < 1_000)
        .map(|text| format!("{text}\n"))
        .collect();
    acts.push(json!({"say": format!("The end: {words}")}));
    json!({"scene": [
        {"match": "Begin.", "do": acts},
        {"match": "End.", "do": [{"error": {"code": -32603, "message": format!("broken: {words}")}}]},
    ]})
    .to_string()
}

fn check(case: &mut Case, given: &Given, what: &str) {
    for text in [&given.out, &given.err] {
        let found = obeyed(text);
        assert!(
            found.is_empty(),
            "{what}: {} are obeyed, the first {:?}",
            found.len(),
            &found[..found.len().min(5)]
        );
    }
    case.tried();
    case.hit();
}

fn env() -> TestEnv {
    let mut env = TestEnv::new();
    env.make_repository();
    let folder = env.project().join(".partita/flows");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("loud.toml"), FLOW).unwrap();
    env.script(&script());
    // Nothing takes escapes away where there is no terminal: what is printed is what a terminal would get.
    env.set("CLICOLOR_FORCE", "1");
    env
}

#[test]
fn a_55_a_terminal_obeys_nothing_that_others_wrote() {
    assert!(corpus().len() >= 200, "{}", corpus().len());
    let mut case = Case::open("A-55");
    let env = env();
    let focus = "why \u{1b}]0;owned\u{7} \u{9b}2J \u{202e} \r?";
    let started = env.run(&[
        "run",
        "loud",
        "--focus",
        focus,
        "--agent",
        "rehearsal",
        "--detach",
        "--json",
    ]);
    let slug = started.json()["slug"].as_str().unwrap().to_owned();
    let items = || env.run(&["attention", "--json"]).json()["items"].clone();
    await_that(
        || items().as_array().is_some_and(|items| !items.is_empty()),
        "the run asks",
    );
    let attention = env.run(&["attention"]);
    check(&mut case, &attention, "attention");
    check(
        &mut case,
        &env.run(&["run", "show", &slug]),
        "run show, while it asks",
    );
    let id = items()[0]["id"].as_str().unwrap().to_owned();
    let text = "fine \u{1b}[2J \u{9d}0;x\u{7}";
    check(
        &mut case,
        &env.run(&["answer", &id, "approve", "--text", text]),
        "answer",
    );
    let watched = env.run(&["run", "watch", &slug]);
    assert_eq!(watched.code, 1, "its last agent broke");
    check(&mut case, &watched, "run watch");
    let commands: [&[&str]; 16] = [
        &["run", "show", &slug],
        &["run", "show", &slug, "--json"],
        &["run", "list"],
        &["run", "export", &slug],
        &["run", "export", &slug, "--format", "json"],
        &["logs", &slug],
        &["logs", &slug, "--json"],
        &["logs"],
        &["ps"],
        &["ps", "--tasks"],
        &["status"],
        &["status", "--json"],
        &["flows"],
        &["flows", "loud"],
        &["worktree", "list"],
        &["doctor"],
    ];
    for command in commands {
        let given = env.run(command);
        assert!(given.out.len() + given.err.len() > 0, "{command:?}");
        check(&mut case, &given, &command.join(" "));
    }
    let logs = env.run(&["logs", &slug]).out;
    let is_shown = |number: usize| logs.contains(&format!("{number}: "));
    // What is said letter by letter may have something else between the letters.
    let whole = (0..corpus().len()).filter(|number| number % 6 != 1);
    let missing: Vec<usize> = whole.filter(|number| !is_shown(*number)).collect();
    assert_eq!(missing, [0; 0], "all of it reached the terminal");
    assert!(logs.contains("\\u{1b}]52;c;aGVsbG8="), "and can be seen");
    let painted = logs.contains("\u{1b}[1m") || logs.contains("\u{1b}[2m") || logs.contains("\u{1b}[9");
    assert!(painted, "colours are kept");
    // Started and watched to its end by one command, which ends at the question.
    case.tried_times(corpus().len() as u64);
    case.hit_times(corpus().len() as u64);
    case.pass(200);
}

#[test]
fn a_55_an_error_shows_what_it_speaks_of() {
    let mut case = Case::open("A-55");
    let env = env();
    env.run(&["start"]).ok();
    let texts = corpus();
    for (number, text) in texts.iter().enumerate().filter(|(_, text)| text.len() < 1_000) {
        let commands: [&[&str]; 5] = [
            &["run", "show", text],
            &["work-unit", "create", text],
            &["run", text, "--focus", "x"],
            &["logs", text],
            &["work-unit", "list", "--status", text],
        ];
        let command = commands[number % commands.len()];
        let given = env.run(command);
        assert_ne!(given.code, 0, "{command:?}");
        check(&mut case, &given, &format!("{command:?}"));
    }
    // A folder's name is anybody's to choose.
    let folder = env.path("project\u{1b}]0;x\u{7}\u{9b}2J");
    std::fs::create_dir(&folder).unwrap();
    for command in [
        &["init"][..],
        &["init", "--json"],
        &["flows"],
        &["run", "loud", "--focus", "x"],
    ] {
        let output = env.command(command).current_dir(&folder).output().unwrap();
        check(
            &mut case,
            &crate::env::given(&output),
            &format!("{command:?} in a folder"),
        );
    }
    case.pass(200);
}
