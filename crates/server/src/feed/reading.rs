//! One reader's way through the feed: the store until it has caught up, then its queue.

use super::hub::Hub;
use super::queue::{Overrun, Queue};
use super::translator::Translator;
use super::{Told, placed};
use crate::App;
use api::{Cursor, FeedClosed, FeedEnd, RunId, Topic};
use engine::ports::StoreError;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use store::Reader;
use tokio::sync::watch;

/// Events that are read at once while catching up.
const EVENTS: usize = 64;
/// A session that ended is noticed within this time.
const LOOK: Duration = Duration::from_millis(500);

/// What a reader wants.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pub(crate) topics: Vec<Topic>,
    pub(crate) run: Option<RunId>,
}

impl Filter {
    pub(super) fn wants(&self, told: &Told) -> bool {
        (self.topics.is_empty() || self.topics.contains(&told.topic))
            && (self.run.is_none() || self.run == told.run)
    }
}

/// A reader's place in the feed.
pub(crate) struct Reading {
    app: App,
    hub: Arc<Hub>,
    reader: Reader,
    translator: Translator,
    filter: Filter,
    session: Option<String>,
    stopping: watch::Receiver<bool>,
    /// What the reader has.
    cursor: Cursor,
    /// The last event that was read for it; its frames may still be in `ready`.
    read: u64,
    ready: VecDeque<Told>,
    queue: Option<Arc<Queue>>,
}

/// What comes next for a reader.
pub(crate) enum Next {
    /// A frame.
    Told(Told),
    /// Nothing more.
    Closed(FeedClosed),
}

impl Reading {
    pub(crate) fn new(app: &App, cursor: Cursor, filter: Filter, session: Option<String>) -> Self {
        let reader = app.parts.reader.clone();
        Self {
            app: app.clone(),
            hub: Arc::clone(&app.hub),
            translator: Translator::new(reader.clone()),
            reader,
            filter,
            session,
            stopping: app.stopping.subscribe(),
            cursor,
            read: cursor.position,
            ready: VecDeque::new(),
            queue: None,
        }
    }

    /// Where a reader that has everything so far goes on.
    pub(crate) const fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Why the daemon ends this reading now, and where it goes on.
    pub(crate) fn closed(&self, code: FeedEnd) -> FeedClosed {
        FeedClosed {
            code,
            resume: self.cursor.to_string(),
        }
    }

    /// Done when what waits for the reader has become too much; never while it catches up at its own pace.
    pub(super) async fn overrun(&self) {
        match &self.queue {
            Some(queue) => queue.overrun().await,
            None => std::future::pending().await,
        }
    }

    /// What comes next. May be dropped while waiting.
    pub(crate) async fn next(&mut self) -> Result<Next, StoreError> {
        loop {
            if *self.stopping.borrow() {
                return Ok(Next::Closed(self.closed(FeedEnd::Stopping)));
            }
            // Whoever reads slowly through a long history would otherwise go on for as long as it lasts.
            if self.is_logged_out() {
                return Ok(Next::Closed(self.closed(FeedEnd::LoggedOut)));
            }
            if let Some(told) = self.ready.pop_front() {
                return Ok(self.hand_out(told));
            }
            let Some(queue) = self.queue.clone() else {
                self.catch_up().await?;
                continue;
            };
            let app = self.app.clone();
            tokio::select! {
                told = queue.next() => match told {
                    Ok(told) => return Ok(self.hand_out(told)),
                    Err(Overrun) => return Ok(Next::Closed(self.closed(FeedEnd::SlowClient))),
                },
                _ = self.stopping.changed() => {}
                () = logged_out(&app, self.session.as_deref()) => {
                    return Ok(Next::Closed(self.closed(FeedEnd::LoggedOut)));
                }
            }
        }
    }

    fn is_logged_out(&self) -> bool {
        let session = self.session.as_deref();
        session.is_some_and(|session| !self.app.sessions.holds(session, self.app.now()))
    }

    fn hand_out(&mut self, told: Told) -> Next {
        self.cursor = told.cursor.unwrap_or(self.cursor);
        Next::Told(told)
    }

    /// Reads on in the store, or joins the others once there is nothing more to read.
    async fn catch_up(&mut self) -> Result<(), StoreError> {
        // Events without a frame for this reader count as seen, too.
        if self.read > self.cursor.position {
            self.cursor = Cursor::after(self.read);
        }
        let Cursor {
            position,
            frames: seen,
        } = self.cursor;
        let events = self.reader.events_after(position, EVENTS).await?;
        if events.is_empty() {
            self.queue = self.hub.join(position, &self.filter);
            return Ok(());
        }
        for event in &events {
            let skipped = if event.position == position + 1 {
                seen as usize
            } else {
                0
            };
            let frames = self.translator.frames(event).await?;
            let told = placed(event.position, &frames).skip(skipped);
            self.ready.extend(told.filter(|told| self.filter.wants(told)));
            self.read = event.position;
        }
        Ok(())
    }
}

/// Done when the session no longer holds; never, for those who have none.
async fn logged_out(app: &App, session: Option<&str>) {
    let Some(session) = session else {
        return std::future::pending().await;
    };
    while app.sessions.holds(session, app.now()) {
        tokio::time::sleep(LOOK).await;
    }
}
