//! The hostile agent, in every containment and sandbox that this machine has, as the superuser and as an ordinary user.
//! What it may be answered is a table, `docs/containment.md`; nothing may be open that the table does not state.
//!
//! `cargo nextest run -p agents -E 'binary(hostile)' --no-capture` prints what ran and what came of each attempt.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test says what it believes, and a note to whoever reads its failure"
)]

#[path = "../it/common.rs"]
#[expect(
    dead_code,
    reason = "the same world as in the other tests, of which these need less"
)]
mod common;
mod document;
mod gate;
mod ground;
mod matrix;
mod pairs;
mod seen;
mod table;
