//! The repository as a value: what lies where and what it says.
//!
//! Owns: which files count, and reading them once.
//! Leaves out: what is right or wrong about them (`tidy`). A check sees only this value, so its test writes one by hand.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context as _;

use crate::source::Source;

/// Folders that are made by tools, wherever they lie.
const MADE_BY_TOOLS: &[&str] = &[
    ".git",
    "target",
    "node_modules",
    "dist",
    ".svelte-kit",
    "test-results",
];

/// A file larger than this is a recording or a lock, not something a check reads.
const TEXT_BYTES_MAX: u64 = 2 << 20;

/// Every file that belongs to the repository, by its path from the root with `/` between the parts.
pub(crate) struct Repo {
    files: BTreeMap<String, File>,
}

struct File {
    /// Empty for what is not text.
    text: String,
    /// Only for Rust files.
    source: Option<Source>,
}

impl Repo {
    /// Reads the checkout at `root`.
    pub(crate) fn read(root: &Path) -> anyhow::Result<Self> {
        let mut texts = Vec::new();
        collect(root, "", &mut texts)?;
        Ok(Self::of(texts))
    }

    /// A repository of these files.
    pub(crate) fn of<P: Into<String>, T: Into<String>>(files: impl IntoIterator<Item = (P, T)>) -> Self {
        let mut files: BTreeMap<String, File> = files
            .into_iter()
            .map(|(path, text)| {
                let (path, text) = (path.into(), text.into());
                let source = path.ends_with(".rs").then(|| Source::parse(&path, &text));
                (path, File { text, source })
            })
            .collect();
        mark_test_modules(&mut files);
        Self { files }
    }

    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(|file| file.text.as_str())
    }

    /// Whether a file or a folder lies there.
    pub(crate) fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        path.is_empty() || self.files.contains_key(path) || self.has_below(&format!("{path}/"))
    }

    fn has_below(&self, folder: &str) -> bool {
        self.files
            .range(folder.to_owned()..)
            .next()
            .is_some_and(|(path, _)| path.starts_with(folder))
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .map(|(path, file)| (path.as_str(), file.text.as_str()))
    }

    /// Every Rust file.
    pub(crate) fn sources(&self) -> impl Iterator<Item = (&str, &Source)> {
        self.files
            .iter()
            .filter_map(|(path, file)| Some((path.as_str(), file.source.as_ref()?)))
    }
}

/// The room a path lies in: `crates/store/src/lib.rs` lies in `store`.
pub(crate) fn room_of(path: &str) -> Option<&str> {
    path.strip_prefix("crates/")?
        .split_once('/')
        .map(|(room, _)| room)
}

/// `#[cfg(test)] mod world;` makes a whole other file test code; only here are both files known.
fn mark_test_modules(files: &mut BTreeMap<String, File>) {
    let declared: Vec<String> = files
        .values()
        .filter_map(|file| file.source.as_ref())
        .flat_map(|source| source.test_modules.clone())
        .collect();
    for stem in declared {
        let (file, folder) = (format!("{stem}.rs"), format!("{stem}/"));
        for (path, entry) in &mut *files {
            if let Some(source) = entry.source.as_mut()
                && (*path == file || path.starts_with(&folder))
            {
                source.mark_all_as_test();
            }
        }
    }
}

fn collect(root: &Path, below: &str, texts: &mut Vec<(String, String)>) -> anyhow::Result<()> {
    let folder = root.join(below);
    let entries = fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let path = if below.is_empty() {
            name.clone()
        } else {
            format!("{below}/{name}")
        };
        let kind = entry.file_type()?;
        if kind.is_dir() && !MADE_BY_TOOLS.contains(&name.as_str()) {
            collect(root, &path, texts)?;
        } else if kind.is_file() {
            // Someone may delete a file while we look: what is gone does not count.
            let is_text = entry
                .metadata()
                .is_ok_and(|metadata| metadata.len() <= TEXT_BYTES_MAX);
            let text = if is_text {
                fs::read(entry.path()).unwrap_or_default()
            } else {
                Vec::new()
            };
            texts.push((path, String::from_utf8(text).unwrap_or_default()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_exists_when_something_lies_in_it() {
        let repo = Repo::of([("docs/adr/0001-x.md", ""), ("docs-old.md", "")]);
        assert!(repo.has("docs"));
        assert!(repo.has("docs/adr/"));
        assert!(repo.has("docs/adr/0001-x.md"));
        assert!(!repo.has("docs/ad"));
        assert!(!repo.has("docs/adr/0001-x"));
    }

    #[test]
    fn a_module_declared_for_tests_is_test_code_in_its_own_file() {
        let repo = Repo::of([
            (
                "crates/a/src/lib.rs",
                "//! A.\n#[cfg(test)]\nmod world;\nmod rules;\n",
            ),
            ("crates/a/src/world.rs", "//! W.\nfn x() {}\n"),
            ("crates/a/src/rules.rs", "//! R.\n#[cfg(test)]\nmod cases;\n"),
            ("crates/a/src/rules/cases.rs", "//! C.\nfn x() {}\n"),
        ]);
        let tests: Vec<_> = repo
            .sources()
            .filter(|(_, source)| source.is_test_line(2))
            .map(|(path, _)| path)
            .collect();
        assert_eq!(
            tests,
            [
                "crates/a/src/lib.rs",
                "crates/a/src/rules.rs",
                "crates/a/src/rules/cases.rs",
                "crates/a/src/world.rs"
            ]
        );
        let (_, rules) = repo
            .sources()
            .find(|(path, _)| path.ends_with("rules.rs"))
            .unwrap();
        assert!(!rules.is_test_line(1));
    }
}
