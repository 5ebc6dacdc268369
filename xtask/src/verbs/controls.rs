//! `cargo xtask controls`: turns off each control of `docs/controls.toml` in turn and runs the tests that are said to
//! notice. A control without which nothing fails is not tested, and a finding.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use anyhow::Context as _;
use serde::Deserialize;

use super::{Ended, Verb};

pub(super) const VERB: Verb = Verb {
    name: "controls",
    usage: "[NAME…] [--without-only]",
    summary: "turn off each control and see that its case fails",
    run,
};

const LIST: &str = "docs/controls.toml";
/// Leaves out to see the tests pass with their controls: for whoever has just seen that.
const WITHOUT_ONLY: &str = "--without-only";
/// Tests at once.
const AT_ONCE: usize = 2;
/// A test that hangs without its control has noticed too, but only after this many seconds.
const LIMIT_S: &str = "120";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    control: Vec<Control>,
}

/// Something that keeps a promise, and the tests that fail without it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Control {
    /// As in the list of the tests' own build.
    name: String,
    title: String,
    /// `package::binary test`, each of which must fail without the control and pass with it.
    tests: Vec<String>,
}

/// A test binary and the folder that its tests run in.
struct Binary {
    path: PathBuf,
    folder: PathBuf,
}

fn run(root: &Path, words: &[String]) -> anyhow::Result<Ended> {
    let (flags, names): (Vec<&String>, Vec<&String>) = words.iter().partition(|word| word.starts_with("--"));
    if let Some(stranger) = flags.iter().find(|flag| **flag != WITHOUT_ONLY) {
        anyhow::bail!("there is no option `{stranger}`; known: {WITHOUT_ONLY}");
    }
    let text = std::fs::read_to_string(root.join(LIST)).with_context(|| format!("reading {LIST}"))?;
    let mut list: List = toml::from_str(&text).with_context(|| format!("reading {LIST}"))?;
    let is_listed = |name: &str| list.control.iter().any(|control| control.name == name);
    if let Some(stranger) = names.iter().find(|name| !is_listed(name)) {
        anyhow::bail!("there is no control `{stranger}` in {LIST}");
    }
    list.control
        .retain(|control| names.is_empty() || names.contains(&&control.name));
    let with = flags.is_empty();
    let binaries = binaries(root)?;
    println!("{:<28} {:<9} {:<9} test", "control", "with", "without");
    let findings = try_all(&binaries, &list.control, with)?;
    println!("{} controls, {findings} findings", list.control.len());
    Ok(if findings == 0 {
        Ended::Well
    } else {
        Ended::WithFindings
    })
}

/// Tries every test of every control, two at a time; how many did not notice.
fn try_all(binaries: &BTreeMap<String, Binary>, controls: &[Control], with: bool) -> anyhow::Result<usize> {
    let tests = controls
        .iter()
        .flat_map(|control| control.tests.iter().map(move |test| (control, test)));
    let next = Mutex::new(tests);
    let work = || -> anyhow::Result<usize> {
        let mut findings = 0;
        loop {
            let taken = next.lock().expect("nobody panics with the list in hand").next();
            let Some((control, test)) = taken else {
                return Ok(findings);
            };
            findings += usize::from(!try_out(binaries, control, test, with)?);
        }
    };
    let tried = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        let ends = workers
            .into_iter()
            .map(|worker| worker.join().expect("a worker only runs tests"));
        ends.collect::<anyhow::Result<Vec<usize>>>()
    })?;
    let mut findings: usize = tried.iter().sum();
    for control in controls.iter().filter(|control| control.tests.is_empty()) {
        println!("{}: no test is named ({})", control.name, control.title);
        findings += 1;
    }
    Ok(findings)
}

/// Whether the test fails without the control and, where that is asked, passes with it.
fn try_out(
    binaries: &BTreeMap<String, Binary>,
    control: &Control,
    test: &str,
    with: bool,
) -> anyhow::Result<bool> {
    let (id, name) = test
        .split_once(' ')
        .with_context(|| format!("{}: a test is `package::binary name`, not `{test}`", control.name))?;
    let binary = binaries
        .get(id)
        .with_context(|| format!("{}: there is no test binary `{id}`", control.name))?;
    let with = if with { outcome(binary, name, "")? } else { "-" };
    let without = outcome(binary, name, &control.name)?;
    println!("{:<28} {with:<9} {without:<9} {test}", control.name);
    Ok(matches!(with, "passed" | "-") && without == "failed")
}

/// How one test ends while a control is off.
fn outcome(binary: &Binary, test: &str, off: &str) -> anyhow::Result<&'static str> {
    let output = Command::new("timeout")
        .args(["--kill-after=5", LIMIT_S])
        .arg(&binary.path)
        .args(["--exact", test])
        .env("PARTITA_WITHOUT", off)
        .current_dir(&binary.folder)
        .output()
        .context("running a test")?;
    let said = String::from_utf8_lossy(&output.stdout);
    Ok(if said.contains("test result: FAILED") {
        "failed"
    } else if said.contains("1 passed") {
        "passed"
    } else if output.status.code() == Some(124) {
        // It waits for what does not come.
        "failed"
    } else {
        "missing"
    })
}

/// All test binaries, built.
fn binaries(root: &Path) -> anyhow::Result<BTreeMap<String, Binary>> {
    #[derive(Deserialize)]
    struct Suites {
        #[serde(rename = "rust-suites")]
        suites: BTreeMap<String, Suite>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Suite {
        binary_path: PathBuf,
        cwd: PathBuf,
    }
    let output = Command::new("cargo")
        .args(["nextest", "list", "--workspace", "--message-format", "json"])
        .current_dir(root)
        .output()
        .context("listing the tests")?;
    anyhow::ensure!(
        output.status.success(),
        "the tests cannot be built: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let suites: Suites = serde_json::from_slice(&output.stdout).context("reading the list of tests")?;
    let binary = |suite: Suite| Binary {
        path: suite.binary_path,
        folder: suite.cwd,
    };
    Ok(suites
        .suites
        .into_iter()
        .map(|(id, suite)| (id, binary(suite)))
        .collect())
}
