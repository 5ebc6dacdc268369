//! Takes what a task made: a commit made inside the sandbox by a command of ours, then exactly that commit fetched.

use crate::command::GitDir;
use crate::error::{Answer, failed};
use crate::files::{blocking, copy_index};
use crate::gather::{Gather, Hands};
use crate::listing::Look;
use crate::names::{Oid, run_task_ref, task_ref};
use crate::place::Site;
use crate::places::Places;
use crate::process::Ran;
use crate::project::Project;
use crate::record::{self, Record};
use crate::refs::{self, Move};
use crate::tamper;
use domain::{Access, Change, TaskId};
use engine::faults::{Control, CrashPoint, is_off, reach};
use engine::ports::{Place, WorkspaceError};
use std::fs;

impl Places {
    /// See the port.
    pub(crate) async fn harvest_place(
        &self,
        place: &Place,
        task: TaskId,
        message: &str,
    ) -> Answer<Option<Change>> {
        if let Some(kept) = self.kept(place, task).await? {
            return Ok(Some(kept));
        }
        let (site, record, project) = self.known(place).await?;
        let _turn = self.queues.among_us(&site.dir).await;
        tamper::refuse(&site, &record, &project)?;
        if record.access == Access::Read {
            return Err(failed("a place that may only be read holds nothing to keep"));
        }
        let listing = self.differences(&site, false).await?;
        if listing.is_empty() {
            return Ok(None);
        }
        let (from, to) = (site.base_index(), site.harvest_index());
        blocking(move || {
            // A killed predecessor of this very command may have left its lock here; nobody else writes here.
            let _ = fs::remove_file(to.with_extension("lock"));
            copy_index(&from, &to)
        })
        .await?;
        let gather = Gather {
            call: self
                .place_call(&site, &site.harvest_index())
                .pin("core.fsync=none"),
            tree: site.tree(),
            hands: self.sandbox(&site, &project),
            look: Look::default(),
            with_nested: true,
            bytes_max: self.limits.change_bytes_max,
        };
        let tree = gather
            .tree_of(listing)
            .await
            .map_err(|error| crate::error::with_space(error, &site.dir))?;
        let Some(commit) = self.commit(&gather, &record, &tree, message).await? else {
            return Ok(None);
        };
        tamper::refuse(&site, &record, &project)?;
        reach(CrashPoint::MidHarvest);
        self.fetch(&site, &record, &project, (task, &commit)).await?;
        record::write_harvested(&site.harvested(), &commit)?;
        self.change_between(&project, &record.base, &commit)
            .await
            .map(Some)
    }

    /// Lets go of a result that was taken and then refused: no name of ours holds it any longer. Names that hold
    /// something else by now stay.
    ///
    /// # Errors
    ///
    /// The project is gone, or its refs are locked.
    pub async fn forget_result(&self, place: &Place, task: TaskId, change: &Change) -> Answer<()> {
        let project = self.project(&place.spec.project).await?;
        let head = Oid::given(&change.head)?;
        let turn = self.turn(&project).await?;
        let mut gone = Vec::new();
        for name in [task_ref(task), run_task_ref(place.spec.run, task)] {
            if refs::read(&self.git, &project, &name).await?.as_ref() == Some(&head) {
                let from = head.clone();
                gone.push(Move::Delete { name, from });
            }
        }
        if gone.is_empty() {
            return Ok(());
        }
        refs::change(&self.git, &project, &gone, self.limits.lock_wait, &turn).await
    }

    /// What an earlier call with the same task took.
    async fn kept(&self, place: &Place, task: TaskId) -> Answer<Option<Change>> {
        let project = self.project(&place.spec.project).await?;
        let Some(head) = refs::read(&self.git, &project, &task_ref(task)).await? else {
            return Ok(None);
        };
        let call = self
            .git
            .call(&project.shared())
            .args(["rev-parse", "--verify", "--end-of-options"]);
        let base = Oid::printed(&call.values([format!("{head}^1")]).stdout("read a result").await?)?;
        self.change_between(&project, &base, &head).await.map(Some)
    }

