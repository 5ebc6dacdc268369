//! Faults of the daemon's own life: killed at random, at every named boundary, while it recovers; told to stop;
//! broken inside; one of two. What must hold afterwards is judged from outside (`oracle`).

#![expect(
    clippy::unwrap_used,
    reason = "a test says what it believes, and a note to whoever reads its failure"
)]

mod broken;
mod daemon;
mod flows;
mod kills;
mod oracle;
mod person;
mod points;
mod recovery;
mod signals;
mod two;
mod world;
