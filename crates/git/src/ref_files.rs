//! Reads refs where git keeps them as files, in the two forms that git documents (a file for each, and `packed-refs`):
//! a git process for each question would cost more than all else that is done for a reader.
//!
//! Whatever is odd is left to git: `None` from a function here means "ask git". Nothing is ever written here.

use crate::names::Oid;
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Larger files are searched by git, which need not read them whole.
const PACKED_MAX: u64 = 4 << 20;

/// What a ref file says.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Commit(Oid),
    Link(String),
    Nothing,
}

/// Where one ref is; none inside when it is not there.
pub(crate) fn one(common: &Path, name: &str) -> Option<Option<Oid>> {
    if !is_plain(name) {
        return None;
    }
    match said_by(&common.join(name))? {
        Said::Commit(at) => Some(Some(at)),
        Said::Link(_) => None,
        // Asked second: git packs a ref before it removes the ref's file.
        Said::Nothing => {
            let text = packed(common)?;
            match entries(&text).find(|(_, packed)| *packed == name) {
                Some((at, _)) => real(at).map(Some),
                None => Some(None),
            }
        }
    }
}

/// All refs in these folders, by name. A folder is said as in `refs/heads/`.
pub(crate) fn under(common: &Path, folders: &[&str]) -> Option<Vec<(String, Oid)>> {
    let (mut loose, links) = loose(common, folders)?;
    let text = packed(common)?;
    let mut all = BTreeMap::new();
    for (at, name) in entries(&text).filter(|(_, name)| folders.iter().any(|folder| name.starts_with(folder)))
    {
        if !is_plain(name) {
            return None;
        }
        all.insert(name.to_owned(), real(at)?);
    }
    all.append(&mut loose);
    for (name, to) in links {
        let at = all.get(&to)?.clone();
        all.insert(name, at);
    }
    Some(all.into_iter().collect())
}

/// Whether no checkout stands on a branch. False also where it cannot be told.
pub(crate) fn is_checked_out_nowhere(common: &Path, name: &str) -> bool {
    let mut heads: Vec<PathBuf> = vec![common.join("HEAD")];
    match fs::read_dir(common.join("worktrees")) {
        Ok(entries) => heads.extend(entries.flatten().map(|entry| entry.path().join("HEAD"))),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(_) => return false,
    }
    heads.iter().all(|head| match said_by(head) {
        Some(Said::Commit(_)) => true,
        Some(Said::Link(to)) => to != name,
        Some(Said::Nothing) | None => false,
    })
}

type Loose = (BTreeMap<String, Oid>, Vec<(String, String)>);

/// Refs with a file of their own, and those that only name another.
fn loose(common: &Path, folders: &[&str]) -> Option<Loose> {
    let (mut found, mut links) = (BTreeMap::new(), Vec::new());
    let mut waiting: Vec<String> = folders.iter().map(|folder| (*folder).to_owned()).collect();
    while let Some(folder) = waiting.pop() {
        let entries = match fs::read_dir(common.join(&folder)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(_) => return None,
        };
        for entry in entries {
            let entry = entry.ok()?;
            let name = format!("{folder}{}", entry.file_name().to_str()?);
            // Some git is at work there; what it locks is beside it.
            if name.ends_with(".lock") {
                continue;
            }
            if !is_plain(&name) {
                return None;
            }
            if entry.file_type().ok()?.is_dir() {
                waiting.push(format!("{name}/"));
                continue;
            }
            match said_by(&entry.path())? {
                Said::Commit(at) => drop(found.insert(name, at)),
                Said::Link(to) => links.push((name, to)),
                Said::Nothing => {}
            }
        }
    }
    Some((found, links))
}

fn said_by(file: &Path) -> Option<Said> {
    const MOST: u64 = 4 << 10;
    let metadata = match fs::symlink_metadata(file) {
        Ok(metadata) => metadata,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Some(Said::Nothing);
        }
        Err(_) => return None,
    };
    if metadata.is_dir() {
        return Some(Said::Nothing);
    }
    if !metadata.is_file() || metadata.len() > MOST {
        return None;
    }
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        // It went while it was looked at: it is packed now, or gone.
        Err(error) if error.kind() == ErrorKind::NotFound => return Some(Said::Nothing),
        Err(_) => return None,
    };
    let text = text.strip_suffix('\n')?;
    match text.strip_prefix("ref: ") {
        Some(to) if is_plain(to) => Some(Said::Link(to.to_owned())),
        Some(_) => None,
        None => real(text).map(Said::Commit),
    }
}

fn packed(common: &Path) -> Option<String> {
    let path = common.join("packed-refs");
    match fs::symlink_metadata(&path) {
        Ok(metadata) if metadata.is_file() && metadata.len() <= PACKED_MAX => fs::read_to_string(&path).ok(),
        Err(error) if error.kind() == ErrorKind::NotFound => Some(String::new()),
        Ok(_) | Err(_) => None,
    }
}

/// Ids and names. A line that begins with a caret says what the tag above it leads to.
fn entries(packed: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = packed.lines().filter(|line| !line.starts_with(['#', '^']));
    lines.filter_map(|line| line.split_once(' '))
}

/// An id that is not the one for "nothing".
fn real(text: &str) -> Option<Oid> {
    Oid::parse(text).filter(|at| at.as_str() != at.zero_like())
}

/// A name that git takes, and that stays below `refs/`. Where git is milder, it is asked.
fn is_plain(name: &str) -> bool {
    let fits = |c: char| !c.is_control() && !matches!(c, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\');
    let is_part = |part: &str| {
        let ends_well = !part.ends_with('.') && !part.ends_with(".lock");
        !part.is_empty() && !part.starts_with('.') && ends_well && part.chars().all(fits)
    };
    let is_odd = name.contains("..") || name.contains("@{");
    name.starts_with("refs/") && !is_odd && name.split('/').all(is_part)
}