    fn sandbox(&self, site: &Site, project: &Project) -> Hands<'_> {
        let mut readable = vec![site.tree(), site.keep()];
        readable.extend(project.object_folders());
        Hands::Sandbox {
            confined: self.confined.as_ref(),
            readable,
            writable: vec![site.keep().join("objects"), site.scratch()],
        }
    }

    /// Makes a commit; none when its files are those of the base.
    async fn commit(
        &self,
        gather: &Gather<'_>,
        record: &Record,
        tree: &Oid,
        message: &str,
    ) -> Answer<Option<Oid>> {
        let message = if message.trim().is_empty() {
            "Work of an agent"
        } else {
            message
        };
        let call = gather
            .call
            .clone()
            .args(["commit-tree", "-p"])
            .values([record.base.as_str()]);
        let call = call
            .args(["-F", "-"])
            .values([tree.as_str()])
            .stdin(message.as_bytes().to_vec());
        let printed = gather
            .hands
            .stdout(record.identity.sign(call, None), "make a commit")
            .await?;
        let commit = Oid::printed(&printed)?;
        // What came out of the sandbox is a claim.
        let call = self
            .git
            .call(&gather_git_dir(gather))
            .args(["rev-list", "--no-walk=unsorted", "--no-commit-header"])
            .args(["--format=%H %P%n%T", "--end-of-options"]);
        let call = call.values([commit.as_str(), record.base.as_str()]);
        let said = call.stdout("read the new commit").await?;
        let said = String::from_utf8_lossy(&said);
        let [line, tree, _, base_tree] = said.lines().collect::<Vec<_>>()[..] else {
            return Err(failed("git's words on two commits have an unknown form"));
        };
        if line != format!("{commit} {}", record.base) && !is_off(Control::DescendsFromBase) {
            return Err(WorkspaceError::Tampered(
                "the new commit does not stand on the run's line".to_owned(),
            ));
        }
        Ok(Some(commit).filter(|_| tree != base_tree))
    }

    /// Fetches one commit under a name of the run, looks at it, and only then gives it the task's name.
    async fn fetch(
        &self,
        site: &Site,
        record: &Record,
        project: &Project,
        what: (TaskId, &Oid),
    ) -> Answer<()> {
        let (task, commit) = what;
        let out = site.keep().join("refs/heads/out");
        let text = format!("{commit}\n");
        blocking(move || crate::files::write_whole(&out, text.as_bytes())).await?;
        let aside = run_task_ref(record.run, task);
        let turn = self.turn(project).await?;
        let fetched = self.fetch_out(site, record, project, &aside).await;
        let mut fetched = fetched.inspect_err(|_| refs::free_dead_locks(project, &turn))?;
        if fetched.code != Some(0) {
            refs::free_dead_locks(project, &turn);
            if fetched.complaint().contains(".lock'") {
                fetched = self.fetch_out(site, record, project, &aside).await?;
            }
        }
        if fetched.code != Some(0) {
            let error = explain_fetch(&fetched.complaint());
            return Err(crate::error::with_space(error, &project.common));
        }
        if refs::read(&self.git, project, &aside).await?.as_ref() != Some(commit) {
            return Err(failed("another commit than the one just made was fetched"));
        }
        let pin = [Move::Set {
            name: task_ref(task),
            to: commit.clone(),
        }];
        refs::change(&self.git, project, &pin, self.limits.lock_wait, &turn).await
    }

    async fn fetch_out(&self, site: &Site, record: &Record, project: &Project, name: &str) -> Answer<Ran> {
        let call = self
            .git
            .call(&project.shared())
            .env("GIT_ALLOW_PROTOCOL", "file")
            .args(["fetch", "--quiet", "--no-tags"]);
        let call = call.args([
            "--no-write-fetch-head",
            "--no-auto-maintenance",
            "--no-recurse-submodules",
        ]);
        if is_off(Control::OneRef) {
            // As programs do that think of one author only: all that the agent's own git has, under the same names.
            let everything = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];
            let from = site.tree().into_os_string();
            let all = call.clone().args(["--update-head-ok", "--"]).values([from]);
            let all = all.values(everything).limit(self.limits.checkout);
            all.run("fetch everything").await?;
        }
        let call = call
            .values([format!("--negotiation-tip={}", record.base)])
            .args(["--"]);
        let call = call.values([
            site.keep().into_os_string(),
            format!("+refs/heads/out:{name}").into(),
        ]);
        call.limit(self.limits.checkout)
            .run("fetch a task's result")
            .await
    }
}

fn gather_git_dir(gather: &Gather<'_>) -> GitDir {
    // Same git folder, no tree: nothing of it is needed to read a commit.
    GitDir::bare(gather.tree.with_file_name("keep.git"))
}

fn explain_fetch(stderr: &str) -> WorkspaceError {
    if stderr.contains("fsck error") {
        return WorkspaceError::Tampered(format!(
            "git's check of the result failed: {}",
            crate::names::shown(stderr)
        ));
    }
    crate::error::git_failed("fetch a task's result", stderr)
}
