//! What a document names exists: paths in backticks, relative links, and every room in the map.
//!
//! Prose inside fences is an example and may name what is not there.

use std::collections::BTreeSet;

use super::Finding;
use crate::repo::{Repo, room_of};

const MAP: &str = "ARCHITECTURE.md";
const ROOT_DOCUMENTS: &[&str] = &["README.md", MAP, "CONTRIBUTING.md", "STYLE.md"];

/// Folders of the root that documents speak of, also after the last file in one is gone.
const FOLDERS: &[&str] = &[
    ".cargo", ".ci", ".config", ".github", "changes", "crates", "docs", "examples", "testing", "web", "xtask",
];

pub(super) fn check(repo: &Repo) -> Vec<Finding> {
    let is_document =
        |path: &str| ROOT_DOCUMENTS.contains(&path) || (path.starts_with("docs/") && path.ends_with(".md"));
    let mut findings = missing_rooms(repo);
    for (path, text) in repo.texts().filter(|(path, _)| is_document(path)) {
        for (number, line) in prose(text) {
            for token in quoted(line) {
                if let Some(named) = path_named(repo, token).filter(|named| !exists(repo, named)) {
                    findings.push(Finding::on_line(
                        path,
                        number,
                        format!("names `{token}`, but there is no {named}"),
                    ));
                }
            }
            for link in links(line) {
                if let Some(target) = link_target(path, link).filter(|target| !repo.has(target)) {
                    findings.push(Finding::on_line(
                        path,
                        number,
                        format!("links to `{link}`, but there is no {target}"),
                    ));
                }
            }
        }
    }
    findings
}

fn missing_rooms(repo: &Repo) -> Vec<Finding> {
    let rooms: BTreeSet<_> = repo.paths().filter_map(room_of).collect();
    let map = repo.text(MAP).unwrap_or_default();
    rooms
        .iter()
        .filter(|room| !crate::source::says(map, &format!("crates/{room}")))
        .map(|room| Finding::in_file(MAP, format!("the map does not name `crates/{room}`")))
        .collect()
}

/// The lines outside of fences, counted from one.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_fenced ^= is_fence;
        (!is_fenced && !is_fence).then_some((index + 1, line))
    })
}

/// What stands between single backticks.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The path from the root that a quoted word stands for, if it looks like one.
fn path_named(repo: &Repo, token: &str) -> Option<String> {
    let is_path = token
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "_-./*".contains(c));
    if !is_path || token.starts_with('/') {
        return None;
    }
    let Some((first, rest)) = token.split_once('/') else {
        return is_shouted_document(token).then(|| token.to_owned());
    };
    if FOLDERS.contains(&first) {
        return Some(token.to_owned());
    }
    // `store/src/lib.rs` is short for the file in that room; `store/rebuild` is not a path at all.
    let is_room = repo.has(&format!("crates/{first}"));
    let is_inside = ["src", "tests", "Cargo.toml"]
        .iter()
        .any(|inside| rest.split('/').next() == Some(inside));
    (is_room && is_inside).then(|| format!("crates/{token}"))
}

/// `ARCHITECTURE.md`, as against a file that a user may have.
fn is_shouted_document(token: &str) -> bool {
    let stem = token.strip_suffix(".md").unwrap_or_default();
    !stem.is_empty() && stem.chars().all(|c| c.is_ascii_uppercase() || c == '-')
}

fn exists(repo: &Repo, named: &str) -> bool {
    match named.split_once('*') {
        None => repo.has(named),
        Some((start, _)) => {
            let end = named.rsplit('*').next().unwrap_or_default();
            repo.paths().any(|path| {
                path.len() >= start.len() + end.len() && path.starts_with(start) && path.ends_with(end)
            })
        }
    }
}

/// The targets of `[words](target)`.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', ' ']).next())
}

/// The path from the root that a relative link leads to.
fn link_target(document: &str, link: &str) -> Option<String> {
    let path = link.split('#').next().unwrap_or_default();
    if path.is_empty() || path.contains(':') {
        return None;
    }
    let mut parts: Vec<&str> = document.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            other => parts.push(other),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(document: &str, text: &str) -> Vec<String> {
        let repo = Repo::of([
            (document, text),
            ("crates/store/src/lib.rs", ""),
            (MAP, "crates/store"),
            ("docs/glossary.md", ""),
            ("docs/adr/0001-x.md", ""),
        ]);
        check(&repo).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn a_path_that_is_not_there_is_found() {
        let said = found(
            "README.md",
            "See `docs/glosary.md` and `docs/glossary.md`, `crates/`, `docs/adr/*.md`.\n",
        );
        assert_eq!(said, ["names `docs/glosary.md`, but there is no docs/glosary.md"]);
    }

    #[test]
    fn the_short_form_inside_a_room_is_followed() {
        let said = found(
            "docs/recipes.md",
            "`store/src/lib.rs`, `store/src/gone.rs`, `store/rebuild`\n",
        );
        assert_eq!(
            said,
            ["names `store/src/gone.rs`, but there is no crates/store/src/gone.rs"]
        );
    }

    #[test]
    fn a_document_named_by_its_name_alone_exists() {
        let said = found(
            "docs/recipes.md",
            "`ARCHITECTURE.md`, `GONE.md`, `config.toml`, `<home>/docs/x`\n",
        );
        assert_eq!(said, ["names `GONE.md`, but there is no GONE.md"]);
    }

    #[test]
    fn a_relative_link_leads_somewhere() {
        let text = "[a](../glossary.md#run) [b](0002-y.md) [c](https://example.com/x) [d](#here)\n";
        assert_eq!(
            found("docs/adr/README.md", text),
            ["links to `0002-y.md`, but there is no docs/adr/0002-y.md"]
        );
    }

    #[test]
    fn an_example_may_name_what_is_not_there() {
        assert_eq!(
            found("README.md", "```text\n`docs/gone.md`\n```\n"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_room_that_the_map_forgets_is_found() {
        let repo = Repo::of([(MAP, "crates/store_old"), ("crates/store/src/lib.rs", "")]);
        assert_eq!(
            check(&repo),
            [Finding::in_file(MAP, "the map does not name `crates/store`")]
        );
    }
}
