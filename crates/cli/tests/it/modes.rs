//! Nothing that a home holds can be read by others, whatever the umask of whoever started the daemon.

use crate::env::{TestEnv, await_that, given};
use cases::Case;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const FLOW: &str = r#"
name = "both"
category = "analysis"
version = 1
summary = "Reads, asks and writes."

[[step]]
id = "read"
kind = "agent"
prompt = "Read."

[[step]]
id = "write"
kind = "agent"
access = "write"
needs = ["read"]
prompt = "Write."

[[step]]
id = "may"
kind = "approval"
needs = ["write"]
"#;

const SCRIPT: &str = r#"
[[scene]]
match = ["Read."]
do = [{ say = "Read." }]

[[scene]]
match = ["Write."]
do = [{ write = { path = "new.txt", content = "new" } }, { say = "Done." }]
"#;

/// Everything below a folder, with its mode. What lies in a place or in an agent's home is made by git and by the agent, and
/// reached through a folder that is looked at.
fn modes(folder: &Path, found: &mut Vec<(PathBuf, u32)>) {
    let is_of_others = |path: &Path| {
        let is_place = |above: &Path| above.parent().is_some_and(|above| above.ends_with("worktrees"));
        path.parent().is_some_and(is_place)
            || path.ends_with("home") && path.iter().any(|part| part == "homes")
    };
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.metadata().unwrap();
        if kind.is_symlink() {
            continue;
        }
        found.push((entry.path(), kind.permissions().mode()));
        if kind.is_dir() && !is_of_others(&entry.path()) {
            modes(&entry.path(), found);
        }
    }
}

#[test]
fn a_62_what_a_home_holds_is_closed_to_others() {
    let mut case = Case::open("A-62");
    let env = TestEnv::new();
    env.make_repository();
    let flows = env.project().join(".partita/flows");
    std::fs::create_dir_all(&flows).unwrap();
    std::fs::write(flows.join("both.toml"), FLOW).unwrap();
    env.script(SCRIPT);
    // The state lies in folders that everybody may enter, and whoever starts the daemon keeps nothing from anybody.
    for folder in ["", "user", "run"] {
        std::fs::set_permissions(env.path(folder), std::fs::Permissions::from_mode(0o777)).unwrap();
    }
    let open = |arguments: &[&str]| {
        let plain = env.command(arguments);
        let mut command = Command::new("sh");
        command
            .args(["-c", "umask 000; exec \"$@\"", "sh"])
            .arg(plain.get_program())
            .args(plain.get_args())
            .current_dir(plain.get_current_dir().unwrap())
            .env_clear();
        let variables = plain.get_envs().filter_map(|(name, value)| Some((name, value?)));
        command.envs(variables);
        given(&command.output().unwrap())
    };
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port().to_string()
    };
    open(&["start", "--port", &port]).ok();
    open(&["run", "both", "--focus", "x", "--agent", "rehearsal", "--detach"]).ok();
    let is_asking = || {
        let items = env.run(&["attention", "--json"]).json();
        items["items"].as_array().is_some_and(|items| !items.is_empty())
    };
    await_that(is_asking, "both agents have worked");
    let mut found = vec![(
        env.home(),
        std::fs::metadata(env.home()).unwrap().permissions().mode(),
    )];
    modes(&env.home(), &mut found);
    modes(&env.path("run"), &mut found);
    let open: Vec<String> = found
        .iter()
        .filter(|(_, mode)| mode & 0o077 != 0)
        .map(|(path, mode)| {
            format!(
                "{:o} {}",
                mode & 0o777,
                path.strip_prefix(env.path("")).unwrap().display()
            )
        })
        .collect();
    assert!(
        open.is_empty(),
        "{} of {} are open:\n{}",
        open.len(),
        found.len(),
        open.join("\n")
    );
    for name in [
        "orchestrator.db",
        "orchestrator.log",
        "orchestrator.pid",
        "token",
        "transcripts",
        "blobs",
    ] {
        assert!(
            found.iter().any(|(path, _)| path.ends_with(name)),
            "{name} is looked at"
        );
    }
    case.tried_times(found.len() as u64);
    case.hit_times(found.len() as u64);
    case.pass(20);
}
