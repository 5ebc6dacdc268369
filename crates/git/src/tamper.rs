//! Whether a place is still what we made: looked at as bytes, before any git meets it.

use crate::error::Answer;
use crate::files::is_real_folder;
use crate::place::Site;
use crate::project::Project;
use crate::record::Record;
use crate::skeleton::Skeleton;
use engine::faults::{Control, is_off};
use engine::ports::WorkspaceError;

/// What was changed, in words; none when nothing that matters was.
pub(crate) fn difference(site: &Site, record: &Record, project: &Project) -> Option<String> {
    if !is_real_folder(&site.tree()) {
        return Some("the working copy was replaced by something else".to_owned());
    }
    Skeleton::keep(project, &record.base)
        .difference_in_ours(&site.keep())
        .or_else(|| Skeleton::agents(project, record.identity.clone()).difference(&site.tree().join(".git")))
}

/// The same as an answer.
pub(crate) fn refuse(site: &Site, record: &Record, project: &Project) -> Answer<()> {
    if is_off(Control::GitCompared) {
        return Ok(());
    }
    difference(site, record, project).map_or(Ok(()), |words| Err(WorkspaceError::Tampered(words)))
}
