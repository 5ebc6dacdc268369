//! Flows: what can be run.

use super::projects::{folder, resolve};
use super::shown::unshown;
use crate::App;
use crate::reply::{Answer, Json, Parameters, Place, Refused, engine_says};
use crate::show;
use api::{Flow, Page, Problem, ProjectId};
use axum::extract::State;
use engine::EngineError;
use flows::Listed;
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::Arc;
use utoipa::IntoParams;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Where {
    /// With the flows of this project.
    project_id: Option<ProjectId>,
    /// With the flows of this folder, project or not; absolute.
    project_path: Option<String>,
}

/// The flows that can be chosen, by name. A broken file is listed with what is wrong with it.
#[utoipa::path(get, path = "/api/flows", tag = "flows", params(Where), responses((status = 200, body = Page<Flow>), Refused))]
pub(super) async fn list(
    State(app): State<App>,
    Parameters(place): Parameters<Where>,
) -> Answer<Json<Page<Flow>>> {
    let folder = place.folder(&app, "cannot list the flows").await?;
    let library = Arc::clone(&app.parts.library);
    let found = off_the_loop(move || library.list(folder.as_deref())).await?;
    let flows = found
        .into_iter()
        .map(show::flow)
        .collect::<Result<_, _>>()
        .map_err(unshown)?;
    Ok(Json(Page::whole(flows)))
}

/// One flow, with its steps and inputs.
#[utoipa::path(get, path = "/api/flows/{name}", tag = "flows", params(("name" = String, Path), Where), responses((status = 200, body = Flow), Refused))]
pub(super) async fn show(
    State(app): State<App>,
    Place(name): Place<String>,
    Parameters(place): Parameters<Where>,
) -> Answer<Json<Flow>> {
    let what = format!("cannot show the flow `{name}`");
    let folder = place.folder(&app, &what).await?;
    let found = known_flow(&app, folder, name, &what).await?;
    show::flow(found).map(Json).map_err(unshown)
}

/// A flow of that name, whether it can be used or not.
pub(super) async fn known_flow(
    app: &App,
    folder: Option<PathBuf>,
    name: String,
    what: &str,
) -> Answer<Listed> {
    let library = Arc::clone(&app.parts.library);
    let found = off_the_loop(move || library.show(folder.as_deref(), &name)).await?;
    found.map_err(|error| engine_says(what)(EngineError::Definition(error)))
}

impl Where {
    async fn folder(&self, app: &App, what: &str) -> Answer<Option<PathBuf>> {
        match (self.project_id, &self.project_path) {
            (None, None) => Ok(None),
            (Some(id), None) => folder(app, id, what).map(Some),
            (None, Some(path)) => resolve(path, what, "project_path").await.map(Some),
            (Some(_), Some(_)) => Err(Problem::new(
                400,
                "wrong_parameters",
                "the parameters are not what the route takes",
                what,
            )
            .because("`project_id` and `project_path` exclude each other")
            .into()),
        }
    }
}

/// Definitions are read from files: not on a thread that serves everybody.
async fn off_the_loop<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Answer<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| unshown(error.to_string()))
}
