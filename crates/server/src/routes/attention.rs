//! Attention: what waits for a person, and the answers to it.

use super::shown;
use super::wish::Wish;
use crate::App;
use crate::reply::{Answer, Json, Parameters, Place, Refused, not_found, read_fails};
use crate::{room, show};
use api::{Attention, AttentionId, Choice, Page, Problem};
use axum::extract::State;
use axum::http::StatusCode;
use domain::Input;
use serde::Deserialize;
use utoipa::IntoParams;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListAsk {
    /// The `next` of the page before.
    cursor: Option<String>,
    /// Items of runs at most: 50 unless said, never more than 500.
    limit: Option<u32>,
}

/// What waits for a person, oldest first.
///
/// What the daemon itself needs, where there is such a thing, comes before all that runs ask.
#[utoipa::path(get, path = "/api/attention", tag = "attention", params(ListAsk), responses((status = 200, body = Page<Attention>), Refused))]
pub(super) async fn list(
    State(app): State<App>,
    Parameters(ask): Parameters<ListAsk>,
) -> Answer<Json<Page<Attention>>> {
    let own = match ask.cursor {
        None => app.room.wanted(&app.parts.daemon.home),
        Some(_) => None,
    };
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
    let mut page = shown::page(page, show::attention)?;
    page.0.items.splice(..0, own);
    Ok(page)
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
    Place(id): Place<AttentionId>,
    wish: Wish,
    Json(answer): Json<api::Answer>,
) -> Answer<StatusCode> {
    let what = format!("cannot answer {id}");
    if room::is_room(id) {
        return Err(ends_by_itself(what));
    }
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
    wish.tell(&app, item.run, what, |by| Input::Answered {
        attention: item.id,
        choice: show::choice_of(answer.choice),
        text: answer.text.unwrap_or_default(),
        by,
    })
    .await
}

fn ends_by_itself(what: String) -> Refused {
    Problem::new(409, "wrong_choice", "this takes no answer", what)
        .because("it disappears once there is room")
        .hint("make room on the disk that it names")
        .into()
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
