//! The feed over a WebSocket: each message is `{"id", "frame"}` or `{"closed"}`; a close names its reason.

use super::reading::{Next, Reading};
use super::{FAREWELL, HEARTBEAT, patience};
use api::{FeedClosed, FeedEnd};
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use std::pin::pin;
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
        let _ = tokio::time::timeout(FAREWELL, take_leave(&mut socket, frame)).await;
    }
}

/// Says goodbye and waits for the answer: a line that is closed over words that nobody read is reset, and the reader loses
/// what it had not read either.
async fn take_leave(socket: &mut WebSocket, frame: CloseFrame) {
    if socket.send(Message::Close(Some(frame))).await.is_err() {
        return;
    }
    while let Some(Ok(_)) = socket.recv().await {}
}

async fn talk(socket: &mut WebSocket, reading: &mut Reading) -> End {
    let mut heartbeat = interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = 0;
    // A live reader answers pings; one that has not for three of them is gone.
    let mut unanswered = 0;
    if let Err(end) = send(socket, Message::Text(hello(reading)), reading).await {
        return end;
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
        if let Err(end) = send(socket, message, reading).await {
            return end;
        }
    }
}

/// Sends, unless the reader takes nothing, or what waits for it has become too much. It then gets a last chance to take
/// what is on its way, and to hear why nothing follows.
async fn send(socket: &mut WebSocket, message: Message, reading: &Reading) -> Result<(), End> {
    let mut sending = pin!(socket.send(message));
    let sent = tokio::select! {
        biased;
        sent = &mut sending => Some(sent),
        () = tokio::time::sleep(patience()) => None,
        () = reading.overrun() => None,
    };
    if let Some(sent) = sent {
        return sent.map_err(|_| End::Gone);
    }
    let closed = reading.closed(FeedEnd::SlowClient);
    tracing::info!(code = closed.code.word(), "a reader of the feed took nothing");
    match tokio::time::timeout(FAREWELL, sending).await {
        Ok(Ok(())) => Err(End::Closed(farewell(&closed))),
        Ok(Err(_)) | Err(_) => Err(End::Gone),
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
