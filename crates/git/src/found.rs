//! Makes a repository of a folder that is ours to make: the demo's sample.

use crate::command::{Git, GitDir};
use crate::error::Answer;
use std::path::Path;

/// A commit to be made.
#[derive(Clone, Copy, Debug)]
pub struct FirstCommit<'a> {
    /// What it says.
    pub message: &'a str,
    /// The files that come with it, relative to the folder.
    pub files: &'a [&'a str],
}

impl Git {
    /// Makes a repository of a folder, with a branch `main` and these commits.
    ///
    /// # Errors
    ///
    /// Git refuses.
    pub async fn make_repository(&self, folder: &Path, commits: &[FirstCommit<'_>]) -> Answer<()> {
        let at = GitDir::with_tree(folder.join(".git"), folder.to_owned());
        self.call(&at)
            .args(["init", "--quiet", "--initial-branch=main"])
            .stdout("make the repository")
            .await?;
        for commit in commits {
            let add = self.call(&at).args(["add", "--"]).values(commit.files);
            add.stdout("add the files").await?;
            let write = self
                .call(&at)
                .args(["commit", "--quiet", "--no-verify", "--cleanup=verbatim"])
                .values(["-m", commit.message])
                .pin("user.name=Partita")
                .pin("user.email=partita@localhost");
            write.stdout("commit the files").await?;
        }
        Ok(())
    }
}
