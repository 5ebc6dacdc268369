//! Makes what is under way match what is owed.
//!
//! One keeper owns each run that has something in hand, one owns the board with all work units, and one timer serves
//! everything that waits for a moment. Each takes what arrives, decides by the rules of `domain`, stores, and only
//! then acts. Starting up and recovering from a crash are this same path.
//!
//! Owns: the ports, the keepers, and (behind `testkit`) the simulated world.
//! Leaves out: what may happen (`domain`), and every way of doing it (the rooms that implement the ports).

mod board;
mod engine;
mod errand;
mod error;
pub mod faults;
mod judge;
mod keeper;
pub mod ports;
mod secrets;
mod shared;
mod slug;
mod start;
#[cfg(feature = "testkit")]
pub mod testkit;
mod wakes;
mod work;

pub use engine::{Config, Engine, Load, read_run};
pub use error::EngineError;
pub use shared::Ports;
pub use start::StartRun;

/// How the engine is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// As it should be.
    Good,
    /// The disk is full: nothing new starts, nothing is lost, and it goes on by itself.
    Full,
    /// The store cannot go on in this process.
    Down(String),
}
