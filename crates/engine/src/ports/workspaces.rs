//! Gives each task a clean place; shows, checks and keeps what came of it.

use super::Later;
use domain::{Access, Change, RunId, StepKey, TaskId};
use std::path::PathBuf;

/// Where a run starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// The commit; empty where there is no git.
    pub commit: String,
}

/// Which place is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceSpec {
    /// The project's folder.
    pub project: PathBuf,
    /// The run.
    pub run: RunId,
    /// The step instance that owns the place; later attempts get the same one.
    pub key: StepKey,
    /// Whether the place may be written.
    pub access: Access,
    /// The commit it shows; empty where there is no git.
    pub base: String,
    /// Throw away what an earlier attempt left, instead of handing it on.
    pub fresh: bool,
}

/// A place to work in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// What it was made from.
    pub spec: PlaceSpec,
    /// The working copy.
    pub path: PathBuf,
    /// Folders outside it that its git reads.
    pub readable: Vec<PathBuf>,
    /// Whether an earlier attempt left changes in it.
    pub has_leftovers: bool,
}

/// Why a place or what came of it is not to be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorkspaceError {
    /// The folder, commit or branch is not there.
    #[error("{0}")]
    Missing(String),
    /// The place is not what we made: its git configuration or its link was changed.
    #[error("the working copy was tampered with: {0}")]
    Tampered(String),
    /// What was changed shows a secret that the agent was given: it must not reach a branch.
    #[error("the change shows a secret that was given to the agent, in {0}")]
    Leaks(String),
    /// Somebody moved the branch.
    #[error("the branch `{branch}` is not where the run left it")]
    BranchMoved {
        /// Which.
        branch: String,
    },
    /// The disk is full.
    #[error("no space left: {0}")]
    NoSpace(String),
    /// Git or the file system refused for another reason.
    #[error("{0}")]
    Failed(String),
}

/// Where the run's branch `partita/<slug>` is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdvanceSpec {
    /// The project's folder.
    pub project: PathBuf,
    /// The run's name for people.
    pub slug: String,
    /// Where the run knows it; none when it is not there yet.
    pub from: Option<String>,
    /// Where it is to be.
    pub to: String,
}

/// Which changes are to be brought together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergeSpec {
    /// The project's folder.
    pub project: PathBuf,
    /// The run.
    pub run: RunId,
    /// On top of this commit.
    pub onto: String,
    /// These commits, in order.
    pub heads: Vec<String>,
}

/// What came of bringing changes together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MergeOutcome {
    /// They are together.
    Merged(Change),
    /// There was nothing to bring together.
    Nothing,
    /// These files changed in ways that do not fit.
    Conflict(Vec<String>),
}

/// The places.
pub trait Workspaces: Send + Sync {
    /// Resolves where a run starts: `wanted` (a branch, tag or commit) or what is checked out. Pins it for the run.
    fn base(
        &self,
        project: PathBuf,
        run: RunId,
        wanted: Option<String>,
    ) -> Later<'_, Result<Base, WorkspaceError>>;

    /// What is checked out together with everything that is not committed yet, as a commit pinned for the run; none
    /// when everything is committed, and where there is no git. For runs that only look.
    fn working_state(&self, project: PathBuf, run: RunId) -> Later<'_, Result<Option<Base>, WorkspaceError>>;

    /// Makes the place, or finds the one that an earlier attempt used. Safe to repeat after a crash at any point.
    fn prepare(&self, spec: PlaceSpec) -> Later<'_, Result<Place, WorkspaceError>>;

    /// Files that differ from what the place showed when it was made; empty when nothing does.
    fn changed(&self, place: Place) -> Later<'_, Result<Vec<String>, WorkspaceError>>;

    /// Commits what the place holds, inside the sandbox, and fetches that one commit into
    /// `refs/partita/tasks/<task>`. None when nothing changed. Safe to repeat.
    fn harvest(
        &self,
        place: Place,
        task: TaskId,
        message: String,
    ) -> Later<'_, Result<Option<Change>, WorkspaceError>>;

    /// Moves the run's branch by compare-and-swap. Being there already is success.
    fn advance(&self, spec: AdvanceSpec) -> Later<'_, Result<(), WorkspaceError>>;

    /// Brings changes together. Safe to repeat.
    fn merge(&self, spec: MergeSpec, message: String) -> Later<'_, Result<MergeOutcome, WorkspaceError>>;

    /// Lets go of the places of a run that has ended. What is not harvested stays and is listed.
    fn release(&self, project: PathBuf, run: RunId) -> Later<'_, Result<(), WorkspaceError>>;
}
