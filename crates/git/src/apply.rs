//! Brings a run's result into the person's checkout: planned and shown first, never committed, never over their work.

use crate::browse::{Diff, FileStatus, busy_with};
use crate::error::{Answer, failed, missing};
use crate::listing::text_of;
use crate::merge::Trees;
use crate::names::Oid;
use crate::places::Places;
use crate::project::{Project, ProjectKind};
use engine::ports::WorkspaceError;
use std::path::{Path, PathBuf};

/// What applying would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplyPlan {
    /// The project's folder.
    pub project: PathBuf,
    /// What would be applied: a commit.
    pub head: String,
    /// What is there now: a commit.
    pub onto: String,
    /// What would be there: a tree.
    pub result: String,
    /// The difference between the two.
    pub diff: Diff,
}

/// Why nothing can be applied; an answer, not a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotApplicable {
    /// Everything is there already.
    Nothing,
    /// These files have changes that are not committed.
    Dirty(Vec<String>),
    /// The checkout is in the middle of something.
    Busy(&'static str),
    /// Both sides changed these files in ways that do not fit.
    Conflict(Vec<String>),
    /// These files are not known to git and would be overwritten.
    InTheWay(Vec<String>),
}

/// What applying did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// How many files changed.
    pub files: usize,
    /// Whether the change is staged, to be committed by the person; a folder without git just has it.
    pub is_staged: bool,
}

impl Places {
    /// Says what applying `head` (a run's branch or commit) to the person's checkout would do. Changes nothing.
    ///
    /// # Errors
    ///
    /// Something is not there, or git fails.
    pub async fn apply_plan(
        &self,
        project: &Path,
        head: &str,
    ) -> Result<Result<ApplyPlan, NotApplicable>, WorkspaceError> {
        let project = self.project(project).await?;
        let head = project.resolve(&self.git, head).await?;
        let onto = match self.clean_state(&project).await? {
            Ok(onto) => onto,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let bench = self.bench(&project)?;
        if self.is_ancestor(&bench, &head, &onto).await? {
            return Ok(Err(NotApplicable::Nothing));
        }
        let result = match self.merge_trees(&project, &bench, &onto, &head).await? {
            Trees::Clean(tree) => tree,
            Trees::Conflict(files) => return Ok(Err(NotApplicable::Conflict(files))),
        };
        if result == project.tree_of(&self.git, &onto).await? {
            return Ok(Err(NotApplicable::Nothing));
        }
        let diff = self.diff_between(&project, &onto, &result).await?;
        let in_the_way = in_the_way(&project.folder, &diff);
        if !in_the_way.is_empty() {
            return Ok(Err(NotApplicable::InTheWay(in_the_way)));
        }
        Ok(Ok(ApplyPlan {
            project: project.folder.clone(),
            head: head.to_string(),
            onto: onto.to_string(),
            result: result.to_string(),
            diff,
        }))
    }

    /// Does what the plan says, if the checkout is still as it was: index and files change, HEAD does not.
    ///
    /// # Errors
    ///
    /// The checkout changed since the plan was made, or git fails.
    pub async fn apply(&self, plan: &ApplyPlan) -> Result<Applied, WorkspaceError> {
        let now = self.apply_plan(&plan.project, &plan.head).await?;
        if now.as_ref() != Ok(plan) {
            return Err(failed(
                "the checkout changed since the plan was shown: look again",
            ));
        }
        let project = self.project(&plan.project).await?;
        // A file whose content is right may still look changed to git by its time alone.
        let refresh = project
            .checkout_call(&self.git)?
            .args(["update-index", "-q", "--really-refresh"]);
        refresh
            .limit(self.limits.checkout)
            .run("look at the checkout's files")
            .await?;
        let call = project
            .checkout_call(&self.git)?
            .args(["read-tree", "-m", "-u", "--end-of-options"]);
        let call = call
            .values([&plan.onto, &plan.result])
            .limit(self.limits.checkout);
        call.stdout("apply to the checkout").await?;
        let is_staged = project.kind == ProjectKind::Repository;
        Ok(Applied {
            files: plan.diff.files.len(),
            is_staged,
        })
    }

    /// The commit that the files are exactly equal to.
    async fn clean_state(&self, project: &Project) -> Answer<Result<Oid, NotApplicable>> {
        if project.kind == ProjectKind::Folder {
            return self.snapshot_folder(project).await.map(Ok);
        }
        project.checkout()?;
        if let Some(what) = busy_with(project.git_dir()) {
            return Ok(Err(NotApplicable::Busy(what)));
        }
        let listing = self.checkout_listing(project).await?;
        let mut dirty: Vec<String> = [&listing.staged, &listing.modified, &listing.deleted]
            .into_iter()
            .flatten()
            .map(|path| text_of(path))
            .collect();
        dirty.sort();
        dirty.dedup();
        if !dirty.is_empty() {
            return Ok(Err(NotApplicable::Dirty(dirty)));
        }
        let folder = project.folder.display();
        project
            .head(&self.git)
            .await?
            .map(Ok)
            .ok_or_else(|| missing(format!("{folder} has no commit yet")))
    }
}

/// New files whose names are taken, ignored files included.
fn in_the_way(folder: &Path, diff: &Diff) -> Vec<String> {
    let is_new = |status| matches!(status, FileStatus::Added | FileStatus::Renamed);
    let new = diff.files.iter().filter(|file| is_new(file.status));
    new.filter(|file| folder.join(&file.path).symlink_metadata().is_ok())
        .map(|file| file.path.clone())
        .collect()
}
