//! Follows the history and the transcripts, writes each frame once, and hands it to every reader that wants it.

use super::queue::Queue;
use super::reading::Filter;
use super::translator::Translator;
use super::{Told, placed};
use crate::app::Parts;
use domain::{Event, RunEvent, RunId, TaskId};
use engine::ports::{Recorded, StoreError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::{Reader, TranscriptFiles, TranscriptListener, Written};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

/// Events that are read at once: each may carry the whole output of a task.
const EVENTS: usize = 64;
/// After the store refused, it is asked again.
const PAUSE: Duration = Duration::from_secs(1);
/// Runs of tasks that are remembered; more are looked up again.
const TASKS_MAX: usize = 4_096;
/// How long the end of a task waits for its last words to be written.
const LAST_WORDS: Duration = Duration::from_secs(30);

/// Parts that are told one by one within a window; more wait for its end, so that pieces of one text can be joined.
const WINDOW_PARTS: usize = 64;
/// How long a reader waits at most for what an agent said, when much is said.
const WINDOW: Duration = Duration::from_millis(25);

/// All readers.
pub(crate) struct Hub {
    state: Mutex<State>,
}

struct State {
    position: u64,
    readers: Vec<Subscriber>,
}

struct Subscriber {
    queue: Arc<Queue>,
    filter: Filter,
    /// What it has seen already, from the store.
    seen: u64,
}

struct Follower {
    hub: Arc<Hub>,
    reader: Reader,
    translator: Translator,
    position: u64,
    runs: BTreeMap<TaskId, RunId>,
    transcripts: Arc<TranscriptFiles>,
    live: TranscriptListener,
    pace: Pace,
}

impl Hub {
    /// Begins to follow, from the last event on.
    pub(crate) async fn follow(parts: &Parts) -> Result<Arc<Self>, StoreError> {
        let position = parts.reader.position().await?;
        let state = Mutex::new(State {
            position,
            readers: Vec::new(),
        });
        let hub = Arc::new(Self { state });
        let follower = Follower {
            hub: Arc::clone(&hub),
            reader: parts.reader.clone(),
            translator: Translator::new(parts.reader.clone()),
            position,
            runs: BTreeMap::new(),
            transcripts: Arc::clone(&parts.transcripts),
            live: parts.transcripts.subscribe(),
            pace: Pace::new(),
        };
        tokio::spawn(follower.run(parts.engine.positions()));
        Ok(hub)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Up to where everybody was told what happened.
    pub(super) fn position(&self) -> u64 {
        self.lock().position
    }

    /// A queue for a reader that has seen everything up to `seen`; none while that is less than the hub has told.
    pub(super) fn join(&self, seen: u64, filter: &Filter) -> Option<Arc<Queue>> {
        let mut state = self.lock();
        if seen < state.position {
            return None;
        }
        let queue = Arc::new(Queue::default());
        state.readers.push(Subscriber {
            queue: Arc::clone(&queue),
            filter: filter.clone(),
            seen,
        });
        Some(queue)
    }

    /// How many readers there are.
    pub(crate) fn readers(&self) -> usize {
        let mut state = self.lock();
        state
            .readers
            .retain(|reader| Arc::strong_count(&reader.queue) > 1);
        state.readers.len()
    }

    /// Tells what happened. `position` is that of the event that says so; none for content.
    fn tell(&self, position: Option<u64>, told: &[Told]) {
        let mut state = self.lock();
        if let Some(position) = position {
            state.position = position;
        }
        // A queue that only the hub still has belongs to a reader that left.
        state.readers.retain(|reader| {
            let is_news = position.is_none_or(|position| position > reader.seen);
            let mut wanted = told.iter().filter(|told| is_news && reader.filter.wants(told));
            Arc::strong_count(&reader.queue) > 1 && wanted.all(|told| reader.queue.push(told))
        });
    }
}

/// How much was told lately.
struct Pace {
    began: Instant,
    parts: usize,
    /// Until when what comes in waits.
    pause: Option<Instant>,
}

impl Pace {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            parts: 0,
            pause: None,
        }
    }

    fn told(&mut self, parts: usize) {
        let now = Instant::now();
        if now >= self.began + WINDOW {
            (self.began, self.parts) = (now, 0);
        }
        self.parts += parts;
        if self.parts > WINDOW_PARTS {
            self.pause = Some(self.began + WINDOW);
        }
    }
}

