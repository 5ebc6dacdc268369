//! Which row of the requirements is shown by which test.
//!
//! A test carries the ids of what it shows at the start of its name: `s3_24_a_second_daemon_is_refused`,
//! `f_21_s3_20_a_stale_pid_file_is_ignored`. The rows in scope are listed in `docs/rows.toml`; a row without a test
//! says there why.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Deserialize;

use super::{Finding, Strictness};
use crate::repo::Repo;

const LIST: &str = "docs/rows.toml";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(default)]
    row: Vec<Row>,
}

/// One assertion about the product.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    title: String,
    /// Why there is no test.
    without: Option<String>,
}

/// The rows in scope and the tests that carry their ids.
pub(crate) struct Coverage {
    rows: Vec<Row>,
    /// By id, each test as `path:line name`.
    tests: BTreeMap<String, Vec<String>>,
    ignored: Vec<Finding>,
}

/// Reads the list and looks for ids in the names of all tests.
pub(crate) fn coverage(repo: &Repo) -> Result<Coverage, Vec<Finding>> {
    let Some(text) = repo.text(LIST) else {
        return Err(vec![Finding::in_file(
            LIST,
            "the list of rows in scope is missing",
        )]);
    };
    let list: List = toml::from_str(text).map_err(|error| vec![Finding::in_file(LIST, error.to_string())])?;
    let mistakes = mistakes(&list);
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let mut coverage = Coverage {
        rows: list.row,
        tests: BTreeMap::new(),
        ignored: Vec::new(),
    };
    for (path, source) in repo.sources() {
        for test in source.tests() {
            coverage.record(path, test.line, &test.name, test.is_ignored);
        }
    }
    for (path, text) in repo
        .texts()
        .filter(|(path, _)| path.ends_with(".ts") && path.starts_with("web/"))
    {
        for (line, title) in web_tests(text) {
            coverage.record(path, line, &title, false);
        }
    }
    Ok(coverage)
}

fn mistakes(list: &List) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    let mut said = Vec::new();
    for row in &list.row {
        let id = &row.id;
        if ids(&row.id.to_lowercase().replace('-', "_")) != [id.as_str()] {
            said.push(format!("`{id}` is not the id of a row"));
        }
        if !seen.insert(id) {
            said.push(format!("`{id}` is listed twice"));
        }
        if row.title.trim().is_empty()
            || row
                .without
                .as_ref()
                .is_some_and(|reason| reason.trim().is_empty())
        {
            said.push(format!("`{id}` has an empty title or reason"));
        }
    }
    said.into_iter()
        .map(|what| Finding::in_file(LIST, what))
        .collect()
}

/// The ids that a test's name begins with: `S3-24`, `F-21`.
fn ids(name: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut words = name.split('_');
    while let (Some(prefix), Some(number)) = (words.next(), words.next()) {
        let is_prefix = match prefix.as_bytes() {
            [b'f' | b'a'] => true,
            [b's', digit] => (b'0'..=b'4').contains(digit),
            _ => false,
        };
        if !is_prefix || number.len() != 2 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            break;
        }
        found.push(format!("{}-{number}", prefix.to_uppercase()));
    }
    found
}

/// The titles of tests of the page, spelled like names of functions.
fn web_tests(text: &str) -> Vec<(usize, String)> {
    text.lines()
        .enumerate()
        .filter_map(|(index, line)| {
            let rest = line.trim_start();
            let call = ["test(", "it("]
                .into_iter()
                .find_map(|call| rest.strip_prefix(call))?;
            let quote = call.chars().next().filter(|c| "'\"`".contains(*c))?;
            let title = call[1..].split(quote).next()?;
            Some((index + 1, title.to_lowercase().replace([' ', '-'], "_")))
        })
        .collect()
}

impl Coverage {
    fn record(&mut self, path: &str, line: usize, name: &str, is_ignored: bool) {
        for id in ids(name) {
            if is_ignored {
                self.ignored.push(Finding::on_line(
                    path,
                    line,
                    format!("`{name}` shows {id} but is ignored"),
                ));
            } else {
                self.tests
                    .entry(id)
                    .or_default()
                    .push(format!("{path}:{line} {name}"));
            }
        }
    }

    fn standing<'a>(&'a self, row: &'a Row) -> Standing<'a> {
        match (self.tests.get(&row.id), &row.without) {
            (Some(tests), _) => Standing::Shown(tests),
            (None, Some(reason)) => Standing::Without(reason),
            (None, None) => Standing::Missing,
        }
    }

    /// What is wrong: a test that carries an id and never runs; when strict, also a row that nothing shows.
    pub(crate) fn findings(&self, strictness: Strictness) -> Vec<Finding> {
        let missing = self
            .rows
            .iter()
            .filter(|row| matches!(self.standing(row), Standing::Missing))
            .map(|row| {
                Finding::in_file(
                    LIST,
                    format!("no test and no reason for {}: {}", row.id, row.title),
                )
            });
        let missing: Vec<_> = match strictness {
            Strictness::Lenient => Vec::new(),
            Strictness::Strict => missing.collect(),
        };
        self.ignored.iter().cloned().chain(missing).collect()
    }

    /// Counts, then each row that has no test.
    pub(crate) fn in_short(&self) -> String {
        self.print(false)
    }

    /// Counts, then every row with its tests.
    pub(crate) fn in_full(&self) -> String {
        self.print(true)
    }

