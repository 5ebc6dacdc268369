//! What a process can touch: one policy, carried out by whatever the machine has.
//!
//! Owns: the policy, its translation for bubblewrap and for Landlock, which of them is in force, and the attempt to
//! escape that proves it.
//! Leaves out: starting the process (`shim`) and what an agent needs to see (`install`).

mod bounds;
mod bubblewrap;
mod escape;
mod rules;
mod system;
mod unseen;
mod watched;
mod weakness;

pub use bounds::{Bounds, Choice, Containment, Sandbox};
pub(crate) use escape::probe;
pub use escape::{Attempt, InForce};
pub(crate) use system::is_common;
pub(crate) use unseen::{STAND_IN, unseen};
pub(crate) use watched::Watched;

use crate::shim::wire::{Launch, Order};
use domain::{Access, Network};
use engine::faults::{Control, is_off};
use std::path::PathBuf;

/// Configuration of agents and editors inside a working copy: what it says is executed by the next who opens it.
pub(crate) const PROTECTED_FOLDERS: [&str; 8] = [
    ".claude",
    ".codex",
    ".gemini",
    ".qwen",
    ".opencode",
    ".cursor",
    ".vscode",
    ".mcp.json",
];
/// The same, but only where there is one: an empty stand-in would be read and complained about.
pub(crate) const PROTECTED_FILES: [&str; 3] = ["opencode.json", "opencode.jsonc", ".envrc"];
/// Programs that an agent loads from a working copy, whatever it is told: not to be seen there.
pub(crate) const HIDDEN: [&str; 2] = [".opencode/plugin", ".opencode/plugins"];
/// What a working copy's git obeys.
pub(crate) const PROTECTED_GIT: [&str; 3] = ["config", "hooks", "info"];

/// What a process may touch. Everything else is not there, or not to be opened.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    /// The working copy, where the process starts.
    pub(crate) place: PathBuf,
    /// Whether it may change the working copy.
    pub(crate) access: Access,
    /// Whether configuration inside the working copy is kept from it. Our own commands on the tree need none of that.
    pub(crate) protects_tree: bool,
    /// Files of the working copy that it must not see, by where they really lie; only mounts can do that.
    pub(crate) unseen: Vec<PathBuf>,
    /// What it may reach.
    pub(crate) network: Network,
    /// Its home, which it may change.
    pub(crate) home: Option<PathBuf>,
    /// Its folder for what is temporary.
    pub(crate) temporary: PathBuf,
    /// More that it may read and execute.
    pub(crate) readable: Vec<PathBuf>,
    /// More that it may change.
    pub(crate) writable: Vec<PathBuf>,
}

/// A program and how it is started.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// The program, as an absolute path, and its arguments.
    pub(crate) line: Vec<String>,
    /// Its whole environment, but for what the policy adds.
    pub(crate) environment: Vec<(String, String)>,
}

/// Open files at most.
const FILES_MAX: u64 = 65_536;
/// Processes of the user at most: a fork bomb ends, and everyday work never comes near.
const PROCESSES_MAX: u64 = 16_384;

/// The order that starts the program under the policy. `guard` is the process that will be told.
pub(crate) fn order(policy: &Policy, bounds: &Bounds, program: Program, guard: u32) -> Order {
    let wrapper = match (&bounds.bubblewrap, bounds.containment, bounds.sandbox) {
        (Some(bubblewrap), _, Sandbox::Bubblewrap) => {
            bubblewrap::whole(bubblewrap, policy, bounds.scoping.as_deref())
        }
        (Some(bubblewrap), Containment::Bubblewrap, _) => {
            bubblewrap::namespace_only(bubblewrap, policy, bounds.sandbox)
        }
        (_, Containment::Bubblewrap | Containment::Shim, _) => Vec::new(),
    };
    let rules = (bounds.sandbox == Sandbox::Landlock).then(|| rules::rules(policy, bounds.containment));
    let is_scoped = bounds.sandbox == Sandbox::Bubblewrap && bounds.scoping.is_some();
    let launch = (wrapper.is_empty() || rules.is_some() || is_scoped).then(|| Launch {
        guard: (wrapper.is_empty() && !is_off(Control::DeathSignal)).then_some(guard),
        rules,
        is_scoped,
    });
    let entry = if wrapper.is_empty() && policy.network == Network::None {
        own_network(bounds)
    } else {
        Vec::new()
    };
    let mut environment = program.environment;
    environment.push(("TMPDIR".to_owned(), temporary_name(policy, bounds)));
    Order {
        wrapper,
        entry,
        launch,
        program: program.line,
        environment,
        folder: policy.place.to_string_lossy().into_owned(),
        files_max: FILES_MAX,
        // Counted over everything the user runs; the superuser is not held by it and has it for services.
        processes_max: (!rustix::process::geteuid().is_root()).then_some(PROCESSES_MAX),
        is_left_alone: is_off(Control::GuardEnds),
    }
}

/// Stays the same process, in a network where nobody is.
fn own_network(bounds: &Bounds) -> Vec<String> {
    let Some(unshare) = &bounds.unsharing else {
        return Vec::new();
    };
    let flags = ["--user", "--map-current-user", "--net", "--"];
    let line = [unshare.to_string_lossy().into_owned()].into_iter();
    line.chain(flags.map(ToOwned::to_owned)).collect()
}

/// The folder for what is temporary, as the process sees it.
fn temporary_name(policy: &Policy, bounds: &Bounds) -> String {
    if bounds.sandbox == Sandbox::Bubblewrap {
        "/tmp".to_owned()
    } else {
        policy.temporary.to_string_lossy().into_owned()
    }
}
