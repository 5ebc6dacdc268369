//! What the engine does, seen from outside: in simulated worlds, and in small scenes.

#![expect(
    clippy::unwrap_used,
    reason = "a test says what it believes, and a note to whoever reads its failure"
)]

mod contract;
mod ends;
mod graphs;
mod orders;
mod parked;
mod planted;
mod requests;
mod scale;
mod scene;
mod sim;
mod units;
