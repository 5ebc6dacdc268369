//! The agents' room as a whole: real processes, in every containment and sandbox that this machine has.

#![expect(
    clippy::unwrap_used,
    reason = "a test says what it believes, and a note to whoever reads its failure"
)]

mod accounts;
mod common;
mod containment;
mod cost;
mod endings;
mod killed;
mod output;
mod sandbox;
mod setup;
