//! A hostile agent and the real daemon: what it can reach of it, and what becomes of what it leaves behind. What else
//! an agent can do, and cannot, is tried in `crates/agents/tests/hostile`.

use crate::env::TestEnv;
use cases::Case;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

const BWRAP: &str = "[sandbox]\nmode = \"bwrap\"\n";
const BOTH: &str = "[sandbox]\nmode = \"landlock\"\ncontainment = \"bwrap\"\n";
const LANDLOCK: &str = "[sandbox]\nmode = \"landlock\"\ncontainment = \"shim\"\n";

/// One agent that may write, and use the network.
const OBEY: &str = r#"
name = "obey"
category = "authoring"
summary = "One writer."

[input.question]
default = "do it"

[size.small]
[size.medium]
[size.large]

[[step]]
id = "obey"
kind = "agent"
access = "write"
network = "open"
prompt = "Obey."
"#;

/// Asks the daemon's port in every way that needs no secret, and says the first line of each answer.
const ASK: &str = r#"
ask() {
    exec 3<>"/dev/tcp/127.0.0.1/$PORT" || { echo "answer: unreachable"; return; }
    printf '%s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nConnection: close\r\n%b\r\n' "$1" "$PORT" "$2" >&3
    IFS= read -r line <&3
    echo "answer: $line"
    exec 3>&-
}
PORT=$1
ask "GET /api/status" ""
ask "GET /api/runs" "Authorization: Bearer guessed\r\n"
ask "GET /api/runs?token=guessed" ""
ask "GET /api/runs" "Cookie: partita=guessed\r\n"
ask "POST /api/work-units" "Content-Type: application/json\r\nContent-Length: 2\r\n"
ask "GET /api/feed" "Authorization: Basic cm9vdDo=\r\n"
"#;

