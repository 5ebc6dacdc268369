//! A file past 500 lines has a second idea in it, or a reason in `docs/long-files.md`.
//!
//! A row of that table whose file is gone or short again is a finding too.

use super::Finding;
use crate::repo::Repo;

const LIST: &str = "docs/long-files.md";
const LINES_MAX: usize = 500;
const KINDS: &[&str] = &[".rs", ".ts", ".svelte"];

pub(super) fn check(repo: &Repo) -> Vec<Finding> {
    let listed = entries(repo.text(LIST).unwrap_or_default());
    let long: Vec<(&str, usize)> = repo
        .texts()
        .filter(|(path, _)| KINDS.iter().any(|kind| path.ends_with(kind)))
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > LINES_MAX)
        .collect();
    let unlisted = long
        .iter()
        .filter(|(path, _)| !listed.iter().any(|entry| entry.path == *path))
        .map(|(path, lines)| {
            Finding::in_file(
                path,
                format!("has {lines} lines; split it, or give a reason in `{LIST}`"),
            )
        });
    let stale = listed
        .iter()
        .filter(|entry| !long.iter().any(|(path, _)| *path == entry.path))
        .map(|entry| {
            Finding::on_line(
                LIST,
                entry.line,
                format!("`{}` is not past {LINES_MAX} lines any more", entry.path),
            )
        });
    let empty = listed.iter().filter(|entry| !entry.has_reason).map(|entry| {
        Finding::on_line(
            LIST,
            entry.line,
            format!("`{}` lacks a reason in words", entry.path),
        )
    });
    unlisted.chain(stale).chain(empty).collect()
}

struct Entry<'a> {
    line: usize,
    path: &'a str,
    has_reason: bool,
}

/// The rows of the table: a path in backticks, then the reason.
fn entries(text: &str) -> Vec<Entry<'_>> {
    text.lines()
        .enumerate()
        .filter_map(|(index, line)| {
            let mut cells = line.strip_prefix("| `")?.splitn(2, "` |");
            let path = cells.next()?;
            let reason = cells.next()?.trim_end_matches('|');
            Some(Entry {
                line: index + 1,
                path,
                has_reason: reason.split_whitespace().count() >= 3,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(list: &str, lines: usize) -> Vec<String> {
        let repo = Repo::of([
            (LIST, list.to_owned()),
            ("crates/a/src/lib.rs", "x\n".repeat(lines)),
        ]);
        check(&repo).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn a_long_file_needs_an_entry() {
        assert_eq!(
            found("", 501),
            ["has 501 lines; split it, or give a reason in `docs/long-files.md`"]
        );
        assert_eq!(found("", 500), Vec::<String>::new());
        assert_eq!(
            found("| `crates/a/src/lib.rs` | it is one table |\n", 501),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_stale_entry_is_found() {
        let said = found("| `crates/a/src/lib.rs` | it is one table |\n", 10);
        assert_eq!(said, ["`crates/a/src/lib.rs` is not past 500 lines any more"]);
    }

    #[test]
    fn an_entry_needs_a_reason() {
        assert_eq!(
            found("| `crates/a/src/lib.rs` | |\n", 501),
            ["`crates/a/src/lib.rs` lacks a reason in words"]
        );
    }
}
