//! Work units.

use super::projects;
use super::shown;
use super::unsaid::Said;
use crate::App;
use crate::guard::Caller;
use crate::reply::{Answer, Json, Keyed, Parameters, Place, Refused, engine_says, not_found, read_fails};
use crate::show;
use api::{NewWorkUnit, Page, Problem, StatusChange, UnitStatus, WorkUnit, WorkUnitPatch};
use axum::Extension;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use domain::{Name, NewUnit, Refusal, Size, UnitId, UnitInput};
use engine::EngineError;
use serde::Deserialize;
use std::path::PathBuf;
use utoipa::IntoParams;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListAsk {
    /// Only in this status.
    status: Option<UnitStatus>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// Items at most: 50 unless said, never more than 500.
    limit: Option<u32>,
}

/// Work units, oldest first.
#[utoipa::path(get, path = "/api/work-units", tag = "work units", params(ListAsk), responses((status = 200, body = Page<WorkUnit>), Refused))]
pub(super) async fn list(
    State(app): State<App>,
    Parameters(ask): Parameters<ListAsk>,
) -> Answer<Json<Page<WorkUnit>>> {
    let filter = store::UnitFilter {
        status: ask.status.map(show::status_of),
    };
    let page = store::PageAsk {
        after: ask.cursor,
        limit: ask.limit,
    };
    let page = app
        .parts
        .reader
        .units(filter, page)
        .await
        .map_err(read_fails("list work units"))?;
    shown::page(page, |unit| Ok(show::work_unit(unit)))
}

/// Creates a work unit.
#[utoipa::path(
    post,
    path = "/api/work-units",
    tag = "work units",
    request_body = NewWorkUnit,
    responses((status = 201, body = WorkUnit), Refused)
)]
pub(super) async fn create(
    State(app): State<App>,
    keyed: Keyed,
    Json(new): Json<NewWorkUnit>,
) -> Answer<impl IntoResponse> {
    let what = format!("cannot create the work unit `{}`", new.chunk);
    let chunk = new.chunk.clone();
    if let Some(project) = new.project_id
        && !app.parts.engine.board().projects.contains_key(&show::id(project))
    {
        return Err(unknown_project(what));
    }
    let size = new.order.as_ref().and_then(|order| order.size).map(show::size_of);
    let unit = NewUnit {
        chunk: new.chunk,
        phase: new.phase.map(show::phase_of).unwrap_or_default(),
        blocked_by: new.blocked_by,
        priority: new.priority.unwrap_or_default(),
        project: new.project_id.map(show::id),
        order: new.order.map(show::order),
    };
    let mut unit = with_what_the_project_says(&app, unit, size, &what)?;
    choose_agent(&app, &mut unit).await;
    let id = UnitId::from_bits(app.id());
    let created = app
        .parts
        .engine
        .create_unit(id, unit, keyed.receipt(&chunk))
        .await;
    let chunk = match created {
        Ok(()) => chunk,
        Err(EngineError::Repeated { answer }) => answer,
        Err(error) => return Err(blocker_or(what, error)),
    };
    let unit = read(&app, chunk).await?;
    let place = format!("/api/work-units/{}", unit.chunk);
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(unit)))
}

/// `size` is what was asked for, if anything was.
fn with_what_the_project_says(
    app: &App,
    mut unit: NewUnit,
    size: Option<Size>,
    what: &str,
) -> Answer<NewUnit> {
    let (Some(project), Some(order)) = (unit.project, unit.order.as_mut()) else {
        return Ok(unit);
    };
    let said = Said {
        agent: order.agent.take().map(|agent| agent.to_string()),
        model: order.model.take(),
        size,
    };
    let said = said.or_of_project(&projects::folder(app, show::id(project), what)?, what)?;
    order.agent = said.agent.map(Name::from);
    order.model = said.model;
    order.size = said.size.unwrap_or_default();
    Ok(unit)
}

/// The agent that a run would take here when nobody names one. Where none is the obvious one, the unit says so when its
/// turn comes: until then one may have been installed.
async fn choose_agent(app: &App, unit: &mut NewUnit) {
    let (Some(project), Some(order)) = (unit.project, unit.order.as_mut()) else {
        return;
    };
    let board = app.parts.engine.board();
    if let (None, Some(project)) = (&order.agent, board.projects.get(&project)) {
        let chosen = app.parts.fleet.default_agent(PathBuf::from(&project.path)).await;
        order.agent = chosen.ok().map(Name::from);
    }
}

fn unknown_project(what: String) -> Refused {
    Problem::new(422, "unknown_project", "there is no such project", what)
        .because("`project_id` names no project")
        .hint("`GET /api/projects` lists them")
        .at("/project_id", "names no project")
        .into()
}

/// An unknown chunk in a body is a wrong body, not a missing place.
fn blocker_or(what: String, error: EngineError) -> Refused {
    let EngineError::Refused(Refusal::UnknownChunk(blocker)) = &error else {
        return engine_says(what)(error);
    };
    let because = format!("there is no work unit `{blocker}` to wait for");
    Problem::new(422, "unknown_blocker", "a blocker is not there", what)
        .because(because.clone())
        .hint("`partita ps` lists the work units")
        .at("/blocked_by", because)
        .into()
}

async fn read(app: &App, chunk: String) -> Answer<WorkUnit> {
    let found = app
        .parts
        .reader
        .unit(chunk.clone())
        .await
        .map_err(read_fails("show a work unit"))?;
    found.map(show::work_unit).ok_or_else(|| unknown(&chunk))
}

