//! What can be seen from outside: files before and after, who was reached, what was said.

use crate::common::Kept;
use engine::ports::EntryKind;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// What the agent says came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) name: String,
    pub(crate) is_plant: bool,
    pub(crate) is_done: bool,
    pub(crate) detail: String,
}

/// All that it told.
pub(crate) fn text(kept: &Kept) -> String {
    let of = |kind: EntryKind| match kind {
        EntryKind::Text(text) | EntryKind::Raw(text) | EntryKind::Thought(text) => text,
        EntryKind::Tool { title, detail, .. } => format!("{title} {detail}"),
        EntryKind::Permission { .. }
        | EntryKind::Notice(_)
        | EntryKind::Prompt(_)
        | EntryKind::MessageEnd => String::new(),
    };
    kept.all().into_iter().map(of).collect()
}

/// Its report, which it gives as a block of JSON.
pub(crate) fn report(text: &str) -> Vec<Said> {
    let block = text
        .split_once("```json\n")
        .and_then(|(_, rest)| rest.split_once("\n```"));
    let block = block.unwrap_or_else(|| panic!("no report in {text}")).0;
    let report: Json = serde_json::from_str(block).unwrap();
    let attempts = report["attempts"].as_array().unwrap().iter();
    attempts
        .map(|attempt| Said {
            name: attempt["name"].as_str().unwrap().to_owned(),
            is_plant: attempt["class"] == "plant",
            is_done: attempt["done"] == true,
            detail: attempt["detail"].as_str().unwrap().to_owned(),
        })
        .collect()
}

/// Everything below a folder but what is left out: kind, mode, content, and of files the time.
pub(crate) fn files(root: &Path, left_out: &[PathBuf]) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    note(root, left_out, &mut found);
    found
}

fn note(path: &Path, left_out: &[PathBuf], found: &mut BTreeMap<PathBuf, String>) {
    if left_out.iter().any(|one| path == one) {
        return;
    }
    let seen = std::fs::symlink_metadata(path).unwrap();
    let mode = seen.mode();
    let state = if seen.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            note(&entry.unwrap().path(), left_out, found);
        }
        format!("{mode:o}")
    } else if seen.is_symlink() {
        format!("{mode:o} to {:?}", std::fs::read_link(path).unwrap())
    } else if seen.is_file() {
        let content = std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        format!("{mode:o} {} links {} {content:?}", seen.nlink(), seen.mtime())
    } else {
        format!("{mode:o}")
    };
    found.insert(path.to_owned(), state);
}

/// What is not as it was.
pub(crate) fn changed(before: &BTreeMap<PathBuf, String>, after: &BTreeMap<PathBuf, String>) -> Vec<PathBuf> {
    let all: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
    all.into_iter()
        .filter(|path| before.get(*path) != after.get(*path))
        .cloned()
        .collect()
}

/// The secrets that stand in a text.
pub(crate) fn secrets(text: &str) -> Vec<String> {
    let found = text.match_indices("SECRET-").map(|(start, _)| {
        let end = text[start..].find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)));
        text[start..end.map_or(text.len(), |end| start + end)].to_owned()
    });
    found.collect()
}
