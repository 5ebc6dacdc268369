//! Refs of a project: read as they are, moved only from where they are known to be.

use crate::command::Git;
use crate::error::{Answer, failed, git_failed};
use crate::files::blocking;
use crate::holders;
use crate::names::Oid;
use crate::project::Project;
use crate::queue::Turn;
use crate::ref_files;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::sleep;

/// One change of one ref.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// It is not there yet.
    Create { name: String, to: Oid },
    /// It is exactly here.
    Advance { name: String, from: Oid, to: Oid },
    /// Wherever it is; for refs that only we write.
    Set { name: String, to: Oid },
    /// It is exactly here and goes away.
    Delete { name: String, from: Oid },
}

/// Why a change of refs was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotMoved {
    pub(crate) stderr: String,
}

impl NotMoved {
    /// Whether somebody else moved, made or removed the ref first.
    pub(crate) fn is_moved(&self) -> bool {
        let signs = [
            "but expected",
            "reference already exists",
            "unable to resolve reference",
            "reference is missing",
        ];
        signs.iter().any(|sign| self.stderr.contains(sign))
    }

    /// Whether there is no such commit. Git lets only branches not name other objects.
    pub(crate) fn is_no_commit(&self) -> bool {
        let signs = ["with nonexistent object", "trying to write non-commit object"];
        signs.iter().any(|sign| self.stderr.contains(sign))
    }
}

/// Where a ref is; none when it is not there.
pub(crate) async fn read(git: &Git, project: &Project, name: &str) -> Answer<Option<Oid>> {
    let doing = "read a ref";
    if project.has_ref_files {
        let (common, name) = (project.common.clone(), name.to_owned());
        if let Some(at) = blocking(move || Ok(ref_files::one(&common, &name))).await? {
            return Ok(at);
        }
    }
    let call = git
        .call(&project.shared())
        .args(["rev-parse", "--verify", "--quiet", "--end-of-options"]);
    let ran = call.values([name]).run(doing).await?;
    match ran.code {
        Some(0) => Oid::printed(&ran.stdout).map(Some),
        Some(1) => Ok(None),
        _ => Err(git_failed(doing, &ran.complaint())),
    }
}

/// All refs that begin with `prefix` (a folder, with or without the slash), with what they name.
pub(crate) async fn under(git: &Git, project: &Project, prefix: &str) -> Answer<Vec<(String, Oid)>> {
    let call = git
        .call(&project.shared())
        .args(["for-each-ref", "--format=%(objectname) %(refname)", "--"]);
    let out = call.values([prefix]).stdout("list refs").await?;
    Ok(String::from_utf8_lossy(&out)
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(id, name)| Some((name.to_owned(), Oid::parse(id)?)))
        .collect())
}

/// The refs that people know: branches, tags, and what they fetched.
pub(crate) async fn peoples(git: &Git, project: &Project) -> Answer<Vec<(String, Oid)>> {
    const FOLDERS: [&str; 3] = ["refs/heads/", "refs/tags/", "refs/remotes/"];
    if project.has_ref_files {
        let common = project.common.clone();
        if let Some(found) = blocking(move || Ok(ref_files::under(&common, &FOLDERS))).await? {
            return Ok(found);
        }
    }
    let mut found = under(git, project, "refs/").await?;
    found.retain(|(name, _)| FOLDERS.iter().any(|folder| name.starts_with(folder)));
    Ok(found)
}

/// Makes all changes or none. The turn shows that the caller stands first in the queue.
pub(crate) async fn change(
    git: &Git,
    project: &Project,
    moves: &[Move],
    wait: Duration,
    turn: &Turn,
) -> Answer<()> {
    match try_change(git, project, moves, wait, turn).await? {
        Ok(()) => Ok(()),
        Err(NotMoved { stderr }) => Err(git_failed("move a ref", &stderr)),
    }
}

