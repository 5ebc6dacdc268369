//! The store from outside, in one program: what the port promises, what the schema is, what faults do to it.
#![expect(
    clippy::unwrap_used,
    reason = "in a test an unwrap is an assertion, in its helpers as well"
)]

mod backup;
mod common;
mod contract;
mod full_disk;
mod lists;
mod opening;
mod schema;
mod transcripts;
mod views;
