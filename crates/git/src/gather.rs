//! Turns what lies in a folder into a git tree, through an index of ours. Git's own `add` is not used: it stops at
//! nested repositories and moves submodules.

use crate::command::Call;
use crate::confined::{Confined, ConfinedError, Order};
use crate::error::{Answer, failed, git_failed};
use crate::files::blocking;
use crate::listing::{Listing, Look, path_of, text_of};
use crate::names::Oid;
use crate::process::Ran;
use engine::ports::WorkspaceError;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// Whose hands touch the files.
#[derive(Clone)]
pub(crate) enum Hands<'a> {
    /// A git process like any other: for a person's own folder.
    Ours,
    /// A git process inside the sandbox: for what an agent made.
    Sandbox {
        confined: &'a dyn Confined,
        readable: Vec<PathBuf>,
        writable: Vec<PathBuf>,
    },
}

impl Hands<'_> {
    /// Runs a command; only success is an answer.
    pub(crate) async fn stdout(&self, call: Call, doing: &str) -> Answer<Vec<u8>> {
        let ran = match self {
            Self::Ours => call.run(doing).await?,
            Self::Sandbox {
                confined,
                readable,
                writable,
            } => {
                let start = call.into_start();
                let mut readable = readable.clone();
                // Git may live anywhere.
                readable.extend(start.argv.first().map(PathBuf::from));
                let order = Order {
                    argv: start.argv,
                    dir: start.dir,
                    readable,
                    writable: writable.clone(),
                    env: start.env,
                    stdin: start.stdin,
                    limit: start.limit,
                    output_max: start.output_max,
                };
                let outcome = confined
                    .run(order)
                    .await
                    .map_err(|error| not_run(doing, &error))?;
                Ran {
                    code: outcome.code,
                    stdout: outcome.stdout,
                    stderr: outcome.stderr,
                }
            }
        };
        if ran.code == Some(0) {
            Ok(ran.stdout)
        } else {
            Err(git_failed(doing, &ran.complaint()))
        }
    }
}

fn not_run(doing: &str, error: &ConfinedError) -> WorkspaceError {
    match error {
        ConfinedError::TooLong => failed(format!("cannot {doing}: git took too long in the sandbox")),
        ConfinedError::TooMuch => failed(format!("cannot {doing}: git printed more than it may")),
        ConfinedError::NotStarted(words) => git_failed(&format!("{doing} in the sandbox"), words),
    }
}

/// What to gather and how.
pub(crate) struct Gather<'a> {
    /// The git folder, tree and index, as a command without a verb.
    pub(crate) call: Call,
    /// The folder.
    pub(crate) tree: PathBuf,
    /// Whose hands.
    pub(crate) hands: Hands<'a>,
    /// Which files.
    pub(crate) look: Look<'a>,
    /// Take in the files of nested repositories: their content counts, their `.git` does not.
    pub(crate) with_nested: bool,
    /// More than this in changed files is refused.
    pub(crate) bytes_max: u64,
}

