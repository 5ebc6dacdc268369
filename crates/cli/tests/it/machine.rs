//! What the machine lacks: each a clear answer, nothing lost.

use crate::env::TestEnv;
use serde_json::json;

#[test]
fn f_39_an_agent_that_is_not_there_is_refused_before_anything_is_made() {
    let mut env = TestEnv::new();
    env.make_repository();
    env.write_user_file(
        ".config/partita/agents.toml",
        "[agents.ghost]\ndialect = \"acp\"\nprogram = \"no-such-program\"\ninstall = \"install it so\"\n",
    );
    env.set("PARTITA_LOG", "debug");
    let given = env.run(&["run", "review", "--agent", "ghost"]);
    assert_eq!(given.code, 7, "{given:#?}");
    assert!(given.err.contains("no-such-program"), "{given:#?}");
    assert!(given.err.contains("hint:"), "{given:#?}");
    assert_eq!(env.run(&["run", "list", "--json"]).json()["items"], json!([]));
    assert_eq!(
        env.run(&["worktree", "list", "--json"]).json()["items"],
        json!([])
    );
}

#[test]
fn s4_23_an_unknown_agent_is_refused_and_the_known_are_named() {
    let env = TestEnv::new();
    env.make_repository();
    let given = env.run(&["run", "review", "--agent", "nobody"]);
    assert_ne!(given.code, 0, "{given:#?}");
    assert!(
        given.err.contains("nobody") && given.err.contains("claude"),
        "{given:#?}"
    );
}

#[test]
fn no_agent_chosen_and_none_able_says_how_to_get_one() {
    let mut env = TestEnv::new();
    env.make_repository();
    // Only what the system itself brings: no agent is installed there.
    env.set("PATH", "/usr/bin:/bin");
    let given = env.run(&["run", "review"]);
    assert_eq!(given.code, 2, "{given:#?}");
    assert!(
        given.err.contains("hint:") && given.err.contains("demo"),
        "{given:#?}"
    );
}

#[test]
fn settings_that_cannot_hold_are_refused_and_doctor_finds_them() {
    for (file, text) in [("config.toml", "slots = 0\n"), ("agents.toml", "nonsense\n")] {
        let env = TestEnv::new();
        env.write_user_file(&format!(".config/partita/{file}"), text);
        let given = env.run(&["ps"]);
        assert_eq!(given.code, 6, "{given:#?}");
        assert!(
            given.err.contains(file) && given.err.contains("hint:"),
            "{given:#?}"
        );
        let looked = env.run(&["doctor", "--json"]);
        assert_eq!(looked.code, 1, "{looked:#?}");
        let findings = looked.json()["findings"].clone();
        let of_settings = findings
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["what"] == "settings");
        let said = of_settings.unwrap();
        assert_eq!(said["state"], "missing", "{findings:#}");
        assert!(said["said"].as_str().unwrap().contains("line 1"), "{findings:#}");
    }
}

#[test]
fn s3_04_a_folder_without_git_can_be_worked_on() {
    let env = TestEnv::new();
    std::fs::write(env.project().join("notes.txt"), "one\n").unwrap();
    env.script("[[scene]]\ndo = [{ answer = { summary = \"Nothing.\", findings = [] } }]\n");
    let shown = env
        .run(&["run", "review", "--agent", "rehearsal", "--json"])
        .json();
    assert_eq!(shown["status"], "completed", "{shown:#}");
    assert!(!env.project().join(".git").exists());
}

#[test]
fn an_unknown_flow_names_the_nearest() {
    let env = TestEnv::new();
    env.make_repository();
    let given = env.run(&["run", "reveiw", "--agent", "rehearsal"]);
    assert_eq!(given.code, 4, "{given:#?}");
    assert!(given.err.contains("review"), "{given:#?}");
}

#[test]
fn f_56_a_full_disk_is_said_and_nothing_is_lost() {
    let env = TestEnv::new();
    // A disk of our own, in a name space of our own: root of it for as long as the script runs.
    let script = r#"
        set -e
        mount -t tmpfs -o size=160m none "$DISK"
        "$PARTITA" --home "$DISK/home" work-unit create before
        fill() { dd if=/dev/zero of="$DISK/filler$1" bs=64k 2>/dev/null || true; }
        fill 1
        # The ballast gives way once; after that there is really no room.
        failed=0
        for number in 1 2 3 4 5 6 7 8; do
            fill "$number"
            i=0
            while [ $i -lt 40 ]; do
                "$PARTITA" --home "$DISK/home" work-unit create "full-$number-$i" >>"$DISK.out" 2>"$DISK.err" || { failed=$?; break 2; }
                i=$((i + 1))
            done
        done
        echo "failed with $failed"
        cat "$DISK.err"
        rm -f "$DISK"/filler*
        tries=0
        until "$PARTITA" --home "$DISK/home" work-unit create after >/dev/null 2>&1; do
            tries=$((tries + 1))
            [ $tries -lt 1000 ]
        done
        "$PARTITA" --home "$DISK/home" ps
        "$PARTITA" --home "$DISK/home" stop >/dev/null
        umount "$DISK"
    "#;
    let disk = env.path("disk");
    std::fs::create_dir(&disk).unwrap();
    let output = std::process::Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", env.path("user"))
        .env("DISK", &disk)
        .env("PARTITA", env!("CARGO_BIN_EXE_partita"))
        .current_dir(env.project())
        .output()
        .unwrap();
    let given = crate::env::given(&output);
    assert_eq!(given.code, 0, "{given:#?}");
    assert!(given.out.contains("failed with 7"), "{given:#?}");
    assert!(given.out.contains("the disk is full"), "{given:#?}");
    assert!(
        given.out.contains("before  READY") && given.out.contains("after"),
        "{given:#?}"
    );
}
