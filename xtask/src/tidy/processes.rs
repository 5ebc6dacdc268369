//! Processes are started in two rooms: `agents`, with containment, and `git`, through its one command builder.
//!
//! Tests are free: a test of the command line has to start it.

use super::{Finding, exceptions};
use crate::repo::{Repo, room_of};

const ROOMS: &[&str] = &["agents", "git"];

const STARTS: &[&str] = &[
    "Command::new",
    "process::Command",
    "tokio::process",
    "process::fork",
    "execve",
    "execvp",
    "posix_spawn",
];

pub(super) fn check(repo: &Repo) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, source) in repo.sources() {
        let Some(room) = room_of(path).filter(|room| !ROOMS.contains(room)) else {
            continue;
        };
        for (line, code) in source.lines().filter(|(line, _)| !source.is_test_line(*line)) {
            if let Some(start) = STARTS.iter().find(|start| crate::source::says(code, start)) {
                let what = format!("`{start}` in `{room}`: processes are started by `agents` and `git` only");
                findings.push(Finding::on_line(path, line, what));
            }
        }
    }
    exceptions::apply(repo, "processes", findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &str = "//! A.\nfn f() { std::process::Command::new(\"x\"); }\n";

    #[test]
    fn a_process_is_started_only_where_it_is_contained() {
        let repo = Repo::of([
            ("crates/agents/src/harness.rs", START),
            ("crates/git/src/command.rs", START),
            ("crates/server/src/open.rs", START),
            ("xtask/src/main.rs", START),
        ]);
        let found: Vec<_> = check(&repo)
            .into_iter()
            .map(|finding| (finding.path, finding.line))
            .collect();
        assert_eq!(found, [("crates/server/src/open.rs".to_owned(), Some(2))]);
    }

    #[test]
    fn a_test_may_start_what_it_tests() {
        let inside = format!("//! A.\n#[cfg(test)]\nmod tests {{\n{START}}}\n");
        let repo = Repo::of([
            ("crates/cli/tests/it/main.rs", START),
            ("crates/cli/src/exit.rs", &inside),
        ]);
        assert_eq!(check(&repo), []);
    }
}
