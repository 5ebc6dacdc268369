//! Owns: when a process is to be stopped. The clock behind these stands still while the machine sleeps.

use crate::descriptor::End;
use engine::faults::{Control, is_off};
use std::time::Duration;
use tokio::time::Instant;

/// Why a process is stopped before it ends by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Somebody asked for it.
    Asked,
    /// It took too long.
    Late,
    /// It was silent for too long.
    Silent,
}

/// How far a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// At work.
    Working,
    /// Interrupted in its own way.
    Interrupted,
    /// Its input is closed and it may end.
    Closing,
    /// Asked to terminate.
    Terminating,
    /// Killed.
    Killed,
}

/// The clocks of one process.
#[derive(Debug)]
pub(super) struct Clocks {
    /// How far it is.
    pub(super) phase: Phase,
    /// When the next step of stopping is due.
    due: Option<Instant>,
    /// When the task has taken too long.
    pub(super) wall: Instant,
    idle: Duration,
    heard: Instant,
    end: End,
}

impl Clocks {
    /// Clocks of a process that starts now, in a task that must end at `wall`.
    pub(super) fn new(wall: Instant, idle_ms: u64, end: End) -> Self {
        let idle = Duration::from_millis(idle_ms);
        Self {
            phase: Phase::Working,
            due: None,
            wall,
            idle,
            heard: Instant::now(),
            end,
        }
    }

    /// Something was heard.
    pub(super) fn hear(&mut self) {
        self.heard = Instant::now();
    }

    /// Goes on to that phase, unless a later one is reached already.
    pub(super) fn go(&mut self, phase: Phase) -> bool {
        let order = |phase: Phase| match phase {
            Phase::Working => 0,
            Phase::Interrupted | Phase::Closing => 1,
            Phase::Terminating => 2,
            Phase::Killed => 3,
        };
        if order(phase) <= order(self.phase) {
            return false;
        }
        self.phase = phase;
        let wait_ms = match phase {
            Phase::Working => return true,
            Phase::Interrupted => self.end.polite_ms,
            Phase::Closing => self.end.close_ms,
            Phase::Terminating => self.end.grace_ms,
            // Nothing survives this; the guard itself is given up when even that fails.
            Phase::Killed => 10_000,
        };
        self.due = Some(Instant::now() + Duration::from_millis(wait_ms));
        true
    }

    /// When to look again.
    pub(super) fn next(&self) -> Instant {
        match self.due {
            Some(due) => due,
            None => self.wall.min(self.heard + self.idle),
        }
    }

    /// Why a process at work must stop now.
    pub(super) fn overdue(&self) -> Option<Why> {
        let now = Instant::now();
        if now >= self.wall && !is_off(Control::WallClock) {
            Some(Why::Late)
        } else if now >= self.heard + self.idle && !is_off(Control::SilenceClock) {
            Some(Why::Silent)
        } else {
            None
        }
    }

    /// Whether the step of stopping is due.
    pub(super) fn is_due(&self) -> bool {
        self.due.is_some_and(|due| Instant::now() >= due)
    }
}
