//! The daemon as its clients see it.

use crate::port::Port;
use crate::words::words;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How the daemon is and what it has in hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// Its process id.
    pub pid: u32,
    /// How long it has run, in seconds.
    pub uptime_s: u64,
    /// Its version.
    pub version: String,
    /// The folder where it keeps everything.
    pub home: String,
    /// Since when it runs (RFC 3339, UTC).
    pub started_at: String,
    /// How it is.
    pub health: Health,
    /// How much there is of what.
    pub counts: Counts,
    /// Tasks at once.
    pub slots: Slots,
    /// Accounts at their usage limit.
    pub limits: Vec<Limit>,
    /// The position of the last event: a feed that begins after it misses nothing.
    pub position: u64,
    /// The loopback port, when somebody asked for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub port: Option<Port>,
}

/// How the daemon is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// In a word.
    pub state: HealthState,
    /// More about it, for people, when it is not good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub detail: Option<String>,
}

words! {
    /// How the daemon is, in a word.
    HealthState {
        /// As it should be.
        Good = "good",
        /// The disk is full: nothing new starts, nothing is lost, and it goes on by itself once there is room.
        Full = "full",
        /// It can store nothing more: restart it.
        Down = "down",
        /// It is stopping.
        Stopping = "stopping",
    }
}

/// How much there is of what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counts {
    /// Work units by status.
    pub work_units: UnitCounts,
    /// Runs by status.
    pub runs: RunCounts,
    /// Tasks under way.
    pub live_tasks: u64,
    /// What waits for a person.
    pub open_attention: u64,
}

/// Work units by status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct UnitCounts {
    /// They can be taken.
    pub ready: u64,
    /// They are being done.
    pub running: u64,
    /// Other units come first.
    pub blocked: u64,
    /// A person comes first.
    pub needs_attention: u64,
    /// They are done.
    pub done: u64,
}

/// Runs by status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunCounts {
    /// Under way, or waiting.
    pub running: u64,
    /// Done.
    pub completed: u64,
    /// Not done.
    pub failed: u64,
    /// Stopped.
    pub cancelled: u64,
}

/// Tasks at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Slots {
    /// How many may be under way.
    pub total: u32,
    /// How many are.
    pub busy: u32,
}

/// An account at its usage limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Limit {
    /// Whose, as `agent/account`.
    pub account: String,
    /// When it is lifted (RFC 3339, UTC).
    pub until: String,
    /// For people.
    pub reason: String,
}
