//! Runs: started, listed, shown, stopped.

use super::flows::known_flow;
use super::projects::{folder, known, of_folder, resolve};
use super::shown::{self, unshown};
use super::unsaid::Said;
use super::wish::Wish;
use crate::App;
use crate::reply::{Answer, Json, Keyed, Parameters, Place, Refused, engine_says, not_found, read_fails};
use crate::show;
use api::{NewRun, NewRunInput, Page, Problem, ProjectId, Run, RunDetail, RunStarted, RunStatus};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use domain::{Input, Name, RunId, RunInput};
use engine::{Engine, EngineError, StartRun};
use serde::Deserialize;
use std::path::Path;
use utoipa::IntoParams;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListAsk {
    /// Only of this project.
    project_id: Option<ProjectId>,
    /// Only in this status.
    status: Option<RunStatus>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// Items at most: 50 unless said, never more than 500.
    limit: Option<u32>,
}

/// Runs, newest first.
#[utoipa::path(get, path = "/api/runs", tag = "runs", params(ListAsk), responses((status = 200, body = Page<Run>), Refused))]
pub(super) async fn list(
    State(app): State<App>,
    Parameters(ask): Parameters<ListAsk>,
) -> Answer<Json<Page<Run>>> {
    let filter = store::RunFilter {
        project: ask.project_id.map(show::id),
        status: ask.status.map(show::run_status_of),
    };
    let page = store::PageAsk {
        after: ask.cursor,
        limit: ask.limit,
    };
    let page = app
        .parts
        .reader
        .runs(filter, page)
        .await
        .map_err(read_fails("list runs"))?;
    shown::page(page, show::run)
}

/// Starts a run. Its folder becomes a project when it is none yet.
#[utoipa::path(
    post,
    path = "/api/runs",
    tag = "runs",
    request_body = NewRun,
    responses((status = 201, body = RunStarted), Refused)
)]
pub(super) async fn start(
    State(app): State<App>,
    keyed: Keyed,
    Json(new): Json<NewRun>,
) -> Answer<impl IntoResponse> {
    let what = format!("cannot run the flow `{}`", new.flow);
    let folder = match (new.project_id, &new.project_path) {
        (Some(id), None) => folder(&app, id, &what)?,
        (None, Some(path)) => resolve(path, &what, "/project_path").await?,
        (None, None) | (Some(_), Some(_)) => {
            let because = "one of `project_id` and `project_path` is needed";
            let problem = Problem::new(422, "wrong_body", "the body is not what the route takes", what);
            return Err(problem.because(because).at("/project_id", because).into());
        }
    };
    // Before any agent is looked for: a flow that is not there is not there with any of them.
    known_flow(&app, Some(folder.clone()), new.flow.clone(), &what).await?;
    let flow = Name::from(new.flow);
    let input = input(&app, new.input, &folder, &what).await?;
    let project = match new.project_id {
        Some(id) => show::id(id),
        None => project_for(&app, &folder, (&flow, &input), &what).await?,
    };
    let run = RunId::from_bits(app.id());
    let agent = input.agent.to_string();
    let ask = StartRun {
        run,
        project,
        flow,
        input,
        unit: None,
    };
    let run = match app.parts.engine.start_run(ask, keyed.receipt(run)).await {
        Ok(()) => run,
        Err(EngineError::Repeated { answer }) => answer.parse().unwrap_or(run),
        Err(error) => return Err(engine_says(what)(error)),
    };
    let place = format!("/api/runs/{run}");
    let started = RunStarted {
        id: show::id(run),
        slug: Engine::slug(run),
        project_id: show::id(project),
        agent,
    };
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(started)))
}

/// The project of a folder. A run that is refused makes no project of it.
async fn project_for(
    app: &App,
    folder: &Path,
    (flow, input): (&Name, &RunInput),
    what: &str,
) -> Answer<domain::ProjectId> {
    if let Some(known) = known(app, folder) {
        return Ok(known);
    }
    let checked = app.parts.engine.check_run(folder, flow, input.clone()).await;
    checked.map_err(engine_says(what.to_owned()))?;
    of_folder(app, folder, what).await
}

