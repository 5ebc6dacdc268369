//! One task's process, from its release to the moment when nothing of it is left.
//!
//! Owns: pipes, clocks, caps, stopping, and asking again when an answer does not do.
//! Leaves out: what the lines mean (`dialect`), what bounds the process (`sandbox`).

mod clocks;
mod ending;
mod lines;
mod process;
mod setup;
mod sink;
mod talk;

pub(crate) use process::{Prepared, Task};
pub(crate) use setup::SetUp;
pub(crate) use sink::Caps;
