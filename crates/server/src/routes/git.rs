//! What git says of a project. Shows; changes nothing.

use super::projects::folder;
use crate::App;
use crate::reply::{Answer, Json, Parameters, Place, Refused, git_says};
use api::{Branch, Commit, Diff, GitStatus, Page, ProjectId};
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

const COMMITS_USUAL: u32 = 50;
const COMMITS_MAX: u32 = 500;

/// The state of a project's checkout.
#[utoipa::path(get, path = "/api/projects/{id}/git/status", tag = "projects", params(("id" = ProjectId, Path)), responses((status = 200, body = GitStatus), Refused))]
pub(super) async fn status(State(app): State<App>, Place(id): Place<ProjectId>) -> Answer<Json<GitStatus>> {
    let what = "cannot show the state of the checkout";
    let folder = folder(&app, id, what)?;
    app.parts
        .projects
        .status(folder)
        .await
        .map(Json)
        .map_err(git_says(what))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LogAsk {
    /// Leave out what this branch, tag or commit reaches.
    since: Option<String>,
    /// Begin at this branch, tag or commit; at what is checked out unless said.
    until: Option<String>,
    /// Commits at most: 50 unless said, never more than 500.
    limit: Option<u32>,
}

/// The newest commits.
#[utoipa::path(get, path = "/api/projects/{id}/git/log", tag = "projects", params(("id" = ProjectId, Path), LogAsk), responses((status = 200, body = Page<Commit>), Refused))]
pub(super) async fn log(
    State(app): State<App>,
    Place(id): Place<ProjectId>,
    Parameters(ask): Parameters<LogAsk>,
) -> Answer<Json<Page<Commit>>> {
    let what = "cannot show the log";
    let folder = folder(&app, id, what)?;
    let most = ask.limit.unwrap_or(COMMITS_USUAL).clamp(1, COMMITS_MAX);
    let commits = app.parts.projects.log(folder, ask.since, ask.until, most).await;
    Ok(Json(Page::whole(commits.map_err(git_says(what))?)))
}

/// The branches, newest first.
#[utoipa::path(get, path = "/api/projects/{id}/git/branches", tag = "projects", params(("id" = ProjectId, Path)), responses((status = 200, body = Page<Branch>), Refused))]
pub(super) async fn branches(
    State(app): State<App>,
    Place(id): Place<ProjectId>,
) -> Answer<Json<Page<Branch>>> {
    let what = "cannot list the branches";
    let folder = folder(&app, id, what)?;
    let branches = app
        .parts
        .projects
        .branches(folder)
        .await
        .map_err(git_says(what))?;
    Ok(Json(Page::whole(branches)))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DiffAsk {
    /// From this branch, tag or commit.
    base: String,
    /// To this one.
    head: String,
}

/// What differs between two commits, branches or tags.
#[utoipa::path(get, path = "/api/projects/{id}/git/diff", tag = "projects", params(("id" = ProjectId, Path), DiffAsk), responses((status = 200, body = Diff), Refused))]
pub(super) async fn diff(
    State(app): State<App>,
    Place(id): Place<ProjectId>,
    Parameters(ask): Parameters<DiffAsk>,
) -> Answer<Json<Diff>> {
    let what = "cannot show what differs";
    let folder = folder(&app, id, what)?;
    let diff = app.parts.projects.diff(folder, ask.base, ask.head).await;
    diff.map(Json).map_err(git_says(what))
}