async fn input(app: &App, input: NewRunInput, folder: &Path, what: &str) -> Answer<RunInput> {
    let said = Said {
        agent: input.agent,
        model: input.model,
        size: input.size.map(show::size_of),
    };
    let said = said.or_of_project(folder, what)?;
    let agent = match said.agent {
        Some(agent) => known_agent(app, agent, what)?,
        None => chosen_agent(app, folder, what).await?,
    };
    Ok(RunInput {
        question: input.question.unwrap_or_default(),
        size: said.size.unwrap_or_default(),
        fast: input.fast.unwrap_or_default(),
        agent: Name::from(agent),
        model: said.model,
        extra: input
            .extra
            .iter()
            .map(|(name, value)| (name.clone(), flows::from_json(value)))
            .collect(),
    })
}

fn known_agent(app: &App, agent: String, what: &str) -> Answer<String> {
    let names = app.parts.fleet.names();
    if names.contains(&agent) {
        return Ok(agent);
    }
    let because = format!("there is no agent `{agent}`; there are {}", names.join(", "));
    let problem = Problem::new(422, "unknown_agent", "there is no such agent", what);
    Err(problem
        .because(because)
        .hint("`partita agents` says which of them can be used here")
        .at("/input/agent", "names an agent that is not configured")
        .into())
}

async fn chosen_agent(app: &App, folder: &Path, what: &str) -> Answer<String> {
    let chosen = app.parts.fleet.default_agent(folder.to_owned()).await;
    chosen.map_err(|none| {
        Problem::new(
            422,
            "agent_unset",
            "no agent was named, and none is the obvious one",
            what,
        )
        .because(none.because)
        .hint(none.hint)
        .at("/input/agent", "is needed here")
        .into()
    })
}

/// The run of an id, or of the name that people type.
pub(super) async fn find(app: &App, name: &str, what: &str) -> Answer<RunId> {
    if let Ok(id) = name.parse() {
        return Ok(id);
    }
    let found = app.parts.reader.run_of_slug(name.to_owned()).await;
    found
        .map_err(read_fails("find a run"))?
        .ok_or_else(|| unknown(name, what))
}

pub(super) fn unknown(name: &str, what: &str) -> Refused {
    not_found("unknown_run", "run", name, what).hint("`partita run list` lists them")
}

pub(super) async fn read(app: &App, name: &str, what: &str) -> Answer<store::RunDetail> {
    let id = find(app, name, what).await?;
    let found = app.parts.reader.run(id).await.map_err(read_fails("show a run"))?;
    found.ok_or_else(|| unknown(name, what))
}

/// A run with its steps, tasks and questions, all of the same moment.
#[utoipa::path(get, path = "/api/runs/{id}", tag = "runs", params(("id" = String, Path, description = "Its id, or the name that people type.")), responses((status = 200, body = RunDetail), Refused))]
pub(super) async fn show(State(app): State<App>, Place(name): Place<String>) -> Answer<Json<RunDetail>> {
    let detail = read(&app, &name, &format!("cannot show the run `{name}`")).await?;
    show::run_detail(detail).map(Json).map_err(unshown)
}

/// Ends a run: what is under way is stopped.
#[utoipa::path(post, path = "/api/runs/{id}/cancel", tag = "runs", params(("id" = String, Path)), responses((status = 204), Refused))]
pub(super) async fn cancel(
    State(app): State<App>,
    Place(name): Place<String>,
    wish: Wish,
) -> Answer<StatusCode> {
    wish.tell_named(&app, &name, "cancel", |by| Input::Cancel { by })
        .await
}

/// Lets no new task of a run start.
#[utoipa::path(post, path = "/api/runs/{id}/pause", tag = "runs", params(("id" = String, Path)), responses((status = 204), Refused))]
pub(super) async fn pause(
    State(app): State<App>,
    Place(name): Place<String>,
    wish: Wish,
) -> Answer<StatusCode> {
    wish.tell_named(&app, &name, "pause", |by| Input::Pause { by })
        .await
}

/// Lets tasks of a run start again.
#[utoipa::path(post, path = "/api/runs/{id}/resume", tag = "runs", params(("id" = String, Path)), responses((status = 204), Refused))]
pub(super) async fn resume(
    State(app): State<App>,
    Place(name): Place<String>,
    wish: Wish,
) -> Answer<StatusCode> {
    wish.tell_named(&app, &name, "resume", |by| Input::Resume { by })
        .await
}

/// Does again what failed in a run.
#[utoipa::path(post, path = "/api/runs/{id}/retry", tag = "runs", params(("id" = String, Path)), responses((status = 204), Refused))]
pub(super) async fn retry(
    State(app): State<App>,
    Place(name): Place<String>,
    wish: Wish,
) -> Answer<StatusCode> {
    wish.tell_named(&app, &name, "retry", |by| Input::Retry { key: None, by })
        .await
}
