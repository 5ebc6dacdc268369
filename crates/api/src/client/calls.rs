//! One method per route. Every one fails as [`ClientError`] says.

use super::{Ask, Client, ClientError, part};
use crate::{
    Agent, Answer, Attention, AttentionId, Branch, ChatId, Commit, Diff, Flow, GitStatus, Login, LoginAsk,
    LoginCode, NewProject, NewRun, NewWorkUnit, Page, PageAsk, Port, PortAsk, ProbeAsk, Project, ProjectId,
    Run, RunDetail, RunFilter, RunStarted, Status, StatusChange, StepOutput, Task, TaskDetail, TaskId,
    Transcript, UnitStatus, WorkUnit, WorkUnitPatch,
};
use reqwest::Method;
use std::fmt::Display;

fn paged<'a>(ask: Ask<'a>, page: &PageAsk) -> Ask<'a> {
    ask.with("cursor", page.cursor.as_ref()).with("limit", page.limit)
}

/// The daemon itself.
impl Client {
    /// How the daemon is and what it has in hand.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn status(&self) -> Result<Status, ClientError> {
        self.json(Ask::get("/status")).await
    }

    /// The OpenAPI document.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn openapi(&self) -> Result<serde_json::Value, ClientError> {
        self.json(Ask::get("/openapi.json")).await
    }

    /// Numbers for a monitoring system, in Prometheus' text form.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn metrics(&self) -> Result<String, ClientError> {
        self.text(Ask::get("/metrics").accept("text/plain")).await
    }

    /// A code that a browser can exchange for a session. Only over the socket.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn login_code(&self) -> Result<LoginCode, ClientError> {
        self.json(Ask::post("/login/code")).await
    }

    /// Opens the loopback port, or says where it is open already. Only over the socket.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn open_port(&self, ask: &PortAsk) -> Result<Port, ClientError> {
        self.json(Ask::post("/port").body(ask)).await
    }

    /// Closes the loopback port and ends every session. Only over the socket.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn close_port(&self) -> Result<(), ClientError> {
        self.nothing(Ask::new(Method::DELETE, "/port")).await
    }

    /// Exchanges a code for a session.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn login(&self, ask: &LoginAsk) -> Result<Login, ClientError> {
        self.json(Ask::post("/login").body(ask)).await
    }
}

/// Work units.
impl Client {
    /// Work units, oldest first.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn work_units(
        &self,
        status: Option<UnitStatus>,
        page: &PageAsk,
    ) -> Result<Page<WorkUnit>, ClientError> {
        self.json(paged(Ask::get("/work-units").with("status", status), page))
            .await
    }

    /// Creates a work unit.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn create_work_unit(&self, new: &NewWorkUnit) -> Result<WorkUnit, ClientError> {
        self.json(Ask::post("/work-units").body(new)).await
    }

    /// One work unit.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn work_unit(&self, chunk: &str) -> Result<WorkUnit, ClientError> {
        self.json(Ask::get(format!("/work-units/{}", part(chunk)))).await
    }

    /// Changes a work unit: all of it or nothing.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn change_work_unit(
        &self,
        chunk: &str,
        patch: &WorkUnitPatch,
    ) -> Result<WorkUnit, ClientError> {
        self.json(Ask::new(Method::PATCH, format!("/work-units/{}", part(chunk))).body(patch))
            .await
    }

    /// Removes a work unit; its history stays.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn delete_work_unit(&self, chunk: &str) -> Result<(), ClientError> {
        self.nothing(Ask::new(Method::DELETE, format!("/work-units/{}", part(chunk))))
            .await
    }

    /// Every status that was logged for a unit, in order.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn work_unit_history(&self, chunk: &str) -> Result<Page<StatusChange>, ClientError> {
        self.json(Ask::get(format!("/work-units/{}/history", part(chunk))))
            .await
    }

    /// Has a unit done again, whatever the transition table says.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn retry_work_unit(&self, chunk: &str) -> Result<WorkUnit, ClientError> {
        self.json(Ask::post(format!("/work-units/{}/retry", part(chunk))))
            .await
    }
}

/// Projects.
impl Client {
    /// The projects, by name.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn projects(&self) -> Result<Page<Project>, ClientError> {
        self.json(Ask::get("/projects")).await
    }

    /// Makes a folder a project.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn add_project(&self, new: &NewProject) -> Result<Project, ClientError> {
        self.json(Ask::post("/projects").body(new)).await
    }

    /// Lists a project no longer; its runs stay.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn remove_project(&self, id: ProjectId) -> Result<(), ClientError> {
        self.nothing(Ask::new(Method::DELETE, format!("/projects/{id}")))
            .await
    }

    /// The state of a project's checkout.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn git_status(&self, id: ProjectId) -> Result<GitStatus, ClientError> {
        self.json(Ask::get(format!("/projects/{id}/git/status")).long())
            .await
    }

    /// The newest commits that `until` reaches (what is checked out unless said) and `since` does not.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn git_log(
        &self,
        id: ProjectId,
        since: Option<&str>,
        until: Option<&str>,
        limit: Option<u32>,
    ) -> Result<Page<Commit>, ClientError> {
        self.json(
            Ask::get(format!("/projects/{id}/git/log"))
                .with("since", since)
                .with("until", until)
                .with("limit", limit)
                .long(),
        )
        .await
    }

    /// A project's branches, newest first.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn git_branches(&self, id: ProjectId) -> Result<Page<Branch>, ClientError> {
        self.json(Ask::get(format!("/projects/{id}/git/branches")).long())
            .await
    }

    /// What differs between two commits, branches or tags.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn git_diff(&self, id: ProjectId, base: &str, head: &str) -> Result<Diff, ClientError> {
        self.json(
            Ask::get(format!("/projects/{id}/git/diff"))
                .with("base", Some(base))
                .with("head", Some(head))
                .long(),
        )
        .await
    }
}

