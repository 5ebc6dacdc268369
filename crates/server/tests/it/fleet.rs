//! What the command line would bring along: agents to choose from, and repositories to look at.

use engine::ports::{Later, WorkspaceError};
use server::{Fleet, GitAnswer, NoAgent, Projects};
use std::path::PathBuf;

/// Knows two agents; no default in a folder whose name holds `undecided`.
pub(crate) struct TwoAgents;

fn agent(name: &str) -> api::Agent {
    api::Agent {
        name: name.to_owned(),
        dialect: "rehearsal".to_owned(),
        is_built_in: true,
        executable: Some(format!("/usr/bin/{name}")),
        version: None,
        login: api::AgentLogin::NotNeeded,
        accounts: Vec::new(),
        can_read: true,
        can_write: true,
        missing: Vec::new(),
        install: None,
        probed_at: None,
    }
}

impl Fleet for TwoAgents {
    fn list(&self) -> Later<'_, Vec<api::Agent>> {
        Box::pin(async { vec![agent("quick"), agent("held")] })
    }

    fn probe(&self, names: Vec<String>) -> Later<'_, Result<Vec<api::Agent>, Vec<String>>> {
        let known = ["quick", "held"];
        let unknown: Vec<String> = names
            .iter()
            .filter(|name| !known.contains(&name.as_str()))
            .cloned()
            .collect();
        let probed = known
            .iter()
            .filter(|known| names.is_empty() || names.iter().any(|name| name == *known));
        let probed = probed
            .map(|name| api::Agent {
                version: Some("1.0".to_owned()),
                ..agent(name)
            })
            .collect();
        Box::pin(async move {
            if unknown.is_empty() {
                Ok(probed)
            } else {
                Err(unknown)
            }
        })
    }

    fn names(&self) -> Vec<String> {
        ["quick", "held", "failing", "absent", "stranger"]
            .map(str::to_owned)
            .to_vec()
    }

    fn default_agent(&self, project: PathBuf) -> Later<'_, Result<String, NoAgent>> {
        let is_decided = !project.display().to_string().contains("undecided");
        Box::pin(async move {
            is_decided.then(|| "quick".to_owned()).ok_or_else(|| NoAgent {
                because: "two agents are logged in".to_owned(),
                hint: "choose one with `--agent`: quick, held".to_owned(),
            })
        })
    }
}

/// One repository with one branch.
pub(crate) struct OneBranch;

impl Projects for OneBranch {
    fn status(&self, _project: PathBuf) -> GitAnswer<'_, api::GitStatus> {
        let head = api::GitHead::Branch {
            name: "main".to_owned(),
            commit: "c0".to_owned(),
        };
        Box::pin(async {
            Ok(api::GitStatus {
                head,
                entries: Vec::new(),
                busy_with: None,
            })
        })
    }

    fn log(
        &self,
        _project: PathBuf,
        _since: Option<String>,
        until: Option<String>,
        most: u32,
    ) -> GitAnswer<'_, Vec<api::Commit>> {
        Box::pin(async move {
            if until.as_deref() == Some("nowhere") {
                return Err(WorkspaceError::Missing("there is no branch `nowhere`".to_owned()));
            }
            let commit = |number: u32| api::Commit {
                id: format!("c{number}"),
                parents: Vec::new(),
                author: "A. Author".to_owned(),
                email: "a@example.invalid".to_owned(),
                committed_at: "2023-11-14T22:13:20.000Z".to_owned(),
                subject: "A change".to_owned(),
            };
            Ok((0..most.min(3)).map(commit).collect())
        })
    }

    fn branches(&self, _project: PathBuf) -> GitAnswer<'_, Vec<api::Branch>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn diff(&self, _project: PathBuf, base: String, head: String) -> GitAnswer<'_, api::Diff> {
        Box::pin(async move {
            Ok(api::Diff {
                files: Vec::new(),
                text: format!("{base}..{head}"),
                is_cut: false,
            })
        })
    }
}
