//! The feed as server-sent events: `id` is the place after a frame, `data` the frame, comments keep the line alive.

use super::reading::{Next, Reading};
use super::{FAREWELL, HEARTBEAT, patience};
use crate::listen::Hangup;
use api::{FeedClosed, FeedEnd};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use std::convert::Infallible;
use tokio::sync::mpsc;

/// Lines between the task that writes and the connection that sends.
const LINES: usize = 16;

/// A line, and whether it is the last.
type Line = (Event, bool);

/// Answers with the feed. A task of its own writes it, because a reader that does not read is never asked for more.
pub(crate) fn stream(reading: Reading, hangup: Option<Hangup>) -> Response {
    let (lines, taken) = mpsc::channel::<Line>(LINES + 1);
    tokio::spawn(write(reading, lines, hangup));
    let taken = futures::stream::unfold(Some(taken), |taken| async {
        let mut taken = taken?;
        let (event, is_last) = taken.recv().await?;
        Some((Ok::<_, Infallible>(event), (!is_last).then_some(taken)))
    });
    Sse::new(taken)
        .keep_alive(KeepAlive::new().interval(HEARTBEAT).text("beat"))
        .into_response()
}

async fn write(mut reading: Reading, lines: mpsc::Sender<Line>, hangup: Option<Hangup>) {
    // There is always room for a goodbye, however full the line is.
    let Ok(farewell) = lines.clone().try_reserve_owned() else {
        return;
    };
    let Some(closed) = tell(&mut reading, &lines).await else {
        return;
    };
    drop(reading);
    let data = serde_json::to_string(&closed).unwrap_or_default();
    farewell.send((Event::default().event("closed").data(data), true));
    // A reader that takes nothing hears nothing: its line goes dead, and its cursor brings it back.
    if tokio::time::timeout(FAREWELL, lines.closed()).await.is_err()
        && let Some(hangup) = hangup
    {
        tracing::info!(
            code = closed.code.word(),
            "a reader of the feed did not take its goodbye"
        );
        hangup.0.cancel();
    }
}

/// Tells all there is to tell; gives the goodbye, or none when the reader left.
async fn tell(reading: &mut Reading, lines: &mpsc::Sender<Line>) -> Option<FeedClosed> {
    let place = reading.cursor().to_string();
    let hello = Event::default().event("hello").id(place).data("{}");
    lines.send((hello, false)).await.ok()?;
    loop {
        let before = reading.cursor();
        let next = tokio::select! {
            next = reading.next() => next,
            () = lines.closed() => return None,
        };
        let told = match next {
            Ok(Next::Told(told)) => told,
            Ok(Next::Closed(closed)) => return Some(closed),
            Err(error) => {
                tracing::warn!(%error, "a feed cannot read the history");
                return None;
            }
        };
        let event = Event::default().data(&told.json);
        let event = match told.cursor {
            Some(cursor) => event.id(cursor.to_string()),
            None => event,
        };
        let sent = tokio::select! {
            sent = tokio::time::timeout(patience(), lines.send((event, false))) => sent.ok(),
            () = reading.overrun() => None,
        };
        match sent {
            Some(sent) => sent.ok()?,
            // The frame in hand was not delivered: the reader goes on before it.
            None => {
                let (code, resume) = (FeedEnd::SlowClient, before.to_string());
                return Some(FeedClosed { code, resume });
            }
        }
    }
}
