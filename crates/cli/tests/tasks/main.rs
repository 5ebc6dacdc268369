//! Faults of tasks, places and disks, met by a whole daemon: what a person sees of them, what is left on the machine,
//! and that nobody else was touched.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test says what it believes, what it measured, and what this machine does not let it try"
)]

mod branches;
mod disks;
mod ends;
mod killed;
mod missing;
mod output;
mod places;
mod world;
