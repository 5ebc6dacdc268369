//! What a daemon with nothing to do takes: memory, and how often it wakes.

use crate::daemon::Daemon;
use crate::figure::{Figure, Target, Unit};
use crate::{Bench, Measurement};
use std::time::{Duration, Instant};

pub(crate) const MEASUREMENT: Measurement = Measurement {
    name: "idle",
    summary: "memory and wake-ups of a daemon with nothing to do",
    run,
};

fn run(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let daemon = Daemon::new(bench, 1)?;
    daemon.slots(8)?;
    daemon.start()?;
    // The start's own work is over: the log is emptied within the first seconds.
    wait(Duration::from_secs(bench.budget.pick(0, 3, 5) as u64));
    let time = Duration::from_secs(bench.budget.pick(1, 10, 60) as u64);
    let (before, begun) = (daemon.wakes()?, Instant::now());
    wait(time);
    let wakes = (daemon.wakes()? - before) / begun.elapsed().as_secs_f64() * 60.0;
    let memory = daemon.memory("VmRSS")?;
    daemon.stop()?;
    Ok(vec![
        Figure::one("memory of an idle daemon", Unit::Mib, memory).target(Target::AtMost(40.0)),
        Figure::one("wake-ups of an idle daemon", Unit::PerMinute, wakes),
    ])
}

fn wait(time: Duration) {
    let until = Instant::now() + time;
    // Parking may end early, for no reason.
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        std::thread::park_timeout(left);
    }
}
