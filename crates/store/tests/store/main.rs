//! The store from outside, in one program: what the port promises, what the schema is, what faults do to it.

mod common;
mod contract;
