//! `cargo xtask bench`: builds what is measured as it is shipped, then leaves the measuring to the program `bench`.
//!
//! The program is a crate of its own, so that the other chores do not wait for all that it needs.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use super::{Ended, Verb};

pub(super) const VERB: Verb = Verb {
    name: "bench",
    usage: "[OPTION…]",
    summary: "measure the product against the floor of this machine (docs/benchmarks.md)",
    run,
};

fn run(root: &Path, words: &[String]) -> anyhow::Result<Ended> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let build = Command::new(&cargo)
        .args([
            "build",
            "--release",
            "--quiet",
            "--package",
            "cli",
            "--package",
            "bench",
        ])
        .current_dir(root)
        .status()
        .context("cargo does not start")?;
    if !build.success() {
        return Ok(Ended::WithFindings);
    }
    let target = target(root);
    let measured = Command::new(target.join("release/bench"))
        .arg("--partita")
        .arg(target.join("release/partita"))
        .arg("--scratch")
        .arg(target.join("bench"))
        .args(words)
        .current_dir(root)
        .status()
        .context("the measuring program does not start")?;
    let code = measured
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(1);
    Ok(if code == 0 {
        Ended::Well
    } else {
        Ended::WithCode(code)
    })
}

/// Where cargo builds, unless a configuration file says otherwise.
pub(super) fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |folder| root.join(folder))
}
