//! Speaks to agents: the process harness, containment, sandbox, accounts, and one folder per dialect.
//!
//! Owns: everything between a task that must be done and a process that does it: what an agent needs (`descriptor`,
//! `account`), what bounds it (`sandbox`, `shim`), how it is spoken to (`dialect`), and how it ends (`harness`).
//! Leaves out: which task, when, and what its end means (`domain`, `engine`); its working copy (`git`).

pub mod dialect;
mod process;
mod shim;

pub use shim::{SHIM_ARGUMENT, shim_main};
