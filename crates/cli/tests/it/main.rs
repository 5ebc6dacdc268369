//! The command line as its users meet it: the real program, a home of its own, an environment with nothing in it.

#![expect(
    clippy::unwrap_used,
    reason = "a test says what it believes, and a note to whoever reads its failure"
)]

mod again;
mod approvals;
mod bad_flows;
mod env;
mod hostile;
mod lifecycle;
mod machine;
mod modes;
mod names;
mod project_file;
mod raw;
mod runs;
mod secrets;
mod surface;
mod terminal;
mod ui;
mod units;