/// The same, where "it is not there" is an answer to look into.
pub(crate) async fn try_change(
    git: &Git,
    project: &Project,
    moves: &[Move],
    wait: Duration,
    turn: &Turn,
) -> Answer<Result<(), NotMoved>> {
    const TRIES: u32 = 8;
    for attempt in 1..=TRIES {
        let wait_ms = wait.as_millis();
        let call = git.call(&project.shared());
        let call = call.pin(&format!("core.filesRefLockTimeout={wait_ms}"));
        let call = call.pin(&format!("core.packedRefsTimeout={wait_ms}"));
        let call = call.args(["update-ref", "--stdin", "-z"]).stdin(orders(moves));
        let ran = call
            .limit(wait * 4 + Duration::from_secs(60))
            .run("move a ref")
            .await;
        let ran = ran.inspect_err(|_| free_dead_locks(project, turn))?;
        if ran.code == Some(0) {
            return Ok(Ok(()));
        }
        let stderr = ran.complaint();
        let Some(lock) = lock_in(&stderr) else {
            return Ok(Err(NotMoved { stderr }));
        };
        let is_ours = lock.starts_with(project.common.join("refs/partita"));
        if is_ours && attempt < TRIES {
            if is_dead(project, &lock) {
                tracing::warn!(lock = %lock.display(), "removed the lock of a dead git of ours");
                let _ = std::fs::remove_file(&lock);
            } else {
                // A git of ours that outlived its daemon ends by itself.
                sleep(Duration::from_millis(100)).await;
            }
            continue;
        }
        return Err(failed(format!(
            "{} has been there for {} s: another git works here, or one died; remove it if none runs",
            lock.display(),
            wait.as_secs()
        )));
    }
    Err(failed("a lock of ours comes back"))
}

fn orders(moves: &[Move]) -> Vec<u8> {
    let mut text = Vec::new();
    for change in moves {
        // A symbolic ref is never followed: what it points to is not ours.
        text.extend(b"option no-deref\0");
        let order = match change {
            Move::Create { name, to } => format!("update {name}\0{to}\0{}\0", to.zero_like()),
            Move::Advance { name, from, to } => format!("update {name}\0{to}\0{from}\0"),
            Move::Set { name, to } => format!("update {name}\0{to}\0\0"),
            Move::Delete { name, from } => format!("delete {name}\0{from}\0"),
        };
        text.extend(order.into_bytes());
    }
    text
}

/// The lock that git met, from `Unable to create '<path>': File exists`.
fn lock_in(stderr: &str) -> Option<PathBuf> {
    let line = stderr
        .lines()
        .find(|line| line.contains("File exists") && line.contains("Unable to create '"))?;
    let (_, rest) = line.split_once("Unable to create '")?;
    let (path, _) = rest.rsplit_once("'")?;
    Some(PathBuf::from(path)).filter(|path| path.extension().is_some_and(|extension| extension == "lock"))
}

/// Whether nobody alive holds a lock under `refs/partita/`. Those refs are written by nobody but us, under our own
/// lock, which is held now; what remains is a git that outlived its daemon. It stands in the git folder.
fn is_dead(project: &Project, lock: &Path) -> bool {
    holders::can_tell() && !holders::is_open(lock) && holders::stranger_in(&project.common).is_none()
}

/// Removes the locks that a killed git of ours left on refs of ours.
pub(crate) fn free_dead_locks(project: &Project, _turn: &Turn) {
    let own = project.common.join("refs/partita");
    let mut folders = vec![own];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "lock") && is_dead(project, &path)
            {
                tracing::warn!(lock = %path.display(), "removed the lock of a dead git of ours");
                let _ = std::fs::remove_file(&path);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_read_from_what_git_says() {
        let said = "fatal: cannot lock ref 'refs/x': Unable to create '/a b/.git/refs/x.lock': File exists.\n\nAnother";
        assert_eq!(lock_in(said), Some(PathBuf::from("/a b/.git/refs/x.lock")));
        assert_eq!(
            lock_in("fatal: cannot lock ref 'refs/x': is at 1 but expected 2"),
            None
        );
        assert_eq!(lock_in("Unable to create '/etc/passwd': File exists."), None);
    }
}
