//! SQL has one door: `store`. A statement anywhere else would be a second owner of the same tables.
//!
//! Looks at how string literals begin. The manifests' side, `rusqlite`, is in `dependencies`.

use super::{Finding, exceptions};
use crate::repo::{Repo, room_of};

/// How a statement begins, and what else it must say; a sentence for people may begin alike.
const STATEMENTS: &[(&str, &str)] = &[
    ("SELECT ", ""),
    ("INSERT ", "INTO "),
    ("REPLACE INTO ", ""),
    ("UPDATE ", " SET "),
    ("DELETE FROM ", ""),
    ("CREATE TABLE ", ""),
    ("CREATE INDEX ", ""),
    ("CREATE UNIQUE INDEX ", ""),
    ("CREATE VIEW ", ""),
    ("CREATE TRIGGER ", ""),
    ("ALTER TABLE ", ""),
    ("DROP TABLE ", ""),
    ("DROP VIEW ", ""),
    ("PRAGMA ", ""),
    ("BEGIN IMMEDIATE", ""),
    ("SAVEPOINT ", ""),
];

pub(super) fn check(repo: &Repo) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, source) in repo.sources() {
        if room_of(path).is_none_or(|room| room == "store") {
            continue;
        }
        for literal in source
            .literals
            .iter()
            .filter(|literal| !source.is_test_line(literal.line))
        {
            if is_statement(&literal.text) {
                findings.push(Finding::on_line(path, literal.line, "SQL outside of `store`"));
            }
        }
    }
    exceptions::apply(repo, "sql", findings)
}

fn is_statement(text: &str) -> bool {
    let text: Vec<_> = text.split_whitespace().filter(|word| *word != "\\").collect();
    let text = format!("{} ", text.join(" "));
    STATEMENTS
        .iter()
        .any(|(start, also)| text.starts_with(start) && text.contains(also))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_outside_of_store_is_found() {
        let text = "//! A.\nconst ALL: &str = \"\n    SELECT *\n    FROM runs\";\n";
        let repo = Repo::of([
            ("crates/server/src/runs.rs", text),
            ("crates/store/src/runs.rs", text),
        ]);
        let found = check(&repo);
        assert_eq!(
            found,
            [Finding::on_line(
                "crates/server/src/runs.rs",
                2,
                "SQL outside of `store`"
            )]
        );
    }

    #[test]
    fn a_sentence_is_not_a_statement() {
        assert!(!is_statement("UPDATE your configuration"));
        assert!(!is_statement("select one of these"));
        assert!(is_statement("UPDATE runs SET status = ?1"));
    }
}