/// Flows and agents.
impl Client {
    /// The flows that can be chosen, with a project's own.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn flows(&self, project: Option<ProjectId>) -> Result<Page<Flow>, ClientError> {
        self.json(Ask::get("/flows").with("project_id", project)).await
    }

    /// The flows that can be chosen in a folder, whether it is a project already or not.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn flows_in(&self, path: &str) -> Result<Page<Flow>, ClientError> {
        self.json(Ask::get("/flows").with("project_path", Some(path)))
            .await
    }

    /// One flow.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn flow(&self, name: &str, project: Option<ProjectId>) -> Result<Flow, ClientError> {
        self.json(Ask::get(format!("/flows/{}", part(name))).with("project_id", project))
            .await
    }

    /// One flow, as a folder has it.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn flow_in(&self, name: &str, path: &str) -> Result<Flow, ClientError> {
        self.json(Ask::get(format!("/flows/{}", part(name))).with("project_path", Some(path)))
            .await
    }

    /// The configured agents, as far as known without starting any.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn agents(&self) -> Result<Page<Agent>, ClientError> {
        self.json(Ask::get("/agents")).await
    }

    /// Tries the agents.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn probe_agents(&self, ask: &ProbeAsk) -> Result<Page<Agent>, ClientError> {
        self.json(Ask::post("/agents/probe").body(ask).long()).await
    }
}

/// Runs. A run goes by its id or by the name that people type.
impl Client {
    /// Runs, newest first.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn runs(&self, filter: &RunFilter, page: &PageAsk) -> Result<Page<Run>, ClientError> {
        self.json(paged(
            Ask::get("/runs")
                .with("project_id", filter.project_id)
                .with("status", filter.status),
            page,
        ))
        .await
    }

    /// Starts a run.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn start_run(&self, new: &NewRun) -> Result<RunStarted, ClientError> {
        self.json(Ask::post("/runs").body(new).long()).await
    }

    /// A run with its steps, tasks and questions.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn run(&self, run: impl Display) -> Result<RunDetail, ClientError> {
        self.json(Ask::get(format!("/runs/{}", part(run)))).await
    }

    /// Ends a run.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn cancel_run(&self, run: impl Display) -> Result<(), ClientError> {
        self.nothing(Ask::post(format!("/runs/{}/cancel", part(run))))
            .await
    }

    /// Lets no new task of a run start.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn pause_run(&self, run: impl Display) -> Result<(), ClientError> {
        self.nothing(Ask::post(format!("/runs/{}/pause", part(run))))
            .await
    }

    /// Lets tasks of a run start again.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn resume_run(&self, run: impl Display) -> Result<(), ClientError> {
        self.nothing(Ask::post(format!("/runs/{}/resume", part(run))))
            .await
    }

    /// Does again what failed in a run.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn retry_run(&self, run: impl Display) -> Result<(), ClientError> {
        self.nothing(Ask::post(format!("/runs/{}/retry", part(run))))
            .await
    }

    /// Does one step instance again: `fold` or `angles[2]`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn retry_step(&self, run: impl Display, step: &str) -> Result<(), ClientError> {
        self.nothing(Ask::post(format!(
            "/runs/{}/steps/{}/retry",
            part(run),
            part(step)
        )))
        .await
    }

    /// Goes on without a step instance.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn skip_step(&self, run: impl Display, step: &str) -> Result<(), ClientError> {
        self.nothing(Ask::post(format!(
            "/runs/{}/steps/{}/skip",
            part(run),
            part(step)
        )))
        .await
    }

    /// What a step instance handed over.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn step_output(&self, run: impl Display, chat: ChatId) -> Result<StepOutput, ClientError> {
        self.json(Ask::get(format!("/runs/{}/outputs/{chat}", part(run))))
            .await
    }

    /// A run's report as Markdown, as far as it has come.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn report(&self, run: impl Display) -> Result<String, ClientError> {
        self.text(Ask::get(format!("/runs/{}/report", part(run))).accept("text/markdown"))
            .await
    }

    /// A run's report as JSON.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn report_json(&self, run: impl Display) -> Result<serde_json::Value, ClientError> {
        self.json(Ask::get(format!("/runs/{}/report", part(run)))).await
    }

    /// What a run changed.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn run_diff(&self, run: impl Display) -> Result<Diff, ClientError> {
        self.json(Ask::get(format!("/runs/{}/diff", part(run))).long())
            .await
    }
}

/// Tasks and attention.
impl Client {
    /// The tasks under way, oldest first.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn live_tasks(&self) -> Result<Page<Task>, ClientError> {
        self.json(Ask::get("/tasks")).await
    }

    /// One task, with what it was told.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn task(&self, id: TaskId) -> Result<TaskDetail, ClientError> {
        self.json(Ask::get(format!("/tasks/{id}"))).await
    }

    /// What a task's agent said, from an offset.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn transcript(&self, id: TaskId, after: u64) -> Result<Transcript, ClientError> {
        self.json(Ask::get(format!("/tasks/{id}/transcript")).with("after", Some(after)))
            .await
    }

    /// What waits for a person, oldest first.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn attention(&self, page: &PageAsk) -> Result<Page<Attention>, ClientError> {
        self.json(paged(Ask::get("/attention"), page)).await
    }

    /// Answers.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn answer(&self, id: AttentionId, answer: &Answer) -> Result<(), ClientError> {
        self.nothing(Ask::post(format!("/attention/{id}/answer")).body(answer))
            .await
    }
}