/// Whether the machine lets whoever we are have it. That some sandbox is to be had is another test's to see.
fn is_allowed(config: &str) -> bool {
    let works = |line: &[&str]| {
        let done = Command::new(line[0]).args(&line[1..]).output();
        done.is_ok_and(|output| output.status.success())
    };
    let namespaces = [
        "bwrap",
        "--unshare-pid",
        "--ro-bind",
        "/",
        "/",
        "--proc",
        "/proc",
        "true",
    ];
    config == LANDLOCK || works(&namespaces)
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// What is done by a run of the flow, in a project that has it; gives the run and its transcript.
fn obey(env: &TestEnv, acts: &Value) -> (Value, String) {
    env.script(&json!({ "do": acts }).to_string());
    let ended = env
        .run(&["run", "obey", "--agent", "rehearsal", "--fast", "--json"])
        .json();
    let log = env.run(&["logs", ended["slug"].as_str().unwrap(), "--json"]).out;
    (ended, log)
}

fn env_with(config: &str) -> TestEnv {
    let env = TestEnv::new();
    write(&env.project().join(".partita/flows/obey.toml"), OBEY);
    write(&env.project().join("ask.sh"), ASK);
    env.make_repository();
    env.write_user_file(".config/partita/agents.toml", config);
    // The daemon is told of the file when it starts; what it says may change.
    env.script("do = [{ say = 'done' }]\n");
    env
}

fn refs(env: &TestEnv) -> String {
    let output = Command::new("git")
        .args([
            "for-each-ref",
            "--format=%(refname) %(objectname)",
            "refs/heads",
            "refs/tags",
        ])
        .current_dir(env.project())
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_17_a_tasks_network_reaches_the_port_and_the_port_says_no() {
    let mut case = Case::open("A-17");
    for config in [BWRAP, BOTH, LANDLOCK]
        .into_iter()
        .filter(|config| is_allowed(config))
    {
        let env = env_with(config);
        env.run(&["start", "--port", "0"]).ok();
        let port = env.run(&["status", "--json"]).json()["port"]["number"]
            .as_u64()
            .unwrap();
        let line = format!("bash ask.sh {port}");
        let acts = json!([{ "run": { "command": line, "ask": false } }, { "say": "done" }]);
        let (_, log) = obey(&env, &acts);
        let answers: Vec<&str> = log.split("answer: ").skip(1).map(|rest| &rest[..12]).collect();
        case.tried_times(6);
        assert_eq!(answers, ["HTTP/1.1 401"; 6], "{config}: {log}");
        case.hit_times(6);
        assert_eq!(
            env.run(&["work-unit", "list", "--json"]).json()["items"],
            json!([])
        );
    }
    case.pass(6);
}

#[test]
fn a_17_the_real_daemon_is_out_of_reach_and_what_was_planted_is_not_taken() {
    let mut case = Case::open("A-17");
    for config in [BWRAP, BOTH, LANDLOCK]
        .into_iter()
        .filter(|config| is_allowed(config))
    {
        let env = env_with(config);
        env.run(&["start"]).ok();
        env.run(&["work-unit", "create", "secret-plans"]).ok();
        let marker = env.path("marker");
        let before = refs(&env);
        // In the shim a task can lower the daemon's limits, as the table says: nobody would be left to ask.
        let pid = (config != LANDLOCK).then(|| env.pid());
        let hostile = json!({
            "daemon_home": env.home(), "daemon_pid": pid, "user_home": env.path("user"),
            "project": env.project(), "marker": marker,
        });
        let (ended, log) = obey(&env, &json!([{ "hostile": hostile }]));

        // Told by the agent itself: what of the daemon was open.
        let of_the_daemon = |line: &&str| {
            [
                "daemon",
                "project",
                "partita",
                "accounts",
                "transcripts",
                "outputs",
                "backups",
            ]
            .iter()
            .any(|word| line.contains(word))
        };
        let text = log.replace("\\n", "\n");
        let open: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("OPEN ")?.split(':').next())
            .filter(of_the_daemon)
            .collect();
        let known: &[&str] = match config {
            // The test's folders lie below /tmp, which is the task's own there. The real ones are looked at below.
            BWRAP => &[
                "list the daemon's home",
                "write into the daemon's home",
                "write into the project's folder",
                "write into the project's git folder",
            ],
            _ => &["open up an object of the project", "connect to the daemon"],
        };
        let refused = text.lines().filter(|line| line.starts_with("refused ")).count();
        assert!(refused > 80, "{config}: {refused} {log}");
        case.tried_times(80);
        case.hit_times(80);
        let surprising: Vec<&&str> = open.iter().filter(|name| !known.contains(name)).collect();
        assert!(surprising.is_empty(), "{config}: {surprising:?}");

        // Seen from outside: it lives, nothing ran, nothing came in, and the task has failed for what it did.
        assert_ne!(ended["status"], "completed", "{config}: {ended:#}");
        assert!(!marker.exists(), "{config} {log}");
        let heads = refs(&env);
        assert!(
            heads.starts_with(before.trim_end()),
            "{config}: {heads} was {before}"
        );
        let units = env.run(&["work-unit", "list", "--json"]).json();
        assert_eq!(units["items"].as_array().unwrap().len(), 1, "{config}: {units:#}");
        for planted in [env.home(), env.project(), env.project().join(".git")] {
            assert!(
                !planted.join("hostile").exists(),
                "{config}: {}",
                planted.display()
            );
        }
    }
    case.pass(80);
}

#[test]
fn a_17_a_task_that_reaches_the_socket_is_turned_away() {
    let mut case = Case::open("A-17");
    // Landlock cannot hide the socket: there the daemon itself must know whom it talks to. The system's own perl speaks
    // to the socket without asking anything of the home, which the task cannot read.
    let knock = r#"use IO::Socket::UNIX; $SIG{PIPE} = 'IGNORE'; my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or do { print "no-way-in\n"; exit };
print $s "GET /api/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
my $answer = <$s> // "closed"; print "knocked: $answer\n";"#;
    for config in [BOTH, LANDLOCK].into_iter().filter(|config| is_allowed(config)) {
        let env = TestEnv::new();
        write(&env.project().join("knock.pl"), knock);
        write(&env.project().join(".partita/flows/obey.toml"), OBEY);
        env.make_repository();
        env.write_user_file(".config/partita/agents.toml", config);
        let socket = env.home().join("orchestrator.sock");
        let perl = format!("perl knock.pl {}", socket.display());
        // As itself, without the mark in its environment, in a session of its own, and as an orphan.
        let lines = [
            perl.clone(),
            format!("env -i PATH=/usr/bin:/bin {perl}"),
            format!("setsid -w env -i PATH=/usr/bin:/bin {perl}"),
            format!(
                "(setsid env -i PATH=/usr/bin:/bin sh -c 'sleep 0.2; {perl} > orphan' &) ; until grep -q . orphan 2>/dev/null; do sleep 0.05; done; cat orphan"
            ),
        ];
        let mut acts: Vec<Value> = lines
            .iter()
            .map(|line| json!({ "run": { "command": line, "ask": false } }))
            .collect();
        acts.push(json!({ "say": "Tried." }));
        let (_, said) = obey(&env, &json!(acts));
        case.tried_times(4);
        assert_eq!(said.matches("knocked: closed").count(), 4, "{config}: {said}");
        case.hit_times(4);
        // Who is no task is answered.
        env.run(&["status"]).ok();
    }
    case.pass(4);
}

#[test]
fn s4_22_a_reader_that_nothing_holds_back_has_failed() {
    let env = TestEnv::new();
    env.make_repository();
    let config = "[sandbox]\nmode = \"none\"\ncontainment = \"shim\"\nread_without_sandbox = true\n";
    env.write_user_file(".config/partita/agents.toml", config);
    env.script(
        "ignores_mode = true\n[[scene]]\ndo = [{ write = { path = \"planted.txt\", content = \"x\", ask = false } }, \
         { answer = { summary = \"Nothing.\", findings = [] } }]\n",
    );
    let ended = env
        .run(&["run", "review", "--agent", "rehearsal", "--fast", "--json"])
        .json();
    assert_ne!(ended["status"], "completed", "{ended:#}");
    let shown = env.run(&["run", "show", ended["slug"].as_str().unwrap()]).out;
    assert!(shown.contains("planted.txt"), "{shown}");
}
