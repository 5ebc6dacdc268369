//! The rules, read a second time: given what happened, when something arrives, then this happened and this is owed.

#![expect(
    clippy::unwrap_used,
    reason = "a test says what it believes, and a note to whoever reads its failure"
)]

mod account;
mod approval;
mod attention;
mod blocker;
mod board;
mod claim;
mod common;
mod fold;
mod gate;
mod id;
mod late;
mod limit;
mod line;
mod plan;
mod random;
mod report;
mod retry;
mod run;
mod step;
mod trigger;
mod work_unit;
mod world;
