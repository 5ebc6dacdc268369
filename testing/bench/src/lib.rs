//! What the product costs, beside what the machine takes for the bare deed: flush, process start, group commit, git.
//!
//! Owns: the measurements, the floors that each is compared with, what is aimed at, and how the outcome is shown.
//! Leaves out: judging a machine. A busy one is measured like any other, and its load is printed.

mod budget;
mod daemon;
mod figure;
mod floor;
mod history;
mod idle;
mod lists;
mod live;
mod process_steps;
mod project;
mod report;
mod round;
mod size;
mod startup;
mod steps;
mod worktree;
mod world;

pub use budget::{Budget, Scale};
pub use figure::{Figure, Spread, Target, Unit};
pub use report::{Machine, Measured, Report};

use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Where and how much is measured.
#[derive(Clone, Debug)]
pub struct Bench {
    /// The program under test.
    pub partita: PathBuf,
    /// Homes and floors are made below it: its disk is what is measured.
    pub scratch: PathBuf,
    /// How much of everything.
    pub budget: Budget,
}

/// Something that is measured.
pub struct Measurement {
    /// What `--only` calls it.
    pub name: &'static str,
    /// What it answers.
    pub summary: &'static str,
    run: fn(&Bench) -> anyhow::Result<Vec<Figure>>,
}

/// Everything that is measured, in the order of the table.
pub const ALL: &[Measurement] = &[
    steps::ENGINE,
    steps::HISTORY,
    process_steps::MEASUREMENT,
    startup::MEASUREMENT,
    lists::MEASUREMENT,
    live::MEASUREMENT,
    idle::MEASUREMENT,
    worktree::MEASUREMENT,
    size::MEASUREMENT,
];

impl Measurement {
    /// Measures; also how long that took.
    ///
    /// # Errors
    /// When the program under test, or the machine, does not do what the measurement rests on.
    pub fn take(&self, bench: &Bench) -> anyhow::Result<(Vec<Figure>, Duration)> {
        let begun = Instant::now();
        let figures = (self.run)(bench)?;
        Ok((figures, begun.elapsed()))
    }
}
