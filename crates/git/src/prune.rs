//! Lets go of places and refs: planned and shown first; nothing that holds work which nobody else has.

use crate::error::Answer;
use crate::files::{self, blocking};
use crate::names::{Oid, place_ref, run_refs};
use crate::place::Site;
use crate::places::Places;
use crate::project::Project;
use crate::record::{self, Record};
use crate::refs::{self, Move};
use crate::tamper;
use domain::{Access, RunId, StepKey};
use engine::ports::WorkspaceError;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What a place holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlaceState {
    /// Nothing that the project does not have.
    Clean,
    /// Only what this commit holds.
    Harvested(String),
    /// Changes that nobody else has, in these files.
    Unkept(Vec<String>),
    /// It cannot be said; for people.
    Unknown(String),
    /// What a killed maker or remover left.
    Rubbish,
}

impl PlaceState {
    /// Whether it can go without loss.
    #[must_use]
    pub const fn is_disposable(&self) -> bool {
        match self {
            Self::Clean | Self::Harvested(_) | Self::Rubbish => true,
            Self::Unkept(_) | Self::Unknown(_) => false,
        }
    }
}

/// One place, for `partita worktree list`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceInfo {
    /// The working copy.
    pub path: PathBuf,
    /// Its run, where it can be told.
    pub run: Option<RunId>,
    /// Its step.
    pub key: Option<StepKey>,
    /// The project.
    pub project: Option<PathBuf>,
    /// Whether it may be written.
    pub access: Option<Access>,
    /// The commit it shows.
    pub base: Option<String>,
    /// Why it was set aside, where it was.
    pub aside: Option<String>,
    /// What it holds.
    pub state: PlaceState,
}

/// What to look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PruneAsk {
    /// Runs that still need everything.
    pub active: Vec<RunId>,
    /// Projects whose refs are looked at, besides those of the places.
    pub projects: Vec<PathBuf>,
    /// Let go of work that is on no branch, too: only on a person's explicit word.
    pub discard_unlanded: bool,
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PruneStep {
    /// Remove a place.
    RemovePlace(PlaceInfo),
    /// Remove a ref of ours.
    DeleteRef {
        /// The project.
        project: PathBuf,
        /// The ref.
        name: String,
        /// What it names; it is removed only while it does.
        at: String,
    },
}

/// What stays, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// A path or a ref.
    pub what: String,
    /// Why; for people.
    pub why: String,
}

/// What pruning would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrunePlan {
    /// What goes.
    pub steps: Vec<PruneStep>,
    /// What stays although its run is over.
    pub kept: Vec<Kept>,
    /// Whether the person said that unlanded work may go.
    pub discard_unlanded: bool,
}

impl Places {
    /// Lets go of the places of a run whose work is kept. The others stay; `list` shows them.
    pub(crate) async fn release_run(&self, _project: &Path, run: RunId) -> Answer<()> {
        for place in self.places_of(run).await {
            if place.state.is_disposable() {
                self.remove_place(&place).await?;
            } else {
                tracing::info!(place = %place.path.display(), state = ?place.state, "kept: its work is nowhere else");
            }
        }
        let folder = self.worktrees.join(run.to_string());
        blocking(move || {
            files::sweep(&folder);
            // One that still holds a place stays.
            let _ = std::fs::remove_dir(&folder);
            Ok(())
        })
        .await
    }

    /// Every place of the home.
    ///
    /// # Errors
    ///
    /// None at present: what cannot be read is in the list as such.
    pub async fn list(&self) -> Result<Vec<PlaceInfo>, WorkspaceError> {
        let mut found = Vec::new();
        for run in self.runs() {
            found.extend(self.places_of(run).await);
        }
        Ok(found)
    }

