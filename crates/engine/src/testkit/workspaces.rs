//! Places that are names, and commits that are numbered sets of the tasks whose work they hold.

use super::{Life, lock};
use crate::ports::{
    AdvanceSpec, Base, Clock, Later, MergeOutcome, MergeSpec, Place, PlaceSpec, WorkspaceError, Workspaces,
};
use domain::{Access, Change, RunId, StepKey, TaskId};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// The commit that every project starts from.
const ROOT: &str = "c0";

/// All commits and branches.
#[derive(Default)]
pub struct Git(Mutex<Refs>);

#[derive(Default)]
struct Refs {
    /// What each commit holds.
    commits: BTreeMap<String, BTreeSet<String>>,
    /// The commit of each task and of each merge.
    made: BTreeMap<String, Change>,
    branches: BTreeMap<String, String>,
    /// Places whose files a reader changed.
    touched: BTreeSet<(RunId, StepKey)>,
    /// Merges that do not fit, until somebody mends them.
    conflicts: BTreeSet<RunId>,
    moves: u64,
}

impl Refs {
    fn holds(&self, commit: &str) -> BTreeSet<String> {
        self.commits.get(commit).cloned().unwrap_or_default()
    }

    fn commit(&mut self, name: String, base: &str, work: BTreeSet<String>) -> Change {
        if let Some(known) = self.made.get(&name).filter(|known| known.base == base) {
            return known.clone();
        }
        let head = format!("c{}", self.commits.len() + 1);
        let change = Change {
            base: base.to_owned(),
            head: head.clone(),
            files: 1,
            insertions: 1,
            deletions: 0,
        };
        self.commits.insert(head, work);
        self.made.insert(name, change.clone());
        change
    }
}

impl Git {
    /// What a commit holds: the tasks whose work is in it.
    #[must_use]
    pub fn holds(&self, commit: &str) -> BTreeSet<String> {
        lock(&self.0).holds(commit)
    }

    /// Where the branch of a run is.
    #[must_use]
    pub fn branch(&self, slug: &str) -> Option<String> {
        lock(&self.0).branches.get(slug).cloned()
    }

    /// Somebody moves the branch of a run, or takes it away; returns where it was.
    pub fn move_branch(&self, slug: &str, to: Option<String>) -> Option<String> {
        let mut refs = lock(&self.0);
        match to {
            Some(to) => refs.branches.insert(slug.to_owned(), to),
            None => refs.branches.remove(slug),
        }
    }

    /// A reader writes where it must not.
    pub fn touch(&self, run: RunId, key: &StepKey) {
        lock(&self.0).touched.insert((run, key.clone()));
    }

    /// The next merge of this run does not fit.
    pub fn spoil_merge(&self, run: RunId) {
        lock(&self.0).conflicts.insert(run);
    }

    /// How many times a branch was moved by a daemon.
    #[must_use]
    pub fn moves(&self) -> u64 {
        lock(&self.0).moves
    }
}

/// The places as one life of a daemon reaches them.
pub struct FakeWorkspaces {
    git: Arc<Git>,
    life: Life,
    clock: Arc<dyn Clock>,
    takes_ms: u64,
    advance_ms: u64,
}

impl FakeWorkspaces {
    /// Places that take no time.
    #[must_use]
    pub fn new(git: &Arc<Git>, life: &Life, clock: &Arc<dyn Clock>) -> Self {
        Self {
            git: Arc::clone(git),
            life: life.clone(),
            clock: Arc::clone(clock),
            takes_ms: 0,
            advance_ms: 0,
        }
    }

    /// Everything takes this long.
    #[must_use]
    pub const fn with_takes_ms(mut self, ms: u64) -> Self {
        self.takes_ms = ms;
        self
    }

    /// Moving a branch takes this much longer.
    #[must_use]
    pub const fn with_advance_ms(mut self, ms: u64) -> Self {
        self.advance_ms = ms;
        self
    }

