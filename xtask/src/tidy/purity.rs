//! `domain` gives the same answer to the same history: it names nothing that could differ between two replays.
//!
//! That it depends on nothing is `dependencies`' business; `crates/domain/clippy.toml` catches what hides behind a name.

use super::Finding;
use crate::repo::{Repo, room_of};
use crate::source::{Source, says};

const FORBIDDEN: &[(&str, &str)] = &[
    ("std::time::SystemTime", "a clock; time comes in as a `Moment`"),
    ("std::time::Instant", "a clock; time comes in as a `Moment`"),
    ("SystemTime", "a clock; time comes in as a `Moment`"),
    ("Instant", "a clock; time comes in as a `Moment`"),
    ("std::fs", "a file"),
    ("std::io", "a file or a stream"),
    ("std::net", "a socket"),
    ("std::os", "the machine"),
    ("std::process", "a process"),
    ("std::env", "the environment; settings come in with an input"),
    ("std::thread", "a thread"),
    ("thread::", "a thread"),
    ("thread_local!", "a thread"),
    ("std::hash::RandomState", "dice"),
    ("HashMap", "an order that is chance; use `BTreeMap`"),
    ("HashSet", "an order that is chance; use `BTreeSet`"),
    ("rand::", "dice"),
    (
        "serde",
        "a stored form; translations live in the rooms that store and speak",
    ),
    ("async fn", "a wait; a decision is one plain call"),
];

pub(super) fn check(repo: &Repo) -> Vec<Finding> {
    repo.sources()
        .filter(|(path, _)| room_of(path) == Some("domain") && path.contains("/src/"))
        .flat_map(|(path, source)| {
            impurities(source)
                .into_iter()
                .map(move |(line, name, what)| Finding::on_line(path, line, format!("`{name}` is {what}")))
        })
        .collect()
}

/// Each line that names something forbidden: once, under the first name that fits.
fn impurities(source: &Source) -> Vec<(usize, &'static str, &'static str)> {
    let spelled = source.lines().map(|(line, code)| (line, code.to_owned()));
    let mut found: Vec<_> = spelled
        .chain(imports(&source.code))
        .filter_map(|(line, code)| {
            let (name, what) = FORBIDDEN.iter().find(|(name, _)| says(&code, name))?;
            Some((line, *name, *what))
        })
        .collect();
    found.sort_by_key(|(line, _, _)| *line);
    found.dedup_by_key(|(line, _, _)| *line);
    found
}

/// The paths of every `use`, written out: `use std::{fs, time::{Instant}}` hides three of them.
fn imports(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut line = 1;
    for statement in code.split_inclusive(';') {
        if let Some(at) = statement
            .find("use ")
            .filter(|at| !statement[..*at].ends_with(crate::source::is_name))
        {
            let start = line + statement[..at].matches('\n').count();
            let tree: String = statement[at + 4..]
                .trim_end_matches(';')
                .split_whitespace()
                .collect();
            found.extend(leaves("", &tree).into_iter().map(|path| (start, path)));
        }
        line += statement.matches('\n').count();
    }
    found
}

fn leaves(prefix: &str, tree: &str) -> Vec<String> {
    let Some((head, rest)) = tree.split_once('{') else {
        return vec![format!("{prefix}{tree}")];
    };
    let inside = rest.strip_suffix('}').unwrap_or(rest);
    let prefix = format!("{prefix}{head}");
    branches(inside)
        .into_iter()
        .flat_map(|branch| leaves(&prefix, branch))
        .collect()
}

/// Splits at the commas that are not inside another group.
fn branches(inside: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    inside
        .split(|c| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            c == ',' && depth == 0
        })
        .filter(|branch| !branch.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<usize> {
        let repo = Repo::of([
            ("crates/domain/src/run.rs", text),
            ("crates/store/src/lib.rs", text),
        ]);
        check(&repo)
            .into_iter()
            .map(|finding| finding.line.unwrap())
            .collect()
    }

    #[test]
    fn every_forbidden_name_is_found() {
        for (name, _) in FORBIDDEN {
            assert_eq!(lines(&format!("fn f() {{\n    {name} x;\n}}\n")), [2], "{name}");
        }
    }

    #[test]
    fn a_forbidden_path_is_found_inside_a_group() {
        assert_eq!(
            lines("//! R.\n\nuse std::{\n    collections::BTreeMap,\n    fmt, fs::{self},\n};\n"),
            [3]
        );
        assert_eq!(
            lines("use std::{fmt, collections::{BTreeMap, BTreeSet}};\n"),
            Vec::<usize>::new()
        );
    }

    #[test]
    fn what_a_comment_or_a_longer_name_says_is_free() {
        let text = "// Instant and std::fs are not used.\nstruct InstantReplay;\nlet brand = std_fs;\n";
        assert_eq!(lines(text), Vec::<usize>::new());
    }
}
