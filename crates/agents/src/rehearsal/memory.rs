//! What the agent remembers between processes, in its home: how often it met a prompt, and which sessions it had.

use super::script::Scene;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

/// Its memory. A home that cannot be written makes every attempt the first.
#[derive(Debug, Default)]
pub(super) struct Memory {
    folder: Option<PathBuf>,
    /// What this process has already counted: a later turn is no other attempt.
    counted: BTreeMap<String, u64>,
}

impl Memory {
    pub(super) fn in_home(home: Option<PathBuf>) -> Self {
        let folder = home
            .map(|home| home.join(".rehearsal"))
            .filter(|folder| fs::create_dir_all(folder).is_ok());
        Self {
            folder,
            counted: BTreeMap::new(),
        }
    }

    /// Which attempt this is for scenes of the same texts, counted from one.
    pub(super) fn attempt(&mut self, scene: &Scene) -> u64 {
        let key = key_of(scene);
        if let Some(count) = self.counted.get(&key) {
            return *count;
        }
        let count = self.count(&key).unwrap_or(1);
        self.counted.insert(key, count);
        count
    }

    fn count(&self, key: &str) -> Option<u64> {
        let path = self.folder.as_ref()?.join(format!("attempts-{key}"));
        append(&path, "x").ok()?;
        u64::try_from(fs::read_to_string(path).ok()?.lines().count()).ok()
    }

    /// Keeps a session.
    pub(super) fn keep_session(&self, id: &str) {
        if let Some(folder) = &self.folder {
            // A session that cannot be kept cannot be resumed: that is all.
            drop(fs::write(folder.join(format!("session-{id}")), ""));
        }
    }

    /// Whether a session of that id was kept.
    pub(super) fn has_session(&self, id: &str) -> bool {
        let is_plain = id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        is_plain
            && self
                .folder
                .as_ref()
                .is_some_and(|folder| folder.join(format!("session-{id}")).exists())
    }
}

/// Appends a line in one write.
pub(super) fn append(path: &std::path::Path, line: &str) -> std::io::Result<()> {
    let mut file = fs::OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(format!("{line}\n").as_bytes())
}

/// A name for what a scene matches: scenes that differ only in their attempts share it.
fn key_of(scene: &Scene) -> String {
    let texts = [scene.all.all(), scene.any.all(), scene.none.all()];
    let bytes = texts
        .iter()
        .flat_map(|texts| texts.iter().flat_map(|text| text.bytes().chain([0])).chain([1]));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}
