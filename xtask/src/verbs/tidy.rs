//! `cargo xtask tidy`: every rule about the repository that the compiler cannot hold.

use std::path::Path;

use super::{Ended, Verb, flags};
use crate::repo::Repo;
use crate::tidy::{CHECKS, Strictness, report};

pub(super) const VERB: Verb = Verb {
    name: "tidy",
    usage: "[--strict]",
    summary: "check rooms, documents, rows and the other rules the compiler cannot hold",
    run,
};

/// Whether a row without test and without reason fails a plain `tidy`.
/// To be `Strictness::Strict` once every row in scope has its test.
const USUAL: Strictness = Strictness::Lenient;

fn run(root: &Path, words: &[String]) -> anyhow::Result<Ended> {
    let strict = flags(words, &["--strict"])?.contains(&"--strict");
    let strictness = if strict { Strictness::Strict } else { USUAL };

    let repo = Repo::read(root)?;
    let report = report(&repo, CHECKS, strictness);
    print!("{report}");
    Ok(if report.is_clean() {
        Ended::Well
    } else {
        Ended::WithFindings
    })
}
