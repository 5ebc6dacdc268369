//! Gives each task a clean place; shows, checks and keeps what came of it.
//!
//! Owns: every git process of the daemon, the folder `worktrees/` of a home, and the refs under `refs/partita/`
//! of a project. Leaves out: what may happen (`domain`) and how a process is confined (`agents`).
//!
//! How a place is laid out:
//!
//! ```text
//! worktrees/<run>/<step>/record      what it was made from
//! worktrees/<run>/<step>/tree/       the working copy with its own `.git`: the agent's, never trusted again
//! worktrees/<run>/<step>/keep.git/   our git folder for the same tree: what every command of ours uses
//! worktrees/<run>/<step>/scratch/    our indexes
//! ```
//!
//! Since no command of ours reads `tree/.git`, whatever an agent plants there meets nobody.

mod apply;
mod browse;
mod command;
mod confined;
mod error;
mod files;
mod found;
mod gather;
mod harvest;
mod holders;
mod identity;
mod listing;
mod merge;
mod names;
mod pins;
mod place;
mod places;
mod process;
mod project;
mod prune;
mod queue;
mod record;
mod ref_files;
mod refs;
mod repositories;
mod skeleton;
mod snapshot;
mod tamper;

#[cfg(test)]
mod tests;

pub use apply::{Applied, ApplyPlan, NotApplicable};
pub use browse::{Branch, CommitLine, Diff, FileChange, FileStatus, Head, Status, StatusEntry};
pub use command::{Git, Version};
#[cfg(any(test, feature = "testkit"))]
pub use confined::Direct;
pub use confined::{Confined, ConfinedError, Order, Outcome};
pub use found::FirstCommit;
pub use places::{Limits, Places};
pub use project::ProjectKind;
pub use prune::{Kept, PlaceInfo, PlaceState, PruneAsk, PrunePlan, PruneStep};
pub use snapshot::Snapshot;
