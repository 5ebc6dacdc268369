//! The recorded exceptions: files where a rule does not hold, each with its reason, in `xtask/tidy.toml`.
//!
//! An exception that nothing needs any more is itself a finding, so the list cannot rot.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Finding;
use crate::repo::Repo;

const LIST: &str = "xtask/tidy.toml";

/// The rules that may have exceptions.
const RULES: &[&str] = &["processes", "sql", "printing", "sleeps"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    path: String,
    reason: String,
}

/// Takes away the findings that have a recorded exception under `rule`; adds one for each exception that is idle.
pub(super) fn apply(repo: &Repo, rule: &str, findings: Vec<Finding>) -> Vec<Finding> {
    // A list that cannot be read is reported once, by `check`.
    let exceptions = list(repo)
        .ok()
        .and_then(|mut list| list.remove(rule))
        .unwrap_or_default();
    let idle = exceptions
        .iter()
        .filter(|exception| !findings.iter().any(|finding| finding.path == exception.path))
        .map(|exception| {
            Finding::in_file(
                LIST,
                format!("`{}` needs no exception from `{rule}` any more", exception.path),
            )
        });
    let left = findings
        .iter()
        .filter(|finding| !exceptions.iter().any(|exception| exception.path == finding.path))
        .cloned();
    left.chain(idle).collect()
}

pub(super) fn check(repo: &Repo) -> Vec<Finding> {
    let list = match list(repo) {
        Ok(list) => list,
        Err(error) => return vec![Finding::in_file(LIST, error.to_string())],
    };
    let unknown = list
        .keys()
        .filter(|rule| !RULES.contains(&rule.as_str()))
        .map(|rule| Finding::in_file(LIST, format!("there are no exceptions from `{rule}`")));
    let without_reason = list
        .values()
        .flatten()
        .filter(|exception| exception.reason.split_whitespace().count() < 3)
        .map(|exception| Finding::in_file(LIST, format!("`{}` lacks a reason in words", exception.path)));
    unknown.chain(without_reason).collect()
}

fn list(repo: &Repo) -> Result<BTreeMap<String, Vec<Exception>>, toml::de::Error> {
    toml::from_str(repo.text(LIST).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repo(list: &str) -> Repo {
        Repo::of([(LIST, list)])
    }

    #[test]
    fn an_exception_covers_its_file_under_its_rule_only() {
        let repo = repo("[[sql]]\npath = \"a.rs\"\nreason = \"it is needed there\"\n");
        let found = vec![Finding::in_file("a.rs", "x"), Finding::in_file("b.rs", "x")];
        assert_eq!(
            apply(&repo, "sql", found.clone()),
            [Finding::in_file("b.rs", "x")]
        );
        assert_eq!(apply(&repo, "sleeps", found.clone()), found);
    }

    #[test]
    fn an_idle_exception_is_a_finding() {
        let repo = repo("[[sql]]\npath = \"a.rs\"\nreason = \"it is needed there\"\n");
        let said = apply(&repo, "sql", Vec::new());
        assert_eq!(
            said,
            [Finding::in_file(
                LIST,
                "`a.rs` needs no exception from `sql` any more"
            )]
        );
    }

    #[test]
    fn an_exception_needs_a_known_rule_and_a_reason() {
        let said = check(&repo("[[sqll]]\npath = \"a.rs\"\nreason = \"because\"\n"));
        assert_eq!(said.len(), 2);
    }

    #[test]
    fn a_list_that_cannot_be_read_is_a_finding() {
        assert_eq!(check(&repo("[[sql]]\nfile = \"a.rs\"\n")).len(), 1);
    }
}
