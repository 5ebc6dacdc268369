//! Time that jumps to the next thing to do whenever there is nothing to do: the runtime's paused time, from a moment.

use crate::ports::{Clock, Later};
use domain::Moment;
use std::time::Duration;
use tokio::time::Instant;

/// No timer is set further ahead; it is set again then.
const AHEAD_MAX_MS: u64 = 3_650 * 24 * 60 * 60 * 1_000;

/// Paused time.
#[derive(Clone, Copy, Debug)]
pub struct FakeClock {
    base: Moment,
    start: Instant,
}

impl FakeClock {
    /// Time from this moment on. Must be called inside a runtime whose time is paused.
    #[must_use]
    pub fn at(base: Moment) -> Self {
        Self {
            base,
            start: Instant::now(),
        }
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Moment {
        let passed = self.start.elapsed().as_millis();
        self.base.plus_ms(u64::try_from(passed).unwrap_or(u64::MAX))
    }

    fn sleep_until(&self, until: Moment) -> Later<'static, ()> {
        let ahead = until.ms_since(self.base).min(AHEAD_MAX_MS);
        Box::pin(tokio::time::sleep_until(
            self.start + Duration::from_millis(ahead),
        ))
    }
}
