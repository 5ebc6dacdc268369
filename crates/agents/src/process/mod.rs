//! What the kernel says about processes: who they are, who their parents are, and ending them without mistake.
//!
//! Owns: reading `/proc`, process identities, and killing by descriptor instead of by number.
//! Leaves out: starting processes (`spawner`, `shim`) and what their end means (`harness`).

mod identity;
#[cfg(target_os = "linux")]
mod leftover;
mod leftovers;
#[cfg(target_os = "linux")]
pub(crate) mod table;

pub(crate) use identity::identify;
#[cfg(target_os = "linux")]
pub(crate) use leftover::{end_leftovers, end_what_outlived};
pub(crate) use leftovers::{Leftovers, Sought};
#[cfg(target_os = "linux")]
pub(crate) use table::{Table, children_of};

/// Names the task in the environment of everything that is started for it.
pub(crate) const MARKER: &str = "PARTITA_TASK";

/// Nothing is ever started where there is no `/proc`.
#[cfg(not(target_os = "linux"))]
pub(crate) fn end_leftovers(take: impl Fn() -> Vec<Sought>) {
    for one in take() {
        // Whoever waited may have left.
        let _ = one.done.send(());
    }
}

/// The same.
#[cfg(not(target_os = "linux"))]
pub(crate) fn end_what_outlived(_task: domain::TaskId, _guard: &domain::ProcessIdentity) {}
