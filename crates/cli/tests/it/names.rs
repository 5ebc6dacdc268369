//! Hostile names for everything that has one: units, runs, flows, steps, branches, targets, projects, files. None becomes an
//! option, a command, a path or a broken answer.

use crate::env::{TestEnv, await_that};
use crate::raw::{Answer, ask, in_url};
use cases::Case;
use serde_json::{Value as Json, json};
use std::path::Path;
use std::process::Command;

const FLOW: &str = r#"
name = "write"
category = "authoring"
version = 1
summary = "Writes files of any name."

[[step]]
id = "write"
kind = "agent"
access = "write"
retry = { max = 0 }
prompt = "Write."
"#;

/// At least a hundred names; each that would run something would leave the marker.
fn corpus(marker: &Path) -> Vec<String> {
    let marker = marker.display();
    let mut all: Vec<String> = [
        "-",
        "--",
        "-h",
        "--help",
        "--version",
        "-rf",
        "--force",
        "--no-index",
        "--output=/tmp/x",
        "-c",
        "-C/",
        "--git-dir=/",
        "--exec-path=/tmp",
        "--namespace=x",
        "--work-tree=/",
        "--upload-pack",
        "@",
        "@{",
        "@{-1}",
        "@{u}",
        "HEAD",
        "HEAD~1",
        "HEAD@{0}",
        "FETCH_HEAD",
        "refs/heads/main",
        "refs/../../x",
        ".lock",
        "a.lock",
        "a..b",
        "a/../b",
        "/",
        "//",
        "/etc/passwd",
        ".",
        "..",
        "../..",
        "../../../../etc/passwd",
        "~",
        "~root",
        "~/x",
        "*",
        "?",
        "[a]",
        "a b",
        " a",
        "a ",
        "\t",
        "a\tb",
        "a\nb",
        "a\rb",
        "a\r\nX-Injected: 1",
        "\u{1b}]0;x\u{7}",
        "\u{1b}[2J",
        "\u{9b}2J",
        "\u{7f}",
        "\u{202e}gpj.exe",
        "\u{200b}",
        "\u{feff}a",
        "'",
        "\"",
        "''",
        "\"\"",
        "'; DROP TABLE runs; --",
        "\" OR \"\"=\"",
        "%",
        "%s%n",
        "%00",
        "%2e%2e%2f",
        "\\",
        "a\\b",
        "C:\\",
        "CON",
        "<script>alert(1)</script>",
        "{{ 7*7 }}",
        "{% raw %}",
        "${HOME}",
        "$HOME",
        "{}",
        "{id}",
        "[]",
        "null",
        "true",
        "0",
        "-1",
        "1e9",
        "NaN",
        "été",
        "日本",
        "🦀",
        "🏳️‍🌈",
        "ﬁ",
        "ı",
        "İ",
        "K",
        "А",
        "a\u{301}",
        "()",
        "(a|b)",
        "^a$",
        "!",
        "!!",
        "#",
        "a#b",
        "&",
        "&&",
        "|",
        "a=b",
        ":",
        "a:b",
        ":/x",
        ":(glob)*",
        "^main",
        "main^{tree}",
        "main:README.md",
        "ext::sh",
        "file:///etc",
        "http://[::1]/",
    ]
    .map(str::to_owned)
    .to_vec();
    for shape in [
        "$(touch M)",
        "`touch M`",
        ";touch M",
        "|touch M",
        "&touch M&",
        "\ntouch M\n",
        "--upload-pack=touch M",
        "ext::sh -c touch% M",
        "'$(touch M)'",
        "x;touch M;#",
    ] {
        all.push(shape.replace('M', &marker.to_string()));
    }
    all.push("a".repeat(101));
    all.push("a".repeat(10_000));
    all.push("../".repeat(1_000));
    all.push("é".repeat(3_000));
    all
}

struct Try<'e> {
    env: &'e TestEnv,
    case: Case,
    marker: std::path::PathBuf,
}

impl Try<'_> {
    fn ask(&mut self, method: &str, path: &str, body: Option<&Json>) -> Answer {
        self.case.tried();
        let answer =
            ask(self.env, method, path, body, None).unwrap_or_else(|| panic!("no answer: {method} {path}"));
        assert!(answer.status < 500, "{method} {path} {body:?}: {answer:?}");
        if !answer.body.is_empty() {
            answer.json();
        }
        assert!(!self.marker.exists(), "{method} {path} {body:?} ran something");
        self.case.hit();
        answer
    }

    fn refused(&mut self, method: &str, path: &str, body: Option<&Json>) {
        let answer = self.ask(method, path, body);
        assert!(
            (400..500).contains(&answer.status),
            "{method} {path} {body:?}: {answer:?}"
        );
    }

    fn position(&self) -> u64 {
        let status = ask(self.env, "GET", "/api/status", None, None).unwrap();
        status.json()["position"].as_u64().unwrap()
    }
}

