//! The daemon, as commands call it: the typed client, with its errors in the words that people are told.

use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::home::Home;
use api::{
    Attention, Client, ClientError, FeedAsk, NewProject, Page, PageAsk, Problem, Project, ProjectId, Run,
    RunDetail, RunFilter, RunId, RunStatus, Topic, WorkUnit,
};
use std::ops::Deref;
use std::path::Path;

/// Items of one page, where all of them are wanted.
const PAGE: u32 = 500;

/// The daemon of a home.
#[derive(Clone, Debug)]
pub(crate) struct Daemon {
    client: Client,
}

impl Deref for Daemon {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Daemon {
    pub(crate) fn at(home: &Home) -> Result<Self> {
        Ok(Self {
            client: Client::over_socket(home.socket()?)?,
        })
    }

    /// The project of a folder; the folder becomes one when it is none.
    pub(crate) async fn project(&self, folder: &Path) -> Result<Project> {
        let path = folder.display().to_string();
        let known = self
            .projects()
            .await?
            .items
            .into_iter()
            .find(|project| project.path == path);
        match known {
            Some(project) => Ok(project),
            None => Ok(self.add_project(&NewProject { path, name: None }).await?),
        }
    }

    pub(crate) async fn project_of(&self, id: ProjectId) -> Result<Project> {
        let known = self
            .projects()
            .await?
            .items
            .into_iter()
            .find(|project| project.id == id);
        known.ok_or_else(|| {
            CliError::new(
                Exit::NotFound,
                "unknown_project",
                "the run's project is no longer listed",
            )
            .hint("`partita init` in its folder lists it again")
        })
    }

    /// All work units.
    pub(crate) async fn all_units(&self) -> Result<Page<WorkUnit>> {
        whole(async |ask| self.work_units(None, &ask).await).await
    }

    /// All runs that go on.
    pub(crate) async fn all_running(&self) -> Result<Page<Run>> {
        let filter = RunFilter {
            project_id: None,
            status: Some(RunStatus::Running),
        };
        whole(async |ask| self.runs(&filter, &ask).await).await
    }

    /// All that waits for a person.
    pub(crate) async fn all_attention(&self) -> Result<Page<Attention>> {
        whole(async |ask| self.attention(&ask).await).await
    }

    /// The newest runs.
    pub(crate) async fn newest_runs(&self, filter: &RunFilter, limit: u32) -> Result<Page<Run>> {
        Ok(self
            .runs(
                filter,
                &PageAsk {
                    cursor: None,
                    limit: Some(limit.clamp(1, PAGE)),
                },
            )
            .await?)
    }

    /// Shows runs as they change, until all of them have ended.
    pub(crate) async fn watch(
        &self,
        ids: &[RunId],
        show: &mut (dyn FnMut(&[RunDetail]) + Send),
    ) -> Result<Vec<RunDetail>> {
        let topics = vec![Topic::Runs, Topic::Attention];
        let run = if let [only] = ids { Some(*only) } else { None };
        let mut feed = self.client.feed(FeedAsk {
            topics,
            run,
            ..FeedAsk::default()
        });
        // Listening before looking: what happens in between is seen twice rather than not at all.
        feed.open().await?;
        let mut runs = Vec::with_capacity(ids.len());
        for id in ids {
            runs.push(self.run(*id).await?);
        }
        show(&runs);
        while runs.iter().any(|run| run.run.status == RunStatus::Running) {
            let item = feed.next().await?;
            let Some(at) = runs
                .iter()
                .position(|run| item.frame.run_id() == Some(run.run.id))
            else {
                continue;
            };
            if item.frame.position() <= runs[at].position {
                continue;
            }
            runs[at] = self.run(runs[at].run.id).await?;
            show(&runs);
        }
        Ok(runs)
    }
}

/// All of a list, page by page.
async fn whole<T>(
    page_of: impl AsyncFn(PageAsk) -> std::result::Result<Page<T>, ClientError>,
) -> Result<Page<T>> {
    let mut cursor = None;
    let mut items = Vec::new();
    loop {
        let limit = Some(PAGE);
        let page = page_of(PageAsk { cursor, limit }).await?;
        items.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            return Ok(Page::whole(items));
        }
    }
}

impl From<ClientError> for CliError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::NotRunning { socket, because } => {
                Self::new(Exit::Daemon, "not_running", "no daemon is running")
                    .because(format!("{}: {because}", socket.display()))
                    .hint("start it with `partita start`")
            }
            ClientError::Timeout => Self::new(Exit::Daemon, "timeout", "the daemon did not answer in time")
                .hint("`partita logs` shows what it is doing"),
            ClientError::Lost(because) => {
                Self::new(Exit::Daemon, "lost", "the daemon went away before it answered")
                    .because(because)
                    .hint("what was asked may have happened; look before you ask again")
            }
            ClientError::Problem(problem) => from_problem(*problem),
            ClientError::Protocol(because) => {
                Self::new(Exit::Daemon, "protocol", "the daemon is not understood")
                    .because(because)
                    .hint("a daemon of another version runs: `partita stop`, then try again")
            }
        }
    }
}

fn from_problem(problem: Problem) -> CliError {
    let exit = match (problem.code.as_str(), problem.status) {
        ("agent_missing" | "agent_logged_out" | "access_unenforceable", _) => Exit::Machine,
        ("invalid_flow", _) => Exit::Invalid,
        // What a body names is not there: to a person it is the same as where a path names it.
        ("unknown_agent" | "unknown_blocker" | "unknown_project", _) => Exit::NotFound,
        (_, 404) => Exit::NotFound,
        (_, 409) => Exit::Refused,
        (_, 400 | 422) => Exit::Usage,
        (_, 507) => Exit::Machine,
        (_, _) => Exit::Failed,
    };
    let mut told = CliError::new(exit, &problem.code, problem.detail);
    if let Some(because) = problem.because {
        told = told.because(because);
    } else {
        for wrong in problem.errors {
            told = told.because(format!("{}: {}", wrong.at, wrong.detail));
        }
    }
    if let Some(hint) = problem.hint {
        told = told.hint(hint);
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_ends_as_the_documentation_says() {
        let exit = |status, code| from_problem(Problem::new(status, code, "", "")).exit;
        assert_eq!(exit(409, "access_unenforceable"), Exit::Machine);
        assert_eq!(exit(507, "disk_full"), Exit::Machine);
        assert_eq!(exit(422, "invalid_flow"), Exit::Invalid);
        assert_eq!(exit(422, "agent_unset"), Exit::Usage);
        assert_eq!(exit(422, "unknown_agent"), Exit::NotFound);
        assert_eq!(exit(404, "unknown_run"), Exit::NotFound);
        assert_eq!(exit(409, "run_ended"), Exit::Refused);
        assert_eq!(exit(500, "git_failed"), Exit::Failed);
    }

    #[test]
    fn a_pointer_into_a_body_is_told_only_where_nothing_else_says_why() {
        let problem = || Problem::new(422, "x", "x", "cannot").at("/input/agent", "is needed here");
        assert_eq!(
            from_problem(problem().because("no agent was named")).because,
            ["no agent was named"]
        );
        assert_eq!(from_problem(problem()).because, ["/input/agent: is needed here"]);
    }
}
