//! What the kernel says about processes: who they are, who their parents are, and ending them without mistake.
//!
//! Owns: reading `/proc`, process identities, and killing by descriptor instead of by number.
//! Leaves out: starting processes (`spawner`, `shim`) and what their end means (`harness`).

mod identity;
mod leftover;
pub(crate) mod table;

pub(crate) use identity::identify;
pub(crate) use leftover::end_leftover;
#[cfg(target_os = "linux")]
pub(crate) use table::{Table, children_of};

/// Names the task in the environment of everything that is started for it.
pub(crate) const MARKER: &str = "PARTITA_TASK";
