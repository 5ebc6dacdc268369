//! Shows a repository to people: what differs, what was committed, what is checked out. Runs nothing that a
//! repository names.

use crate::error::{Answer, failed, git_failed};
use crate::listing::{Listing, Look, text_of};
use crate::names::Oid;
use crate::places::Places;
use crate::project::{Project, ProjectKind};
use engine::ports::WorkspaceError;
use std::path::Path;

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileStatus {
    /// It is new.
    Added,
    /// Its content or mode changed.
    Modified,
    /// It is gone.
    Deleted,
    /// It has another name.
    Renamed,
    /// It is another kind of file.
    KindChanged,
}

/// One file of a diff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    /// Its name now.
    pub path: String,
    /// Its name before, where that differs.
    pub old_path: Option<String>,
    /// What happened.
    pub status: FileStatus,
    /// Lines added; none for a binary file.
    pub insertions: u32,
    /// Lines removed; none for a binary file.
    pub deletions: u32,
    /// Whether it is not text.
    pub is_binary: bool,
}

/// What differs between two commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diff {
    /// The files.
    pub files: Vec<FileChange>,
    /// The unified diff.
    pub text: String,
    /// Whether the text was too long and ends early.
    pub is_cut: bool,
}

/// One commit of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitLine {
    /// Its id.
    pub id: String,
    /// Its parents' ids.
    pub parents: Vec<String>,
    /// Who wrote it.
    pub author: String,
    /// Their address.
    pub email: String,
    /// When it was committed, in seconds since 1970.
    pub committed_s: i64,
    /// The first line of its message.
    pub subject: String,
}

/// What is checked out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Head {
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

/// One file of a status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusEntry {
    /// Its name.
    pub path: String,
    /// `staged`, `modified`, `deleted`, `untracked` or `repository`.
    pub kind: &'static str,
}

/// The state of a person's checkout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// What is checked out.
    pub head: Head,
    /// What is not committed.
    pub entries: Vec<StatusEntry>,
    /// A merge, rebase or the like that is under way.
    pub busy_with: Option<&'static str>,
}

/// One branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// Its name.
    pub name: String,
    /// Its commit.
    pub commit: String,
    /// When that was committed, in seconds since 1970.
    pub committed_s: i64,
    /// The first line of that commit's message.
    pub subject: String,
    /// Whether it is checked out in the project's folder.
    pub is_current: bool,
}

impl Places {
    /// What differs between two commits, branches or tags.
    ///
    /// # Errors
    ///
    /// One of them is not there, or git fails.
    pub async fn diff(&self, project: &Path, base: &str, head: &str) -> Result<Diff, WorkspaceError> {
        let project = self.project(project).await?;
        let (base, head) = (
            project.resolve(&self.git, base).await?,
            project.resolve(&self.git, head).await?,
        );
        self.diff_between(&project, &base, &head).await
    }

    /// The newest commits that `until` reaches and `since` does not.
    ///
    /// # Errors
    ///
    /// One of them is not there, or git fails.
    pub async fn log(
        &self,
        project: &Path,
        since: Option<&str>,
        until: &str,
        most: u32,
    ) -> Result<Vec<CommitLine>, WorkspaceError> {
        const FIELDS: usize = 6;
        let project = self.project(project).await?;
        let mut range = vec![project.resolve(&self.git, until).await?.to_string()];
        if let Some(since) = since {
            range.push(format!("^{}", project.resolve(&self.git, since).await?));
        }
        let call = self.git.call(&self.bench(&project)?);
        let call = call.args([
            "log",
            "-z",
            "--format=tformat:%H%x00%P%x00%an%x00%ae%x00%ct%x00%s",
            "--no-mailmap",
        ]);
        let out = call
            .values([format!("--max-count={most}")])
            .args(["--end-of-options"])
            .values(range);
        let out = out.stdout("read the log").await?;
        let fields: Vec<String> = out.split(|byte| *byte == 0).map(text_of).collect();
        Ok(fields
            .chunks_exact(FIELDS)
            .map(|field| CommitLine {
                id: field[0].clone(),
                parents: field[1].split_whitespace().map(str::to_owned).collect(),
                author: field[2].clone(),
                email: field[3].clone(),
                committed_s: field[4].parse().unwrap_or_default(),
                subject: field[5].clone(),
            })
            .collect())
    }

