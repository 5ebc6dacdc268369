//! Follows the history and the transcripts, writes each frame once, and hands it to every reader that wants it.

use super::joined::{Piece, joined};
use super::queue::Queue;
use super::reading::Filter;
use super::translator::Translator;
use super::{Told, placed};
use crate::app::Parts;
use crate::show;
use domain::{RunId, TaskId};
use engine::ports::StoreError;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::{Reader, TranscriptEntry};
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, sleep_until};

/// Events that are read at once.
const EVENTS: usize = 256;
/// After the store refused, it is asked again.
const PAUSE: Duration = Duration::from_secs(1);
/// Runs of tasks that are remembered; more are looked up again.
const TASKS_MAX: usize = 4_096;

/// Entries that are told one by one within a window; more wait for its end, so that pieces of one text can be joined.
const WINDOW_ENTRIES: usize = 64;
/// How long a reader waits at most for what an agent said, when much is said.
const WINDOW: Duration = Duration::from_millis(25);
/// Entries that are joined at once at most: less than what may wait before some are missed.
const JOINED_MAX: usize = 4_000;

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
        };
        tokio::spawn(follower.run(parts.engine.positions(), parts.transcripts.subscribe()));
        Ok(hub)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
    entries: usize,
    /// Until when what comes in waits.
    pause: Option<Instant>,
}

impl Pace {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            entries: 0,
            pause: None,
        }
    }

    fn told(&mut self, entries: usize) {
        let now = Instant::now();
        if now >= self.began + WINDOW {
            (self.began, self.entries) = (now, 0);
        }
        self.entries += entries;
        if self.entries > WINDOW_ENTRIES {
            self.pause = Some(self.began + WINDOW);
        }
    }
}

impl Follower {
    async fn run(
        mut self,
        mut positions: watch::Receiver<u64>,
        mut live: broadcast::Receiver<Arc<TranscriptEntry>>,
    ) {
        let mut has_transcripts = true;
        let mut pace = Pace::new();
        self.catch_up().await;
        loop {
            tokio::select! {
                // What a task says is told after the event that began it, which is known before the task may speak.
                biased;
                changed = positions.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    self.catch_up().await;
                }
                () = sleep_until(pace.pause.unwrap_or_else(Instant::now)), if pace.pause.is_some() => {
                    self.say_all_that_waits(&mut live, &mut pace).await;
                }
                entry = live.recv(), if has_transcripts && pace.pause.is_none() => match entry {
                    Ok(entry) => {
                        self.say(Piece::of(&entry)).await;
                        pace.told(1);
                    }
                    // What was missed shows as a gap between offsets, and the transcript has it.
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => has_transcripts = false,
                },
            }
        }
    }

    /// Tells what came in during a pause. Pieces of one text become one piece: readers get all of it in fewer frames, and
    /// none of it is missed for want of time.
    async fn say_all_that_waits(
        &mut self,
        live: &mut broadcast::Receiver<Arc<TranscriptEntry>>,
        pace: &mut Pace,
    ) {
        *pace = Pace::new();
        let mut taken = 0;
        // One that was missed ends the taking: what follows it is no piece of what was before.
        let waiting = std::iter::from_fn(|| live.try_recv().ok()).take(JOINED_MAX);
        let pieces = joined(waiting.inspect(|_| taken += 1));
        for piece in pieces {
            self.say(piece).await;
        }
        pace.told(taken);
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
        for event in &events {
            let frames = self.translator.frames(event).await?;
            let told: Vec<Told> = placed(event.position, &frames).collect();
            self.hub.tell(Some(event.position), &told);
            self.position = event.position;
        }
        Ok(!events.is_empty())
    }

    async fn say(&mut self, piece: Piece) {
        let Some(run) = self.run_of(piece.task).await else {
            return;
        };
        let place = (show::id(run), show::id(piece.chat), show::id(piece.task));
        let frame = piece.entry.frame(self.position, place);
        self.hub.tell(None, &[Told::of(&frame, None)]);
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

#[cfg(test)]
mod tests {
    use super::*;
    use api::{Cursor, Topic};

    fn told(position: u64) -> Told {
        Told {
            cursor: Some(Cursor::after(position)),
            topic: Topic::Runs,
            run: None,
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
        let next = async |queue: &Queue| queue.next().await.map(|told| told.cursor);
        for position in 6..=8 {
            assert_eq!(next(&level).await, Ok(Some(Cursor::after(position))));
        }
        assert_eq!(next(&ahead).await, Ok(Some(Cursor::after(8))));
        drop(level);
        assert_eq!(hub.readers(), 1, "whoever left is not counted");
    }
}
