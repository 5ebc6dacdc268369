//! `cargo xtask rows`: which test shows which row, in full. `tidy` prints the short form of the same.

use std::path::Path;

use super::{Ended, Verb, flags};
use crate::repo::Repo;
use crate::tidy::rows;

pub(super) const VERB: Verb = Verb {
    name: "rows",
    usage: "",
    summary: "list every row in scope with the tests that carry its id",
    run,
};

fn run(root: &Path, words: &[String]) -> anyhow::Result<Ended> {
    flags(words, &[])?;
    match rows::coverage(&Repo::read(root)?) {
        Ok(coverage) => {
            print!("{}", coverage.in_full());
            Ok(Ended::Well)
        }
        Err(findings) => {
            for finding in findings {
                println!("{finding}");
            }
            Ok(Ended::WithFindings)
        }
    }
}