impl Follower {
    async fn run(mut self, mut positions: watch::Receiver<u64>) {
        self.catch_up().await;
        loop {
            let pause = self.pace.pause;
            tokio::select! {
                // What a task says is told after the event that began it, which is known before the task may speak.
                biased;
                changed = positions.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    self.catch_up().await;
                }
                () = sleep_until(pause.unwrap_or_else(Instant::now)), if pause.is_some() => {
                    self.pace = Pace::new();
                    self.say_what_waits().await;
                }
                () = self.live.changed(), if pause.is_none() => self.say_what_waits().await,
            }
        }
    }

    /// Tells what was written since it was told last. After a pause, pieces of one text are one part: readers get all of it
    /// in fewer frames.
    async fn say_what_waits(&mut self) {
        let parts = self.live.take();
        for part in &parts {
            self.say(part).await;
        }
        self.pace.told(parts.len());
    }

    async fn catch_up(&mut self) {
        loop {
            match self.step().await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    tracing::warn!(%error, "the feed cannot read the history");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Tells of the next events; false when there were none.
    async fn step(&mut self) -> Result<bool, StoreError> {
        let events = self.reader.events_after(self.position, EVENTS).await?;
        if events.iter().any(ends_a_task) {
            self.hear_last_words().await;
        }
        for event in &events {
            let frames = self.translator.frames(event).await?;
            let told: Vec<Told> = placed(event.position, &frames).collect();
            self.hub.tell(Some(event.position), &told);
            self.position = event.position;
        }
        Ok(!events.is_empty())
    }

    /// Nobody is told that a task has ended before its last words. They were said before its end was stored, which is not
    /// yet written, and what is written is not yet told.
    async fn hear_last_words(&mut self) {
        if timeout(LAST_WORDS, self.transcripts.settled()).await.is_err() {
            tracing::warn!("the end of a task is told before its last words: they are not written yet");
        }
        self.say_what_waits().await;
    }

    async fn say(&mut self, part: &Written) {
        if let Some(run) = self.run_of(part.task).await {
            self.hub.tell(None, &[Told::said(run, part, self.position)]);
        }
    }

    async fn run_of(&mut self, task: TaskId) -> Option<RunId> {
        if let Some(run) = self.runs.get(&task) {
            return Some(*run);
        }
        let run = self.reader.task(task).await.ok().flatten()?.run;
        if self.runs.len() >= TASKS_MAX {
            self.runs.clear();
        }
        self.runs.insert(task, run);
        Some(run)
    }
}

const fn ends_a_task(recorded: &Recorded) -> bool {
    matches!(recorded.event, Event::Run(RunEvent::TaskEnded { .. }))
}

#[cfg(test)]
mod tests {
    use super::super::queue::Taken;
    use super::*;
    use api::{Cursor, Topic};

    fn told(position: u64) -> Told {
        Told {
            cursor: Some(Cursor::after(position)),
            topic: Topic::Runs,
            run: None,
            part: None,
            json: "{}".into(),
        }
    }

    #[tokio::test]
    async fn f_71_whoever_joins_is_told_what_it_has_not_seen_and_nothing_else() {
        let state = Mutex::new(State {
            position: 5,
            readers: Vec::new(),
        });
        let hub = Hub { state };
        let all = Filter {
            topics: Vec::new(),
            run: None,
        };
        assert!(
            hub.join(4, &all).is_none(),
            "event 5 was told already: it has to be read"
        );
        let level = hub.join(5, &all).expect("has seen all that was told");
        let ahead = hub.join(7, &all).expect("has read further than was told");
        for position in 6..=8 {
            hub.tell(Some(position), &[told(position)]);
        }
        let next = async |queue: &Queue| match queue.next().await {
            Ok(Taken::Told(told)) => told.cursor,
            other => panic!("{other:?}"),
        };
        for position in 6..=8 {
            assert_eq!(next(&level).await, Some(Cursor::after(position)));
        }
        assert_eq!(next(&ahead).await, Some(Cursor::after(8)));
        drop(level);
        assert_eq!(hub.readers(), 1, "whoever left is not counted");
    }
}
