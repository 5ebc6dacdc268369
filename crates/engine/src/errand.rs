//! Does what a run owes that needs no slot and is not stopped, and reports how it went: a merge, a move of the run's
//! branch, letting go of what is no longer needed.

use crate::faults::{Control, CrashPoint, is_off, reach};
use crate::ports::{AdvanceSpec, MergeOutcome, MergeSpec};
use crate::shared::Shared;
use crate::work::{BROKEN, Report};
use domain::{Merge, RunId, StepKey};
use std::path::PathBuf;
use std::sync::Arc;

const PROJECT_GONE: &str = "its project was removed";

/// Reports what came of an errand exactly once, even when what does it breaks.
struct Errand {
    shared: Arc<Shared>,
    run: RunId,
    /// What is said when it breaks.
    broken: Option<Report>,
}

impl Errand {
    fn new(shared: &Arc<Shared>, run: RunId, broken: Report) -> Self {
        Self {
            shared: Arc::clone(shared),
            run,
            broken: Some(broken),
        }
    }

    fn done(mut self, report: Report) {
        self.broken = None;
        self.shared.report(self.run, report);
    }
}

impl Drop for Errand {
    fn drop(&mut self) {
        if let Some(broken) = self.broken.take()
            && std::thread::panicking()
            && !is_off(Control::BrokenTold)
        {
            self.shared.report(self.run, broken);
        }
    }
}

/// Brings changes together.
pub(crate) fn merge(shared: Arc<Shared>, run: RunId, key: StepKey, spec: Option<MergeSpec>) {
    tokio::spawn(async move {
        let broken = Report::Merged {
            key: key.clone(),
            merge: Merge::Failed(BROKEN.to_owned()),
        };
        let errand = Errand::new(&shared, run, broken);
        let message = format!("Bring together the changes of step {key}\n");
        let merge = match spec {
            None => Merge::Failed(PROJECT_GONE.to_owned()),
            Some(spec) => match shared.ports.workspaces.merge(spec, message).await {
                Ok(MergeOutcome::Merged(change)) => Merge::Done(Some(change)),
                Ok(MergeOutcome::Nothing) => Merge::Done(None),
                Ok(MergeOutcome::Conflict(files)) => Merge::Conflict(files),
                Err(error) => Merge::Failed(error.to_string()),
            },
        };
        reach(CrashPoint::AfterMerge);
        errand.done(Report::Merged { key, merge });
    });
}

/// Moves the run's branch.
pub(crate) fn publish(shared: Arc<Shared>, run: RunId, spec: Option<AdvanceSpec>) {
    tokio::spawn(async move {
        let errand = Errand::new(&shared, run, Report::Published(Err(BROKEN.to_owned())));
        let moved = match spec {
            None => Err(PROJECT_GONE.to_owned()),
            Some(spec) => {
                reach(CrashPoint::BeforeBranchMoved);
                let to = spec.to.clone();
                let moved = shared.ports.workspaces.advance(spec).await;
                moved.map(|()| to).map_err(|error| error.to_string())
            }
        };
        reach(CrashPoint::AfterBranchMoved);
        errand.done(Report::Published(moved));
    });
}

/// Lets go of what a run that ended kept outside the history.
pub(crate) fn release(shared: Arc<Shared>, run: RunId, project: Option<PathBuf>) {
    tokio::spawn(async move {
        let errand = Errand::new(&shared, run, Report::Released { is_done: false });
        reach(CrashPoint::BeforeRelease);
        shared.ports.agents.forget_run(run).await;
        let released = match project {
            Some(project) => shared.ports.workspaces.release(project, run).await,
            None => Ok(()),
        };
        if let Err(error) = &released {
            tracing::warn!(run.id = %run, %error, "the run's places were not all let go");
        }
        let is_done = released.is_ok();
        errand.done(Report::Released { is_done });
    });
}
