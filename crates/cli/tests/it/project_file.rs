//! What a project says of itself: its setup and gate run after a yes to exactly them, its defaults stand in for what
//! nobody said.

use crate::env::{TestEnv, await_that};
use serde_json::{Value, json};

const FLOW: &str = r#"
name = "mend"
category = "authoring"
summary = "Writes a file."

[[step]]
id = "mend"
kind = "agent"
access = "write"
retry = { max = 0 }
prompt = "Mend it."
"#;

const SCRIPT: &str = r#"
[[scene]]
match = ["Mend it."]
do = [{ read = "made/ready" }, { write = { path = "mended.txt", content = "mended\n" } }, { say = "Done." }]
"#;

const PROJECT: &str = r#"
setup = "mkdir -p made && echo ready >> made/ready && echo it-was-set-up"
gate = "test -f mended.txt && test \"$(cat made/ready)\" = ready && echo it-was-checked"
agent = "rehearsal"
model = "any-model"
size = "large"
"#;

fn env(project: &str) -> TestEnv {
    let env = TestEnv::new();
    std::fs::create_dir_all(env.project().join(".partita/flows")).unwrap();
    std::fs::write(env.project().join(".partita/flows/mend.toml"), FLOW).unwrap();
    std::fs::write(env.project().join(".gitignore"), "made/\n").unwrap();
    say(&env, project);
    env.make_repository();
    env.script(SCRIPT);
    env
}

fn say(env: &TestEnv, project: &str) {
    std::fs::write(env.project().join(".partita/partita.toml"), project).unwrap();
}

fn open(env: &TestEnv) -> Vec<Value> {
    let items = env.run(&["attention", "--json"]).json();
    items["items"].as_array().unwrap().clone()
}

/// Nothing is named but the question.
fn start(env: &TestEnv) -> String {
    let started = env.run(&["run", "mend", "--focus", "x", "--detach", "--json"]);
    started.json()["slug"].as_str().unwrap().to_owned()
}

fn approve(env: &TestEnv) -> String {
    await_that(|| !open(env).is_empty(), "the commands wait for a yes");
    let item = open(env).remove(0);
    assert_eq!(item["kind"], "approval");
    env.run(&["answer", item["id"].as_str().unwrap(), "approve"]).ok();
    item["body"].as_str().unwrap().to_owned()
}

fn ended(env: &TestEnv, slug: &str) -> Value {
    env.run(&["run", "watch", slug, "--json"]).json()
}

#[test]
fn a_22_setup_and_gate_run_after_a_yes_to_exactly_them_and_defaults_stand_in() {
    let env = env(PROJECT);
    let slug = start(&env);
    await_that(|| open(&env).len() == 1, "the commands wait for a yes");
    assert_eq!(
        env.run(&["run", "show", &slug, "--json"]).json()["tasks"],
        json!([]),
        "nothing has begun"
    );
    let shown = approve(&env);
    assert!(
        shown.contains("setup of `.partita/partita.toml`: mkdir -p made"),
        "{shown}"
    );
    assert!(
        shown.contains("gate of `.partita/partita.toml`: test -f mended.txt"),
        "{shown}"
    );

    let run = ended(&env, &slug);
    assert_eq!(run["status"], "completed", "{run:#}");
    let input = &run["input"];
    assert_eq!(
        (&input["agent"], &input["model"], &input["size"]),
        (&json!("rehearsal"), &json!("any-model"), &json!("large"))
    );
    let logs = env.run(&["logs", &slug]).ok();
    assert!(
        logs.contains("it-was-set-up") && logs.contains("it-was-checked"),
        "{logs}"
    );
    let diff = env.run(&["run", "diff", &slug]).ok();
    assert!(
        diff.contains("mended.txt") && !diff.contains("made/ready"),
        "{diff}"
    );

    // The same is trusted from now on; another setup is not.
    let again = start(&env);
    assert_eq!(ended(&env, &again)["status"], "completed");
    assert_eq!(open(&env), Vec::<Value>::new());
    say(&env, &PROJECT.replace("it-was-set-up", "it-was-set-up-otherwise"));
    start(&env);
    let other = approve(&env);
    assert!(other.contains("it-was-set-up-otherwise"), "{other}");
}