impl Gather<'_> {
    /// Writes the tree. The index then says the same.
    pub(crate) async fn tree(&self) -> Answer<Oid> {
        let listing = Listing::of(self.call.clone(), self.look).await?;
        self.tree_of(listing).await
    }

    /// The same, for a listing that is at hand.
    pub(crate) async fn tree_of(&self, mut listing: Listing) -> Answer<Oid> {
        if self.with_nested && !listing.nested.is_empty() {
            let inside = self.nested_files(std::mem::take(&mut listing.nested)).await?;
            listing.untracked.extend(inside);
        }
        let (tree, bytes_max) = (self.tree.clone(), self.bytes_max);
        let Sorted { gone, taken } = blocking(move || sorted(&tree, listing, bytes_max)).await?;
        if !gone.is_empty() {
            let call = self
                .call
                .clone()
                .args(["update-index", "--force-remove", "-z", "--stdin"]);
            self.hands
                .stdout(call.stdin(lines(&gone)), "note removed files")
                .await?;
        }
        if !taken.is_empty() {
            let call = self
                .call
                .clone()
                .args(["update-index", "--add", "--remove", "-z", "--stdin"]);
            self.hands
                .stdout(call.stdin(lines(&taken)), "take in changed files")
                .await?;
        }
        Oid::printed(
            &self
                .hands
                .stdout(self.call.clone().args(["write-tree"]), "write a tree")
                .await?,
        )
    }

    /// The files of nested repositories, without what their own ignore files name.
    async fn nested_files(&self, folders: Vec<Vec<u8>>) -> Answer<Vec<Vec<u8>>> {
        let tree = self.tree.clone();
        let found = blocking(move || {
            let mut found = Vec::new();
            for folder in folders {
                walk(&tree, path_of(&folder), &mut found)?;
            }
            Ok(found)
        })
        .await?;
        if found.is_empty() {
            return Ok(found);
        }
        let call = self
            .call
            .clone()
            .args(["check-ignore", "-z", "--stdin", "--no-index"])
            .stdin(lines(&found));
        let ran = call.run("ask what is ignored").await?;
        if !matches!(ran.code, Some(0 | 1)) {
            return Err(git_failed("ask what is ignored", &ran.complaint()));
        }
        let ignored: std::collections::HashSet<&[u8]> = ran.stdout.split(|byte| *byte == 0).collect();
        Ok(found
            .into_iter()
            .filter(|path| !ignored.contains(path.as_slice()))
            .collect())
    }
}

/// Most files of one nested repository that are taken in.
const NESTED_MAX: usize = 50_000;

fn walk(tree: &Path, folder: &Path, found: &mut Vec<Vec<u8>>) -> Answer<()> {
    let entries = fs::read_dir(tree.join(folder));
    for entry in entries
        .map_err(|error| crate::error::io_failed("read", folder, &error))?
        .flatten()
    {
        let name = entry.file_name();
        if name.as_bytes().eq_ignore_ascii_case(b".git") {
            continue;
        }
        let path = folder.join(name);
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => walk(tree, &path, found)?,
            Ok(kind) if kind.is_file() || kind.is_symlink() => {
                found.push(path.as_os_str().as_bytes().to_vec())
            }
            Ok(_) | Err(_) => {}
        }
        if found.len() > NESTED_MAX {
            return Err(failed(format!(
                "the nested repository {} has more than {NESTED_MAX} files",
                folder.display()
            )));
        }
    }
    Ok(())
}

/// Paths for the index to forget, and to read.
struct Sorted {
    gone: Vec<Vec<u8>>,
    taken: Vec<Vec<u8>>,
}

/// Splits into what is gone and what is to be read; counts what will be read.
fn sorted(tree: &Path, listing: Listing, bytes_max: u64) -> Answer<Sorted> {
    let (mut gone, mut taken, mut bytes) = (listing.deleted, Vec::new(), 0_u64);
    for path in listing.modified.into_iter().chain(listing.untracked) {
        match fs::symlink_metadata(tree.join(path_of(&path))) {
            Ok(metadata) if metadata.is_file() || metadata.is_symlink() => {
                bytes = bytes.saturating_add(metadata.len());
                if bytes > bytes_max {
                    let name = text_of(&path);
                    return Err(failed(format!(
                        "more than {} MiB changed; last seen: {name}",
                        bytes_max >> 20
                    )));
                }
                taken.push(path);
            }
            // A pipe, a socket or a device in place of a file cannot be kept.
            Ok(_) | Err(_) => gone.push(path),
        }
    }
    Ok(Sorted { gone, taken })
}

fn lines(paths: &[Vec<u8>]) -> Vec<u8> {
    paths
        .iter()
        .flat_map(|path| path.iter().copied().chain([0]))
        .collect()
}
