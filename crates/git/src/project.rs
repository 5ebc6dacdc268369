//! What kind of folder a project is, and which git folder stands for it.
//!
//! A folder without git gets a git folder of ours in the home. So everything works on both alike, and nothing is
//! written into the person's folder.

use crate::command::{Call, Git, GitDir};
use crate::error::{Answer, failed, io_failed, missing};
use crate::names::{Oid, hash, shown};
use crate::repositories::{Format, Repositories};
use crate::skeleton::Skeleton;
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// What kind of folder a project is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProjectKind {
    /// A checkout of a git repository.
    Repository,
    /// A git repository without a checkout.
    Bare,
    /// A folder without git.
    Folder,
}

/// A project as this room works with it.
#[derive(Clone, Debug)]
pub(crate) struct Project {
    /// The folder, with links resolved.
    pub(crate) folder: PathBuf,
    pub(crate) kind: ProjectKind,
    /// The git folder of this checkout: its HEAD and index.
    git_dir: PathBuf,
    /// The part that all checkouts share: refs and objects.
    pub(crate) common: PathBuf,
    pub(crate) is_sha256: bool,
    /// Refs can be read without git.
    pub(crate) has_ref_files: bool,
}

impl Project {
    /// Looks at the folder. `folders` is where the git folders of projects without git are.
    pub(crate) async fn find(
        git: &Git,
        folder: &Path,
        folders: &Path,
        repositories: &Repositories,
    ) -> Answer<Self> {
        let folder =
            fs::canonicalize(folder).map_err(|error| io_failed("open the project", folder, &error))?;
        if !folder.is_dir() {
            return Err(missing(format!("{} is not a folder", folder.display())));
        }
        let Some((kind, git_dir)) = git_folder_of(&folder)? else {
            return Self::of_plain_folder(folder, folders);
        };
        owner_is_trusted(git, &folder, &git_dir).await?;
        let common = common_of(&git_dir)?;
        let format = repositories.format(git, &git_dir, &common).await?;
        let Format {
            is_sha256,
            has_ref_files,
        } = format;
        Ok(Self {
            folder,
            kind,
            git_dir,
            common,
            is_sha256,
            has_ref_files,
        })
    }

    fn of_plain_folder(folder: PathBuf, folders: &Path) -> Answer<Self> {
        let name = format!("{}.git", &hash(folder.as_os_str().as_bytes())[..20]);
        let git_dir = folders.join(name);
        if !git_dir.is_dir() {
            crate::files::make_private_folder(folders)?;
            Skeleton::standalone().write_whole(&git_dir)?;
        }
        Ok(Self {
            folder,
            kind: ProjectKind::Folder,
            common: git_dir.clone(),
            git_dir,
            is_sha256: false,
            has_ref_files: true,
        })
    }

    /// Refs and objects, no files.
    pub(crate) fn shared(&self) -> GitDir {
        GitDir::bare(self.common.clone())
    }

    /// The person's checkout.
    pub(crate) fn checkout(&self) -> Answer<GitDir> {
        match self.kind {
            ProjectKind::Repository | ProjectKind::Folder => {
                Ok(GitDir::with_tree(self.git_dir.clone(), self.folder.clone()))
            }
            ProjectKind::Bare => Err(failed(format!(
                "{} is a bare repository: it has no checkout",
                self.folder.display()
            ))),
        }
    }

    /// The git folder of the checkout.
    pub(crate) fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    /// A command on the person's checkout: with their own configuration, as their own git would.
    pub(crate) fn checkout_call(&self, git: &Git) -> Answer<Call> {
        let call = git.call(&self.checkout()?);
        Ok(match self.kind {
            ProjectKind::Repository => call.with_users_configuration(),
            ProjectKind::Folder | ProjectKind::Bare => call,
        })
    }

    pub(crate) fn objects(&self) -> PathBuf {
        self.common.join("objects")
    }

