//! The port: one value that holds git, the folder of places, the queues and the way into the sandbox.

use crate::command::{Git, GitDir};
use crate::confined::Confined;
use crate::error::{Answer, failed, missing};
use crate::files;
use crate::names::{Oid, base_ref, branch_of};
use crate::place::Site;
use crate::project::{Project, ProjectKind};
use crate::queue::{Queues, Turn};
use crate::record::Record;
use crate::ref_files;
use crate::refs::{self, Move};
use crate::repositories::Repositories;
use crate::tamper;
use domain::{Change, RunId, TaskId};
use engine::faults::{Control, is_off};
use engine::ports::{
    AdvanceSpec, Base, Later, MergeOutcome, MergeSpec, Place, PlaceSpec, WorkspaceError, Workspaces,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long and how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a lock of somebody else's git is waited for.
    pub lock_wait: Duration,
    /// How long another daemon's turn is waited for.
    pub queue_wait: Duration,
    /// How long a checkout, a comparison or a harvest may take.
    pub checkout: Duration,
    /// Most bytes in changed files of one harvest or snapshot.
    pub change_bytes_max: u64,
    /// Most bytes in a project without git.
    pub folder_bytes_max: u64,
    /// Most files in a project without git.
    pub folder_files_max: u64,
    /// Most bytes of a diff that are shown.
    pub diff_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            lock_wait: Duration::from_secs(10),
            queue_wait: Duration::from_secs(60),
            checkout: Duration::from_secs(600),
            change_bytes_max: 512 << 20,
            folder_bytes_max: 1 << 30,
            folder_files_max: 50_000,
            diff_bytes_max: 4 << 20,
        }
    }
}

/// Git folders for projects without git.
const FOLDERS: &str = ".folders";
/// Git folders to compare and merge with, and indexes in use.
pub(crate) const BENCHES: &str = ".bench";

/// The places of a home.
pub struct Places {
    pub(crate) git: Git,
    pub(crate) worktrees: PathBuf,
    pub(crate) confined: Arc<dyn Confined>,
    pub(crate) queues: Queues,
    pub(crate) limits: Limits,
    repositories: Repositories,
}

impl std::fmt::Debug for Places {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Places")
            .field("git", &self.git)
            .field("worktrees", &self.worktrees)
            .finish_non_exhaustive()
    }
}

impl Places {
    /// Places in the folder `worktrees` of a home, which is made when needed.
    ///
    /// # Errors
    ///
    /// The folder cannot be made.
    pub fn new(git: Git, worktrees: &Path, confined: Arc<dyn Confined>) -> Result<Self, WorkspaceError> {
        files::make_private_folder(worktrees)?;
        let worktrees = std::fs::canonicalize(worktrees)
            .map_err(|error| crate::error::io_failed("open the folder of places", worktrees, &error))?;
        files::sweep_dead(&worktrees.join(BENCHES));
        files::sweep_dead(&worktrees.join(FOLDERS));
        Ok(Self {
            git,
            worktrees,
            confined,
            queues: Queues::default(),
            limits: Limits::default(),
            repositories: Repositories::default(),
        })
    }

    /// The same with other limits.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// The git program in use, for `doctor`.
    #[must_use]
    pub const fn git(&self) -> &Git {
        &self.git
    }

    /// What kind of folder a project is.
    ///
    /// # Errors
    ///
    /// It is not there, lies inside another repository, or belongs to another user.
    pub async fn kind(&self, project: &Path) -> Result<ProjectKind, WorkspaceError> {
        Ok(self.project(project).await?.kind)
    }

    pub(crate) async fn project(&self, folder: &Path) -> Answer<Project> {
        let folders = self.worktrees.join(FOLDERS);
        Project::find(&self.git, folder, &folders, &self.repositories).await
    }

    /// A turn on what the repository shares.
    pub(crate) async fn turn(&self, project: &Project) -> Answer<Turn> {
        self.queues.on(&project.common, self.limits.queue_wait).await
    }

    pub(crate) async fn has_commit(&self, project: &Project, commit: &Oid) -> Answer<bool> {
        let call = self
            .git
            .call(&project.shared())
            .args(["cat-file", "-e", "--end-of-options"]);
        Ok(call
            .values([format!("{commit}^{{commit}}")])
            .run("look for a commit")
            .await?
            .code
            == Some(0))
    }