    /// The state of the person's checkout.
    ///
    /// # Errors
    ///
    /// There is no checkout, or git fails.
    pub async fn status(&self, project: &Path) -> Result<Status, WorkspaceError> {
        let project = self.project(project).await?;
        let head = self.head_of(&project).await?;
        if head == Head::None {
            return Ok(Status {
                head,
                entries: Vec::new(),
                busy_with: None,
            });
        }
        let listing = self.checkout_listing(&project).await?;
        let kinds = [
            ("staged", &listing.staged),
            ("modified", &listing.modified),
            ("deleted", &listing.deleted),
            ("untracked", &listing.untracked),
            ("repository", &listing.nested),
        ];
        let entry = |kind: &'static str, path: &Vec<u8>| StatusEntry {
            path: text_of(path),
            kind,
        };
        let entries = kinds
            .into_iter()
            .flat_map(|(kind, paths)| paths.iter().map(move |path| entry(kind, path)));
        Ok(Status {
            head,
            entries: entries.collect(),
            busy_with: busy_with(project.git_dir()),
        })
    }

    /// The branches, the newest first.
    ///
    /// # Errors
    ///
    /// Git fails.
    pub async fn branches(&self, project: &Path) -> Result<Vec<Branch>, WorkspaceError> {
        let project = self.project(project).await?;
        let here = match self.head_of(&project).await? {
            Head::Branch { name, .. } => Some(name),
            Head::Detached { .. } | Head::Unborn { .. } | Head::None => None,
        };
        let format =
            "--format=%(objectname)%00%(committerdate:unix)%00%(refname:lstrip=2)%00%(contents:subject)";
        let call =
            self.git
                .call(&project.shared())
                .args(["for-each-ref", "--sort=-committerdate", format, "--"]);
        let out = call.values(["refs/heads/"]).stdout("list the branches").await?;
        Ok(out
            .split(|byte| *byte == b'\n')
            .filter_map(|line| branch_in(line, here.as_deref()))
            .collect())
    }

    /// Differences of the person's checkout.
    pub(crate) async fn checkout_listing(&self, project: &Project) -> Answer<Listing> {
        let own = self.own_part_of(project);
        let look = Look {
            with_ignored: false,
            without: own.as_deref(),
        };
        Listing::of(
            project.checkout_call(&self.git)?.limit(self.limits.checkout),
            look,
        )
        .await
    }

    async fn head_of(&self, project: &Project) -> Answer<Head> {
        if project.kind == ProjectKind::Folder {
            return Ok(Head::None);
        }
        let at = crate::command::GitDir::bare(project.git_dir().to_path_buf());
        let ran = self
            .git
            .call(&at)
            .args(["symbolic-ref", "--quiet", "HEAD"])
            .run("read HEAD")
            .await?;
        let name = String::from_utf8_lossy(&ran.stdout)
            .trim_end()
            .trim_start_matches("refs/heads/")
            .to_owned();
        let is_branch = ran.code == Some(0);
        match project.head(&self.git).await? {
            Some(commit) if is_branch => Ok(Head::Branch {
                name,
                commit: commit.to_string(),
            }),
            Some(commit) => Ok(Head::Detached {
                commit: commit.to_string(),
            }),
            None if is_branch => Ok(Head::Unborn { name }),
            None => Err(failed(format!(
                "the HEAD of {} points nowhere",
                project.folder.display()
            ))),
        }
    }

    /// Files and text between two commits or trees. Attributes are not asked: a tree could hide its own changes by
    /// calling them binary.
    pub(crate) async fn diff_between(&self, project: &Project, base: &Oid, head: &Oid) -> Answer<Diff> {
        let files = self.file_changes(project, base, head).await?;
        let most = self.limits.diff_bytes_max;
        let call = self
            .git
            .call(&self.bench(project)?)
            .env("GIT_ATTR_SOURCE", empty_tree(project));
        let call = call.args([
            "diff",
            "--no-ext-diff",
            "--no-textconv",
            "--no-color",
            "-M",
            "--end-of-options",
        ]);
        let ran = call
            .values([base.as_str(), head.as_str()])
            .cut_at(most)
            .run("compare commits")
            .await?;
        let is_cut = ran.stdout.len() == most;
        if ran.code != Some(0) && !is_cut {
            return Err(git_failed("compare commits", &ran.complaint()));
        }
        Ok(Diff {
            files,
            text: text_of(&ran.stdout),
            is_cut,
        })
    }

    pub(crate) async fn file_changes(
        &self,
        project: &Project,
        base: &Oid,
        head: &Oid,
    ) -> Answer<Vec<FileChange>> {
        let call = self
            .git
            .call(&self.bench(project)?)
            .env("GIT_ATTR_SOURCE", empty_tree(project));
        let call = call.args([
            "diff-tree",
            "-r",
            "-M",
            "-z",
            "--raw",
            "--numstat",
            "--no-ext-diff",
            "--no-textconv",
        ]);
        let call = call
            .args(["--end-of-options"])
            .values([base.as_str(), head.as_str()]);
        let out = call.limit(self.limits.checkout).stdout("compare commits").await?;
        changes_in(&out).ok_or_else(|| failed("git's list of changes has an unknown form"))
    }
}

