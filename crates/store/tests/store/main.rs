//! The store from outside, in one program: what the port promises, what the schema is, what faults do to it.

mod backup;
mod common;
mod contract;
mod opening;
mod schema;
mod transcripts;
mod views;
