//! A lint is silenced by `#[expect(…, reason = "…")]`, which complains once it is no longer needed; `allow` never does.

use super::Finding;
use crate::repo::Repo;

pub(super) fn check(repo: &Repo) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, source) in repo.sources() {
        for attribute in &source.attributes {
            if attribute.sets_lint_by("allow") {
                findings.push(Finding::on_line(
                    path,
                    attribute.line,
                    "`allow`: write `expect` with a reason",
                ));
            }
            if attribute.sets_lint_by("expect") && !attribute.has_reason() {
                findings.push(Finding::on_line(
                    path,
                    attribute.line,
                    "`expect` without a reason",
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<usize> {
        check(&Repo::of([("a.rs", text)]))
            .into_iter()
            .map(|finding| finding.line.unwrap())
            .collect()
    }

    #[test]
    fn allow_is_refused_in_every_position() {
        assert_eq!(
            lines("#![allow(dead_code)]\n#[allow(\n  x)]\nfn f() {}\n#[cfg_attr(y, allow(x))]\nfn g() {}\n"),
            [1, 2, 5]
        );
    }

    #[test]
    fn expect_needs_a_reason() {
        assert_eq!(
            lines("#[expect(x)]\nfn f() {}\n#[expect(x, reason = \"y\")]\nfn g() {}\n"),
            [1]
        );
    }

    #[test]
    fn a_method_named_allow_is_free() {
        assert_eq!(
            lines("fn f() { guard.allow(x); y.expect(\"z\"); }\n"),
            Vec::<usize>::new()
        );
    }
}
