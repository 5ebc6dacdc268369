//! `cargo xtask soak [FILTER]`: the tests of faults and attacks with the sizes of a night, one after the other, and the
//! table of what they hit.
//!
//! The sizes are the tests' own: they look at `PARTITA_SOAK`.

use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use super::cases::TESTS;
use super::{Ended, Verb};

pub(super) const VERB: Verb = Verb {
    name: "soak",
    usage: "[FILTER]",
    summary: "the tests of faults and attacks with the sizes of a night",
    run,
};

fn run(root: &Path, words: &[String]) -> anyhow::Result<Ended> {
    let filter = match words {
        [] => TESTS.to_owned(),
        [chosen] => format!("({TESTS}) & ({chosen})"),
        _ => anyhow::bail!("wants one filter of nextest's at most, as `test(f_01)`"),
    };
    let record = super::bench::target(root).join(format!("soak.{}", std::process::id()));
    let status = Command::new("cargo")
        .args(["nextest", "run", "--workspace", "--profile", "soak"])
        // Each is to have the machine to itself: they measure, and a night is long.
        .args(["--test-threads", "1"])
        .args(["--filterset", &filter])
        .env("PARTITA_SOAK", "1")
        .env("PARTITA_CASES", &record)
        .current_dir(root)
        .status()
        .context("running the tests")?;
    if let Ok(recorded) = std::fs::read_to_string(&record) {
        print!("{recorded}");
        std::fs::remove_file(&record).context("clearing away what the tests recorded")?;
    }
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(match code.unwrap_or(1) {
        0 => Ended::Well,
        code => Ended::WithCode(code),
    })
}
