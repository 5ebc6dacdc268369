//! The life of one daemon: when it is over, everything of it stops where it is, at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::Notify;

/// The life of one daemon. Clones are the same life.
#[derive(Clone, Debug, Default)]
pub struct Life(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    is_over: AtomicBool,
    is_runaway: AtomicBool,
    calls: AtomicU64,
    /// So many calls of ports in one life are a loop without an end.
    calls_max: Option<u64>,
    ended: Notify,
}

impl Life {
    /// A life that ends when it calls its ports so often.
    #[must_use]
    pub fn of_calls(calls_max: u64) -> Self {
        Self(Arc::new(Inner {
            calls_max: Some(calls_max),
            ..Inner::default()
        }))
    }

    /// Ends it: every port stops answering, for ever.
    pub fn end(&self) {
        self.0.is_over.store(true, Ordering::SeqCst);
        self.0.ended.notify_one();
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.0.is_over.load(Ordering::SeqCst)
    }

    /// Whether it ended because it called its ports without an end.
    #[must_use]
    pub fn is_runaway(&self) -> bool {
        self.0.is_runaway.load(Ordering::SeqCst)
    }

    /// Done when it is over. For one waiter: whoever drives the world.
    pub async fn over(&self) {
        while !self.is_over() {
            self.0.ended.notified().await;
        }
    }

    /// Counts a call of a port.
    pub(super) fn count(&self) {
        let calls = self.0.calls.fetch_add(1, Ordering::Relaxed);
        if self.0.calls_max.is_some_and(|calls_max| calls > calls_max) {
            self.0.is_runaway.store(true, Ordering::SeqCst);
            self.end();
        }
    }

    /// Goes on only while it is not over.
    pub(super) async fn go_on(&self) {
        self.count();
        if self.is_over() {
            std::future::pending::<()>().await;
        }
    }
}
