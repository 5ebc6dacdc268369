//! Output belongs to the command line. A library that prints speaks over the one who called it.

use super::{Finding, exceptions};
use crate::repo::{Repo, room_of};

const MACROS: &[&str] = &["println!", "eprintln!", "print!", "eprint!", "dbg!"];

pub(super) fn check(repo: &Repo) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, source) in repo
        .sources()
        .filter(|(path, _)| room_of(path).is_some_and(|room| room != "cli"))
    {
        for (line, code) in source.lines().filter(|(line, _)| !source.is_test_line(*line)) {
            if let Some(name) = MACROS.iter().find(|name| crate::source::says(code, name)) {
                let what = format!("`{name}`: return the words, or record them with `tracing`");
                findings.push(Finding::on_line(path, line, what));
            }
        }
    }
    exceptions::apply(repo, "printing", findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_prints_is_found_and_the_command_line_is_not() {
        let text = "//! A.\nfn f() { println!(\"x\"); }\n";
        let repo = Repo::of([("crates/git/src/lib.rs", text), ("crates/cli/src/main.rs", text)]);
        let found: Vec<_> = check(&repo)
            .into_iter()
            .map(|finding| (finding.path, finding.line))
            .collect();
        assert_eq!(found, [("crates/git/src/lib.rs".to_owned(), Some(2))]);
    }
}
