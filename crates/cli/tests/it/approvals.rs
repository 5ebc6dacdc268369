//! What waits for a person: commands that a project brought along, and steps that ask.

use crate::env::{TestEnv, await_that};
use serde_json::json;

const FLOW: &str = r#"
name = "tests"
category = "analysis"
version = 1
summary = "Runs a command of the project's."

[[step]]
id = "tests"
kind = "command"
command = "echo was-run"

[[step]]
id = "release"
title = "Shall it go out?"
kind = "approval"
needs = ["tests"]
"#;

fn env() -> TestEnv {
    let env = TestEnv::new();
    env.make_repository();
    let folder = env.project().join(".partita/flows");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("tests.toml"), FLOW).unwrap();
    env
}

fn open(env: &TestEnv) -> Vec<serde_json::Value> {
    env.run(&["attention", "--json"]).json()["items"]
        .as_array()
        .unwrap()
        .clone()
}

fn start(env: &TestEnv) -> String {
    let started = env
        .run(&[
            "run",
            "tests",
            "--focus",
            "all",
            "--agent",
            "rehearsal",
            "--detach",
            "--json",
        ])
        .json();
    started["slug"]
        .as_str()
        .unwrap_or_else(|| panic!("{started:#}"))
        .to_owned()
}

#[test]
fn a_22_commands_of_a_project_run_only_after_a_yes_to_exactly_them() {
    let env = env();
    let slug = start(&env);
    await_that(|| open(&env).len() == 1, "the commands wait for a yes");
    let item = open(&env).remove(0);
    assert_eq!(item["kind"], "approval");
    assert!(
        item["body"].as_str().unwrap().contains("echo was-run"),
        "{item:#}"
    );
    let shown = env.run(&["run", "show", &slug, "--json"]).json();
    assert_eq!(shown["tasks"], json!([]), "nothing has begun");

    env.run(&["answer", item["id"].as_str().unwrap(), "approve"]).ok();
    await_that(
        || open(&env).iter().any(|item| item["step_key"] == "release"),
        "the step asks",
    );
    let logs = env.run(&["logs", &slug]).ok();
    assert!(logs.contains("was-run"), "{logs}");
    let release = open(&env).remove(0);
    let id = release["id"].as_str().unwrap().to_owned();
    let wrong = env.run(&["answer", &id, "retry"]);
    assert_eq!(wrong.code, 5, "{wrong:#?}");
    env.run(&["answer", &id, "approve", "--text", "go"]).ok();
    assert_eq!(
        env.run(&["run", "watch", &slug, "--json"]).json()["status"],
        "completed"
    );
    assert_eq!(
        env.run(&["answer", &id, "approve"]).code,
        4,
        "an answer is used once"
    );

    // The same commands are trusted from now on; others are not.
    start(&env);
    await_that(
        || open(&env).iter().any(|item| item["step_key"] == "release"),
        "it asks no second time",
    );
    let changed = FLOW.replace("echo was-run", "echo was-changed");
    std::fs::write(env.project().join(".partita/flows/tests.toml"), changed).unwrap();
    start(&env);
    await_that(
        || {
            open(&env).iter().any(|item| {
                item["body"]
                    .as_str()
                    .is_some_and(|body| body.contains("was-changed"))
            })
        },
        "other commands wait for a yes of their own",
    );
}

#[test]
fn a_rejected_step_fails_its_run() {
    let env = env();
    let slug = start(&env);
    await_that(|| open(&env).len() == 1, "the commands wait for a yes");
    env.run(&["answer", open(&env)[0]["id"].as_str().unwrap(), "approve"])
        .ok();
    await_that(
        || open(&env).iter().any(|item| item["step_key"] == "release"),
        "the step asks",
    );
    env.run(&[
        "answer",
        open(&env)[0]["id"].as_str().unwrap(),
        "reject",
        "--text",
        "not yet",
    ])
    .ok();
    let ended = env.run(&["run", "watch", &slug, "--json"]);
    assert_eq!(ended.code, 1);
    let ended = ended.json();
    assert_eq!(ended["status"], "failed");
    assert!(ended["reason"].as_str().unwrap().contains("not yet"), "{ended:#}");
}
