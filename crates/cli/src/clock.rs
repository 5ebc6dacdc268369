//! The real clock: the one place of the product that reads it.

use domain::Moment;
use engine::ports::{Clock, Later};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Wall time. A wait is measured in short stretches, so that a clock that jumps (or a machine that slept) is noticed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SystemClock;

/// A jump of the clock is noticed after this at the latest.
const STRETCH_MAX: Duration = Duration::from_secs(30);

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the port that everyone else asks"
        )]
        let now = SystemTime::now();
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment::from_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn sleep_until(&self, until: Moment) -> Later<'static, ()> {
        Box::pin(async move {
            loop {
                let left = until.ms_since(Self.now());
                if left == 0 {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(left).min(STRETCH_MAX)).await;
            }
        })
    }
}
