//! Owns: Landlock rules, taken on by the process that calls and by everything it starts.

use super::wire::Rules;
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope,
};

/// The newest rights we know; older kernels leave out what they do not know.
const NEWEST: ABI = ABI::V9;
/// Below this, a file that may be read could be emptied.
const OLDEST: ABI = ABI::V3;

/// Restricts the calling thread, and with it all that it executes and starts.
pub(super) fn restrict(rules: &Rules) -> Result<(), String> {
    apply(rules).map_err(|error| format!("landlock: {error}"))
}

/// Keeps the calling thread from abstract sockets that are not its own.
pub(super) fn scope() -> Result<(), String> {
    let ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    let restricted = ruleset
        .scope(Scope::AbstractUnixSocket)
        .and_then(Ruleset::create)
        .and_then(|created| created.restrict_self());
    restricted
        .map(|_| ())
        .map_err(|error| format!("landlock: {error}"))
}

fn apply(rules: &Rules) -> Result<(), Box<dyn std::error::Error>> {
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(OLDEST))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?;
    if !rules.has_network {
        // Without this right there is no way to keep the promise.
        ruleset = ruleset
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessNet::from_all(ABI::V4))?
            .set_compatibility(CompatLevel::BestEffort);
    }
    let mut created = ruleset.create()?;
    for (paths, access) in [
        (&rules.readable, AccessFs::from_read(NEWEST)),
        (&rules.writable, AccessFs::from_all(NEWEST)),
    ] {
        for path in paths {
            if let Some(rule) = rule(path, access) {
                created = created.add_rule(rule)?;
            }
        }
    }
    let status = created.restrict_self()?;
    match status.ruleset {
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
        RulesetStatus::NotEnforced => Err("not in force on this kernel".into()),
    }
}

/// A path that is not there is nothing to open.
fn rule(path: &str, access: BitFlags<AccessFs>) -> Option<PathBeneath<PathFd>> {
    let opened = PathFd::new(path).ok()?;
    let is_folder = std::fs::metadata(path).ok()?.is_dir();
    Some(PathBeneath::new(
        opened,
        if is_folder {
            access
        } else {
            access & AccessFs::from_file(NEWEST)
        },
    ))
}
