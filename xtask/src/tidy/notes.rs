//! Notes of what changed: `changes/NNNN-title.md`, each for one release, and at least one for the release at hand.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::{Finding, adrs};
use crate::repo::Repo;

const FOLDER: &str = "changes/";
const GUIDE: &str = "changes/README.md";

pub(super) fn check(repo: &Repo) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut releases = Vec::new();
    let mut numbers: BTreeMap<u32, &str> = BTreeMap::new();
    for (path, text) in repo
        .texts()
        .filter(|(path, _)| path.starts_with(FOLDER) && *path != GUIDE)
    {
        match adrs::number(&path[FOLDER.len()..]) {
            None => findings.push(Finding::in_file(path, "is not named `NNNN-title.md`")),
            Some(number) => {
                if let Some(other) = numbers.insert(number, path) {
                    findings.push(Finding::in_file(path, format!("has the number of `{other}`")));
                }
            }
        }
        match release(text) {
            None => findings.push(Finding::in_file(
                path,
                "has no line `Release: VERSION` below its title",
            )),
            Some(release) => releases.push(release),
        }
    }
    if let Some(version) = version(repo).filter(|version| !releases.contains(&version.as_str())) {
        findings.push(Finding::in_file(
            FOLDER,
            format!("no note is for release {version}"),
        ));
    }
    findings
}

/// The release a note is for: the first line after its title that is not empty.
fn release(text: &str) -> Option<&str> {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.next().filter(|title| title.starts_with("# "))?;
    lines.next()?.strip_prefix("Release: ").map(str::trim)
}

/// The version that the workspace gives to all its packages.
fn version(repo: &Repo) -> Option<String> {
    let manifest: Table = repo.text("Cargo.toml")?.parse().ok()?;
    let package = manifest.get("workspace")?.get("package")?;
    package.get("version").and_then(Value::as_str).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(notes: &[(&str, &str)]) -> Vec<String> {
        let manifest = ("Cargo.toml", "[workspace.package]\nversion = \"0.2.0\"\n");
        let repo = Repo::of(notes.iter().copied().chain([manifest]));
        check(&repo)
            .into_iter()
            .map(|finding| finding.to_string())
            .collect()
    }

    #[test]
    fn a_release_without_a_note_is_found() {
        let said = found(&[("changes/0001-old.md", "# Old\n\nRelease: 0.1.0\n")]);
        assert_eq!(said, ["changes/: no note is for release 0.2.0"]);
        assert_eq!(
            found(&[("changes/0001-new.md", "# New\n\nRelease: 0.2.0\n")]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn two_notes_with_one_number_are_found() {
        let note = "# New\n\nRelease: 0.2.0\n";
        let said = found(&[("changes/0001-a.md", note), ("changes/0001-b.md", note)]);
        assert_eq!(said, ["changes/0001-b.md: has the number of `changes/0001-a.md`"]);
    }

    #[test]
    fn a_note_says_which_release_it_is_for() {
        let said = found(&[
            ("changes/0001-a.md", "# A\n\nWords.\n"),
            ("changes/0002-b.md", "# B\n\nRelease: 0.2.0\n"),
        ]);
        assert_eq!(
            said,
            ["changes/0001-a.md: has no line `Release: VERSION` below its title"]
        );
    }
}
