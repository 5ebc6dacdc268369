//! Owns: noticing what could not be prevented. Where no mount protects configuration inside a writable tree, its
//! state before and after a task is compared; the same for files that a mount protects only where they are already.

use super::{Bounds, PROTECTED_FILES, PROTECTED_FOLDERS, PROTECTED_GIT, Policy, Sandbox};
use domain::Access;
use engine::faults::{Control, is_off};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The state of what a task must not change.
#[derive(Debug)]
pub(crate) struct Watched {
    looked_at: Vec<PathBuf>,
    before: BTreeMap<PathBuf, String>,
    absent: Vec<PathBuf>,
}

impl Watched {
    /// Notes what is there now.
    pub(crate) fn new(policy: &Policy, bounds: &Bounds) -> Self {
        let (looked_at, absent) = match (policy.access, bounds.sandbox) {
            (Access::Read, _) => (Vec::new(), Vec::new()),
            (Access::Write, Sandbox::Bubblewrap) => (
                unmounted(&policy.place),
                guarded(&policy.place).filter(|path| !is_there(path)).collect(),
            ),
            (Access::Write, Sandbox::Landlock | Sandbox::None) => (
                with_targets(&policy.place, guarded(&policy.place).collect()),
                Vec::new(),
            ),
        };
        Self {
            before: state(&looked_at),
            looked_at,
            absent,
        }
    }

    /// What changed. Also takes away the empty folders that stood in for what was not there.
    pub(crate) fn violated(self) -> Vec<PathBuf> {
        for path in &self.absent {
            // Only an empty folder goes; anything else is the task's own.
            let _kept = std::fs::remove_dir(path);
        }
        if is_off(Control::ConfigurationCompared) {
            return Vec::new();
        }
        let (before, after) = (self.before, state(&self.looked_at));
        let all: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
        all.into_iter()
            .filter(|path| before.get(*path) != after.get(*path))
            .cloned()
            .collect()
    }
}

fn guarded(place: &Path) -> impl Iterator<Item = PathBuf> {
    let git = PROTECTED_GIT.iter().map(|name| place.join(".git").join(name));
    git.chain(
        PROTECTED_FOLDERS
            .iter()
            .chain(&PROTECTED_FILES)
            .map(|name| place.join(name)),
    )
}

/// What no mount holds back: files that were not there, for which no stand-in would do, and links.
fn unmounted(place: &Path) -> Vec<PathBuf> {
    let is_link = |path: &PathBuf| std::fs::symlink_metadata(path).is_ok_and(|seen| seen.is_symlink());
    let absent_files = PROTECTED_FILES.iter().map(|name| place.join(name));
    let all = absent_files
        .filter(|path| !is_there(path))
        .chain(guarded(place).filter(is_link));
    with_targets(place, all.collect())
}

/// The same, and what the links among them lead to inside the tree: who obeys the one obeys the other.
fn with_targets(place: &Path, mut paths: Vec<PathBuf>) -> Vec<PathBuf> {
    let inside = std::fs::canonicalize(place).unwrap_or_else(|_| place.to_owned());
    let is_other = |target: &PathBuf, paths: &[PathBuf]| {
        target.starts_with(&inside) && *target != inside && !paths.contains(target)
    };
    for index in 0..paths.len() {
        let target = std::fs::canonicalize(&paths[index]).ok();
        paths.extend(target.filter(|target| is_other(target, &paths)));
    }
    paths
}

fn is_there(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}

fn state(paths: &[PathBuf]) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    for path in paths {
        note(path, &mut found);
    }
    found
}

/// Follows no link: where it points is its state.
fn note(path: &Path, found: &mut BTreeMap<PathBuf, String>) {
    let Ok(seen) = std::fs::symlink_metadata(path) else {
        return;
    };
    let state = if seen.is_dir() {
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            note(&entry.path(), found);
        }
        "folder".to_owned()
    } else if seen.is_symlink() {
        format!("link to {:?}", std::fs::read_link(path).ok())
    } else if seen.is_file() {
        let digest = Sha256::digest(std::fs::read(path).unwrap_or_default());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    } else {
        "other".to_owned()
    };
    found.insert(path.to_owned(), state);
}
