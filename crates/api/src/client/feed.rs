//! The feed as one endless reading: connects, reads, comes back by itself to where it was.

use super::content::Contents;
use super::sse::{Event, Parser};
use super::{Ask, Client, ClientError, Pair, error};
use crate::{Cursor, FeedClosed, Frame, RunId, Topic};
use futures::Stream;
use reqwest::Response;
use std::collections::VecDeque;
use std::time::Duration;

/// The first pause before another try to connect; doubled with each.
const PAUSE: Duration = Duration::from_millis(100);
/// No pause is longer.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// What a reader of the feed wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedAsk {
    /// Everything after this; none for what happens from now on.
    pub after: Option<Cursor>,
    /// Only these; everything when empty.
    pub topics: Vec<Topic>,
    /// Only what is about this run.
    pub run: Option<RunId>,
    /// How long a daemon may be gone before the reading ends with an error.
    pub patience: Duration,
}

impl Default for FeedAsk {
    fn default() -> Self {
        Self {
            after: None,
            topics: Vec::new(),
            run: None,
            patience: Duration::from_secs(30),
        }
    }
}

/// A frame and the place after it.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedItem {
    /// Where a reader that has seen this goes on.
    pub cursor: Cursor,
    /// What happened.
    pub frame: Frame,
}

/// A reading of the feed.
pub struct Feed {
    client: Client,
    ask: FeedAsk,
    cursor: Option<Cursor>,
    connection: Option<Connection>,
    contents: Contents,
    ready: VecDeque<FeedItem>,
}

struct Connection {
    response: Response,
    parser: Parser,
    events: VecDeque<Event>,
}

impl Client {
    /// Reads the feed. Nothing is connected before the first [`Feed::next`].
    #[must_use]
    pub fn feed(&self, ask: FeedAsk) -> Feed {
        Feed {
            client: self.clone(),
            cursor: ask.after,
            contents: Contents::new(&ask.topics),
            ask,
            connection: None,
            ready: VecDeque::new(),
        }
    }
}

impl Feed {
    /// The next frame. Waits for as long as nothing happens; a lost connection is made again at the same place. After
    /// an error it may be called again, and goes on there.
    ///
    /// # Errors
    /// When the daemon stays away for longer than the reader's patience, or says no.
    pub async fn next(&mut self) -> Result<FeedItem, ClientError> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Ok(item);
            }
            let Some(event) = self.event().await? else {
                continue;
            };
            if event.event == "closed" {
                self.close(&event);
            } else {
                self.take(&event).await?;
            }
        }
    }

    /// Connects now, so that nothing that happens from here on is missed. Without this, the first `next` does.
    ///
    /// # Errors
    /// As `next`.
    pub async fn open(&mut self) -> Result<(), ClientError> {
        if self.connection.is_none() {
            self.reconnect().await?;
        }
        Ok(())
    }

    /// The frames as a stream; it ends after the first error.
    pub fn into_stream(self) -> impl Stream<Item = Result<FeedItem, ClientError>> + Send {
        futures::stream::unfold(Some(self), |feed| async {
            let mut feed = feed?;
            match feed.next().await {
                Ok(item) => Some((Ok(item), Some(feed))),
                Err(error) => Some((Err(error), None)),
            }
        })
    }

    /// Where a reader that has seen everything so far goes on.
    #[must_use]
    pub const fn cursor(&self) -> Option<Cursor> {
        self.cursor
    }

    /// The next event of the connection, making one where there is none; none when it broke.
    async fn event(&mut self) -> Result<Option<Event>, ClientError> {
        if self.connection.is_none() {
            self.reconnect().await?;
        }
        let Some(connection) = &mut self.connection else {
            return Ok(None);
        };
        if let Some(event) = connection.events.pop_front() {
            return Ok(Some(event));
        }
        match connection.response.chunk().await {
            Ok(Some(bytes)) => match connection.parser.take(&bytes) {
                Some(events) => connection.events.extend(events),
                None => return Err(ClientError::Protocol("a frame has no end".to_owned())),
            },
            Ok(None) | Err(_) => self.connection = None,
        }
        Ok(None)
    }

    /// The daemon closed the feed of its own accord and says where to go on.
    fn close(&mut self, event: &Event) {
        self.connection = None;
        let closed: Option<FeedClosed> = serde_json::from_str(&event.data).ok();
        if let Some(resume) = closed.and_then(|closed| closed.resume.parse().ok()) {
            self.cursor = Some(resume);
        }
    }

    async fn take(&mut self, event: &Event) -> Result<(), ClientError> {
        if event.event == "hello" {
            self.cursor = self.cursor.or_else(|| event.id.as_ref()?.parse().ok());
            return Ok(());
        }
        let frame: Frame = serde_json::from_str(&event.data)
            .map_err(|error| ClientError::Protocol(format!("a frame is not what was expected: {error}")))?;
        let place = match &event.id {
            Some(id) => id
                .parse()
                .map_err(|error: crate::NotACursor| ClientError::Protocol(error.to_string()))?,
            None => self.cursor.unwrap_or(Cursor::after(frame.position())),
        };
        let missed = self.contents.missed(&self.client, &frame).await?;
        let before = self.cursor.unwrap_or(place);
        self.ready.extend(missed.into_iter().map(|frame| FeedItem {
            cursor: before,
            frame,
        }));
        self.cursor = Some(place);
        if self.contents.accept(&frame) {
            self.ready.push_back(FeedItem { cursor: place, frame });
        }
        Ok(())
    }

    /// Connects, as often as the reader's patience allows.
    async fn reconnect(&mut self) -> Result<(), ClientError> {
        let mut pause = PAUSE;
        let mut waited = Duration::ZERO;
        loop {
            match self.connect().await {
                Ok(connection) => {
                    self.connection = Some(connection);
                    return Ok(());
                }
                Err(error) if is_lasting(&error) || waited >= self.ask.patience => return Err(error),
                Err(_) => {
                    tokio::time::sleep(pause).await;
                    waited += pause;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }

    async fn connect(&self) -> Result<Connection, ClientError> {
        let topics: Vec<&str> = self.ask.topics.iter().map(|topic| topic.word()).collect();
        let ask = Ask::get("/feed")
            .accept("text/event-stream")
            .with("after", self.cursor)
            .with("topics", (!topics.is_empty()).then(|| topics.join(",")))
            .with("run_id", self.ask.run);
        let send = |pair: &Pair, base: &str, token: Option<&str>| {
            self.client.request(&pair.feeds, &ask, base, token)
        };
        let response = self.client.send(send).await?;
        let status = response.status();
        if !status.is_success() {
            let bytes = response
                .bytes()
                .await
                .map_err(|error| self.client.failed(&error))?;
            return Err(error::refused(status, &bytes));
        }
        Ok(Connection {
            response,
            parser: Parser::default(),
            events: VecDeque::new(),
        })
    }
}

/// Whether trying again changes nothing.
fn is_lasting(error: &ClientError) -> bool {
    match error {
        ClientError::NotRunning { .. } | ClientError::Timeout | ClientError::Lost(_) => false,
        ClientError::Problem(problem) => problem.status < 500,
        ClientError::Protocol(_) => true,
    }
}
