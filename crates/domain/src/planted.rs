//! Known mistakes. A test of the simulation switches one on, for its whole process, and sees whether anybody notices;
//! without the feature `planted` there is nothing to switch, and every question is answered when compiling.

/// A mistake that somebody might make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Bug {
    /// A cancelled run waits for its tasks instead of stopping them.
    NoStopOnCancel = 1,
    /// One retry too many.
    RetriesOneMore,
    /// A step counts as done before its gate passed.
    GateSkipped,
    /// A run that leaves memory is not woken.
    WakeLost,
    /// A task that ended keeps its slot.
    SlotKept,
    /// An interruption spends a retry.
    InterruptionIsRetry,
    /// A step begins although what it needs failed.
    FailuresForgiven,
    /// A task's end is stored before its account's limit.
    LimitAfterEnd,
    /// An end that is reported twice is taken twice.
    ReportsTwice,
    /// A process is let go before its start is stored.
    GoBeforeStored,
    /// Dependents hear of a finished unit in another batch.
    UnblockedLater,
    /// Two writers of one line at once.
    WritersTogether,
    /// What an earlier life left behind is reported as gone, but is not ended.
    LeftoversLive,
    /// A retry does not wait.
    PauseForgotten,
    /// A cancelled run ends while its tasks are alive.
    CancelledAlive,
    /// Nobody is asked after the third interruption.
    NobodyAsked,
    /// A claim and its run are two batches.
    ClaimInTwo,
    /// A paused run goes on.
    PauseIgnored,
    /// A task that began before a limit lifts it.
    LimitLifted,
    /// Two questions of one batch share an id.
    AttentionShared,
    /// What comes after a step that does not apply does not wait for what comes before it.
    LeftOutIsDone,
    /// The branch jumps to the line's end, and a crash finds it where nobody knows of it.
    BranchJumps,
    /// A task's slot is free before its end is stored.
    SlotFreedEarly,
    /// A run goes on with the slot of its task that ended, whoever else waits.
    SlotPassedOn,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 24] = [
        Self::NoStopOnCancel,
        Self::RetriesOneMore,
        Self::GateSkipped,
        Self::WakeLost,
        Self::SlotKept,
        Self::InterruptionIsRetry,
        Self::FailuresForgiven,
        Self::LimitAfterEnd,
        Self::ReportsTwice,
        Self::GoBeforeStored,
        Self::UnblockedLater,
        Self::WritersTogether,
        Self::LeftoversLive,
        Self::PauseForgotten,
        Self::CancelledAlive,
        Self::NobodyAsked,
        Self::ClaimInTwo,
        Self::PauseIgnored,
        Self::LimitLifted,
        Self::AttentionShared,
        Self::LeftOutIsDone,
        Self::BranchJumps,
        Self::SlotFreedEarly,
        Self::SlotPassedOn,
    ];
}

/// Whether this mistake is made.
#[cfg(not(feature = "planted"))]
#[must_use]
#[inline]
pub const fn is(_bug: Bug) -> bool {
    false
}

#[cfg(feature = "planted")]
pub use switch::{is, plant};

#[cfg(feature = "planted")]
mod switch {
    use super::Bug;
    use std::sync::atomic::{AtomicU8, Ordering};

    static PLANTED: AtomicU8 = AtomicU8::new(0);

    /// Makes this mistake from now on, and no other.
    pub fn plant(bug: Option<Bug>) {
        PLANTED.store(bug.map_or(0, |bug| bug as u8), Ordering::SeqCst);
    }

    /// Whether this mistake is made.
    #[must_use]
    #[inline]
    pub fn is(bug: Bug) -> bool {
        PLANTED.load(Ordering::Relaxed) == bug as u8
    }
}