#[test]
fn a_setup_that_fails_fails_its_step_and_says_why() {
    let env = env("agent = \"rehearsal\"\nsetup = \"echo there is no compiler here >&2; exit 7\"\n");
    let slug = start(&env);
    approve(&env);
    let run = ended(&env, &slug);
    assert_eq!(run["status"], "failed", "{run:#}");
    let told = run.to_string();
    assert!(
        told.contains("the setup of its working copy failed: exit code 7: there is no compiler here"),
        "{run:#}"
    );
    let logs = env.run(&["logs", &slug]).ok();
    assert!(logs.contains("there is no compiler here"), "{logs}");
    assert!(!logs.contains("Done."), "{logs}");
}

#[test]
fn the_gate_of_a_project_fails_what_does_not_pass_it() {
    let env = env("agent = \"rehearsal\"\ngate = \"echo not good enough; exit 1\"\n");
    let slug = start(&env);
    approve(&env);
    let run = ended(&env, &slug);
    assert_eq!(run["status"], "failed", "{run:#}");
    assert!(run.to_string().contains("not good enough"), "{run:#}");

    let told = env.run(&[
        "run",
        "mend",
        "--focus",
        "x",
        "--gate",
        "echo good enough for me",
        "--detach",
        "--json",
    ]);
    let slug = told.json()["slug"].as_str().unwrap().to_owned();
    let run = ended(&env, &slug);
    assert_eq!(run["status"], "completed", "{run:#}");
    let logs = env.run(&["logs", &slug]).ok();
    assert!(logs.contains("good enough for me"), "{logs}");
}

#[test]
fn a_person_who_names_something_is_heard_and_a_model_belongs_to_its_agent() {
    let env = env("agent = \"nobody\"\nmodel = \"any-model\"\nsize = \"large\"\n");
    let started = env.run(&[
        "run",
        "mend",
        "--focus",
        "x",
        "--agent",
        "rehearsal",
        "--size",
        "small",
        "--detach",
        "--json",
    ]);
    let slug = started.json()["slug"].as_str().unwrap().to_owned();
    let input = ended(&env, &slug)["input"].clone();
    assert_eq!(
        (&input["agent"], &input["model"], &input["size"]),
        (&json!("rehearsal"), &json!(null), &json!("small"))
    );
    let given = env.run(&["run", "mend", "--focus", "x"]);
    assert_eq!(given.code, 4, "there is no such agent: {given:#?}");
    assert!(given.err.contains("nobody"), "{given:#?}");
}

#[test]
fn a_projects_agent_comes_before_the_persons_own() {
    let env = env("agent = \"rehearsal\"\n");
    env.write_user_file(".config/partita/config.toml", "agent = \"nobody\"\n");
    let slug = start(&env);
    assert_eq!(ended(&env, &slug)["input"]["agent"], "rehearsal");
    say(&env, "");
    let given = env.run(&["run", "mend", "--focus", "x"]);
    assert!(given.code != 0 && given.err.contains("nobody"), "{given:#?}");
}

#[test]
fn what_is_wrong_in_a_projects_file_keeps_its_flows_from_starting() {
    let env = env("agent = \"rehearsal\"\ngaet = \"true\"\n");
    for flow in ["mend", "review"] {
        let given = env.run(&["run", flow, "--focus", "x"]);
        assert_eq!(given.code, 6, "{given:#?}");
        assert!(given.err.contains(".partita/partita.toml:2:1"), "{given:#?}");
        assert!(given.err.contains("did you mean `gate`?"), "{given:#?}");
    }
    let unit = env.run(&["work-unit", "create", "a", "--flow", "mend", "--focus", "x"]);
    assert_eq!(unit.code, 6, "{unit:#?}");
    assert_eq!(env.run(&["run", "list", "--json"]).json()["items"], json!([]));
}
