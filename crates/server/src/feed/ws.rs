//! The feed over a WebSocket: each message is `{"id", "frame"}` or `{"closed"}`; a close names its reason.

use super::reading::{Next, Reading};
use super::{HEARTBEAT, WRITE_TIMEOUT};
use api::{FeedClosed, FeedEnd};
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// Messages that a reader may send: it has nothing to say.
const MESSAGES_MAX: u32 = 16;
const POLICY_VIOLATED: u16 = 1008;
const INTERNAL_ERROR: u16 = 1011;

const fn code(end: FeedEnd) -> u16 {
    match end {
        FeedEnd::Stopping => 1001,
        FeedEnd::LoggedOut => 4401,
        FeedEnd::SlowClient => 4408,
    }
}

/// Why a conversation ends.
enum End {
    /// The reader left, or takes nothing.
    Gone,
    /// We say why.
    Closed(CloseFrame),
}

/// Serves the feed until either side has enough.
pub(crate) async fn converse(mut socket: WebSocket, mut reading: Reading) {
    let end = talk(&mut socket, &mut reading).await;
    if let End::Closed(frame) = end {
        // Whether the reader hears it or not, the line ends here.
        let _ = send(&mut socket, Message::Close(Some(frame))).await;
    }
}

async fn talk(socket: &mut WebSocket, reading: &mut Reading) -> End {
    let mut heartbeat = interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = 0;
    // A live reader answers pings; one that has not for three of them is gone.
    let mut unanswered = 0;
    if send(socket, Message::Text(hello(reading))).await.is_err() {
        return End::Gone;
    }
    loop {
        let message = tokio::select! {
            next = reading.next() => match next {
                Ok(Next::Told(told)) => {
                    let id = told.cursor.map_or_else(|| "null".to_owned(), |cursor| format!("\"{cursor}\""));
                    Message::Text(format!("{{\"id\":{id},\"frame\":{}}}", told.json).into())
                }
                Ok(Next::Closed(closed)) => return End::Closed(farewell(&closed)),
                Err(error) => {
                    tracing::warn!(%error, "a feed cannot read the history");
                    return End::Closed(CloseFrame { code: INTERNAL_ERROR, reason: "store_unreadable".into() });
                }
            },
            _ = heartbeat.tick() => {
                unanswered += 1;
                if unanswered > 3 {
                    return End::Gone;
                }
                Message::Ping(Vec::new().into())
            }
            received = socket.recv() => match received {
                Some(Ok(Message::Pong(_))) => { unanswered = 0; continue }
                Some(Ok(Message::Ping(_) | Message::Text(_) | Message::Binary(_))) if heard < MESSAGES_MAX => {
                    heard += 1;
                    continue;
                }
                Some(Ok(Message::Ping(_) | Message::Text(_) | Message::Binary(_))) => {
                    return End::Closed(CloseFrame { code: POLICY_VIOLATED, reason: "too_many_messages".into() });
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return End::Gone,
            },
        };
        if let Err(end) = send(socket, message).await {
            return end;
        }
    }
}

async fn send(socket: &mut WebSocket, message: Message) -> Result<(), End> {
    let limit: Duration = WRITE_TIMEOUT;
    match tokio::time::timeout(limit, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::Gone),
        Err(_) => {
            tracing::info!(
                code = FeedEnd::SlowClient.word(),
                "a reader of the feed took nothing"
            );
            Err(End::Gone)
        }
    }
}

fn hello(reading: &Reading) -> Utf8Bytes {
    format!("{{\"id\":\"{}\",\"frame\":null}}", reading.cursor()).into()
}

fn farewell(closed: &FeedClosed) -> CloseFrame {
    // A close reason has 123 bytes at most; this has half of that.
    CloseFrame {
        code: code(closed.code),
        reason: format!("{}: resume after {}", closed.code.word(), closed.resume).into(),
    }
}
