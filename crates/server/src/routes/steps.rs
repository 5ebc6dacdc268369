//! Single steps of a run.

use super::runs::read;
use super::wish::Wish;
use crate::App;
use crate::reply::{Answer, Json, Place, Refused, not_found, read_fails};
use crate::show;
use api::{ChatId, StepOutput};
use axum::extract::State;
use axum::http::StatusCode;
use domain::{Input, StepKey};

const LISTED: &str = "`partita run show` lists the steps of a run";

/// Does a step instance again that failed.
#[utoipa::path(post, path = "/api/runs/{id}/steps/{step}/retry", tag = "runs", params(("id" = String, Path), ("step" = String, Path, description = "`fold`, or `angles[2]`.")), responses((status = 204), Refused))]
pub(super) async fn retry(
    State(app): State<App>,
    Place((name, step)): Place<(String, String)>,
    wish: Wish,
) -> Answer<StatusCode> {
    let key = Some(key(&step, &name)?);
    let verb = format!("retry the step `{step}` of");
    wish.tell_named(&app, &name, &verb, |by| Input::Retry { key, by })
        .await
}

/// Goes on without a step instance.
#[utoipa::path(post, path = "/api/runs/{id}/steps/{step}/skip", tag = "runs", params(("id" = String, Path), ("step" = String, Path, description = "`fold`, or `angles[2]`.")), responses((status = 204), Refused))]
pub(super) async fn skip(
    State(app): State<App>,
    Place((name, step)): Place<(String, String)>,
    wish: Wish,
) -> Answer<StatusCode> {
    let key = key(&step, &name)?;
    let verb = format!("skip the step `{step}` of");
    wish.tell_named(&app, &name, &verb, |by| Input::Skip { key, by })
        .await
}

fn key(step: &str, run: &str) -> Answer<StepKey> {
    let what = format!("cannot find the step `{step}` of the run `{run}`");
    step.parse()
        .map_err(|_| not_found("unknown_step", "step", step, what).hint(LISTED))
}

/// What a step instance handed over, by the key of its output stream.
#[utoipa::path(get, path = "/api/runs/{id}/outputs/{chat_id}", tag = "runs", params(("id" = String, Path), ("chat_id" = ChatId, Path)), responses((status = 200, body = StepOutput), Refused))]
pub(super) async fn output(
    State(app): State<App>,
    Place((name, chat)): Place<(String, ChatId)>,
) -> Answer<Json<StepOutput>> {
    let what = format!("cannot show an output of the run `{name}`");
    let detail = read(&app, &name, &what).await?;
    if !detail.steps.iter().any(|step| show::id(step.chat) == chat) {
        return Err(not_found("unknown_step", "step", &chat.to_string(), what).hint(LISTED));
    }
    let output = app
        .parts
        .reader
        .step_output(show::id(chat))
        .await
        .map_err(read_fails("show an output"))?;
    Ok(Json(StepOutput {
        output: output.unwrap_or_default(),
    }))
}
