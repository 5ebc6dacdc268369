//! Counts what a test of a fault or an attack tried and what it hit. A test whose fault did not occur shows nothing, so
//! it fails.
//!
//! Owns: the count, and the line that `cargo xtask cases` reads.
//! Leaves out: which cases there are (`docs/cases.toml`).

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The file that gets a line per case, when a test is run for the table.
const RECORD: &str = "PARTITA_CASES";

/// A case that is being tried.
///
/// It is recorded as passed by [`Case::pass`] only; one that is dropped before has failed.
#[derive(Debug)]
#[must_use = "a case that nobody passes has failed"]
pub struct Case {
    id: &'static str,
    test: String,
    tried: u64,
    hit: u64,
    is_passed: bool,
    record: Option<PathBuf>,
}

impl Case {
    /// A case by its id, as in `F-20`.
    pub fn open(id: &'static str) -> Self {
        Self::recorded(id, std::env::var_os(RECORD).map(PathBuf::from))
    }

    fn recorded(id: &'static str, record: Option<PathBuf>) -> Self {
        // The harness gives each test a thread of its name.
        let test = std::thread::current().name().unwrap_or("?").to_owned();
        Self {
            id,
            test,
            tried: 0,
            hit: 0,
            is_passed: false,
            record,
        }
    }

    /// The fault, or the attack, was tried.
    pub fn tried(&mut self) {
        self.tried_times(1);
    }

    /// It was tried so many times.
    pub fn tried_times(&mut self, times: u64) {
        self.tried += times;
    }

    /// It was tried, and took place: the process died there, the attacker's request arrived, the disk was full.
    pub fn hit(&mut self) {
        self.hit_times(1);
    }

    /// It was tried and took place so many times.
    pub fn hit_times(&mut self, times: u64) {
        self.hit += times;
    }

    /// Everything held.
    ///
    /// # Panics
    /// When fewer than `hits_min` faults took place: then nothing was shown.
    pub fn pass(mut self, hits_min: u64) {
        assert!(
            hits_min > 0,
            "{}: a case that need not occur shows nothing",
            self.id
        );
        assert!(
            self.hit >= hits_min,
            "{}: {} of {} tries hit, {hits_min} are needed to show anything",
            self.id,
            self.hit,
            self.tried
        );
        assert!(self.hit <= self.tried, "{}: more was hit than tried", self.id);
        self.is_passed = true;
    }

    fn line(&self) -> String {
        let Self {
            id, test, tried, hit, ..
        } = self;
        let outcome = if self.is_passed { "passed" } else { "failed" };
        format!("{id}\t{test}\t{tried}\t{hit}\t{outcome}\n")
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        let line = self.line();
        print_line(&line);
        if let Some(record) = &self.record
            && let Err(error) = append(record, &line)
        {
            // A panic here would hide the one that may be under way.
            print_line(&format!("not recorded in {}: {error}\n", record.display()));
        }
    }
}

#[expect(
    clippy::print_stdout,
    reason = "only tests run this, and their output is theirs to read"
)]
fn print_line(line: &str) {
    print!("case {line}");
}

/// One write of less than a pipe's measure: tests in parallel do not tear each other's lines.
fn append(record: &Path, line: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).open(record)?;
    file.write_all(line.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record_of(try_it: impl FnOnce(Case)) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let record = folder.path().join("cases");
        try_it(Case::recorded("F-99", Some(record.clone())));
        let text = std::fs::read_to_string(record).unwrap();
        text.lines()
            .map(|line| line.split('\t').skip(2).collect::<Vec<_>>().join(" "))
            .collect()
    }

    #[test]
    fn what_passed_says_how_often_its_fault_occurred() {
        let lines = record_of(|mut case| {
            case.tried_times(3);
            case.hit_times(2);
            case.pass(2);
        });
        assert_eq!(lines, ["3 2 passed"]);
    }

    #[test]
    fn a_case_that_nobody_passes_has_failed() {
        assert_eq!(record_of(|mut case| case.tried()), ["1 0 failed"]);
    }

    #[test]
    #[should_panic(expected = "0 of 5 tries hit, 1 are needed")]
    fn a_fault_that_did_not_occur_shows_nothing() {
        let mut case = Case::recorded("F-99", None);
        case.tried_times(5);
        case.pass(1);
    }
}