    /// Says what pruning would do. Changes nothing.
    ///
    /// # Errors
    ///
    /// Git fails.
    pub async fn prune_plan(&self, ask: &PruneAsk) -> Result<PrunePlan, WorkspaceError> {
        let mut plan = PrunePlan {
            discard_unlanded: ask.discard_unlanded,
            ..PrunePlan::default()
        };
        let mut projects: BTreeSet<PathBuf> = ask.projects.iter().cloned().collect();
        let mut staying = BTreeSet::new();
        for place in self.list().await? {
            projects.extend(place.project.clone());
            let is_active = place.run.is_some_and(|run| ask.active.contains(&run));
            let goes = !is_active && (place.state.is_disposable() || ask.discard_unlanded);
            if goes {
                plan.steps.push(PruneStep::RemovePlace(place));
                continue;
            }
            if let (Some(run), Some(key)) = (place.run, &place.key) {
                staying.insert(place_ref(run, key));
            }
            if !is_active {
                let why = format!("holds work that is nowhere else: {:?}", place.state);
                plan.kept.push(Kept {
                    what: place.path.display().to_string(),
                    why,
                });
            }
        }
        for folder in projects {
            match self.project(&folder).await {
                Ok(project) => self.plan_refs(&project, ask, &staying, &mut plan).await?,
                Err(error) => {
                    plan.kept.push(Kept {
                        what: folder.display().to_string(),
                        why: error.to_string(),
                    });
                }
            }
        }
        Ok(plan)
    }

    /// Does what the plan says, each step only if it still holds. What could not be done is in the answer.
    ///
    /// # Errors
    ///
    /// None at present.
    pub async fn prune(&self, plan: &PrunePlan) -> Result<Vec<Kept>, WorkspaceError> {
        let mut kept = Vec::new();
        for step in &plan.steps {
            let (what, done) = match step {
                PruneStep::RemovePlace(place) => (
                    place.path.display().to_string(),
                    self.prune_place(place, plan.discard_unlanded).await,
                ),
                PruneStep::DeleteRef { project, name, at } => {
                    (name.clone(), self.delete_ref(project, name, at).await)
                }
            };
            if let Err(error) = done {
                kept.push(Kept {
                    what,
                    why: error.to_string(),
                });
            }
        }
        for run in self.runs() {
            let _ = std::fs::remove_dir(self.worktrees.join(run.to_string()));
        }
        Ok(kept)
    }

    async fn prune_place(&self, place: &PlaceInfo, discard_unlanded: bool) -> Answer<()> {
        let dir = dir_of(place);
        if !dir.exists() {
            return Ok(());
        }
        let now = self.look(place.run, dir).await;
        if now.state.is_disposable() || (discard_unlanded && now.state == place.state) {
            self.remove_place(&now).await
        } else {
            Err(crate::error::failed(format!(
                "it holds work now: {:?}",
                now.state
            )))
        }
    }

    async fn delete_ref(&self, folder: &Path, name: &str, at: &str) -> Answer<()> {
        let project = self.project(folder).await?;
        if refs::read(&self.git, &project, name).await?.is_none() {
            return Ok(());
        }
        let turn = self.turn(&project).await?;
        refs::free_dead_locks(&project, &turn);
        let gone = [Move::Delete {
            name: name.to_owned(),
            from: Oid::given(at)?,
        }];
        refs::change(&self.git, &project, &gone, self.limits.lock_wait, &turn).await
    }

    async fn plan_refs(
        &self,
        project: &Project,
        ask: &PruneAsk,
        staying: &BTreeSet<String>,
        plan: &mut PrunePlan,
    ) -> Answer<()> {
        let all = refs::under(&self.git, project, "refs/partita/").await?;
        let active: Vec<String> = ask.active.iter().map(|run| run_refs(*run)).collect();
        let of_active = |name: &str| active.iter().any(|prefix| name.starts_with(prefix.as_str()));
        // Which tasks belong to a run that still needs them.
        let needed: BTreeSet<&str> = all
            .iter()
            .filter(|(name, _)| of_active(name) && name.contains("/tasks/"))
            .filter_map(|(name, _)| name.rsplit('/').next())
            .collect();
        let mut landed: BTreeMap<&Oid, bool> = BTreeMap::new();
        for (name, at) in &all {
            let is_needed = name
                .strip_prefix("refs/partita/tasks/")
                .is_some_and(|task| needed.contains(task));
            if of_active(name) || is_needed || staying.contains(name) {
                continue;
            }
            let is_work = name.contains("/tasks/") || name.contains("/merged/");
            if is_work && !ask.discard_unlanded {
                if !landed.contains_key(at) {
                    landed.insert(at, self.is_on_a_branch(project, at).await?);
                }
                if landed.get(at) == Some(&false) {
                    plan.kept.push(Kept {
                        what: name.clone(),
                        why: "its work is on no branch".to_owned(),
                    });
                    continue;
                }
            }
            let (project, name, at) = (project.folder.clone(), name.clone(), at.to_string());
            plan.steps.push(PruneStep::DeleteRef { project, name, at });
        }
        Ok(())
    }

