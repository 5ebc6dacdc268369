//! agents

pub mod dialect;
