//! `cargo xtask cases [RECORD]`: each fault and attack in scope, how often its tests tried it, how often it took place,
//! and whether everything held. Without a record the tests are run first, but for those with the real agents, which must
//! be installed; `--without-real-agents` says of a record that they were left out of it as well.
//!
//! A case of `docs/cases.toml` that no test recorded, whose fault never occurred, or that failed, is a finding; so is a
//! record of a case that the list does not have.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use serde::Deserialize;

use super::{Ended, Verb};

pub(super) const VERB: Verb = Verb {
    name: "cases",
    usage: "[RECORD [--without-real-agents]]",
    summary: "the table of faults and attacks: tried, hit, passed",
    run,
};

const LIST: &str = "docs/cases.toml";
/// Tests of cases carry the id at the start of a word of their name: `f_20_of_fifty_starts_at_once_one_daemon_lives`.
pub(super) const TESTS: &str = "test(/(^|::|_)[fa]_[0-9][0-9]_/)";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    case: Vec<Listed>,
}

/// A case in scope.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    id: String,
    title: String,
    /// Only tests with the real agents show it.
    #[serde(default)]
    real_agents: bool,
}

/// What the tests of one case recorded.
#[derive(Default)]
struct Count {
    tests: usize,
    failed: Vec<String>,
    tried: u64,
    hit: u64,
}

fn run(root: &Path, words: &[String]) -> anyhow::Result<Ended> {
    let text = std::fs::read_to_string(root.join(LIST)).with_context(|| format!("reading {LIST}"))?;
    let list: List = toml::from_str(&text).with_context(|| format!("reading {LIST}"))?;
    let read = |file: &String| std::fs::read_to_string(file).with_context(|| format!("reading {file}"));
    let (record, code, has_real_agents) = match words {
        [] => {
            let (record, code) = run_tests(root)?;
            (record, code, false)
        }
        [file] => (read(file)?, 0, true),
        [file, flag] if flag == "--without-real-agents" => (read(file)?, 0, false),
        _ => anyhow::bail!("wants one record at most, and `--without-real-agents` after it"),
    };
    let counts = counts(&record)?;
    let (list, left_out) = in_reach(list, has_real_agents);
    print!("{}", table(&list, &counts));
    for case in &left_out {
        println!(
            "{:<6} left out, its tests need the real agents: {}",
            case.id, case.title
        );
    }
    let findings = findings(&list, &counts);
    for finding in &findings {
        println!("{finding}");
    }
    let (cases, left_out) = (list.case.len(), left_out.len());
    println!("{cases} cases, {left_out} left out, {} findings", findings.len());
    Ok(match (code, findings.is_empty()) {
        (0, true) => Ended::Well,
        (0, false) => Ended::WithFindings,
        (code, _) => Ended::WithCode(code),
    })
}

/// The cases that can have been tried, and the others.
fn in_reach(list: List, has_real_agents: bool) -> (List, Vec<Listed>) {
    let cases = list.case.into_iter();
    let (case, left_out) = cases.partition(|case| has_real_agents || !case.real_agents);
    (List { case }, left_out)
}

/// Runs every test of a case; what they recorded, and the runner's exit code.
fn run_tests(root: &Path) -> anyhow::Result<(String, u8)> {
    let record = super::bench::target(root).join(format!("cases.{}", std::process::id()));
    let status = Command::new("cargo")
        .args(["nextest", "run", "--workspace", "--filterset", TESTS])
        .env("PARTITA_CASES", &record)
        .current_dir(root)
        .status()
        .context("running the tests")?;
    let text = std::fs::read_to_string(&record).context("reading what the tests recorded")?;
    std::fs::remove_file(&record).context("clearing away what the tests recorded")?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok((text, code.unwrap_or(1)))
}

fn counts(record: &str) -> anyhow::Result<BTreeMap<String, Count>> {
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    for line in record.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [id, test, tried, hit, outcome] = fields[..] else {
            anyhow::bail!("a record has five fields, not `{line}`");
        };
        let count = counts.entry(id.to_owned()).or_default();
        count.tests += 1;
        count.tried += tried.parse::<u64>().with_context(|| format!("in `{line}`"))?;
        count.hit += hit.parse::<u64>().with_context(|| format!("in `{line}`"))?;
        if outcome != "passed" {
            count.failed.push(test.to_owned());
        }
    }
    Ok(counts)
}

fn table(list: &List, counts: &BTreeMap<String, Count>) -> String {
    let mut text = format!(
        "{:<6} {:>6} {:>8} {:>8}  {:<7} {}\n",
        "id", "tests", "tried", "hit", "passed", "what"
    );
    for case in &list.case {
        let none = Count::default();
        let count = counts.get(&case.id).unwrap_or(&none);
        let passed = if is_shown(count) { "yes" } else { "NO" };
        writeln!(
            text,
            "{:<6} {:>6} {:>8} {:>8}  {passed:<7} {}",
            case.id, count.tests, count.tried, count.hit, case.title
        )
        .expect("a string takes any text");
    }
    text
}

fn is_shown(count: &Count) -> bool {
    count.hit > 0 && count.failed.is_empty()
}

fn findings(list: &List, counts: &BTreeMap<String, Count>) -> Vec<String> {
    let mut findings = Vec::new();
    for case in &list.case {
        match counts.get(&case.id) {
            None => findings.push(format!("{}: no test recorded it", case.id)),
            Some(count) if !count.failed.is_empty() => {
                findings.push(format!("{}: failed in {}", case.id, count.failed.join(", ")));
            }
            Some(count) if count.hit == 0 => findings.push(format!("{}: it never occurred", case.id)),
            Some(_) => {}
        }
    }
    let is_listed = |id: &String| list.case.iter().any(|case| case.id == *id);
    let strangers = counts.keys().filter(|id| !is_listed(id));
    findings.extend(strangers.map(|id| format!("{id}: recorded, but not in {LIST}")));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> List {
        let case = |id: &str| Listed {
            id: id.to_owned(),
            title: "what happens".to_owned(),
            real_agents: false,
        };
        List {
            case: ["F-01", "F-02", "F-03", "F-04"].map(case).into(),
        }
    }

    #[test]
    fn what_only_real_agents_show_is_left_out_without_them_and_wanted_with_them() {
        let mut all = list();
        all.case[3].real_agents = true;
        let (reached, left_out) = in_reach(all, false);
        assert_eq!((reached.case.len(), &*left_out[0].id), (3, "F-04"));
        let mut all = list();
        all.case[3].real_agents = true;
        let (reached, left_out) = in_reach(all, true);
        assert_eq!((reached.case.len(), left_out.len()), (4, 0));
    }

    const RECORD: &str = "F-01\tone\t3\t2\tpassed\nF-01\ttwo\t1\t1\tpassed\nF-02\tthree\t9\t9\tfailed\n\
        F-03\tfour\t5\t0\tpassed\nA-99\tfive\t1\t1\tpassed\n";

    #[test]
    fn tests_of_one_case_are_added_up() {
        let text = table(&list(), &counts(RECORD).unwrap());
        let row = text.lines().nth(1).unwrap();
        assert_eq!(
            row.split_whitespace().collect::<Vec<_>>(),
            ["F-01", "2", "4", "3", "yes", "what", "happens"]
        );
    }

    #[test]
    fn what_failed_or_never_occurred_or_is_missing_or_unknown_is_a_finding() {
        assert_eq!(
            findings(&list(), &counts(RECORD).unwrap()),
            [
                "F-02: failed in three",
                "F-03: it never occurred",
                "F-04: no test recorded it",
                "A-99: recorded, but not in docs/cases.toml",
            ]
        );
    }
}
