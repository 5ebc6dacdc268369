//! Attention: what waits for a person, and the answers to it.

use super::flows::unshown;
use crate::App;
use crate::guard::Caller;
use crate::reply::{Answer, Json, Keyed, Parameters, Place, Refused, engine_says, not_found, read_fails};
use crate::show;
use api::{Attention, AttentionId, Choice, Page, Problem};
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use domain::Input;
use engine::EngineError;
use serde::Deserialize;
use utoipa::IntoParams;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListAsk {
    /// The `next` of the page before.
    cursor: Option<String>,
    /// Items at most: 50 unless said, never more than 500.
    limit: Option<u32>,
}

/// What waits for a person, oldest first.
#[utoipa::path(get, path = "/api/attention", tag = "attention", params(ListAsk), responses((status = 200, body = Page<Attention>), Refused))]
pub(super) async fn list(
    State(app): State<App>,
    Parameters(ask): Parameters<ListAsk>,
) -> Answer<Json<Page<Attention>>> {
    let page = store::PageAsk {
        after: ask.cursor,
        limit: ask.limit,
    };
    let page = app
        .parts
        .reader
        .open_attention(page)
        .await
        .map_err(read_fails("list what waits"))?;
    let items = page
        .items
        .into_iter()
        .map(show::attention)
        .collect::<Result<_, _>>()
        .map_err(unshown)?;
    Ok(Json(Page {
        items,
        next: page.next,
    }))
}

/// Answers. An approval of commands names the hash of what was shown.
#[utoipa::path(
    post,
    path = "/api/attention/{id}/answer",
    tag = "attention",
    params(("id" = AttentionId, Path)),
    request_body = api::Answer,
    responses((status = 204), Refused)
)]
pub(super) async fn answer(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Place(id): Place<AttentionId>,
    keyed: Keyed,
    Json(answer): Json<api::Answer>,
) -> Answer<StatusCode> {
    let what = format!("cannot answer {id}");
    let found = app
        .parts
        .reader
        .attention(show::id(id))
        .await
        .map_err(read_fails("find what waits"))?;
    let item = found.ok_or_else(|| {
        not_found(
            "unknown_attention",
            "attention item",
            &id.to_string(),
            what.as_str(),
        )
    })?;
    if answer.choice == Choice::Approve && item.trusts != answer.trusts {
        return Err(not_what_was_shown(what));
    }
    let input = Input::Answered {
        attention: item.id,
        choice: show::choice_of(answer.choice),
        text: answer.text.unwrap_or_default(),
        by: caller.by().to_owned(),
    };
    match app
        .parts
        .engine
        .tell_run(item.run, input, keyed.receipt(id))
        .await
    {
        Ok(()) | Err(EngineError::Repeated { .. }) => Ok(StatusCode::NO_CONTENT),
        Err(error) => Err(engine_says(what)(error)),
    }
}

fn not_what_was_shown(what: String) -> Refused {
    Problem::new(
        409,
        "not_what_was_shown",
        "the approval is not of what the item shows",
        what,
    )
    .because("`trusts` is not the hash that the item carries")
    .hint("read the item again, and send its `trusts` along with the approval")
    .at("/trusts", "is not the item's")
    .into()
}
