//! Projects: folders agents work on, and what git says of them.

use crate::ProjectId;
use crate::words::words;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A folder agents work on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Project {
    /// The project.
    pub id: ProjectId,
    /// What people call it; unique.
    pub name: String,
    /// Its folder.
    pub path: String,
    /// Since when it is a project (RFC 3339, UTC).
    pub added_at: String,
}

/// A folder that is to be a project.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProject {
    /// The folder, absolute.
    pub path: String,
    /// What people will call it; the folder's name unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// The state of a person's checkout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GitStatus {
    /// What is checked out.
    pub head: GitHead,
    /// What is not committed.
    pub entries: Vec<GitEntry>,
    /// A merge, rebase or the like that is under way.
    pub busy_with: Option<String>,
}

/// What is checked out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum GitHead {
    /// A branch.
    Branch {
        /// Its name.
        name: String,
        /// Its commit.
        commit: String,
    },
    /// A commit without a branch.
    Detached {
        /// The commit.
        commit: String,
    },
    /// A branch that has no commit yet.
    Unborn {
        /// Its name.
        name: String,
    },
    /// The project has no git.
    None,
}

/// A file that is not committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GitEntry {
    /// Its name.
    pub path: String,
    /// How it differs.
    pub kind: GitEntryKind,
}

words! {
    /// How a file differs from what is committed.
    GitEntryKind {
        /// Its change is to be committed.
        Staged = "staged",
        /// Its content changed.
        Modified = "modified",
        /// It is gone.
        Deleted = "deleted",
        /// Git does not know it.
        Untracked = "untracked",
        /// It is a repository of its own.
        Repository = "repository",
    }
}

/// One commit of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Commit {
    /// Its id.
    pub id: String,
    /// Its parents' ids.
    pub parents: Vec<String>,
    /// Who wrote it.
    pub author: String,
    /// Their address.
    pub email: String,
    /// When it was committed (RFC 3339, UTC).
    pub committed_at: String,
    /// The first line of its message.
    pub subject: String,
}

/// One branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Branch {
    /// Its name.
    pub name: String,
    /// Its commit.
    pub commit: String,
    /// When that was committed (RFC 3339, UTC).
    pub committed_at: String,
    /// The first line of that commit's message.
    pub subject: String,
    /// Whether it is checked out in the project's folder.
    pub is_current: bool,
}

/// What differs between two commits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Diff {
    /// The files.
    pub files: Vec<FileChange>,
    /// The unified diff.
    pub text: String,
    /// Whether the text was too long and ends early.
    pub is_cut: bool,
}

/// One file of a diff.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FileChange {
    /// Its name now.
    pub path: String,
    /// Its name before, where that differs.
    pub old_path: Option<String>,
    /// What happened.
    pub status: FileStatus,
    /// Lines added; 0 for a binary file.
    pub insertions: u32,
    /// Lines removed; 0 for a binary file.
    pub deletions: u32,
    /// Whether it is not text.
    pub is_binary: bool,
}

words! {
    /// What happened to a file.
    FileStatus {
        /// It is new.
        Added = "added",
        /// Its content or mode changed.
        Modified = "modified",
        /// It is gone.
        Deleted = "deleted",
        /// It has another name.
        Renamed = "renamed",
        /// It is another kind of file.
        KindChanged = "kind_changed",
    }
}
