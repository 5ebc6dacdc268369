//! One reader's way through the feed: the store until it has caught up, then its queue.

use super::hub::Hub;
use super::queue::{Overrun, Queue, Taken};
use super::translator::Translator;
use super::{Part, Told, placed};
use crate::App;
use api::{Cursor, FeedClosed, FeedEnd, RunId, Topic};
use engine::ports::StoreError;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use store::{Reader, Written};
use tokio::sync::watch;

/// Events that are read at once while catching up.
const EVENTS: usize = 64;
/// Entries of a transcript that are read at once for a reader that was late.
const ENTRIES: usize = 256;
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
    /// What was said and has to be read before the queue goes on.
    unread: Option<Part>,
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
            unread: None,
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
            if let Some(unread) = self.unread {
                self.read_on(unread).await;
                continue;
            }
            let Some(queue) = self.queue.clone() else {
                self.catch_up().await?;
                continue;
            };
            let app = self.app.clone();
            tokio::select! {
                taken = queue.next() => match taken {
                    Ok(Taken::Told(told)) => return Ok(self.hand_out(told)),
                    Ok(Taken::Unread(part)) => self.unread = Some(part),
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

    /// Reads in a transcript what it was too late to hear. It is in the file: only what is written is told.
    async fn read_on(&mut self, part: Part) {
        let transcripts = &self.app.parts.transcripts;
        let page = match transcripts.read(part.task, part.from, ENTRIES).await {
            Ok(page) => page,
            Err(error) => {
                // The gap between offsets shows it.
                tracing::warn!(%error, task = %part.task, "a reader of the feed misses what was said");
                self.unread = None;
                return;
            }
        };
        let is_told = page.entries.partition_point(|entry| entry.index < part.until);
        let position = self.cursor.position;
        let parts = Written::joined(&page.entries[..is_told]);
        let told = parts.iter().map(|said| Told::said(part.run, said, position));
        self.ready.extend(told);
        let rest = Part {
            from: page.next,
            ..part
        };
        self.unread = (!page.is_end && rest.from < rest.until).then_some(rest);
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
        // Who is in the middle of an event gets the rest of it here: the others are told events as a whole.
        if seen == 0 {
            self.queue = self.hub.join(position, &self.filter);
            if self.queue.is_some() {
                return Ok(());
            }
        }
        // No further than all the others: what a task said last is told before its end.
        let told = self.hub.position().max(position + u64::from(seen > 0));
        let events = self.reader.events_after(position, EVENTS).await?;
        for event in events.iter().take_while(|event| event.position <= told) {
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
