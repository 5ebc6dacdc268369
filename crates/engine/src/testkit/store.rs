//! A history in memory that behaves like one on a disk, with everything that can go wrong there.

use super::{Life, lock, sha256};
use crate::ports::{
    Answered, Append, Batch, Clock, CommitError, Committed, Later, OpenRun, Recorded, Store, StoreError,
};
use domain::{Event, Moment, ProjectId, RunEvent, RunId, Stream, TaskId, UnitEvent, UnitId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

/// How long an answer is remembered.
const REMEMBERED_MS: u64 = 24 * 60 * 60 * 1_000;

/// What goes wrong with a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// It is refused as if a stream had moved on.
    Conflict,
    /// There is no room.
    Full,
    /// The store cannot go on in this life.
    Down,
    /// The daemon dies before it is kept.
    DieBefore,
    /// It is kept, but the daemon dies before it hears so.
    DieAfter,
}

/// What is kept.
#[derive(Default)]
pub struct Disk(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    events: Vec<Recorded>,
    /// Of each event: which batch it came with, and when that was kept.
    batches: Vec<(u64, Moment)>,
    batch_count: u64,
    streams: BTreeMap<Stream, Vec<usize>>,
    answers: BTreeMap<String, (Answered, Moment)>,
    runs: BTreeMap<RunId, RunRow>,
    units: BTreeMap<UnitId, bool>,
    unit_order: Vec<UnitId>,
    wakes: BTreeMap<RunId, Moment>,
    blobs: BTreeMap<String, Vec<u8>>,
}

struct RunRow {
    project: ProjectId,
    first: usize,
    is_open: bool,
    live: BTreeSet<TaskId>,
}

impl Disk {
    /// Everything that happened.
    #[must_use]
    pub fn history(&self) -> Vec<Recorded> {
        lock(&self.0).events.clone()
    }

    /// What happened after a position.
    #[must_use]
    pub fn since(&self, position: u64) -> Vec<Recorded> {
        let from = usize::try_from(position).unwrap_or(usize::MAX);
        lock(&self.0).events.get(from..).unwrap_or_default().to_vec()
    }

    /// What happened to a stream after so many events.
    #[must_use]
    pub fn stream(&self, stream: Stream, after: u64) -> Vec<Recorded> {
        let kept = lock(&self.0);
        let skipped = usize::try_from(after).unwrap_or(usize::MAX);
        let events = kept.streams.get(&stream).into_iter().flatten().skip(skipped);
        events.map(|at| kept.events[*at].clone()).collect()
    }

    /// Of each event: the number of its batch, and when it was kept.
    #[must_use]
    pub fn batches(&self) -> Vec<(u64, Moment)> {
        lock(&self.0).batches.clone()
    }

    /// Whether a stream holds such an event.
    #[must_use]
    pub fn holds(&self, stream: Stream, is_it: impl Fn(&Event) -> bool) -> bool {
        let kept = lock(&self.0);
        let stream = kept.streams.get(&stream).into_iter().flatten().rev();
        stream.into_iter().any(|at| is_it(&kept.events[*at].event))
    }
}

impl Kept {
    fn length(&self, stream: Stream) -> u64 {
        let length = self.streams.get(&stream).map_or(0, Vec::len);
        u64::try_from(length).unwrap_or(u64::MAX)
    }

    fn position(&self) -> u64 {
        u64::try_from(self.events.len()).unwrap_or(u64::MAX)
    }

    /// Everything that may refuse the batch, before anything of it is kept.
    fn check(&mut self, batch: &Batch) -> Result<(), CommitError> {
        self.answers
            .retain(|_, (_, at)| batch.at.ms_since(*at) <= REMEMBERED_MS);
        if let Some(request) = &batch.idempotency
            && let Some((known, _)) = self.answers.get(&request.key)
        {
            return Err(if known.body_hash == request.body_hash {
                CommitError::Repeated {
                    answer: known.answer.clone(),
                }
            } else {
                CommitError::KeyReused
            });
        }
        let moved = |append: &&Append| self.length(append.stream) != append.expected_seq;
        match batch.appends.iter().find(moved) {
            Some(append) => Err(CommitError::Conflict(append.stream)),
            None => Ok(()),
        }
    }

