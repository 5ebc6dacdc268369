//! Brings commits together without a working copy, so that the same commits always give the same commit.

use crate::command::GitDir;
use crate::error::{Answer, failed, git_failed};
use crate::identity::Identity;
use crate::listing::text_of;
use crate::names::{Oid, merged_ref};
use crate::places::Places;
use crate::project::Project;
use crate::refs::{self, Move};
use domain::Change;
use engine::ports::{MergeOutcome, MergeSpec};

/// What merging two trees gave.
pub(crate) enum Trees {
    Clean(Oid),
    Conflict(Vec<String>),
}

impl Places {
    /// See the port.
    pub(crate) async fn merge_heads(&self, spec: &MergeSpec, message: &str) -> Answer<MergeOutcome> {
        let project = self.project(&spec.project).await?;
        let onto = Oid::given(&spec.onto)?;
        let heads = spec
            .heads
            .iter()
            .map(|head| Oid::given(head))
            .collect::<Answer<Vec<_>>>()?;
        let bench = self.bench(&project)?;
        let mut at = onto.clone();
        for head in &heads {
            if self.is_ancestor(&bench, head, &at).await? {
                continue;
            }
            if self.is_ancestor(&bench, &at, head).await? {
                at = head.clone();
                continue;
            }
            match self.merge_trees(&project, &bench, &at, head).await? {
                Trees::Conflict(files) => return Ok(MergeOutcome::Conflict(files)),
                Trees::Clean(tree) => at = self.merge_commit(&project, &tree, (&at, head), message).await?,
            }
        }
        if at == onto {
            return Ok(MergeOutcome::Nothing);
        }
        let turn = self.turn(&project).await?;
        let pin = [Move::Set {
            name: merged_ref(spec.run, &at),
            to: at.clone(),
        }];
        refs::change(&self.git, &project, &pin, self.limits.lock_wait, &turn).await?;
        self.change_between(&project, &onto, &at)
            .await
            .map(MergeOutcome::Merged)
    }

    pub(crate) async fn is_ancestor(&self, bench: &GitDir, older: &Oid, newer: &Oid) -> Answer<bool> {
        let call = self
            .git
            .call(bench)
            .args(["merge-base", "--is-ancestor", "--end-of-options"]);
        let ran = call
            .values([older.as_str(), newer.as_str()])
            .run("compare commits")
            .await?;
        match ran.code {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err(git_failed("compare commits", &ran.complaint())),
        }
    }

    /// Merges on the bench: whatever drivers the attributes name, none is configured there.
    pub(crate) async fn merge_trees(
        &self,
        project: &Project,
        bench: &GitDir,
        ours: &Oid,
        theirs: &Oid,
    ) -> Answer<Trees> {
        let ran = self
            .git
            .call(bench)
            .env("GIT_OBJECT_DIRECTORY", project.objects())
            .env("GIT_ATTR_SOURCE", ours.as_str())
            .args([
                "merge-tree",
                "--write-tree",
                "-z",
                "--name-only",
                "--no-messages",
                "--end-of-options",
            ])
            .values([ours.as_str(), theirs.as_str()])
            .limit(self.limits.checkout)
            .run("merge")
            .await?;
        let mut parts = ran
            .stdout
            .split(|byte| *byte == 0)
            .filter(|part| !part.is_empty());
        match ran.code {
            Some(0) => Oid::printed(parts.next().unwrap_or_default()).map(Trees::Clean),
            Some(1) => {
                let mut files: Vec<String> = parts.skip(1).map(text_of).collect();
                files.sort();
                files.dedup();
                Ok(Trees::Conflict(files))
            }
            _ => Err(git_failed("merge", &ran.complaint())),
        }
    }

    async fn merge_commit(
        &self,
        project: &Project,
        tree: &Oid,
        parents: (&Oid, &Oid),
        message: &str,
    ) -> Answer<Oid> {
        let identity = Identity::of(&self.git, project).await?;
        let date = self.later_date(project, parents).await?;
        let message = if message.trim().is_empty() {
            "Merge the work of agents"
        } else {
            message
        };
        let call = self
            .git
            .call(&project.shared())
            .args(["commit-tree", "-p"])
            .values([parents.0.as_str()]);
        let call = call
            .args(["-p"])
            .values([parents.1.as_str()])
            .args(["-F", "-"])
            .values([tree.as_str()]);
        let call = identity.sign(call.stdin(message.as_bytes().to_vec()), Some(&date));
        Oid::printed(&call.stdout("make the merge commit").await?)
    }

    /// The later of the two commits' dates: the same commits give the same merge, whenever it is made.
    async fn later_date(&self, project: &Project, commits: (&Oid, &Oid)) -> Answer<String> {
        let call = self
            .git
            .call(&project.shared())
            .args(["show", "-s", "--format=%ct", "--end-of-options"]);
        let out = call
            .values([commits.0.as_str(), commits.1.as_str()])
            .stdout("read when a commit was made")
            .await?;
        let latest = String::from_utf8_lossy(&out)
            .lines()
            .filter_map(|line| line.trim().parse::<u64>().ok())
            .max();
        latest
            .map(|seconds| format!("@{seconds} +0000"))
            .ok_or_else(|| failed("a commit without a date"))
    }

    /// What lies between two commits, counted.
    pub(crate) async fn change_between(&self, project: &Project, base: &Oid, head: &Oid) -> Answer<Change> {
        let files = self.file_changes(project, base, head).await?;
        let sum = |count: fn(&crate::browse::FileChange) -> u32| {
            files
                .iter()
                .fold(0_u32, |sum, file| sum.saturating_add(count(file)))
        };
        Ok(Change {
            base: base.to_string(),
            head: head.to_string(),
            files: u32::try_from(files.len()).unwrap_or(u32::MAX),
            insertions: sum(|file| file.insertions),
            deletions: sum(|file| file.deletions),
        })
    }
}