fn unknown(chunk: &str) -> Refused {
    let detail = format!("cannot show the work unit `{chunk}`");
    not_found("unknown_chunk", "work unit", chunk, detail).hint("`partita ps` lists the work units")
}

/// One work unit.
#[utoipa::path(get, path = "/api/work-units/{chunk}", tag = "work units", params(("chunk" = String, Path)), responses((status = 200, body = WorkUnit), Refused))]
pub(super) async fn show(State(app): State<App>, Place(chunk): Place<String>) -> Answer<Json<WorkUnit>> {
    read(&app, chunk).await.map(Json)
}

/// Changes a work unit: all of it or nothing.
#[utoipa::path(
    patch,
    path = "/api/work-units/{chunk}",
    tag = "work units",
    params(("chunk" = String, Path)),
    request_body = WorkUnitPatch,
    responses((status = 200, body = WorkUnit), Refused)
)]
pub(super) async fn change(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Place(chunk): Place<String>,
    keyed: Keyed,
    Json(patch): Json<WorkUnitPatch>,
) -> Answer<Json<WorkUnit>> {
    let what = format!("cannot change the work unit `{chunk}`");
    let after = patch.chunk.clone().unwrap_or_else(|| chunk.clone());
    let inputs = inputs(patch, caller.by());
    if inputs.is_empty() {
        let problem = Problem::new(422, "nothing_to_do", "nothing would change", what);
        let problem = problem.because("the body names nothing to change");
        return Err(problem
            .hint("name one of `status`, `phase`, `blocked_by`, `priority`, `chunk`")
            .into());
    }
    let changed = app
        .parts
        .engine
        .change_unit(chunk.clone(), inputs, keyed.receipt(&after))
        .await;
    match changed {
        Ok(()) => read(&app, after).await.map(Json),
        Err(EngineError::Repeated { answer }) => read(&app, answer).await.map(Json),
        Err(EngineError::Refused(Refusal::UnknownChunk(missing))) if missing == chunk => Err(unknown(&chunk)),
        Err(error) => Err(blocker_or(what, error)),
    }
}

/// In the order in which they make sense together: what decides whether a status may be had comes before it.
fn inputs(patch: WorkUnitPatch, by: &str) -> Vec<UnitInput> {
    let reason = patch.reason.unwrap_or_else(|| format!("set by {by}"));
    [
        patch
            .blocked_by
            .map(|blocked_by| UnitInput::SetBlockers { blocked_by }),
        patch.priority.map(|priority| UnitInput::SetPriority { priority }),
        patch.phase.map(|phase| UnitInput::SetPhase {
            to: show::phase_of(phase),
        }),
        patch.status.map(|status| UnitInput::SetStatus {
            to: show::status_of(status),
            reason,
        }),
        patch.chunk.map(|chunk| UnitInput::Rename { chunk }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Removes a work unit from the lists; its history stays.
#[utoipa::path(delete, path = "/api/work-units/{chunk}", tag = "work units", params(("chunk" = String, Path)), responses((status = 204), Refused))]
pub(super) async fn delete(
    State(app): State<App>,
    Place(chunk): Place<String>,
    keyed: Keyed,
) -> Answer<StatusCode> {
    let deleted = app
        .parts
        .engine
        .change_unit(chunk.clone(), vec![UnitInput::Delete], keyed.receipt(&chunk))
        .await;
    match deleted {
        Ok(()) | Err(EngineError::Repeated { .. }) => Ok(StatusCode::NO_CONTENT),
        Err(error) => Err(engine_says(format!("cannot delete the work unit `{chunk}`"))(
            error,
        )),
    }
}

/// Every status that was logged for a unit, in order; of a unit that is gone, too.
#[utoipa::path(get, path = "/api/work-units/{chunk}/history", tag = "work units", params(("chunk" = String, Path)), responses((status = 200, body = Page<StatusChange>), Refused))]
pub(super) async fn history(
    State(app): State<App>,
    Place(chunk): Place<String>,
) -> Answer<Json<Page<StatusChange>>> {
    const WHAT: &str = "show the history of a work unit";
    let reader = &app.parts.reader;
    let changes = match reader.unit(chunk.clone()).await.map_err(read_fails(WHAT))? {
        Some(unit) => reader.unit_history(unit.id).await,
        None => reader.chunk_history(chunk.clone()).await,
    };
    let changes = changes.map_err(read_fails(WHAT))?;
    if changes.is_empty() {
        return Err(unknown(&chunk));
    }
    Ok(Json(Page::whole(
        changes.into_iter().map(show::status_change).collect(),
    )))
}

/// Has a unit done again, whatever the transition table says; the history says that it was forced.
#[utoipa::path(post, path = "/api/work-units/{chunk}/retry", tag = "work units", params(("chunk" = String, Path)), responses((status = 200, body = WorkUnit), Refused))]
pub(super) async fn retry(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Place(chunk): Place<String>,
    keyed: Keyed,
) -> Answer<Json<WorkUnit>> {
    let input = UnitInput::Retry {
        by: caller.by().to_owned(),
    };
    match app
        .parts
        .engine
        .change_unit(chunk.clone(), vec![input], keyed.receipt(&chunk))
        .await
    {
        Ok(()) | Err(EngineError::Repeated { .. }) => read(&app, chunk).await.map(Json),
        Err(error) => Err(engine_says(format!("cannot retry the work unit `{chunk}`"))(
            error,
        )),
    }
}
