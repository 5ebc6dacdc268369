//! Owns: what is weak about that which is in force, in words for people. `docs/containment.md` has the whole table, and the
//! tests hold us to it.

use super::{Bounds, Containment, Sandbox};

/// Weaknesses, those that the attempt to escape found among them.
pub(super) fn of(bounds: &Bounds, found: &[String]) -> Vec<String> {
    let mut said: Vec<&str> = Vec::new();
    match bounds.sandbox {
        Sandbox::Bubblewrap => {
            if bounds.scoping.is_none() {
                said.push("a task that may use the network can reach abstract local sockets, too");
            }
        }
        Sandbox::Landlock => said.extend([
            "names, sizes, modes, owners and times of files of this user can be seen, and the last three changed; \
             contents cannot",
            "plugins that a repository has for opencode are loaded by it, inside the sandbox",
            "configuration inside a writable tree is compared afterwards, not kept from being changed",
            "local sockets of this user can be connected to on kernels before 7.1, those of the session and of \
             containers among them",
        ]),
        Sandbox::None => said.push("nothing keeps a task from touching what this user may touch"),
    }
    match (bounds.containment, bounds.sandbox) {
        (Containment::Bubblewrap, _) => {}
        (Containment::Shim, Sandbox::None) => said.push("a task that kills its own guard is found by its mark only"),
        (Containment::Shim, Sandbox::Landlock | Sandbox::Bubblewrap) => said.push(
            "other processes of this user can be seen with their arguments, and their limits and priority lowered",
        ),
    }
    let has_own_network = bounds.containment == Containment::Bubblewrap || bounds.unsharing.is_some();
    if bounds.sandbox == Sandbox::Landlock && !has_own_network && found.iter().any(|name| name == "datagrams")
    {
        said.push("without network, TCP is closed; other protocols are not");
    }
    said.into_iter().map(ToOwned::to_owned).collect()
}
