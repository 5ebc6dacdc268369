//! The feed as server-sent events: `id` is the place after a frame, `data` the frame, comments keep the line alive.

use super::reading::{Next, Reading};
use super::{HEARTBEAT, WRITE_TIMEOUT};
use crate::listen::Hangup;
use api::FeedEnd;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use std::convert::Infallible;
use tokio::sync::mpsc;

/// Answers with the feed. A task of its own writes it, because a reader that does not read is never asked for more.
pub(crate) fn stream(reading: Reading, hangup: Option<Hangup>) -> Response {
    let (lines, taken) = mpsc::channel(16);
    tokio::spawn(write(reading, lines, hangup));
    let taken = futures::stream::unfold(taken, |mut taken| async {
        let event: Option<Event> = taken.recv().await;
        event.map(|event| (Ok::<_, Infallible>(event), taken))
    });
    Sse::new(taken)
        .keep_alive(KeepAlive::new().interval(HEARTBEAT).text("beat"))
        .into_response()
}

async fn write(mut reading: Reading, lines: mpsc::Sender<Event>, hangup: Option<Hangup>) {
    let hello = Event::default()
        .event("hello")
        .id(reading.cursor().to_string())
        .data("{}");
    if lines.send(hello).await.is_err() {
        return;
    }
    loop {
        let next = tokio::select! {
            next = reading.next() => next,
            () = lines.closed() => return,
        };
        let (event, is_last) = match next {
            Ok(Next::Told(told)) => {
                let event = Event::default().data(&told.json);
                (
                    told.cursor
                        .map_or(event.clone(), |cursor| event.id(cursor.to_string())),
                    false,
                )
            }
            Ok(Next::Closed(closed)) => {
                let data = serde_json::to_string(&closed).unwrap_or_default();
                (Event::default().event("closed").data(data), true)
            }
            Err(error) => {
                tracing::warn!(%error, "a feed cannot read the history");
                return;
            }
        };
        match tokio::time::timeout(WRITE_TIMEOUT, lines.send(event)).await {
            Ok(Ok(())) if !is_last => {}
            Ok(Ok(()) | Err(_)) => return,
            // It takes nothing at all, so it cannot be told why: the line goes dead, and its cursor brings it back.
            Err(_) => {
                tracing::info!(
                    code = FeedEnd::SlowClient.word(),
                    "a reader of the feed took nothing"
                );
                if let Some(hangup) = hangup {
                    hangup.0.cancel();
                }
                return;
            }
        }
    }
}
