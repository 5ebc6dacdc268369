//! What holds for every command: one style, JSON on request, a project folder that can be named, and no way to the
//! state but through the daemon.

use crate::env::TestEnv;
use serde_json::Value;

/// Commands that only look, each in full.
const LOOKING: [&[&str]; 12] = [
    &["status"],
    &["ps"],
    &["ps", "--tasks"],
    &["work-unit", "list"],
    &["work-unit", "show", "one"],
    &["work-unit", "status", "one"],
    &["run", "list"],
    &["flows"],
    &["flows", "review"],
    &["attention"],
    &["worktree", "list"],
    &["logs"],
];

#[test]
fn s3_38_every_command_answers_in_json_when_asked() {
    let env = TestEnv::new();
    env.make_repository();
    env.run(&["work-unit", "create", "one"]).ok();
    for command in LOOKING {
        let mut line = command.to_vec();
        line.push("--json");
        let given = env.run(&line);
        assert_eq!(given.code, 0, "{command:?}: {given:#?}");
        let parsed: Result<Value, _> = serde_json::from_str(&given.out);
        assert!(parsed.is_ok(), "{command:?}: {given:#?}");
    }
    let refused = env.run(&["work-unit", "show", "nobody", "--json"]);
    assert_eq!(refused.code, 4);
    let error = refused.json()["error"].clone();
    assert_eq!(error["exit"], 4);
    assert!(
        error["code"].is_string() && error["what"].is_string() && error["hints"].is_array(),
        "{error:#}"
    );
}

#[test]
fn s3_34_a_command_is_told_the_project_folder_from_anywhere() {
    let env = TestEnv::new();
    env.make_repository();
    let project = env.project().canonicalize().unwrap();
    let mut command = env.command(&["init", "--json", "--project-dir", project.to_str().unwrap()]);
    let output = command.current_dir(env.path("user")).output().unwrap();
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(shown["path"], project.to_str().unwrap());

    let missing = env.run(&["flows", "--project-dir", "/no/such/folder"]);
    assert_eq!(missing.code, 4, "{missing:#?}");
    assert_eq!(
        missing.err,
        "error: cannot use the folder /no/such/folder\n  because: it is not there\n\
         hint: name a folder that is there with --project-dir\n"
    );
}

/// What people get wrong first, each with the exit code of `docs/exit-codes.md`. Every answer says what, because where there
/// is more to say, and what to do.
#[test]
fn whatever_is_wrong_is_told_with_a_hint() {
    let env = TestEnv::new();
    env.make_repository();
    let wrong: [(&[&str], i32, &str); 16] = [
        (&["stauts"], 2, "unrecognized subcommand 'stauts'"),
        (&["run"], 2, "required arguments were not provided"),
        (
            &["run", "list", "--status", "bad"],
            2,
            "`bad` is no status of a run",
        ),
        (&["run", "fixx"], 4, "cannot run the flow `fixx`"),
        (
            &["run", "review", "--agent", "nobody"],
            4,
            "there is no agent `nobody`",
        ),
        (&["run", "fix", "--agent", "rehearsal"], 2, "needs a question"),
        (&["run", "show", "nope"], 4, "there is no run `nope`"),
        (&["logs", "nope"], 4, "there is no run `nope`"),
        (&["flows", "nope"], 4, "there is no flow `nope`"),
        (&["agents", "probe", "nope"], 4, "not configured: nope"),
        (&["agents", "login", "nope"], 4, "there is no agent `nope`"),
        (&["work-unit", "show", "nope"], 4, "there is no work unit `nope`"),
        (&["work-unit", "create", "a b"], 2, "`a b` is not a chunk name"),
        (
            &["work-unit", "create", "x", "--blocked-by", "nope"],
            4,
            "there is no work unit `nope`",
        ),
        (
            &["answer", "nope", "approve"],
            4,
            "nothing that waits has this id",
        ),
        (&["--home", "/dev/null/home", "ps"], 7, "/dev/null/home"),
    ];
    for (line, code, said) in wrong {
        let told = env.run(line);
        assert_eq!(told.code, code, "{line:?}: {told:#?}");
        assert!(
            told.err.starts_with("error: ") && told.err.contains(said),
            "{line:?}: {told:#?}"
        );
        assert!(told.err.contains("\nhint: "), "{line:?}: {told:#?}");
        assert!(
            !told.err.contains(": /"),
            "{line:?} shows a pointer into a body: {told:#?}"
        );
        let told = env.run(&[line, &["--json"]].concat());
        assert_eq!(
            (told.code, told.json()["error"]["exit"].as_i64()),
            (code, Some(code.into())),
            "{line:?}"
        );
    }
    let nothing = env.run(&[]);
    assert_eq!((nothing.code, nothing.out.as_str()), (2, ""));
    assert!(
        nothing
            .err
            .starts_with("Conducts coding agents\n\nUsage: partita "),
        "{nothing:#?}"
    );
    assert_eq!(env.run(&["--json"]).json()["error"]["code"], "usage");
    assert_eq!(env.run(&["--help", "--json"]).code, 0);
}

#[test]
fn s3_02_commands_know_no_way_to_the_state() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/commands");
    let mut looked_at = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        for word in ["store::", "engine::Engine", "rusqlite"] {
            assert!(!text.contains(word), "{} says {word}", path.display());
        }
        looked_at += 1;
    }
    assert!(looked_at > 10);
}

#[test]
fn s3_01_a_port_is_served_on_request_only_and_never_without_the_token() {
    let env = TestEnv::new();
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port()
    };
    env.run(&["start", "--port", &port.to_string()]).ok();
    let token = std::fs::read_to_string(env.home().join("token")).unwrap();
    let ask = |authorization: &str| {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        write!(
            stream,
            "GET /api/status HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{authorization}Connection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.lines().next().unwrap_or_default().to_owned()
    };
    assert_eq!(ask(""), "HTTP/1.1 401 Unauthorized");
    assert_eq!(
        ask("Authorization: Bearer wrong\r\n"),
        "HTTP/1.1 401 Unauthorized"
    );
    assert_eq!(
        ask(&format!("Authorization: Bearer {}\r\n", token.trim())),
        "HTTP/1.1 200 OK"
    );
}
