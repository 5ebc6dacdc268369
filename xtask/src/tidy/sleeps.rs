//! A test waits for something, with a limit. One that sleeps is slow on a good day and wrong on a busy one.

use super::{Finding, exceptions};
use crate::repo::Repo;
use crate::source::is_name;

/// Written without the receiver: a method of a clock, `clock.sleep(…)`, is simulated and free.
const SLEEPS: &[&str] = &["sleep(", "sleep_until(", "sleep_ms("];
const WEB_SLEEPS: &[&str] = &["waitForTimeout(", "setTimeout("];

pub(super) fn check(repo: &Repo) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, source) in repo.sources() {
        let is_testkit = path.contains("/testkit");
        for (line, code) in source
            .lines()
            .filter(|(line, _)| is_testkit || source.is_test_line(*line))
        {
            if SLEEPS.iter().any(|sleep| calls(code, sleep)) {
                findings.push(Finding::on_line(
                    path,
                    line,
                    "a test that sleeps; wait for what should happen",
                ));
            }
        }
    }
    for (path, text) in repo.texts().filter(|(path, _)| is_web_test(path)) {
        for (index, line) in text.lines().enumerate() {
            if WEB_SLEEPS.iter().any(|sleep| line.contains(sleep)) {
                findings.push(Finding::on_line(
                    path,
                    index + 1,
                    "a test that sleeps; wait for what should show",
                ));
            }
        }
    }
    exceptions::apply(repo, "sleeps", findings)
}

fn calls(code: &str, call: &str) -> bool {
    code.match_indices(call).any(|(at, _)| {
        let before = &code[..at];
        !before.ends_with(|c: char| is_name(c) || c == '.') && !before.trim_end().ends_with("fn")
    })
}

fn is_web_test(path: &str) -> bool {
    path.starts_with("web/e2e/") || [".test.ts", ".spec.ts"].iter().any(|end| path.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(path: &str, text: &str) -> Vec<usize> {
        check(&Repo::of([(path, text)]))
            .into_iter()
            .map(|finding| finding.line.unwrap())
            .collect()
    }

    #[test]
    fn a_sleeping_test_is_found() {
        let text = "//! T.\nfn f() {\n    tokio::time::sleep(x).await;\n    std::thread::sleep(x);\n    sleep(x);\n}\n";
        assert_eq!(places("crates/a/tests/it/main.rs", text), [3, 4, 5]);
        assert_eq!(places("crates/a/src/testkit/world.rs", text), [3, 4, 5]);
        assert_eq!(places("crates/a/src/lib.rs", text), Vec::<usize>::new());
    }

    #[test]
    fn a_clock_that_jumps_is_free() {
        let text = "fn sleep(x: u8) {}\nfn f() { clock.sleep(x); }\n// sleep(x)\n";
        assert_eq!(places("crates/a/tests/it/main.rs", text), Vec::<usize>::new());
    }

    #[test]
    fn a_sleeping_page_test_is_found() {
        assert_eq!(
            places("web/e2e/runs.spec.ts", "await page.waitForTimeout(100);\n"),
            [1]
        );
    }
}