    /// Does it in the middle of the time it takes: a death may come before and after.
    fn do_it<'a, T: Send + 'a>(&'a self, deed: impl FnOnce(&mut Refs) -> T + Send + 'a) -> Later<'a, T> {
        Box::pin(async move {
            self.pass(self.takes_ms).await;
            let done = deed(&mut lock(&self.git.0));
            self.pass(self.takes_ms).await;
            done
        })
    }

    async fn pass(&self, ms: u64) {
        self.life.go_on().await;
        if ms > 0 {
            let now = self.clock.now();
            self.clock.sleep_until(now.plus_ms(ms)).await;
            self.life.go_on().await;
        }
    }
}

impl Workspaces for FakeWorkspaces {
    fn base(
        &self,
        _project: PathBuf,
        _run: RunId,
        wanted: Option<String>,
    ) -> Later<'_, Result<Base, WorkspaceError>> {
        self.do_it(move |_| {
            Ok(Base {
                commit: wanted.unwrap_or_else(|| ROOT.to_owned()),
            })
        })
    }

    fn working_state(
        &self,
        _project: PathBuf,
        _run: RunId,
    ) -> Later<'_, Result<Option<Base>, WorkspaceError>> {
        self.do_it(|_| Ok(None))
    }

    fn prepare(&self, spec: PlaceSpec) -> Later<'_, Result<Place, WorkspaceError>> {
        self.do_it(move |_| {
            Ok(Place {
                path: PathBuf::from(format!("/places/{}/{}", spec.run, spec.key)),
                readable: Vec::new(),
                has_leftovers: false,
                spec,
            })
        })
    }

    fn changed(&self, place: Place) -> Later<'_, Result<Vec<String>, WorkspaceError>> {
        self.do_it(move |refs| {
            let key = (place.spec.run, place.spec.key);
            Ok(refs
                .touched
                .remove(&key)
                .then(|| "touched".to_owned())
                .into_iter()
                .collect())
        })
    }

    fn harvest(
        &self,
        place: Place,
        task: TaskId,
        _message: String,
    ) -> Later<'_, Result<Option<Change>, WorkspaceError>> {
        self.do_it(move |refs| {
            if place.spec.access == Access::Read {
                return Ok(None);
            }
            let mut work = refs.holds(&place.spec.base);
            work.insert(task.to_string());
            Ok(Some(refs.commit(task.to_string(), &place.spec.base, work)))
        })
    }

    fn advance(&self, spec: AdvanceSpec) -> Later<'_, Result<(), WorkspaceError>> {
        let moved = self.do_it(move |refs| {
            let is_at = refs.branches.get(&spec.slug).cloned();
            if is_at.as_ref() == Some(&spec.to) {
                return Ok(());
            }
            if is_at != spec.from {
                return Err(WorkspaceError::BranchMoved {
                    branch: format!("partita/{}", spec.slug),
                });
            }
            refs.branches.insert(spec.slug, spec.to);
            refs.moves += 1;
            Ok(())
        });
        Box::pin(async move {
            let moved = moved.await;
            self.pass(self.advance_ms).await;
            moved
        })
    }

    fn merge(&self, spec: MergeSpec, _message: String) -> Later<'_, Result<MergeOutcome, WorkspaceError>> {
        self.do_it(move |refs| {
            if refs.conflicts.remove(&spec.run) {
                return Ok(MergeOutcome::Conflict(vec!["both.rs".to_owned()]));
            }
            let before = refs.holds(&spec.onto);
            let mut work = before.clone();
            spec.heads.iter().for_each(|head| work.extend(refs.holds(head)));
            if work == before {
                return Ok(MergeOutcome::Nothing);
            }
            let name = format!("{}+{}", spec.onto, spec.heads.join("+"));
            Ok(MergeOutcome::Merged(refs.commit(name, &spec.onto, work)))
        })
    }

    fn release(&self, _project: PathBuf, _run: RunId) -> Later<'_, Result<(), WorkspaceError>> {
        self.do_it(|_| Ok(()))
    }
}
