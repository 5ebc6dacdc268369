//! The feed: a WebSocket when the request asks for one, else server-sent events.

use crate::App;
use crate::feed::{Filter, Reading, converse, stream};
use crate::guard::Caller;
use crate::listen::Hangup;
use crate::reply::{Answer, Parameters, Refused, store_fails};
use api::{Cursor, Frame, Problem, RunId, Topic};
use axum::Extension;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use serde::Deserialize;
use std::str::FromStr;
use utoipa::IntoParams;

/// Readers at once at most.
const READERS_MAX: usize = 256;
/// A reader has nothing to say; what it says anyway is this long at most.
const MESSAGE_BYTES_MAX: usize = 4 * 1024;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct FeedAsk {
    /// Everything after this: a position, or the `id` of a frame. Without it, what happens from now on.
    after: Option<String>,
    /// Only these, with commas between them: `work_units`, `attention`, `runs`, `content`. Everything unless said.
    topics: Option<String>,
    /// Only what is about this run.
    run_id: Option<RunId>,
}

/// What happens, as it happens. Resumes after any position, without gap or double. Server-sent events carry a frame as
/// `data` and its place as `id`; a WebSocket's messages are `{"id", "frame"}`. A reader that does not keep up is
/// closed with `slow_client` and the place to resume from.
#[utoipa::path(
    get,
    path = "/api/feed",
    tag = "feed",
    params(FeedAsk),
    responses((status = 200, body = Frame, content_type = "text/event-stream"), (status = 101, description = "A WebSocket."), Refused)
)]
pub(super) async fn feed(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Parameters(ask): Parameters<FeedAsk>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    request: Request,
) -> Answer<Response> {
    let filter = Filter {
        topics: topics(ask.topics.as_deref())?,
        run: ask.run_id,
    };
    let cursor = place(&app, ask.after.as_deref(), request.headers()).await?;
    if app.hub.readers() >= READERS_MAX {
        let problem = Problem::new(503, "too_many_readers", "the feed has too many readers", WHAT);
        return Err(problem.hint("close one, or try again in a moment").into());
    }
    let session = match caller {
        Caller::Page { session } => Some(session),
        Caller::Socket | Caller::Token | Caller::Stranger => None,
    };
    let reading = Reading::new(&app, cursor, filter, session);
    let wants_socket = request.headers().contains_key(header::UPGRADE);
    match upgrade {
        Ok(upgrade) => Ok(upgrade
            .max_message_size(MESSAGE_BYTES_MAX)
            .max_frame_size(MESSAGE_BYTES_MAX)
            .on_upgrade(move |socket| converse(socket, reading))),
        Err(error) if wants_socket => Err(Problem::new(
            400,
            "bad_upgrade",
            "the request is no proper WebSocket upgrade",
            WHAT,
        )
        .because(error.body_text())
        .into()),
        Err(_) => Ok(stream(reading, request.extensions().get::<Hangup>().cloned())),
    }
}

const WHAT: &str = "cannot open the feed";

fn topics(text: Option<&str>) -> Answer<Vec<Topic>> {
    let words = text
        .unwrap_or_default()
        .split(',')
        .filter(|word| !word.is_empty());
    words
        .map(Topic::from_str)
        .collect::<Result<_, _>>()
        .map_err(|error| wrong("topics", error.to_string()))
}

/// Where to begin: where the reader says (a browser says so by itself when it comes back), or now.
async fn place(app: &App, after: Option<&str>, headers: &HeaderMap) -> Answer<Cursor> {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let now = app
        .parts
        .reader
        .position()
        .await
        .map_err(store_fails("open the feed"))?;
    let Some(text) = last.or(after) else {
        return Ok(Cursor::after(now));
    };
    let cursor: Cursor = text
        .parse()
        .map_err(|error: api::NotACursor| wrong("after", error.to_string()))?;
    if cursor.position > now {
        let problem = Problem::new(
            409,
            "unknown_position",
            "the history does not reach this far",
            WHAT,
        )
        .because(format!(
            "the last event is {now}, and events after {text} were asked for"
        ))
        .hint(format!("read the state anew, then resume after {now}"));
        return Err(problem.at("after", "is ahead of the history").into());
    }
    Ok(cursor)
}

fn wrong(at: &str, because: String) -> Refused {
    Problem::new(
        400,
        "wrong_parameters",
        "the parameters are not what the route takes",
        WHAT,
    )
    .because(because.clone())
    .at(at, because)
    .into()
}