    fn print(&self, with_tests: bool) -> String {
        let (mut shown, mut without, mut missing) = (0, 0, 0);
        let mut lines = String::new();
        for row in &self.rows {
            match self.standing(row) {
                Standing::Shown(tests) => {
                    shown += 1;
                    if with_tests {
                        line(&mut lines, &row.id, &row.title);
                        tests
                            .iter()
                            .for_each(|test| line(&mut lines, "", &format!("  {test}")));
                    }
                }
                Standing::Without(reason) => {
                    without += 1;
                    line(&mut lines, &row.id, &format!("{} (no test: {reason})", row.title));
                }
                Standing::Missing => {
                    missing += 1;
                    line(&mut lines, &row.id, &format!("{} (MISSING)", row.title));
                }
            }
        }
        let total = self.rows.len();
        let head = format!(
            "rows: {total} in scope, {shown} with a test, {without} without for a reason, {missing} MISSING\n"
        );
        head + &lines + &self.beyond_scope()
    }

    /// Ids that tests carry and the list does not: faults, attacks, rows of a later scope.
    fn beyond_scope(&self) -> String {
        let in_scope: BTreeSet<_> = self.rows.iter().map(|row| &row.id).collect();
        let others: Vec<_> = self
            .tests
            .keys()
            .filter(|id| !in_scope.contains(id))
            .map(String::as_str)
            .collect();
        if others.is_empty() {
            String::new()
        } else {
            format!("also shown by tests: {}\n", others.join(" "))
        }
    }
}

fn line(lines: &mut String, id: &str, rest: &str) {
    writeln!(lines, "  {id:<6} {rest}").expect("a string takes any text");
}

enum Standing<'a> {
    Shown(&'a [String]),
    Without(&'a str),
    Missing,
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &str = "[[row]]\nid = \"S3-20\"\ntitle = \"one\"\n[[row]]\nid = \"S3-24\"\ntitle = \"two\"\n\
                          [[row]]\nid = \"S3-44\"\ntitle = \"three\"\nwithout = \"of another language\"\n";

    fn seen(source: &str) -> Coverage {
        let repo = Repo::of([(LIST, LISTED), ("crates/a/tests/it/main.rs", source)]);
        coverage(&repo).unwrap_or_else(|findings| panic!("{findings:?}"))
    }

    #[test]
    fn ids_are_read_from_the_start_of_a_name() {
        assert_eq!(ids("s3_24_50_starts_leave_one_daemon"), ["S3-24"]);
        assert_eq!(ids("f_21_s3_20_a_stale_file_is_ignored"), ["F-21", "S3-20"]);
        assert_eq!(ids("a_02_the_agent_escapes"), ["A-02"]);
        assert_eq!(ids("a_run_ends"), Vec::<String>::new());
        assert_eq!(ids("s7_24_no_such_system"), Vec::<String>::new());
    }

    #[test]
    fn a_row_is_shown_by_any_test_that_carries_its_id() {
        let coverage = seen("//! T.\n#[test]\nfn s3_20_x() {}\n#[tokio::test]\nasync fn f_21_s3_24_y() {}\n");
        assert!(coverage.findings(Strictness::Strict).is_empty());
        let text = coverage.in_short();
        assert!(
            text.starts_with("rows: 3 in scope, 2 with a test, 1 without for a reason, 0 MISSING\n"),
            "{text}"
        );
        assert!(text.ends_with("also shown by tests: F-21\n"), "{text}");
        assert!(coverage.in_full().contains("crates/a/tests/it/main.rs:2 s3_20_x"));
    }

    #[test]
    fn a_row_that_nothing_shows_is_listed_and_fails_when_strict() {
        let coverage = seen("//! T.\n#[test]\nfn s3_20_x() {}\n");
        assert!(coverage.in_short().contains("  S3-24  two (MISSING)\n"));
        assert!(
            coverage
                .in_short()
                .contains("  S3-44  three (no test: of another language)\n")
        );
        assert_eq!(coverage.findings(Strictness::Lenient), []);
        assert_eq!(
            coverage.findings(Strictness::Strict),
            [Finding::in_file(LIST, "no test and no reason for S3-24: two")]
        );
    }

    #[test]
    fn a_test_that_never_runs_shows_nothing() {
        let coverage = seen("//! T.\n#[test]\n#[ignore]\nfn s3_24_x() {}\n");
        assert!(coverage.in_short().contains("  S3-24  two (MISSING)\n"));
        assert_eq!(coverage.findings(Strictness::Lenient).len(), 1);
    }

    #[test]
    fn a_test_of_the_page_counts() {
        let page = "test('S4-12 shows the roster', async ({ page }) => {\n";
        assert_eq!(web_tests(page), [(1, "s4_12_shows_the_roster".to_owned())]);
        let repo = Repo::of([
            (LIST, "[[row]]\nid = \"S4-12\"\ntitle = \"x\"\n"),
            ("web/e2e/runs.spec.ts", page),
        ]);
        assert!(coverage(&repo).is_ok_and(|coverage| coverage.findings(Strictness::Strict).is_empty()));
    }

    #[test]
    fn a_list_with_mistakes_is_refused() {
        let twice = "[[row]]\nid = \"S3-01\"\ntitle = \"x\"\n[[row]]\nid = \"S3-01\"\ntitle = \"y\"\n";
        let strange = "[[row]]\nid = \"X-1\"\ntitle = \"x\"\n";
        let empty = "[[row]]\nid = \"S3-01\"\ntitle = \"x\"\nwithout = \"\"\n";
        for text in [twice, strange, empty, "[[rows]]\n"] {
            assert!(coverage(&Repo::of([(LIST, text)])).is_err(), "{text}");
        }
        assert!(coverage(&Repo::of([("a.md", "")])).is_err());
    }
}
