//! `cargo xtask tidy`: every rule about the repository that the compiler cannot hold.

use std::path::Path;

use super::{Ended, Verb, flags};
use crate::repo::Repo;
use crate::tidy::{CHECKS, Strictness, report};

pub(super) const VERB: Verb = Verb {
    name: "tidy",
    usage: "[--lenient]",
    summary: "check rooms, documents, rows and the other rules the compiler cannot hold",
    run,
};

fn run(root: &Path, words: &[String]) -> anyhow::Result<Ended> {
    // Lenient is for work under way: a row without a test and without a reason is listed and fails nothing.
    let is_lenient = flags(words, &["--lenient"])?.contains(&"--lenient");
    let strictness = if is_lenient {
        Strictness::Lenient
    } else {
        Strictness::Strict
    };

    let repo = Repo::read(root)?;
    let report = report(&repo, CHECKS, strictness);
    print!("{report}");
    Ok(if report.is_clean() {
        Ended::Well
    } else {
        Ended::WithFindings
    })
}
