//! Names that reach git: made by us or checked, never passed on as they came.

use crate::error::{Answer, failed};
use domain::{RunId, StepKey, TaskId};
use engine::ports::WorkspaceError;
use sha2::{Digest, Sha256};
use std::fmt;
use std::fmt::Write as _;

/// What git calls an object: 40 or 64 hexadecimal digits and nothing else.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Oid(String);

impl Oid {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (matches!(text.len(), 40 | 64) && text.bytes().all(is_hex)).then(|| Self(text.to_owned()))
    }

    /// The same, for a value that another room handed over.
    pub(crate) fn given(text: &str) -> Answer<Self> {
        Self::parse(text).ok_or_else(|| failed(format!("`{}` does not name a commit in full", shown(text))))
    }

    /// Reads the one id that a command printed.
    pub(crate) fn printed(stdout: &[u8]) -> Answer<Self> {
        let text = String::from_utf8_lossy(stdout);
        Self::parse(text.trim_end())
            .ok_or_else(|| failed(format!("git printed no object id: `{}`", shown(&text))))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The id that means "no object", in the same format.
    pub(crate) fn zero_like(&self) -> String {
        "0".repeat(self.0.len())
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where everything of a run is pinned.
pub(crate) fn run_refs(run: RunId) -> String {
    format!("refs/partita/runs/{run}/")
}

/// Pins where a run starts.
pub(crate) fn base_ref(run: RunId) -> String {
    format!("refs/partita/runs/{run}/base")
}

/// Pins the working state of the person's checkout that a run looks at.
pub(crate) fn wip_ref(run: RunId) -> String {
    format!("refs/partita/runs/{run}/wip")
}

/// Pins what a place shows.
pub(crate) fn place_ref(run: RunId, key: &StepKey) -> String {
    format!("refs/partita/runs/{run}/places/{}", key_slug(key))
}

/// Pins a merge until a branch holds it.
pub(crate) fn merged_ref(run: RunId, commit: &Oid) -> String {
    format!("refs/partita/runs/{run}/merged/{commit}")
}

/// Says which run a task's result belongs to.
pub(crate) fn run_task_ref(run: RunId, task: TaskId) -> String {
    format!("refs/partita/runs/{run}/tasks/{task}")
}

/// Holds a task's result.
pub(crate) fn task_ref(task: TaskId) -> String {
    format!("refs/partita/tasks/{task}")
}

/// The branch people see. A slug is ours: lower case letters, digits and dashes.
pub(crate) fn branch_of(slug: &str) -> Answer<String> {
    let is_ours = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits = (1..=100).contains(&slug.len()) && slug.bytes().all(is_ours) && !slug.starts_with('-');
    if fits {
        Ok(format!("partita/{slug}"))
    } else {
        Err(failed(format!("`{}` is no branch slug", shown(slug))))
    }
}

/// A folder and ref name for a step instance, whatever its definition calls it.
pub(crate) fn key_slug(key: &StepKey) -> String {
    let full = key.to_string();
    let mut slug = String::new();
    for c in full.chars().take(40) {
        let c = c.to_ascii_lowercase();
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    format!(
        "{}-{}",
        if slug.is_empty() {
            "step"
        } else {
            slug.trim_end_matches('-')
        },
        &hash(full.as_bytes())[..10]
    )
}

/// What a person may type to say where a run starts. Git decides whether it exists.
pub(crate) fn checked_revision(wanted: &str) -> Answer<&str> {
    let is_odd = |c: char| c.is_control() || c.is_whitespace();
    if wanted.is_empty()
        || wanted.len() > 1_000
        || wanted.starts_with(['-', '^'])
        || wanted.chars().any(is_odd)
    {
        // What cannot be there is not there: the one who asked is told so, and nothing broke.
        return Err(WorkspaceError::Missing(format!(
            "`{}` cannot be a branch, tag or commit",
            shown(wanted)
        )));
    }
    Ok(wanted)
}

/// SHA-256 in hexadecimal.
pub(crate) fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// A foreign text, short and without what a terminal would obey.
pub(crate) fn shown(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .take(120)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_35_a_step_name_becomes_a_harmless_name_and_stays_apart_from_others() {
        let hostile = [
            "--upload-pack=x",
            "$(id)",
            "a/../b",
            "a\r\nb",
            "\u{202e}x",
            "HEAD",
            "x.lock",
            "@{",
            "",
            "ü",
            "🦀",
        ];
        let slugs: Vec<String> = hostile
            .iter()
            .map(|name| key_slug(&StepKey::only(*name)))
            .collect();
        for slug in &slugs {
            assert!(
                slug.bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
                "{slug}"
            );
            assert!(!slug.starts_with('-') && slug.len() < 60, "{slug}");
        }
        let distinct: std::collections::BTreeSet<&String> = slugs.iter().collect();
        assert_eq!(distinct.len(), hostile.len());
        assert_ne!(key_slug(&StepKey::item("a", 1)), key_slug(&StepKey::only("a[1")));
    }

    #[test]
    fn a_35_a_branch_slug_is_ours_or_refused() {
        assert_eq!(branch_of("calm-otter-7"), Ok("partita/calm-otter-7".to_owned()));
        for slug in [
            "",
            "-x",
            "A",
            "a/b",
            "a..b",
            "a.lock",
            "a b",
            "$(id)",
            "a\n",
            "@{",
            "ü",
            &"a".repeat(101),
        ] {
            assert!(branch_of(slug).is_err(), "{slug}");
        }
    }

    #[test]
    fn only_whole_ids_are_ids() {
        assert!(Oid::parse(&"a".repeat(40)).is_some());
        for text in [
            "",
            "abc",
            &"g".repeat(40),
            &"A".repeat(40),
            &"a".repeat(41),
            "--upload-pack=/bin/shaaaaaaaaaaaaaaaaaaa",
        ] {
            assert!(Oid::parse(text).is_none(), "{text}");
        }
    }
}
