//! The daemon as a process: started once, found by its lock, stopped gently. What kills do to it is in `faults`.

use crate::env::{TestEnv, await_that, is_alive};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;

#[test]
fn s3_18_s3_33_start_detaches_and_stop_cleans_up() {
    let env = TestEnv::new();
    env.run(&["start"]).ok();

    let pid = env.pid();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let (session, terminal) = (fields[3], fields[4]);
    assert_eq!(session, pid.to_string(), "a session of its own");
    assert_eq!(terminal, "0", "no controlling terminal");

    env.run(&["stop"]).ok();
    assert!(!is_alive(pid));
    assert!(!env.home().join("orchestrator.pid").exists());
    assert!(!env.home().join("orchestrator.sock").exists());
}

#[test]
fn s3_03_s3_06_state_lies_in_the_home_for_its_owner_alone() {
    let env = TestEnv::new();
    env.run(&["start"]).ok();
    let mode = |name: &str| {
        std::fs::metadata(env.home().join(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode(""), 0o700);
    for name in [
        "orchestrator.db",
        "orchestrator.pid",
        "orchestrator.sock",
        "orchestrator.log",
    ] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
}

#[test]
fn s3_24_a_second_start_is_refused_and_names_the_holder() {
    let env = TestEnv::new();
    env.run(&["start"]).ok();
    let pid = env.pid();
    let second = env.run(&["start"]);
    assert_eq!(second.code, 3);
    assert_eq!(
        second.err,
        format!(
            "error: a daemon is running already\n  because: process {pid} holds {}\nhint: see it with `partita status`, end it with `partita stop`\n",
            env.home().display()
        )
    );
    assert!(is_alive(pid));
}

#[test]
fn s3_21_s3_25_status_tells_uptime_number_and_counts() {
    let env = TestEnv::new();
    env.run(&["start"]).ok();
    let status = env.run(&["status", "--json"]).json();
    assert_eq!(status["pid"], json!(env.pid()));
    assert!(status["uptime_s"].is_u64(), "{status:#}");
    assert_eq!(status["counts"]["work_units"]["READY"], json!(0), "{status:#}");
    assert_eq!(status["version"], json!(env!("CARGO_PKG_VERSION")));
}

#[test]
fn s3_22_the_daemon_writes_its_log() {
    let env = TestEnv::new();
    env.run(&["start"]).ok();
    let log = || {
        std::fs::metadata(env.home().join("orchestrator.log"))
            .unwrap()
            .len()
    };
    let before = log();
    assert!(before > 0);
    env.run(&["stop"]).ok();
    assert!(log() > before);
}

#[test]
fn s3_19_s3_23_term_ends_it_gracefully() {
    let env = TestEnv::new();
    env.run(&["start"]).ok();
    let pid = env.pid();
    assert!(
        std::process::Command::new("kill")
            .args(["-TERM", &pid.to_string()])
            .status()
            .unwrap()
            .success()
    );
    await_that(|| !is_alive(pid), "the daemon ends on TERM");
    assert!(!env.home().join("orchestrator.pid").exists());
    let log = std::fs::read_to_string(env.home().join("orchestrator.log")).unwrap();
    assert!(log.contains("stopped"), "{log}");
}

#[test]
fn s3_19_a_daemon_that_is_stuck_is_ended_firmly() {
    let env = TestEnv::new();
    env.run(&["start"]).ok();
    let pid = env.pid();
    assert!(
        std::process::Command::new("kill")
            .args(["-STOP", &pid.to_string()])
            .status()
            .unwrap()
            .success()
    );
    let stopped = env.run(&["stop", "--wait", "1"]);
    assert_eq!(stopped.code, 0, "{stopped:#?}");
    assert!(
        stopped.out.contains("ended firmly") || stopped.err.contains("ended firmly"),
        "{stopped:#?}"
    );
    assert!(!is_alive(pid));
}

#[test]
fn s3_40_what_needs_no_daemon_says_so_helpfully() {
    let env = TestEnv::new();
    for command in [["stop"], ["status"]] {
        let refused = env.run(&command);
        assert_eq!(refused.code, 3, "{refused:#?}");
        assert!(
            refused.err.contains("error: no daemon is running"),
            "{refused:#?}"
        );
        assert!(
            refused.err.contains("hint: start it with `partita start`"),
            "{refused:#?}"
        );
    }
}
