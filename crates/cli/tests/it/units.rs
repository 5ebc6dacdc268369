//! Work units as a person creates, sees, moves and deletes them.

use crate::env::TestEnv;
use serde_json::json;

#[test]
fn s3_39_an_empty_pool_is_an_empty_list() {
    let env = TestEnv::new();
    assert_eq!(env.run(&["ps", "--json"]).json()["items"], json!([]));
    env.run(&["ps"]).ok();
}

#[test]
fn s3_35_s3_36_a_unit_is_created_shown_and_moved() {
    let env = TestEnv::new();
    let created = env.run(&["work-unit", "create", "parser", "--json"]).json();
    assert_eq!(
        (&created["chunk"], &created["phase"], &created["status"]),
        (&json!("parser"), &json!("GOAL"), &json!("READY"))
    );
    assert_eq!(
        env.run(&["work-unit", "status", "parser"]).ok(),
        "parser  READY\n"
    );
    env.run(&["work-unit", "status", "parser", "RUNNING"]).ok();
    assert_eq!(
        env.run(&["work-unit", "status", "parser"]).ok(),
        "parser  RUNNING\n"
    );

    let refused = env.run(&["work-unit", "status", "parser", "RUNNING"]);
    assert_eq!(refused.code, 5, "{refused:#?}");
    let unknown = env.run(&["work-unit", "status", "nobody"]);
    assert_eq!(unknown.code, 4, "{unknown:#?}");
    let again = env.run(&["work-unit", "create", "parser"]);
    assert_eq!(again.code, 5, "{again:#?}");
    assert!(again.err.contains("`parser` exists already"), "{again:#?}");
}

#[test]
fn s3_37_list_equals_ps() {
    let env = TestEnv::new();
    env.run(&["work-unit", "create", "one"]).ok();
    env.run(&["work-unit", "create", "two", "--blocked-by", "one"])
        .ok();
    assert_eq!(env.run(&["work-unit", "list"]).ok(), env.run(&["ps"]).ok());
    assert_eq!(
        env.run(&["work-unit", "list", "--json"]).json(),
        env.run(&["ps", "--json"]).json()
    );
}

#[test]
fn s3_16_s3_42_state_and_history_survive_a_kill() {
    let env = TestEnv::new();
    env.run(&["work-unit", "create", "parser"]).ok();
    env.run(&["work-unit", "status", "parser", "RUNNING"]).ok();
    let before = env.run(&["work-unit", "show", "parser", "--json"]).json();
    env.kill_daemon();
    let after = env.run(&["work-unit", "show", "parser", "--json"]).json();
    assert_eq!(before, after);
    let history: Vec<_> = after["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| (change["old_status"].clone(), change["new_status"].clone()))
        .collect();
    assert_eq!(
        history,
        [(json!(null), json!("READY")), (json!("READY"), json!("RUNNING"))]
    );
}

#[test]
fn s3_30_a_deleted_unit_is_gone_from_the_lists() {
    let env = TestEnv::new();
    env.run(&["work-unit", "create", "parser"]).ok();
    env.run(&["work-unit", "delete", "parser"]).ok();
    assert_eq!(env.run(&["ps", "--json"]).json()["items"], json!([]));
    assert_eq!(env.run(&["work-unit", "delete", "parser"]).code, 4);
}

const QUICK: &str = "[[scene]]\ndo = [{ answer = { summary = \"Nothing.\", findings = [] } }]\n";

#[test]
fn a_unit_with_a_flow_runs_by_itself_and_its_dependents_after_it() {
    let env = TestEnv::new();
    env.make_repository();
    env.script(QUICK);
    // Blocked first, so that nothing but the order of the rules decides what runs when.
    env.run(&["work-unit", "create", "first", "--phase", "PLAN"]).ok();
    for (chunk, blocker) in [("second", "first"), ("third", "second")] {
        let line = [
            "work-unit",
            "create",
            chunk,
            "--blocked-by",
            blocker,
            "--flow",
            "review",
            "--agent",
            "rehearsal",
        ];
        env.run(&line).ok();
    }
    let status = |chunk: &str| env.run(&["work-unit", "show", chunk, "--json"]).json()["status"].clone();
    assert_eq!(
        (status("second"), status("third")),
        (json!("BLOCKED"), json!("BLOCKED"))
    );

    env.run(&["work-unit", "status", "first", "RUNNING"]).ok();
    env.run(&["work-unit", "status", "first", "DONE"]).ok();
    crate::env::await_that(|| status("third") == json!("DONE"), "all that waited is done");
    let history = env.run(&["work-unit", "show", "second", "--json"]).json()["history"].clone();
    let statuses: Vec<_> = history
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["new_status"].clone())
        .collect();
    assert_eq!(statuses, ["BLOCKED", "READY", "RUNNING", "DONE"]);
}

#[test]
fn a_unit_that_would_wait_for_itself_is_refused() {
    let env = TestEnv::new();
    env.run(&["work-unit", "create", "one"]).ok();
    let unknown = env.run(&["work-unit", "create", "two", "--blocked-by", "nobody"]);
    assert_ne!(unknown.code, 0, "{unknown:#?}");
    assert!(unknown.err.contains("nobody"), "{unknown:#?}");
    let itself = env.run(&["work-unit", "create", "two", "--blocked-by", "two"]);
    assert_eq!(itself.code, 5, "{itself:#?}");
    let bad = env.run(&["work-unit", "create", "--", "-rf"]);
    assert_ne!(bad.code, 0, "{bad:#?}");
    assert_eq!(
        env.run(&["ps", "--json"]).json()["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}
