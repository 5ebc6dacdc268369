//! The rules about the repository itself, and the report on them.
//!
//! Owns: the list of checks, what a finding is, how the outcome reads.
//! Leaves out: how a check looks. Each has a file of its own, with a test that plants what it forbids.

mod adrs;
mod dependencies;
mod documents;
mod exceptions;
mod headers;
mod lint_exceptions;
mod locked_packages;
mod long_files;
mod notes;
mod printing;
mod processes;
mod purity;
pub(crate) mod rows;
mod sleeps;
mod sql;

use std::fmt;

use crate::repo::Repo;

/// Every check, in the order of the report.
pub(crate) const CHECKS: &[Check] = &[
    Check {
        name: "dependencies",
        rule: "rooms see only the rooms below them",
        run: dependencies::check,
    },
    Check {
        name: "purity",
        rule: "the rules read no clock, file, socket, dice",
        run: purity::check,
    },
    Check {
        name: "processes",
        rule: "only `agents` and `git` start processes",
        run: processes::check,
    },
    Check {
        name: "sql",
        rule: "only `store` speaks SQL",
        run: sql::check,
    },
    Check {
        name: "printing",
        rule: "only `cli` and `xtask` print",
        run: printing::check,
    },
    Check {
        name: "headers",
        rule: "every Rust file opens with what it owns",
        run: headers::check,
    },
    Check {
        name: "long-files",
        rule: "a file past 500 lines has a recorded reason",
        run: long_files::check,
    },
    Check {
        name: "lint-exceptions",
        rule: "a lint is silenced by `expect` with a reason",
        run: lint_exceptions::check,
    },
    Check {
        name: "sleeps",
        rule: "tests wait for something, never for a while",
        run: sleeps::check,
    },
    Check {
        name: "documents",
        rule: "what a document names exists",
        run: documents::check,
    },
    Check {
        name: "adrs",
        rule: "choices are numbered without gaps and listed",
        run: adrs::check,
    },
    Check {
        name: "notes",
        rule: "every release has its notes",
        run: notes::check,
    },
    Check {
        name: "locked-packages",
        rule: "at most 400 locked packages",
        run: locked_packages::check,
    },
    Check {
        name: "exceptions",
        rule: "an exception names a known rule",
        run: exceptions::check,
    },
];

/// One rule about the repository.
pub(crate) struct Check {
    pub(crate) name: &'static str,
    pub(crate) rule: &'static str,
    pub(crate) run: fn(&Repo) -> Vec<Finding>,
}

/// A place where a rule does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) path: String,
    pub(crate) line: Option<usize>,
    pub(crate) what: String,
}

impl Finding {
    pub(crate) fn in_file(path: &str, what: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line: None,
            what: what.into(),
        }
    }

    pub(crate) fn on_line(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line: Some(line),
            what: what.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.path, self.what),
            None => write!(f, "{}: {}", self.path, self.what),
        }
    }
}

/// Whether a row without test and without reason is a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strictness {
    Lenient,
    Strict,
}

/// The outcome of all checks.
pub(crate) struct Report {
    outcomes: Vec<(&'static str, &'static str, Vec<Finding>)>,
    rows: String,
}

/// Runs `checks` and looks which rows have a test.
pub(crate) fn report(repo: &Repo, checks: &[Check], strictness: Strictness) -> Report {
    let mut outcomes: Vec<_> = checks
        .iter()
        .map(|check| (check.name, check.rule, (check.run)(repo)))
        .collect();
    let (rows, findings) = match rows::coverage(repo) {
        Ok(coverage) => (coverage.in_short(), coverage.findings(strictness)),
        Err(findings) => (String::new(), findings),
    };
    outcomes.push(("rows", "every row in scope has a test or a reason", findings));
    Report { outcomes, rows }
}

impl Report {
    pub(crate) fn is_clean(&self) -> bool {
        self.count() == 0
    }

    fn count(&self) -> usize {
        self.outcomes.iter().map(|(_, _, findings)| findings.len()).sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, rule, findings) in &self.outcomes {
            let mark = if findings.is_empty() { "ok  " } else { "FAIL" };
            writeln!(f, "{mark} {name:<16} {rule}")?;
        }
        write!(f, "\n{}", self.rows)?;
        for (name, _, findings) in &self.outcomes {
            for finding in findings {
                writeln!(f, "{finding} [{name}]")?;
            }
        }
        match self.count() {
            0 => writeln!(f, "tidy: clean"),
            1 => writeln!(f, "tidy: 1 finding"),
            n => writeln!(f, "tidy: {n} findings"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_makes_the_report_unclean_and_is_printed_with_its_rule() {
        let checks = [Check {
            name: "stub",
            rule: "nothing is ever right",
            run: |_| vec![Finding::on_line("a.rs", 3, "is wrong")],
        }];
        let repo = Repo::of([("docs/rows.toml", "")]);
        let report = report(&repo, &checks, Strictness::Lenient);
        assert!(!report.is_clean());
        let text = report.to_string();
        assert!(
            text.starts_with("FAIL stub             nothing is ever right\n"),
            "{text}"
        );
        assert!(
            text.ends_with("a.rs:3: is wrong [stub]\ntidy: 1 finding\n"),
            "{text}"
        );
    }

    #[test]
    fn every_check_has_a_name_of_its_own() {
        let mut names: Vec<_> = CHECKS.iter().map(|check| check.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CHECKS.len());
    }
}
