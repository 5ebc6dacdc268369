//! How long a start takes: with nothing to know, and with ten thousand runs that ended and two hundred that did not.

use crate::daemon::Daemon;
use crate::figure::{Figure, Unit};
use crate::history::{self, Past};
use crate::{Bench, Measurement};
use std::path::Path;

pub(crate) const MEASUREMENT: Measurement = Measurement {
    name: "startup",
    summary: "from `partita start` to a daemon that answers, with many runs, some unfinished",
    run,
};

fn run(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let past = Past {
        finished: bench.budget.pick(3, 1_000, 10_000),
        unfinished: bench.budget.pick(2, 200, 200),
        ..Past::default()
    };
    let (empty, full) = (Daemon::new(bench, 1)?, Daemon::new(bench, 1)?);
    // What is resumed goes on quietly: the start is measured, not the work.
    full.script("do = [{ hang = true }]\n")?;
    let (home, kept) = (full.home(), full.shared().join("kept"));
    std::fs::create_dir_all(home.parent().unwrap_or(&home))?;
    history::make(&kept, full.project(), past)?;
    let mut pairs = Vec::new();
    for _ in 0..bench.budget.pick(1, 3, 5) {
        let floor = empty.start()?;
        empty.stop()?;
        if home.exists() {
            std::fs::remove_dir_all(&home)?;
        }
        copy(&kept, &home)?;
        pairs.push((full.start()?, floor));
        full.kill()?;
    }
    let ours: Vec<f64> = pairs.iter().map(|(ours, _)| *ours).collect();
    let name = format!("start with {} runs ended, {} not", past.finished, past.unfinished);
    Ok(vec![
        Figure::new(name, Unit::Ms, &ours).against("start of an empty home", &pairs),
    ])
}

/// Each round begins with the same home; a daemon changes it at once.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to)?;
    std::fs::set_permissions(to, std::fs::metadata(from)?.permissions())?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
