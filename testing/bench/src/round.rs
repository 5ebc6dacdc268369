//! Times deeds one by one, and a floor beside them in the same round.

use crate::figure::{percentile, sorted};
use std::time::{Duration, Instant};

/// Milliseconds.
pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// How long a deed took, in milliseconds.
pub(crate) fn timed<T>(deed: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<(T, f64)> {
    let begun = Instant::now();
    let done = deed()?;
    Ok((done, ms(begun.elapsed())))
}

/// The median over some repetitions of a deed, in milliseconds.
pub(crate) fn median_of(times: usize, mut deed: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let taken: Vec<f64> = (0..times.max(1))
        .map(|_| timed(&mut deed).map(|((), took)| took))
        .collect::<anyhow::Result<_>>()?;
    Ok(percentile(&sorted(&taken), 50))
}