    fn keep(&mut self, batch: Batch, now: Moment) -> Committed {
        self.batch_count += 1;
        if let Some(request) = batch.idempotency {
            let answered = Answered {
                body_hash: request.body_hash,
                answer: request.answer,
            };
            self.answers.insert(request.key, (answered, batch.at));
        }
        for Append { stream, events, .. } in batch.appends {
            for event in events {
                self.view(stream, &event);
                let index = self.events.len();
                let of_stream = self.streams.entry(stream).or_default();
                of_stream.push(index);
                let seq = u64::try_from(of_stream.len()).unwrap_or(u64::MAX);
                self.events.push(Recorded {
                    position: u64::try_from(index + 1).unwrap_or(u64::MAX),
                    stream,
                    seq,
                    at: batch.at,
                    event,
                });
                self.batches.push((self.batch_count, now));
            }
        }
        for (run, at) in batch.wakes {
            match at {
                Some(at) => self.wakes.insert(run, at),
                None => self.wakes.remove(&run),
            };
        }
        Committed {
            position: self.position(),
        }
    }

    fn view(&mut self, stream: Stream, event: &Event) {
        match (stream, event) {
            (Stream::Run(run), Event::Run(RunEvent::Started(started))) => {
                let row = RunRow {
                    project: started.project,
                    first: self.events.len(),
                    is_open: true,
                    live: BTreeSet::new(),
                };
                self.runs.insert(run, row);
            }
            (Stream::Run(run), Event::Run(event)) => {
                if let Some(row) = self.runs.get_mut(&run) {
                    row.view(event);
                }
            }
            (Stream::Unit(unit), Event::Unit(UnitEvent::Created(_))) => {
                self.units.insert(unit, true);
                self.unit_order.push(unit);
            }
            (Stream::Unit(unit), Event::Unit(UnitEvent::Deleted)) => {
                self.units.insert(unit, false);
            }
            (_, _) => {}
        }
    }

    fn open_runs(&self) -> Vec<OpenRun> {
        let mut open: Vec<(usize, OpenRun)> = self
            .runs
            .iter()
            .filter(|(_, row)| row.is_open)
            .map(|(run, row)| {
                let open = OpenRun {
                    run: *run,
                    project: row.project,
                    wake: self.wakes.get(run).copied(),
                    has_live_task: !row.live.is_empty(),
                };
                (row.first, open)
            })
            .collect();
        open.sort_by_key(|(first, _)| *first);
        open.into_iter().map(|(_, open)| open).collect()
    }

    fn unreleased(&self) -> Vec<RunId> {
        let woken = self.wakes.keys().copied();
        woken
            .filter(|run| self.runs.get(run).is_some_and(|row| !row.is_open))
            .collect()
    }
}

impl RunRow {
    fn view(&mut self, event: &RunEvent) {
        match event {
            RunEvent::Completed { .. } | RunEvent::Failed { .. } | RunEvent::Cancelled => {
                self.is_open = false
            }
            RunEvent::StepReopened { .. } => self.is_open = true,
            RunEvent::TaskOrdered(order) => {
                self.live.insert(order.task);
            }
            RunEvent::TaskEnded { task, .. } => {
                self.live.remove(task);
            }
            _ => {}
        }
    }
}

type Faults = dyn Fn(&Batch) -> (u64, Fault) + Send + Sync;

/// The history as one life of a daemon reaches it.
pub struct MemoryStore {
    disk: Arc<Disk>,
    life: Life,
    clock: Arc<dyn Clock>,
    faults: Box<Faults>,
}

impl MemoryStore {
    /// A store without faults.
    #[must_use]
    pub fn new(disk: &Arc<Disk>, life: &Life, clock: &Arc<dyn Clock>) -> Self {
        Self {
            disk: Arc::clone(disk),
            life: life.clone(),
            clock: Arc::clone(clock),
            faults: Box::new(|_| (0, Fault::None)),
        }
    }

    /// Asked of each batch: how many milliseconds it takes, and what goes wrong.
    #[must_use]
    pub fn with_faults(mut self, faults: impl Fn(&Batch) -> (u64, Fault) + Send + Sync + 'static) -> Self {
        self.faults = Box::new(faults);
        self
    }

