//! What came of a run: its report and what it changed.

use super::projects::folder;
use super::runs::read;
use crate::App;
use crate::reply::{Answer, Json, Parameters, Place, Refused, engine_says, git_says, store_fails};
use crate::show;
use api::{Diff, Problem};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use engine::EngineError;
use engine::ports::Definitions;
use serde::Deserialize;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Format {
    Markdown,
    Json,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ReportAsk {
    /// `markdown` or `json`; what `Accept` prefers unless said, and JSON where it does not.
    #[param(inline)]
    format: Option<Format>,
}

/// The report of a run, rendered from what it stored, as far as it has come.
#[utoipa::path(
    get,
    path = "/api/runs/{id}/report",
    tag = "runs",
    params(("id" = String, Path), ReportAsk),
    responses(
        (status = 200, content((Object = "application/json"), (String = "text/markdown"))),
        Refused
    )
)]
pub(super) async fn report(
    State(app): State<App>,
    Place(name): Place<String>,
    Parameters(ask): Parameters<ReportAsk>,
    headers: HeaderMap,
) -> Answer<Response> {
    let what = format!("cannot show the report of the run `{name}`");
    let detail = read(&app, &name, &what).await?;
    let format = ask.format.unwrap_or_else(|| preferred(&headers));
    if let (Format::Markdown, Some(report)) = (format, detail.report) {
        return Ok(markdown(report));
    }
    let says = || engine_says(what.clone());
    let run = engine::read_run(&*app.parts.store, detail.run.id)
        .await
        .map_err(says())?;
    let library = Arc::clone(&app.parts.library);
    let hash = run.start().flow.hash.clone();
    if !library.has(&hash) {
        let bundle = app
            .parts
            .store
            .blob(hash)
            .await
            .map_err(store_fails("read a run's definition"))?;
        library
            .restore(&bundle)
            .map_err(|error| says()(EngineError::Definition(error)))?;
    }
    match format {
        Format::Markdown => library.report(&run).map(markdown),
        Format::Json => library
            .report_json(&run)
            .map(|report| Json(report).into_response()),
    }
    .map_err(|error| says()(EngineError::Definition(error)))
}

fn markdown(report: String) -> Response {
    ([(header::CONTENT_TYPE, "text/markdown; charset=utf-8")], report).into_response()
}

fn preferred(headers: &HeaderMap) -> Format {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .unwrap_or_default();
    let first = accept
        .split(',')
        .map(|kind| kind.split(';').next().unwrap_or_default().trim());
    let mut known = first.filter_map(|kind| match kind {
        "text/markdown" | "text/plain" | "text/*" => Some(Format::Markdown),
        "application/json" => Some(Format::Json),
        _ => None,
    });
    known.next().unwrap_or(Format::Json)
}

/// What a run changed, from where it started to where its branch is.
#[utoipa::path(get, path = "/api/runs/{id}/diff", tag = "runs", params(("id" = String, Path)), responses((status = 200, body = Diff), Refused))]
pub(super) async fn diff(State(app): State<App>, Place(name): Place<String>) -> Answer<Json<Diff>> {
    let what = format!("cannot show what the run `{name}` changed");
    let run = read(&app, &name, &what).await?.run;
    if run.base.is_empty() {
        let problem = Problem::new(409, "no_git", "the project has no git", what);
        return Err(problem
            .because("without git, a run's changes stay in its own folder")
            .hint("`partita worktree list` says where that is")
            .into());
    }
    let Some(head) = run.head else {
        return Ok(Json(Diff {
            files: Vec::new(),
            text: String::new(),
            is_cut: false,
        }));
    };
    let folder = folder(&app, show::id(run.project), &what)?;
    app.parts
        .projects
        .diff(folder, run.base, head)
        .await
        .map(Json)
        .map_err(git_says(what))
}