    async fn is_on_a_branch(&self, project: &Project, commit: &Oid) -> Answer<bool> {
        let call =
            self.git
                .call(&project.shared())
                .args(["for-each-ref", "--count=1", "--format=%(refname)"]);
        let call = call.values([format!("--contains={commit}")]).args([
            "--",
            "refs/heads",
            "refs/remotes",
            "refs/tags",
        ]);
        Ok(!call.stdout("look which branches hold a commit").await?.is_empty())
    }

    fn runs(&self) -> Vec<RunId> {
        let name = |folder: &PathBuf| folder.file_name()?.to_str()?.parse().ok();
        files::folders_in(&self.worktrees)
            .iter()
            .filter_map(name)
            .collect()
    }

    async fn places_of(&self, run: RunId) -> Vec<PlaceInfo> {
        let mut found = Vec::new();
        for dir in files::folders_in(&self.worktrees.join(run.to_string())) {
            found.push(self.look(Some(run), dir).await);
        }
        found
    }

    /// Looks at one place.
    async fn look(&self, run: Option<RunId>, dir: PathBuf) -> PlaceInfo {
        let site = Site::at(dir);
        let own_name = site
            .dir
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let mut info = PlaceInfo {
            path: site.tree(),
            run,
            key: None,
            project: None,
            access: None,
            base: None,
            aside: std::fs::read_to_string(site.dir.join("why")).ok(),
            state: PlaceState::Rubbish,
        };
        if own_name.starts_with('.') {
            return info;
        }
        let record = match Record::read(&site.record()) {
            Ok(record) => record,
            Err(error) => {
                info.state = PlaceState::Unknown(error.to_string());
                return info;
            }
        };
        info.state = self
            .state(&site, &record)
            .await
            .unwrap_or_else(|error| PlaceState::Unknown(error.to_string()));
        info.key = Some(record.key);
        info.project = Some(record.project);
        info.access = Some(record.access);
        info.base = Some(record.base.to_string());
        info
    }

    async fn state(&self, site: &Site, record: &Record) -> Answer<PlaceState> {
        // A reader's place was never a place for work, whatever lies in it.
        if record.access == Access::Read || site.tree().symlink_metadata().is_err() {
            return Ok(PlaceState::Clean);
        }
        let project = self.project(&record.project).await?;
        tamper::refuse(site, record, &project)?;
        if self.holds_unkept_work(site, &project).await? {
            return Ok(PlaceState::Unkept(self.differences(site, false).await?.names()));
        }
        let kept = record::read_harvested(&site.harvested());
        Ok(kept.map_or(PlaceState::Clean, |commit| {
            PlaceState::Harvested(commit.to_string())
        }))
    }

    async fn remove_place(&self, place: &PlaceInfo) -> Answer<()> {
        let dir = dir_of(place);
        let _turn = self.queues.among_us(&dir).await;
        let is_aside = place.aside.is_some();
        blocking(move || files::discard(&dir)).await?;
        let (Some(run), Some(key), Some(folder)) = (place.run, &place.key, &place.project) else {
            return Ok(());
        };
        if is_aside {
            return Ok(());
        }
        // A project that is gone has no pins to remove.
        let Ok(project) = self.project(folder).await else {
            return Ok(());
        };
        let name = place_ref(run, key);
        let Some(from) = refs::read(&self.git, &project, &name).await? else {
            return Ok(());
        };
        let turn = self.turn(&project).await?;
        refs::change(
            &self.git,
            &project,
            &[Move::Delete { name, from }],
            self.limits.lock_wait,
            &turn,
        )
        .await
    }
}

fn dir_of(place: &PlaceInfo) -> PathBuf {
    place.path.parent().map(Path::to_path_buf).unwrap_or_default()
}
