//! Owns: noticing what could not be prevented. Where no mount protects configuration inside a writable tree, its
//! state before and after a task is compared.

use super::{Bounds, PROTECTED_FILES, PROTECTED_FOLDERS, PROTECTED_GIT, Policy, Sandbox};
use domain::Access;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The state of what a task must not change.
#[derive(Debug)]
pub(crate) struct Watched {
    place: PathBuf,
    before: Option<BTreeMap<PathBuf, String>>,
    absent: Vec<PathBuf>,
}

impl Watched {
    /// Notes what is there now.
    pub(crate) fn new(policy: &Policy, bounds: &Bounds) -> Self {
        let writes = policy.access == Access::Write;
        let is_mounted = bounds.sandbox == Sandbox::Bubblewrap;
        let place = policy.place.clone();
        let before = (writes && !is_mounted).then(|| state(&place));
        let absent = guarded(&place)
            .filter(|path| writes && is_mounted && !is_there(path))
            .collect();
        Self {
            place,
            before,
            absent,
        }
    }

    /// What changed. Also takes away the empty folders that stood in for what was not there.
    pub(crate) fn violated(self) -> Vec<PathBuf> {
        for path in &self.absent {
            // Only an empty folder goes; anything else is the task's own.
            let _kept = std::fs::remove_dir(path);
        }
        let Some(before) = self.before else {
            return Vec::new();
        };
        let after = state(&self.place);
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

fn is_there(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}

fn state(place: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    for path in guarded(place) {
        note(&path, &mut found);
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