    async fn commit_now(&self, batch: Batch) -> Result<Committed, CommitError> {
        self.life.go_on().await;
        let (takes_ms, fault) = (self.faults)(&batch);
        if takes_ms > 0 {
            self.clock.sleep_until(self.clock.now().plus_ms(takes_ms)).await;
            self.life.go_on().await;
        }
        match fault {
            Fault::None => {
                let mut kept = lock(&self.disk.0);
                kept.check(&batch)?;
                Ok(kept.keep(batch, self.clock.now()))
            }
            Fault::Conflict => {
                let stream = batch.appends.first().map(|append| append.stream);
                Err(CommitError::Conflict(stream.unwrap_or(Stream::Board)))
            }
            Fault::Full => Err(CommitError::Full),
            Fault::Down => Err(CommitError::Down("the disk is gone".to_owned())),
            Fault::DieBefore => self.die().await,
            Fault::DieAfter => {
                {
                    let mut kept = lock(&self.disk.0);
                    if kept.check(&batch).is_ok() {
                        kept.keep(batch, self.clock.now());
                    }
                }
                self.die().await
            }
        }
    }

    async fn die<T>(&self) -> T {
        self.life.end();
        std::future::pending().await
    }

    fn read<'a, T: Send + 'a>(
        &'a self,
        read: impl FnOnce(&Kept) -> T + Send + 'a,
    ) -> Later<'a, Result<T, StoreError>> {
        Box::pin(async move {
            self.life.go_on().await;
            Ok(read(&lock(&self.disk.0)))
        })
    }
}

impl Store for MemoryStore {
    fn commit(&self, batch: Batch) -> Later<'_, Result<Committed, CommitError>> {
        Box::pin(self.commit_now(batch))
    }

    fn answered(&self, key: String, now: Moment) -> Later<'_, Result<Option<Answered>, StoreError>> {
        self.read(move |kept| {
            let (answered, at) = kept.answers.get(&key)?;
            (now.ms_since(*at) <= REMEMBERED_MS).then(|| answered.clone())
        })
    }

    fn load(&self, stream: Stream, after: u64) -> Later<'_, Result<Vec<Recorded>, StoreError>> {
        let skipped = usize::try_from(after).unwrap_or(usize::MAX);
        self.read(move |kept| {
            let stream = kept.streams.get(&stream).into_iter().flatten().skip(skipped);
            stream.map(|at| kept.events[*at].clone()).collect()
        })
    }

    fn after(&self, position: u64, limit: usize) -> Later<'_, Result<Vec<Recorded>, StoreError>> {
        let skipped = usize::try_from(position).unwrap_or(usize::MAX);
        self.read(move |kept| kept.events.iter().skip(skipped).take(limit).cloned().collect())
    }

    fn position(&self) -> Later<'_, Result<u64, StoreError>> {
        self.read(Kept::position)
    }

    fn open_runs(&self) -> Later<'_, Result<Vec<OpenRun>, StoreError>> {
        self.read(Kept::open_runs)
    }

    fn unreleased(&self) -> Later<'_, Result<Vec<RunId>, StoreError>> {
        self.read(Kept::unreleased)
    }

    fn units(&self) -> Later<'_, Result<Vec<UnitId>, StoreError>> {
        self.read(|kept| {
            let units = kept.unit_order.iter();
            units
                .copied()
                .filter(|unit| kept.units.get(unit) == Some(&true))
                .collect()
        })
    }

    fn put_blob(&self, bytes: Vec<u8>) -> Later<'_, Result<String, CommitError>> {
        Box::pin(async move {
            self.life.go_on().await;
            let hash = sha256(&bytes);
            lock(&self.disk.0).blobs.insert(hash.clone(), bytes);
            Ok(hash)
        })
    }

    fn blob(&self, hash: String) -> Later<'_, Result<Vec<u8>, StoreError>> {
        Box::pin(async move {
            self.life.go_on().await;
            let blob = lock(&self.disk.0).blobs.get(&hash).cloned();
            blob.ok_or_else(|| StoreError(format!("there is no blob {hash}")))
        })
    }
}
