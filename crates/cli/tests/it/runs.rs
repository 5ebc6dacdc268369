//! Runs from the command line: the main job, what it leaves, and what a crash in its middle does to it.

use crate::env::{TestEnv, await_that, is_alive};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A script for `fix` that counts every step it finishes in a file outside, and hangs in the first try at `change`.
const FIX: &str = r##"
[[scene]]
match = ["# Find the cause of a defect"]
do = [
    { answer = { is_reproduced = true, how = "It shows.", cause = "It says no.", plan = "Say yes.", places = [{ title = "Here.", file = "README.md", quote = "# A project" }] } },
    { append = { path = "@{env:EFFECTS}", line = "reproduce" } },
]

[[scene]]
match = ["# Mend a defect"]
attempt = 1
do = [{ write = { path = "half-done.txt", content = "half" } }, { hang = true }]

[[scene]]
match = ["# Mend a defect"]
do = [
    { delete = "half-done.txt" },
    { write = { path = "README.md", content = "# A better project\n" } },
    { append = { path = "@{env:EFFECTS}", line = "change" } },
    { say = "Done." },
]

[[scene]]
match = ["# Review a fix"]
do = [
    { answer = { summary = "Good.", findings = [] } },
    { append = { path = "@{env:EFFECTS}", line = "review" } },
]
"##;

fn fix_env() -> TestEnv {
    let mut env = TestEnv::new();
    env.make_repository();
    env.script(FIX);
    let effects = env.path("effects");
    std::fs::create_dir(&effects).unwrap();
    let file = effects.join("effects.txt");
    std::fs::write(&file, "").unwrap();
    env.set("EFFECTS", file.to_str().unwrap());
    env.write_user_file(
        ".config/partita/agents.toml",
        &format!(
            "[sandbox]\nwritable = [{:?}]\n[agents.rehearsal.env]\nEFFECTS = {:?}\n",
            effects.to_str().unwrap(),
            file.to_str().unwrap()
        ),
    );
    env
}

fn effects(env: &TestEnv) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for line in std::fs::read_to_string(env.path("effects/effects.txt"))
        .unwrap()
        .lines()
    {
        *counts.entry(line.to_owned()).or_default() += 1;
    }
    counts
}

fn step<'a>(run: &'a Value, key: &str) -> &'a Value {
    let steps = run["steps"].as_array().unwrap();
    steps
        .iter()
        .find(|step| step["key"] == key)
        .unwrap_or(&Value::Null)
}

