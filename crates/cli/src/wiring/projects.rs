//! What git says of a project, in the words of the wire.

use engine::ports::{Clock, WorkspaceError};
use git::Places;
use server::{GitAnswer, Projects};
use std::path::PathBuf;
use std::sync::Arc;

/// The repositories of projects, as the server shows them.
pub(crate) struct ProjectsOf(pub(crate) Arc<Places>);

impl Projects for ProjectsOf {
    fn status(&self, project: PathBuf) -> GitAnswer<'_, api::GitStatus> {
        Box::pin(async move { self.0.status(&project).await.map(status) })
    }

    fn log(
        &self,
        project: PathBuf,
        since: Option<String>,
        until: Option<String>,
        most: u32,
    ) -> GitAnswer<'_, Vec<api::Commit>> {
        Box::pin(async move {
            let until = match until {
                Some(until) => until,
                None => head(&self.0, &project).await?,
            };
            let lines = self.0.log(&project, since.as_deref(), &until, most).await?;
            Ok(lines.into_iter().map(commit).collect())
        })
    }

    fn branches(&self, project: PathBuf) -> GitAnswer<'_, Vec<api::Branch>> {
        Box::pin(async move { Ok(self.0.branches(&project).await?.into_iter().map(branch).collect()) })
    }

    fn diff(&self, project: PathBuf, base: String, head: String) -> GitAnswer<'_, api::Diff> {
        Box::pin(async move { self.0.diff(&project, &base, &head).await.map(diff) })
    }
}

async fn head(places: &Places, project: &std::path::Path) -> Result<String, WorkspaceError> {
    match places.status(project).await?.head {
        git::Head::Branch { commit, .. } | git::Head::Detached { commit } => Ok(commit),
        git::Head::Unborn { .. } | git::Head::None => Err(WorkspaceError::Missing(format!(
            "{} has no commit yet",
            project.display()
        ))),
    }
}

fn status(found: git::Status) -> api::GitStatus {
    let head = match found.head {
        git::Head::Branch { name, commit } => api::GitHead::Branch { name, commit },
        git::Head::Detached { commit } => api::GitHead::Detached { commit },
        git::Head::Unborn { name } => api::GitHead::Unborn { name },
        git::Head::None => api::GitHead::None,
    };
    let entry = |entry: git::StatusEntry| api::GitEntry {
        path: entry.path,
        kind: entry.kind.parse().unwrap_or(api::GitEntryKind::Modified),
    };
    api::GitStatus {
        head,
        entries: found.entries.into_iter().map(entry).collect(),
        busy_with: found.busy_with.map(str::to_owned),
    }
}

fn commit(line: git::CommitLine) -> api::Commit {
    api::Commit {
        id: line.id,
        parents: line.parents,
        author: line.author,
        email: line.email,
        committed_at: at(line.committed_s),
        subject: line.subject,
    }
}

fn branch(found: git::Branch) -> api::Branch {
    api::Branch {
        name: found.name,
        commit: found.commit,
        committed_at: at(found.committed_s),
        subject: found.subject,
        is_current: found.is_current,
    }
}

pub(crate) fn diff(found: git::Diff) -> api::Diff {
    let file = |file: git::FileChange| api::FileChange {
        path: file.path,
        old_path: file.old_path,
        status: match file.status {
            git::FileStatus::Added => api::FileStatus::Added,
            git::FileStatus::Modified => api::FileStatus::Modified,
            git::FileStatus::Deleted => api::FileStatus::Deleted,
            git::FileStatus::Renamed => api::FileStatus::Renamed,
            git::FileStatus::KindChanged => api::FileStatus::KindChanged,
        },
        insertions: file.insertions,
        deletions: file.deletions,
        is_binary: file.is_binary,
    };
    api::Diff {
        files: found.files.into_iter().map(file).collect(),
        text: found.text,
        is_cut: found.is_cut,
    }
}

/// Git counts seconds, the wire has text.
fn at(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| String::new(), |at| at.to_string())
}

/// Now, as the wire has it.
pub(crate) fn now(clock: &dyn Clock) -> String {
    store::iso(clock.now())
}
