//! What keeps the commit of a place from being pruned, as long as somebody works on it.

use crate::error::{Answer, git_failed, missing};
use crate::files::blocking;
use crate::names::{Oid, base_ref, place_ref, run_refs, wip_ref};
use crate::places::Places;
use crate::project::Project;
use crate::ref_files;
use crate::refs::{self, Move};
use domain::{Access, RunId};
use engine::ports::PlaceSpec;

impl Places {
    /// Pins what a place shows, if nothing else does.
    pub(crate) async fn pin_place(&self, project: &Project, spec: &PlaceSpec, base: &Oid) -> Answer<()> {
        let name = place_ref(spec.run, &spec.key);
        if refs::read(&self.git, project, &name).await?.as_ref() == Some(base) {
            return Ok(());
        }
        // A writer's place may outlast its run, and needs its own.
        if spec.access == Access::Read && is_kept_by_run(project, spec.run, base).await? {
            return Ok(());
        }
        let turn = self.turn(project).await?;
        let pin = [Move::Set {
            name,
            to: base.clone(),
        }];
        match refs::try_change(&self.git, project, &pin, self.limits.lock_wait, &turn).await? {
            Ok(()) => Ok(()),
            Err(refused) if refused.is_no_commit() => Err(missing(format!(
                "commit {base} is not in {}",
                project.folder.display()
            ))),
            Err(refused) => Err(git_failed("move a ref", &refused.stderr)),
        }
    }
}

/// Whether a ref of the run itself holds the commit: where it starts, what its writers made, what was merged. All of
/// them stay until the run is over and pruned; places that may only be read go before them.
async fn is_kept_by_run(project: &Project, run: RunId, base: &Oid) -> Answer<bool> {
    if !project.has_ref_files {
        return Ok(false);
    }
    let (common, base) = (project.common.clone(), base.clone());
    blocking(move || {
        let holds = |name: String| ref_files::one(&common, &name).flatten().as_ref() == Some(&base);
        if holds(base_ref(run)) || holds(wip_ref(run)) {
            return Ok(true);
        }
        let of_run = run_refs(run);
        let made = [format!("{of_run}tasks/"), format!("{of_run}merged/")];
        let made = ref_files::under(&common, &[&made[0], &made[1]]);
        Ok(made.is_some_and(|made| made.iter().any(|(_, at)| *at == base)))
    })
    .await
}
