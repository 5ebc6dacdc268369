//! Makes commits of what a person has not committed, without touching their files or their index.

use crate::error::{Answer, failed, missing};
use crate::files::{self, blocking};
use crate::gather::{Gather, Hands};
use crate::identity::Identity;
use crate::listing::{Listing, Look};
use crate::names::{Oid, wip_ref};
use crate::places::Places;
use crate::project::{Project, ProjectKind};
use crate::refs::{self, Move};
use domain::RunId;
use engine::ports::WorkspaceError;
use std::fs;
use std::path::Path;

/// A person's working state as a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// What is checked out.
    pub base: String,
    /// The commit with the working state on top of it.
    pub commit: String,
}

/// Where the states of a folder without git are kept.
const FOLDER_REF: &str = "refs/heads/partita-folder";

impl Places {
    /// Keeps the person's working state (changed and new files, not ignored ones) as a commit, pinned for the run.
    /// Asked again for the same run, it gives the same answer. None when there is nothing that is not committed.
    ///
    /// # Errors
    ///
    /// The project has no git, no checkout or no commit, or git fails.
    pub async fn snapshot_working_diff(
        &self,
        project: &Path,
        run: RunId,
    ) -> Result<Option<Snapshot>, WorkspaceError> {
        let project = self.project(project).await?;
        if project.kind != ProjectKind::Repository {
            return Err(failed(format!(
                "{} has no checkout of a git repository",
                project.folder.display()
            )));
        }
        let name = wip_ref(run);
        if let Some(commit) = refs::read(&self.git, &project, &name).await? {
            let base = project.resolve(&self.git, &format!("{commit}^1")).await?;
            return Ok(Some(Snapshot {
                base: base.to_string(),
                commit: commit.to_string(),
            }));
        }
        let folder = project.folder.display();
        let base = project.head(&self.git).await?;
        let base = base.ok_or_else(|| missing(format!("{folder} has no commit yet")))?;
        let tree = self.working_tree(&project).await?;
        if tree == project.tree_of(&self.git, &base).await? {
            return Ok(None);
        }
        let commit = self
            .commit_state(&project, &tree, Some(&base), "Working state, not committed")
            .await?;
        let turn = self.turn(&project).await?;
        let pin = [Move::Set {
            name,
            to: commit.clone(),
        }];
        refs::change(&self.git, &project, &pin, self.limits.lock_wait, &turn).await?;
        Ok(Some(Snapshot {
            base: base.to_string(),
            commit: commit.to_string(),
        }))
    }

    /// The working state as a tree, through a copy of the person's index.
    async fn working_tree(&self, project: &Project) -> Answer<Oid> {
        let (from, folder) = (
            project.git_dir().join("index"),
            self.worktrees.join(crate::places::BENCHES),
        );
        let index = blocking(move || {
            files::make_private_folder(&folder)?;
            let index = files::unique_beside(&folder.join("index"), "wip");
            if from.is_file() {
                files::copy_index(&from, &index)?;
            }
            Ok(index)
        })
        .await?;
        let own = self.own_part_of(project);
        let gather = Gather {
            call: project
                .checkout_call(&self.git)?
                .env("GIT_INDEX_FILE", &index)
                .limit(self.limits.checkout),
            tree: project.folder.clone(),
            hands: Hands::Ours,
            look: Look {
                with_ignored: false,
                without: own.as_deref(),
            },
            with_nested: false,
            bytes_max: self.limits.change_bytes_max,
        };
        let tree = gather.tree().await;
        blocking(move || {
            let _ = fs::remove_file(index.with_extension("lock"));
            files::remove_tree(&index)
        })
        .await?;
        tree
    }

    /// The state of a folder without git, as a commit in the git folder that stands for it.
    pub(crate) async fn snapshot_folder(&self, project: &Project) -> Answer<Oid> {
        let turn = self.turn(project).await?;
        let own = self.own_part_of(project);
        let git_dir = project.git_dir().to_path_buf();
        // Nobody but us works with this index, and we stand first in the queue: a lock is from a dead git of ours.
        blocking(move || files::remove_tree(&git_dir.join("index.lock"))).await?;
        let gather = Gather {
            call: project.checkout_call(&self.git)?.limit(self.limits.checkout),
            tree: project.folder.clone(),
            hands: Hands::Ours,
            look: Look {
                with_ignored: false,
                without: own.as_deref(),
            },
            with_nested: true,
            bytes_max: self.limits.folder_bytes_max,
        };
        let listing = Listing::of(gather.call.clone(), gather.look).await?;
        let new = listing.untracked.len() as u64;
        if new > self.limits.folder_files_max {
            let folder = project.folder.display();
            let hint = "add a .gitignore, or choose a smaller folder";
            return Err(failed(format!(
                "{folder} has {new} files, more than are kept without git: {hint}"
            )));
        }
        let tree = gather.tree_of(listing).await?;
        let last = refs::read(&self.git, project, FOLDER_REF).await?;
        if let Some(last) = &last
            && project.tree_of(&self.git, last).await? == tree
        {
            return Ok(last.clone());
        }
        let commit = self
            .commit_state(project, &tree, last.as_ref(), "State of the folder")
            .await?;
        let pin = [Move::Set {
            name: FOLDER_REF.to_owned(),
            to: commit.clone(),
        }];
        refs::change(&self.git, project, &pin, self.limits.lock_wait, &turn).await?;
        Ok(commit)
    }

    async fn commit_state(
        &self,
        project: &Project,
        tree: &Oid,
        on: Option<&Oid>,
        message: &str,
    ) -> Answer<Oid> {
        let identity = Identity::of(&self.git, project).await?;
        let mut call = self.git.call(&project.shared()).args(["commit-tree", "-F", "-"]);
        if let Some(parent) = on {
            call = call.args(["-p"]).values([parent.as_str()]);
        }
        let call = call.values([tree.as_str()]).stdin(message.as_bytes().to_vec());
        Oid::printed(&identity.sign(call, None).stdout("make a commit").await?)
    }
}
