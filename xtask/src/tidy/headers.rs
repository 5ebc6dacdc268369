//! The first line of every Rust file says what the file is for.

use super::Finding;
use crate::repo::Repo;

pub(super) fn check(repo: &Repo) -> Vec<Finding> {
    repo.texts()
        .filter(|(path, _)| path.ends_with(".rs"))
        .filter(|(_, text)| !is_opened(text))
        .map(|(path, _)| Finding::on_line(path, 1, "does not open with `//!` and what the file owns"))
        .collect()
}

/// A header is a sentence: one word only repeats the file's name.
fn is_opened(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    first
        .strip_prefix("//!")
        .is_some_and(|words| words.split_whitespace().count() > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_header_is_found() {
        let repo = Repo::of([
            ("a.rs", "//! Keeps one run going.\n"),
            ("b.rs", "use std::fmt;\n//! Too late.\n"),
            ("c.rs", ""),
            ("d.rs", "//! d\n"),
            ("e.md", "no header needed\n"),
        ]);
        let found: Vec<_> = check(&repo).into_iter().map(|finding| finding.path).collect();
        assert_eq!(found, ["b.rs", "c.rs", "d.rs"]);
    }
}
