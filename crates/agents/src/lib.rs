//! Speaks to agents: the process harness, containment, sandbox, accounts, and one folder per dialect.
//!
//! Owns: everything between a task that must be done and a process that does it: what an agent needs (`descriptor`,
//! `install`, `account`), what bounds it (`sandbox`, `shim`), how it is spoken to (`dialect`), how it ends (`harness`).
//! Leaves out: which task, when, and what its end means (`domain`, `engine`); its working copy (`git`).

mod account;
mod confined;
mod descriptor;
pub mod dialect;
mod environment;
mod fleet;
mod harness;
mod home;
mod install;
mod login;
mod prepare;
mod probe;
mod process;
pub mod rehearsal;
mod sandbox;
mod scratch;
mod shim;
mod spawner;

pub use confined::Ended;
pub use descriptor::{Catalog, CatalogError, Descriptor, End, Login, LoginFile, Manner, is_shipped};
pub use fleet::{Confined, Fleet, FleetConfig, FleetError};
pub use login::{LoginError, import, keep_token, login};
pub use probe::{LoginState, Probed};
pub use sandbox::{Attempt, Bounds, Choice, Containment, InForce, Sandbox};
pub use shim::{SHIM_ARGUMENT, shim_main};

/// A number that this process gave to nothing else.
fn serial() -> u64 {
    static LAST: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    LAST.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}