    /// Every folder that reading its objects needs.
    pub(crate) fn object_folders(&self) -> Vec<PathBuf> {
        let mut found = vec![self.objects()];
        let mut next = 0;
        // Git follows five levels.
        while next < found.len() && found.len() < 32 {
            let at = found[next].clone();
            next += 1;
            let text = fs::read(at.join("info/alternates")).unwrap_or_default();
            for line in text
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.is_empty() && line[0] != b'#')
            {
                let path = at.join(PathBuf::from(std::ffi::OsString::from_vec(line.to_vec())));
                let path = fs::canonicalize(&path).unwrap_or(path);
                if !found.contains(&path) {
                    found.push(path);
                }
            }
        }
        found
    }

    /// The list of commits whose parents are not here, in a shallow clone.
    pub(crate) fn shallow(&self) -> Option<PathBuf> {
        Some(self.common.join("shallow")).filter(|path| path.is_file())
    }

    /// The commit that is checked out; none before the first.
    pub(crate) async fn head(&self, git: &Git) -> Answer<Option<Oid>> {
        let call = git.call(&GitDir::bare(self.git_dir.clone()));
        let ran = call
            .args(["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])
            .run("read HEAD")
            .await?;
        if ran.code == Some(0) {
            Oid::printed(&ran.stdout).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Finds the commit that a person names.
    pub(crate) async fn resolve(&self, git: &Git, wanted: &str) -> Answer<Oid> {
        let name = format!("{}^{{commit}}", crate::names::checked_revision(wanted)?);
        let call = git.call(&GitDir::bare(self.git_dir.clone()));
        let ran = call
            .args(["rev-parse", "--verify", "--quiet", "--end-of-options"])
            .values([name])
            .run("look up")
            .await?;
        if ran.code != Some(0) {
            let words = format!(
                "{} has no branch, tag or commit `{}`",
                self.folder.display(),
                shown(wanted)
            );
            return Err(missing(words));
        }
        Oid::printed(&ran.stdout)
    }

    /// The tree of a commit.
    pub(crate) async fn tree_of(&self, git: &Git, commit: &Oid) -> Answer<Oid> {
        let call = git
            .call(&self.shared())
            .args(["rev-parse", "--verify", "--end-of-options"]);
        Oid::printed(
            &call
                .values([format!("{commit}^{{tree}}")])
                .stdout("read a commit")
                .await?,
        )
    }
}

fn git_folder_of(folder: &Path) -> Answer<Option<(ProjectKind, PathBuf)>> {
    let link = folder.join(".git");
    match fs::metadata(&link) {
        Ok(metadata) if metadata.is_dir() => {
            if link.join("HEAD").symlink_metadata().is_err() {
                return Err(failed(format!(
                    "{} is not a git folder: it has no HEAD",
                    link.display()
                )));
            }
            return Ok(Some((ProjectKind::Repository, link)));
        }
        Ok(_) => return linked(&link).map(|git_dir| Some((ProjectKind::Repository, git_dir))),
        Err(_) if link.symlink_metadata().is_ok() => {
            return Err(failed(format!("{} points nowhere", link.display())));
        }
        Err(_) => {}
    }
    let is_bare =
        folder.join("HEAD").is_file() && folder.join("objects").is_dir() && folder.join("refs").is_dir();
    if is_bare {
        return Ok(Some((ProjectKind::Bare, folder.to_path_buf())));
    }
    match folder
        .ancestors()
        .skip(1)
        .find(|above| above.join(".git").join("HEAD").is_file())
    {
        Some(above) => Err(failed(format!(
            "{} lies inside the repository {}: add that one as the project",
            folder.display(),
            above.display()
        ))),
        None => Ok(None),
    }
}

/// Follows the `.git` file of a linked worktree or a submodule.
fn linked(link: &Path) -> Answer<PathBuf> {
    let text = fs::read(link).map_err(|error| io_failed("read", link, &error))?;
    let path = text
        .strip_prefix(b"gitdir: ")
        .map(|path| path.strip_suffix(b"\n").unwrap_or(path));
    let path = path.ok_or_else(|| failed(format!("{} is not a link to a git folder", link.display())))?;
    let path = link.with_file_name(PathBuf::from(std::ffi::OsString::from_vec(path.to_vec())));
    fs::canonicalize(&path).map_err(|error| io_failed("open the git folder", &path, &error))
}

fn common_of(git_dir: &Path) -> Answer<PathBuf> {
    let pointer = git_dir.join("commondir");
    let Ok(text) = fs::read(&pointer) else {
        return Ok(git_dir.to_path_buf());
    };
    let text = text.strip_suffix(b"\n").unwrap_or(&text);
    let path = git_dir.join(PathBuf::from(std::ffi::OsString::from_vec(text.to_vec())));
    fs::canonicalize(&path).map_err(|error| io_failed("open the git folder", &path, &error))
}

/// A repository of somebody else is refused like git refuses it, since its configuration is theirs: unless the person
/// has named it in their own `safe.directory`.
async fn owner_is_trusted(git: &Git, folder: &Path, git_dir: &Path) -> Answer<()> {
    let we = rustix::process::geteuid().as_raw();
    let theirs = |path: &Path| {
        fs::metadata(path)
            .map(|metadata| metadata.uid())
            .ok()
            .filter(|uid| *uid != we)
    };
    let Some(uid) = theirs(git_dir).or_else(|| theirs(folder)) else {
        return Ok(());
    };
    let asked = git.call(&GitDir::none()).with_users_configuration();
    let ran = asked
        .args([
            "config",
            "--global",
            "--includes",
            "-z",
            "--get-all",
            "safe.directory",
        ])
        .run("ask")
        .await?;
    let is_named = ran.stdout.split(|byte| *byte == 0).any(|named| {
        let under = named
            .strip_suffix(b"/*")
            .map(|above| Path::new(std::ffi::OsStr::from_bytes(above)));
        named == b"*"
            || Path::new(std::ffi::OsStr::from_bytes(named)) == folder
            || under.is_some_and(|above| folder.starts_with(above))
    });
    if is_named {
        return Ok(());
    }
    Err(failed(format!(
        "{0} belongs to another user (uid {uid}); if you trust it: git config --global --add safe.directory {0}",
        folder.display()
    )))
}