/// What the checkout is in the middle of.
pub(crate) fn busy_with(git_dir: &Path) -> Option<&'static str> {
    [
        ("MERGE_HEAD", "a merge"),
        ("rebase-merge", "a rebase"),
        ("rebase-apply", "a rebase"),
        ("CHERRY_PICK_HEAD", "a cherry-pick"),
        ("REVERT_HEAD", "a revert"),
    ]
    .into_iter()
    .find(|(sign, _)| git_dir.join(sign).exists())
    .map(|(_, what)| what)
}

const fn empty_tree(project: &Project) -> &'static str {
    if project.is_sha256 {
        "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"
    } else {
        "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
    }
}

fn branch_in(line: &[u8], here: Option<&str>) -> Option<Branch> {
    let field: Vec<String> = line.splitn(4, |byte| *byte == 0).map(text_of).collect();
    let [commit, committed_s, name, subject] = <[String; 4]>::try_from(field).ok()?;
    let is_current = here == Some(name.as_str());
    Some(Branch {
        name,
        commit,
        committed_s: committed_s.parse().unwrap_or_default(),
        subject,
        is_current,
    })
}

/// Reads `--raw --numstat -z`: all raw lines first, then the counts in the same order.
fn changes_in(out: &[u8]) -> Option<Vec<FileChange>> {
    let mut parts = out
        .split(|byte| *byte == 0)
        .filter(|part| !part.is_empty())
        .peekable();
    let mut files = Vec::new();
    while let Some(raw) = parts.next_if(|part| part.starts_with(b":")) {
        let letter = *raw.split(|byte| *byte == b' ').nth(4)?.first()?;
        let first = text_of(parts.next()?);
        let (path, old_path) = match letter {
            b'R' | b'C' => (text_of(parts.next()?), Some(first)),
            _ => (first, None),
        };
        let status = match letter {
            b'A' | b'C' => FileStatus::Added,
            b'D' => FileStatus::Deleted,
            b'R' => FileStatus::Renamed,
            b'T' => FileStatus::KindChanged,
            _ => FileStatus::Modified,
        };
        files.push(FileChange {
            path,
            old_path,
            status,
            insertions: 0,
            deletions: 0,
            is_binary: false,
        });
    }
    for file in &mut files {
        let mut counts = parts.next()?.splitn(3, |byte| *byte == b'\t');
        let (insertions, deletions, name) = (counts.next()?, counts.next()?, counts.next()?);
        if name.is_empty() {
            parts.next()?;
            parts.next()?;
        }
        file.is_binary = insertions == b"-";
        file.insertions = text_of(insertions).parse().unwrap_or_default();
        file.deletions = text_of(deletions).parse().unwrap_or_default();
    }
    Some(files)
}
