//! Chores of this repository, one file per verb: `cargo xtask VERB`.
//!
//! Owns: the list of verbs and what is printed when none or an unknown one is named.
//! Leaves out: what the program does for its users (`crates/`) and the order of the layers of `check`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a chore talks to the terminal it was typed at"
)]

mod repo;
mod source;
mod tidy;
mod verbs;

use std::path::Path;
use std::process::ExitCode;

use crate::verbs::{Ended, VERBS, Verb};

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let name = words.next();
    let rest: Vec<String> = words.collect();

    let Some(verb) = name.as_deref().and_then(Verb::named) else {
        if let Some(name) = &name {
            eprintln!("error: there is no chore `{name}`");
        }
        eprint!("{}", verbs::listing(VERBS));
        return ExitCode::from(2);
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies one folder below the root");
    match (verb.run)(root, &rest) {
        Ok(Ended::Well) => ExitCode::SUCCESS,
        Ok(Ended::WithFindings) => ExitCode::FAILURE,
        Ok(Ended::WithCode(code)) => ExitCode::from(code),
        Err(error) => {
            eprintln!(
                "error: `{}` could not be carried out\n  because: {error:#}",
                verb.name
            );
            ExitCode::from(2)
        }
    }
}