#[test]
fn s4_25_s3_46_a_run_that_was_killed_in_its_middle_finishes_and_does_nothing_twice() {
    let env = fix_env();
    let started = env
        .run(&[
            "run",
            "fix",
            "--focus",
            "it says no",
            "--agent",
            "rehearsal",
            "--detach",
            "--json",
        ])
        .json();
    let slug = started["slug"].as_str().unwrap().to_owned();
    let show = || env.run(&["run", "show", &slug, "--json"]).json();
    let half_done = || {
        let run = show();
        let task = run["tasks"]
            .as_array()
            .unwrap()
            .iter()
            .find(|task| task["step_key"] == "change")
            .cloned();
        let is_begun = walk(&env.home().join("worktrees"))
            .iter()
            .any(|path| path.ends_with("tree/half-done.txt"));
        is_begun && task.is_some_and(|task| task["state"] == "running" && task["pid"].is_u64())
    };
    await_that(half_done, "the change is being made");
    let first = show();
    assert_eq!(step(&first, "reproduce")["status"], "completed");
    let agent = first["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|task| task["step_key"] == "change")
        .unwrap()["pid"]
        .as_u64();
    let agent = u32::try_from(agent.unwrap()).unwrap();

    env.kill_daemon();
    await_that(|| !is_alive(agent), "nothing of the task outlives the daemon");
    env.run(&["start"]).ok();
    let ended = env.run(&["run", "watch", &slug, "--json"]).json();

    assert_eq!(ended["status"], "completed", "{ended:#}");
    assert_eq!(
        effects(&env),
        BTreeMap::from([
            ("change".into(), 1),
            ("reproduce".into(), 1),
            ("review".into(), 1)
        ])
    );
    let states: Vec<_> = ended["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|task| task["step_key"] == "change")
        .map(|task| {
            (
                task["serial"].clone(),
                task["role"].clone(),
                task["state"].clone(),
            )
        })
        .collect();
    assert_eq!(states[0], (json!(1), json!("work"), json!("interrupted")));
    assert_eq!(states[1], (json!(2), json!("work"), json!("completed")));
    let before = first["steps"]
        .as_array()
        .unwrap()
        .iter()
        .find(|step| step["key"] == "reproduce")
        .unwrap();
    assert_eq!(
        step(&ended, "reproduce")["ended_at"],
        before["ended_at"],
        "what was complete stays as it was"
    );
    let diff = env.run(&["run", "diff", &slug]).ok();
    assert!(
        diff.contains("+# A better project") && !diff.contains("half-done"),
        "{diff}"
    );
    assert_eq!(
        std::fs::read_to_string(env.project().join("README.md")).unwrap(),
        "# A project\n"
    );
}

#[test]
fn the_demo_shows_the_main_job() {
    let env = TestEnv::new();
    let given = env.run(&["demo"]);
    assert_eq!(given.code, 0, "{given:#?}");
    assert!(
        given.out.contains("-            taxed = sum + sum * tax / 100"),
        "{given:#?}"
    );
    assert!(
        given
            .out
            .contains("+            net = sum - sum * discount / 100"),
        "{given:#?}"
    );

    let runs = env.run(&["run", "list", "--json"]).json();
    let runs = runs["items"].as_array().unwrap();
    assert_eq!(runs.len(), 2, "{runs:#?}");
    assert!(runs.iter().all(|run| run["status"] == "completed"), "{runs:#?}");
    let units = env.run(&["ps", "--json"]).json();
    let units = units["items"].as_array().unwrap();
    assert!(
        units.len() == 2 && units.iter().all(|unit| unit["status"] == "DONE"),
        "{units:#?}"
    );
    let status = env.run(&["status", "--json"]).json();
    assert_eq!(status["counts"]["runs"]["completed"], json!(2), "{status:#}");
    assert_eq!(status["counts"]["live_tasks"], json!(0), "{status:#}");

    let fix = runs.iter().find(|run| run["flow"] == "fix").unwrap();
    let slug = fix["slug"].as_str().unwrap();
    let shown = env.run(&["run", "show", slug, "--json"]).json();
    assert_eq!(step(&shown, "change")["change"]["files"], json!(1), "{shown:#}");
    let logs = env.run(&["logs", slug]).ok();
    assert!(
        logs.contains("Tax was charged on the amount before the discount"),
        "{logs}"
    );
    let report = env.run(&["run", "export", slug]).ok();
    assert!(report.contains(slug) || report.contains("fix"), "{report}");
}

#[test]
fn a_change_is_applied_to_a_clean_checkout_only_and_never_committed() {
    let env = fix_env();
    env.script(&FIX.replace("attempt = 1\n", "attempt = 99\n"));
    let ended = env
        .run(&[
            "run",
            "fix",
            "--focus",
            "it says no",
            "--agent",
            "rehearsal",
            "--json",
        ])
        .json();
    assert_eq!(ended["status"], "completed", "{ended:#}");
    let slug = ended["slug"].as_str().unwrap();

    std::fs::write(env.project().join("README.md"), "# My own work\n").unwrap();
    let refused = env.run(&["run", "apply", slug, "--yes"]);
    assert_eq!(refused.code, 5, "{refused:#?}");
    assert_eq!(
        std::fs::read_to_string(env.project().join("README.md")).unwrap(),
        "# My own work\n"
    );

    std::fs::write(env.project().join("README.md"), "# A project\n").unwrap();
    env.run(&["run", "apply", slug, "--yes"]).ok();
    assert_eq!(
        std::fs::read_to_string(env.project().join("README.md")).unwrap(),
        "# A better project\n"
    );
}

#[test]
fn s4_19_s4_28_a_reader_that_writes_leaves_nothing_and_fails() {
    let env = TestEnv::new();
    env.make_repository();
    env.script("[[scene]]\ndo = [{ write = { path = \"README.md\", content = \"mine\" } }, { answer = { summary = \"x\", findings = [] } }]\n");
    let ended = env
        .run(&["run", "review", "--agent", "rehearsal", "--fast", "--json"])
        .json();
    assert_eq!(
        std::fs::read_to_string(env.project().join("README.md")).unwrap(),
        "# A project\n"
    );
    let places = env.home().join("worktrees");
    let written = walk(&places).into_iter().any(|path| {
        path.file_name().is_some_and(|name| name == "README.md")
            && std::fs::read_to_string(&path).is_ok_and(|text| text == "mine")
    });
    assert!(!written, "{ended:#}");
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut next = vec![folder.to_owned()];
    while let Some(folder) = next.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() && !path.is_symlink() {
                next.push(path)
            } else {
                found.push(path)
            }
        }
    }
    found
}

#[test]
fn cancel_ends_a_run_and_leaves_no_process() {
    let env = TestEnv::new();
    env.make_repository();
    env.script("[[scene]]\ndo = [{ hang = true }]\n");
    let started = env
        .run(&["run", "review", "--agent", "rehearsal", "--detach", "--json"])
        .json();
    let slug = started["slug"].as_str().unwrap().to_owned();
    let pids = || -> Vec<u32> {
        let run = env.run(&["run", "show", &slug, "--json"]).json();
        let tasks = run["tasks"].as_array().unwrap().clone();
        let running = tasks.iter().filter(|task| task["state"] == "running");
        running
            .filter_map(|task| u32::try_from(task["pid"].as_u64()?).ok())
            .collect()
    };
    await_that(|| pids().len() == 2, "both angles are being read");
    let pids = pids();
    env.run(&["run", "cancel", &slug]).ok();
    let ended = env.run(&["run", "watch", &slug, "--json"]);
    assert_eq!(ended.code, 1, "{ended:#?}");
    assert_eq!(ended.json()["status"], "cancelled");
    assert!(pids.iter().all(|pid| !is_alive(*pid)));
}

#[test]
fn a_60_a_key_that_an_agent_prints_is_in_no_transcript() {
    let mut env = TestEnv::new();
    env.make_repository();
    env.set("ANTHROPIC_API_KEY", "plain-words-that-no-pattern-knows");
    env.script(
        "[[scene]]\ndo = [{ say = \"the key is plain-words-that-no-pattern-knows, and more\" }, { answer = { summary = \"x\", findings = [] } }]\n",
    );
    let ended = env
        .run(&["run", "review", "--agent", "rehearsal", "--fast", "--json"])
        .json();
    assert_eq!(ended["status"], "completed", "{ended:#}");
    let said = env.run(&["logs", ended["slug"].as_str().unwrap()]).ok();
    assert!(said.contains("the key is") && said.contains("and more"), "{said}");
    let transcripts = walk(&env.home().join("transcripts"));
    assert!(!transcripts.is_empty());
    for path in transcripts {
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        assert!(
            !text.contains("plain-words-that-no-pattern-knows"),
            "{}",
            path.display()
        );
    }
}
