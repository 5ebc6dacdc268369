//! Owns: the policy as Landlock rules. They open, and cannot close again below: configuration inside a writable tree
//! is looked at afterwards instead (`watched`).

use super::{Containment, Policy, system};
use crate::shim::wire::Rules;
use domain::{Access, Network};
use std::path::Path;

/// What stays open.
pub(super) fn rules(policy: &Policy, containment: Containment) -> Rules {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let mut readable: Vec<String> = system::FOLDERS
        .iter()
        .chain(&system::SETTINGS)
        .map(|path| (*path).to_owned())
        .collect();
    // Landlock keeps it from looking into the environment and memory of those outside. Their names and arguments are
    // not kept from it where it shares the process namespace.
    readable.push("/proc".to_owned());
    readable.extend(policy.readable.iter().map(|path| text(path)));
    let mut writable: Vec<String> = system::DEVICES.map(ToOwned::to_owned).to_vec();
    if containment == Containment::Bubblewrap {
        writable.extend(system::OWN_TERMINALS.map(ToOwned::to_owned));
    }
    writable.push(text(&policy.temporary));
    writable.extend(policy.home.iter().chain(&policy.writable).map(|path| text(path)));
    match policy.access {
        Access::Read => readable.push(text(&policy.place)),
        Access::Write => writable.push(text(&policy.place)),
    }
    Rules {
        readable,
        writable,
        has_network: policy.network == Network::Open,
    }
}
