//! The only one who tells the time.

use super::Later;
use domain::Moment;

/// Tells the time and wakes at a time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Moment;

    /// Done when it is `until` or later. May be dropped before.
    fn sleep_until(&self, until: Moment) -> Later<'static, ()>;
}
