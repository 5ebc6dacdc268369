//! How large the program is, as it is built and without its names.

use crate::figure::{Figure, Unit};
use crate::{Bench, Measurement};
use std::process::Command;

pub(crate) const MEASUREMENT: Measurement = Measurement {
    name: "size",
    summary: "bytes of the program, as built and stripped",
    run,
};

fn run(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let mib = |path: &std::path::Path| anyhow::Ok(std::fs::metadata(path)?.len() as f64 / 1_048_576.0);
    let mut figures = vec![Figure::one("program, as built", Unit::Mib, mib(&bench.partita)?)];
    let folder = tempfile::tempdir_in(&bench.scratch)?;
    let stripped = folder.path().join("partita");
    let done = Command::new("strip")
        .arg("-o")
        .arg(&stripped)
        .arg(&bench.partita)
        .status();
    // A machine without binutils has one number less.
    if done.is_ok_and(|status| status.success()) {
        figures.push(Figure::one("program, stripped", Unit::Mib, mib(&stripped)?));
    }
    Ok(figures)
}