fn git(env: &TestEnv, arguments: &[&str]) -> std::process::Output {
    Command::new("git")
        .args(arguments)
        .current_dir(env.project())
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap()
}

fn is_chunk(name: &str) -> bool {
    let is_first = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_other = |c: char| is_first(c) || matches!(c, '-' | '_' | '.');
    (1..=100).contains(&name.len()) && name.starts_with(is_first) && name.chars().all(is_other)
}

fn world() -> TestEnv {
    let env = TestEnv::new();
    env.make_repository();
    let folder = env.project().join(".partita/flows");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("write.toml"), FLOW).unwrap();
    env
}

#[test]
fn a_35_hostile_names_in_requests_are_names_or_refused() {
    let env = world();
    env.run(&["start"]).ok();
    let marker = env.path("marker");
    let names = corpus(&marker);
    assert!(names.len() >= 100, "{}", names.len());
    let case = Case::open("A-35");
    let mut tries = Try {
        env: &env,
        case,
        marker,
    };
    let project = tries.ask("POST", "/api/projects", Some(&json!({"path": env.project()})));
    let project = project.json()["id"].as_str().unwrap().to_owned();
    tries.ask("POST", "/api/work-units", Some(&json!({"chunk": "here"})));
    for name in &names {
        let before = tries.position();
        let made = tries.ask("POST", "/api/work-units", Some(&json!({"chunk": name})));
        let is_made = made.status == 201;
        assert_eq!(is_made, is_chunk(name), "{name:?}: {made:?}");
        if !is_made {
            tries.refused("PATCH", "/api/work-units/here", Some(&json!({"chunk": name})));
            tries.refused(
                "PATCH",
                "/api/work-units/here",
                Some(&json!({"blocked_by": [name]})),
            );
        }
        let before = if is_made { tries.position() } else { before };
        let own = in_url(name);
        if !is_made {
            tries.refused("GET", &format!("/api/work-units/{own}/history"), None);
            tries.refused("POST", &format!("/api/work-units/{own}/retry"), None);
        }
        for path in [
            format!("/api/runs/{own}/report"),
            format!("/api/flows/{own}x?project_id={own}"),
            format!("/api/tasks/{own}/transcript"),
            format!("/api/projects/{own}/git/log"),
            format!("/api/attention?cursor={own}x"),
            format!("/api/feed?after={own}x"),
        ] {
            tries.refused("GET", &path, None);
        }
        tries.refused("POST", &format!("/api/runs/{own}/cancel"), None);
        tries.refused("POST", &format!("/api/runs/{own}/steps/{own}/skip"), None);
        let run = |flow: &str, agent: &str| json!({"project_id": project, "flow": flow, "input": {"question": "x", "agent": agent}});
        tries.refused("POST", "/api/runs", Some(&run(name, "rehearsal")));
        tries.refused("POST", "/api/runs", Some(&run("write", name)));
        let review = json!({"project_id": project, "flow": "review", "input": {"question": "x", "agent": "rehearsal", "target": name}});
        // What is there under an odd name of git's own is a start like any other.
        if !matches!(name.as_str(), "@" | "HEAD" | "refs/heads/main" | "HEAD@{0}" | "") {
            let answer = tries.ask("POST", "/api/runs", Some(&review));
            assert!(answer.status >= 400, "{name:?}: {answer:?}");
        } else {
            continue;
        }
        let diff = format!("/api/projects/{project}/git/diff?base={own}&head=main");
        tries.ask("GET", &diff, None);
        tries.ask(
            "GET",
            &format!("/api/projects/{project}/git/log?until={own}"),
            None,
        );
        assert_eq!(tries.position(), before, "{name:?} changed something");
    }
    println!("A-35: {} names", names.len());
    tries.case.pass(1_000);
}

