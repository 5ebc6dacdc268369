//! What the routes need of rooms that the server does not see, in the words of the wire.

use engine::ports::{Later, WorkspaceError};
use std::path::PathBuf;

/// What git says, or why it does not.
pub type GitAnswer<'a, T> = Later<'a, Result<T, WorkspaceError>>;

/// Shows the repositories of projects. Runs nothing that a repository names.
pub trait Projects: Send + Sync {
    /// The state of the person's checkout.
    fn status(&self, project: PathBuf) -> GitAnswer<'_, api::GitStatus>;

    /// The newest commits, `most` of them at most, that `until` reaches and `since` does not. Without `until`, what is
    /// checked out.
    fn log(
        &self,
        project: PathBuf,
        since: Option<String>,
        until: Option<String>,
        most: u32,
    ) -> GitAnswer<'_, Vec<api::Commit>>;

    /// The branches, the newest first.
    fn branches(&self, project: PathBuf) -> GitAnswer<'_, Vec<api::Branch>>;

    /// What differs between two commits, branches or tags.
    fn diff(&self, project: PathBuf, base: String, head: String) -> GitAnswer<'_, api::Diff>;
}

/// Why there is no agent to take when nobody names one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoAgent {
    /// None is installed, several could do it, none is logged in.
    pub because: String,
    /// What to do about it: the choices, or how to install one.
    pub hint: String,
}

/// The configured agents.
pub trait Fleet: Send + Sync {
    /// All of them, as far as known without starting any.
    fn list(&self) -> Later<'_, Vec<api::Agent>>;

    /// Tries these, or all when there are no names; names that are unknown are given back.
    fn probe(&self, names: Vec<String>) -> Later<'_, Result<Vec<api::Agent>, Vec<String>>>;

    /// The names that may be given, in order; those of agents that are not listed, too.
    fn names(&self) -> Vec<String>;

    /// The agent of runs in this folder that name none.
    fn default_agent(&self, project: PathBuf) -> Later<'_, Result<String, NoAgent>>;
}
