//! What nobody said when something was asked for: what the project's own file says then.

use crate::reply::{Answer, engine_says};
use domain::Size;
use flows::Project;
use std::path::Path;

/// What of an ask may be left unsaid.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    pub(super) agent: Option<String>,
    pub(super) model: Option<String>,
    pub(super) size: Option<Size>,
}

impl Said {
    /// Fills in what the project says. A model is one of an agent: where another agent was named, it is not taken.
    pub(super) fn or_of_project(self, folder: &Path, what: &str) -> Answer<Self> {
        let of_project = Project::read(folder).map_err(|error| engine_says(what.to_owned())(error.into()))?;
        let is_its_agent = self.agent.is_none() || self.agent == of_project.agent;
        Ok(Self {
            agent: self.agent.or(of_project.agent),
            model: self.model.or(of_project.model.filter(|_| is_its_agent)),
            size: self.size.or(of_project.size),
        })
    }
}