    /// A git folder of ours over the project's objects, in which no filter, driver or hook is configured.
    pub(crate) fn bench(&self, project: &Project) -> Answer<GitDir> {
        use std::os::unix::ffi::OsStrExt as _;
        let name = crate::names::hash(project.common.as_os_str().as_bytes());
        let folder = self.worktrees.join(BENCHES);
        files::make_private_folder(&folder)?;
        let dir = folder.join(format!("{}.git", &name[..20]));
        let skeleton = crate::skeleton::Skeleton::bench(project);
        if dir.exists() && skeleton.difference_in_ours(&dir).is_some() {
            files::discard(&dir)?;
        }
        if !dir.exists() {
            skeleton.write_whole(&dir)?;
        }
        Ok(GitDir::bare(dir))
    }

    /// The home, where it lies inside the project: nothing of it is ever part of a snapshot.
    pub(crate) fn own_part_of(&self, project: &Project) -> Option<PathBuf> {
        let home = self.worktrees.parent().unwrap_or(&self.worktrees);
        let home = if home == project.folder {
            self.worktrees.as_path()
        } else {
            home
        };
        home.strip_prefix(&project.folder).ok().map(Path::to_path_buf)
    }

    pub(crate) async fn resolve_base(&self, folder: &Path, run: RunId, wanted: Option<&str>) -> Answer<Oid> {
        let project = self.project(folder).await?;
        let name = base_ref(run);
        // Asked again after a crash: a run starts from one commit, whatever happened to the branch since.
        if let Some(pinned) = refs::read(&self.git, &project, &name).await? {
            return Ok(pinned);
        }
        let base = match (wanted, project.kind) {
            (Some(wanted), _) => project.resolve(&self.git, wanted).await?,
            (None, ProjectKind::Folder) => self.snapshot_folder(&project).await?,
            (None, ProjectKind::Repository | ProjectKind::Bare) => project
                .head(&self.git)
                .await?
                .ok_or_else(|| no_commit(&project))?,
        };
        let turn = self.turn(&project).await?;
        refs::free_dead_locks(&project, &turn);
        let pin = [Move::Set {
            name,
            to: base.clone(),
        }];
        refs::change(&self.git, &project, &pin, self.limits.lock_wait, &turn).await?;
        Ok(base)
    }

    async fn changed_files(&self, place: &Place) -> Answer<Vec<String>> {
        let (site, record, project) = self.known(place).await?;
        tamper::refuse(&site, &record, &project)?;
        Ok(self.differences(&site, true).await?.names())
    }

    /// What we know of a place, from our own record: the caller's words are not enough.
    pub(crate) async fn known(&self, place: &Place) -> Answer<(Site, Record, Project)> {
        let site = Site::of(&self.worktrees, place.spec.run, &place.spec.key);
        if place.path != site.tree() {
            return Err(failed(format!(
                "{} is not a place of this home",
                place.path.display()
            )));
        }
        if site.tree().symlink_metadata().is_err() {
            return Err(missing(format!(
                "the working copy {} is gone",
                place.path.display()
            )));
        }
        // Closed by hand, as it seems: nobody can say what is in it, not even that it was tampered with.
        if let Err(error) = std::fs::read_dir(site.tree())
            && error.kind() == std::io::ErrorKind::PermissionDenied
        {
            return Err(missing(format!(
                "the working copy {} cannot be opened: {error}",
                place.path.display()
            )));
        }
        let record = Record::read(&site.record())?;
        let project = self.project(&record.project).await?;
        Ok((site, record, project))
    }