#[test]
fn a_25_folders_and_starts_that_a_request_names_are_the_owners_or_refused() {
    let env = world();
    env.run(&["start"]).ok();
    let case = Case::open("A-25");
    let mut tries = Try {
        env: &env,
        case,
        marker: env.path("marker"),
    };
    let home = env.home().display().to_string();
    std::os::unix::fs::symlink(env.project(), env.path("link")).unwrap();
    std::fs::write(env.path("file"), "").unwrap();
    let known = tries.ask("POST", "/api/projects", Some(&json!({"path": env.project()})));
    let id = known.json()["id"].clone();
    let before = tries.position();
    for folder in [
        "",
        ".",
        "..",
        "../..",
        "~",
        "~root",
        "project",
        "./project",
        "/no/such/folder",
        "/dev/null",
        "/proc/self/environ",
        "\u{0}",
        "/\u{0}/x",
        "$HOME",
        "file:///",
        "-",
        "/etc/passwd",
        &env.path("file").display().to_string(),
    ] {
        tries.refused("POST", "/api/projects", Some(&json!({"path": folder})));
        let run = json!({"project_path": folder, "flow": "write", "input": {"question": "x", "agent": "rehearsal"}});
        tries.refused("POST", "/api/runs", Some(&run));
    }
    assert_eq!(tries.position(), before);
    // Nobody says where a task works: a request with such a word is refused, not obeyed in part.
    let place = json!({"project_id": id, "flow": "write", "input": {"question": "x", "agent": "rehearsal"}});
    for word in [
        "cwd", "worktree", "dir", "path", "branch", "base", "sandbox", "access", "network", "home", "env",
        "command",
    ] {
        let mut outside = place.clone();
        outside[word] = json!(home);
        tries.refused("POST", "/api/runs", Some(&outside));
        let mut inside = place.clone();
        inside["input"][word] = json!(home);
        tries.refused("POST", "/api/runs", Some(&inside));
    }
    assert_eq!(tries.position(), before);
    // A link is what it points to: one folder is one project.
    let by_link = tries.ask("POST", "/api/projects", Some(&json!({"path": env.path("link")})));
    assert_eq!(
        by_link.status, 409,
        "the folder is a project already: {by_link:?}"
    );
    assert_eq!(tries.position(), before);
    tries.case.pass(50);
}

/// Names that a file or branch can have here.
fn possible(names: Vec<String>) -> Vec<String> {
    let is_possible =
        |name: &String| !name.contains('/') && name.len() <= 200 && !matches!(name.as_str(), "." | "..");
    names.into_iter().filter(is_possible).collect()
}

#[test]
fn a_35_hostile_names_in_a_repository_are_only_names() {
    let env = world();
    let marker = env.path("marker");
    let names = possible(corpus(&marker));
    let mut case = Case::open("A-35");
    // Branches of any name that git takes: some of them only a machine would make.
    let mut branches = Vec::new();
    for name in &names {
        let made = git(&env, &["update-ref", &format!("refs/heads/{name}"), "HEAD"]);
        if made.status.success() {
            branches.push(name.clone());
        }
    }
    let acts: Vec<Json> = names
        .iter()
        .map(|name| json!({"write": {"path": name, "content": format!("{name}\n")}}))
        .chain([json!({"say": "Done."})])
        .collect();
    env.script(&json!({"scene": [{"match": "Write.", "do": acts}]}).to_string());
    let arguments = [
        "run",
        "write",
        "--focus",
        "x",
        "--agent",
        "rehearsal",
        "--detach",
        "--json",
    ];
    let slug = env.run(&arguments).json()["slug"].as_str().unwrap().to_owned();
    let mut ended = Json::Null;
    await_that(
        || {
            ended = env.run(&["run", "show", &slug, "--json"]).json();
            ended["status"] != "running"
        },
        "the run ends",
    );
    assert_eq!(ended["status"], "completed", "{:#}", ended["reason"]);
    let branch = format!("partita/{slug}");
    let listed = git(&env, &["ls-tree", "-r", "-z", "--name-only", &branch]);
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    for name in &names {
        case.tried();
        assert!(
            listed.split('\0').any(|listed| listed == name),
            "{name:?} was brought back"
        );
        case.hit();
    }
    let diff = env.run(&["run", "diff", &slug]);
    assert_eq!(diff.code, 0, "{}", diff.err);
    env.run(&["run", "apply", &slug, "--yes"]).ok();
    for name in &names {
        let text = std::fs::read_to_string(env.project().join(name)).unwrap();
        assert_eq!(text, format!("{name}\n"), "applied as it was written");
    }
    let project = ended["project_id"].as_str().unwrap();
    let shown = ask(
        &env,
        "GET",
        &format!("/api/projects/{project}/git/branches"),
        None,
        None,
    )
    .unwrap();
    let shown = shown.json();
    for branch in &branches {
        case.tried();
        let is_listed = shown["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|item| item["name"] == *branch);
        assert!(is_listed, "{branch:?} is listed: {shown:#}");
        let log = format!("/api/projects/{project}/git/log?until={}", in_url(branch));
        let log = ask(&env, "GET", &log, None, None).unwrap();
        assert!(matches!(log.status, 200 | 422), "{branch:?}: {log:?}");
        case.hit();
    }
    assert!(branches.len() > 20, "{}", branches.len());
    assert!(!marker.exists(), "something ran");
    println!("A-35: {} files, {} branches", names.len(), branches.len());
    case.pass(100);
}