    async fn advance_branch(&self, spec: AdvanceSpec) -> Answer<()> {
        let branch = branch_of(&spec.slug)?;
        let name = format!("refs/heads/{branch}");
        let from = spec
            .from
            .filter(|from| !from.is_empty())
            .map(|from| Oid::given(&from))
            .transpose()?;
        let to = Oid::given(&spec.to)?;
        let project = self.project(&spec.project).await?;
        let turn = self.turn(&project).await?;
        let now = refs::read(&self.git, &project, &name).await?;
        if now.as_ref() == Some(&to) {
            return Ok(());
        }
        let is_compared = !is_off(Control::BranchCompared);
        if now != from && is_compared {
            return Err(WorkspaceError::BranchMoved { branch });
        }
        if let Some(checkout) = self.checkout_of(&project, &name).await?
            && !is_off(Control::CheckoutRespected)
        {
            let words = "moving it would make that checkout look changed; check out another branch there";
            return Err(failed(format!(
                "branch `{branch}` is checked out in {checkout}: {words}"
            )));
        }
        let nowhere = missing(format!("commit {to} is not in {}", project.folder.display()));
        let change = match from {
            _ if !is_compared => Move::Set { name, to },
            None => Move::Create { name, to },
            Some(from) => Move::Advance { name, from, to },
        };
        match refs::try_change(&self.git, &project, &[change], self.limits.lock_wait, &turn).await? {
            Ok(()) => Ok(()),
            Err(refused) if refused.is_moved() => Err(WorkspaceError::BranchMoved { branch }),
            Err(refused) if refused.is_no_commit() => Err(nowhere),
            Err(refused) => Err(crate::error::git_failed("move the branch", &refused.stderr)),
        }
    }

    /// The checkout of the person that stands on a branch.
    async fn checkout_of(&self, project: &Project, name: &str) -> Answer<Option<String>> {
        if project.has_ref_files && ref_files::is_checked_out_nowhere(&project.common, name) {
            return Ok(None);
        }
        let call = self
            .git
            .call(&project.shared())
            .args(["worktree", "list", "--porcelain", "-z"]);
        let out = call.stdout("list the checkouts").await?;
        let mut at = String::new();
        for line in out.split(|byte| *byte == 0) {
            let line = String::from_utf8_lossy(line);
            if let Some(path) = line.strip_prefix("worktree ") {
                at = crate::names::shown(path);
            }
            if line.strip_prefix("branch ") == Some(name) {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }
}

fn no_commit(project: &Project) -> WorkspaceError {
    let folder = project.folder.display();
    missing(format!(
        "nothing is checked out in {folder}: the repository has no commit yet, or HEAD points nowhere"
    ))
}

impl Workspaces for Places {
    fn base(
        &self,
        project: PathBuf,
        run: RunId,
        wanted: Option<String>,
    ) -> Later<'_, Result<Base, WorkspaceError>> {
        Box::pin(async move {
            let commit = self.resolve_base(&project, run, wanted.as_deref()).await?;
            Ok(Base {
                commit: commit.to_string(),
            })
        })
    }

    fn working_state(&self, project: PathBuf, run: RunId) -> Later<'_, Result<Option<Base>, WorkspaceError>> {
        Box::pin(async move {
            if self.kind(&project).await? != ProjectKind::Repository {
                return Ok(None);
            }
            let snapshot = self.snapshot_working_diff(&project, run).await?;
            Ok(snapshot.map(|snapshot| Base {
                commit: snapshot.commit,
            }))
        })
    }

    fn prepare(&self, spec: PlaceSpec) -> Later<'_, Result<Place, WorkspaceError>> {
        Box::pin(self.prepare_place(spec))
    }

    fn changed(&self, place: Place) -> Later<'_, Result<Vec<String>, WorkspaceError>> {
        Box::pin(async move { self.changed_files(&place).await })
    }

    fn harvest(
        &self,
        place: Place,
        task: TaskId,
        message: String,
    ) -> Later<'_, Result<Option<Change>, WorkspaceError>> {
        Box::pin(async move { self.harvest_place(&place, task, &message).await })
    }

    fn advance(&self, spec: AdvanceSpec) -> Later<'_, Result<(), WorkspaceError>> {
        Box::pin(self.advance_branch(spec))
    }

    fn merge(&self, spec: MergeSpec, message: String) -> Later<'_, Result<MergeOutcome, WorkspaceError>> {
        Box::pin(async move { self.merge_heads(&spec, &message).await })
    }

    fn release(&self, project: PathBuf, run: RunId) -> Later<'_, Result<(), WorkspaceError>> {
        Box::pin(async move { self.release_run(&project, run).await })
    }
}
