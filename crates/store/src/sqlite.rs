//! The store of a home: implements the `Store` port over one writer, a few readers and a folder of blobs.

use crate::backup::{self, Copied};
use crate::ballast::Ballast;
use crate::blobs::Blobs;
use crate::connection::{assert_version, open_reader};
use crate::epoch;
use crate::error::{BackupError, OpenError};
use crate::history;
use crate::home::Home;
use crate::migrate;
use crate::read::Reader;
use crate::record::{self, Blob, Spill};
use crate::time::iso;
use crate::workers::Workers;
use crate::writer::{Ends, Handle, Writer};
use domain::{Moment, RunId, Stream, UnitId};
use engine::faults::{CrashPoint, reach};
use engine::ports::{Answered, Batch, CommitError, Committed, Later, OpenRun, Recorded, Store, StoreError};
use rusqlite::Connection;
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::watch;

/// Connections that read, each on a thread of its own.
const READERS: usize = 4;
/// Threads that bring blobs to the disk.
const FILERS: usize = 2;
/// Room that is given up when the disk is full.
const BALLAST_BYTES: u64 = 64 * 1024 * 1024;

/// How the store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It keeps what it is given.
    Fine,
    /// The disk was full. Small things may still be kept, in the room that the ballast gave up; it is fine again
    /// once there is room for the ballast.
    Full,
    /// It keeps nothing more in this process: a new start must read what the disk holds.
    Down(String),
}

/// What can be chosen at opening.
#[derive(Clone, Debug)]
pub struct Options {
    /// Room that is given up when the disk is full; zero for none.
    pub ballast_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ballast_bytes: BALLAST_BYTES,
        }
    }
}

/// The state of a home. Whoever opens it holds the home's instance lock.
pub struct SqliteStore {
    writer: Handle,
    reader: Reader,
    filers: Workers<()>,
    blobs: Arc<Blobs>,
    health: watch::Receiver<Health>,
}

impl SqliteStore {
    /// Opens the state of a home, makes it if there is none, and brings its schema up to date after a copy.
    ///
    /// Blocks: it reads and writes files. `now` marks migrations and names copies.
    ///
    /// # Errors
    /// When the state is damaged, another program's or a newer version's; the files are then as they were.
    pub fn open(home: &Home, options: &Options, now: Moment) -> Result<Self, OpenError> {
        assert_version()?;
        home.prepare()?;
        let blobs = Arc::new(Blobs::open(home.blobs()).map_err(OpenError::file("open", &home.blobs()))?);
        let connection = migrate::open(home, &blobs, now)?;
        let path = home.database();
        let position = history::position(&connection).map_err(OpenError::sqlite(&path))?;
        let epoch = epoch::take(&connection).map_err(OpenError::sqlite(&path))?;
        let ballast = Ballast::new(home.ballast(), options.ballast_bytes);
        let first = if ballast.hold() {
            Health::Fine
        } else {
            Health::Full
        };
        let (health_sender, health) = watch::channel(first);
        let (writer, queue) = Handle::new();
        let thread = Writer {
            queue,
            aside: VecDeque::new(),
            blobs: Arc::clone(&blobs),
            position,
            ends: Ends::default(),
            epoch,
            ballast,
            health: health_sender,
            log: home.write_ahead_log(),
            checkpointed: Instant::now(),
            looked: Instant::now(),
            is_log_dirty: true,
        };
        let threads = OpenError::file("start the threads of", &path);
        let readers = (0..READERS)
            .map(|_| open_reader(&path))
            .collect::<Result<Vec<_>, _>>()?;
        let started = (|| {
            std::thread::Builder::new()
                .name("store-writer".to_owned())
                .spawn(move || thread.run(connection))?;
            Ok((
                Workers::start("store-reader", readers)?,
                Workers::start("store-filer", vec![(); FILERS])?,
            ))
        })();
        let (readers, filers): (Workers<Connection>, _) = started.map_err(threads)?;
        let reader = Reader::new(readers, Arc::clone(&blobs));
        Ok(Self {
            writer,
            reader,
            filers,
            blobs,
            health,
        })
    }

    /// The lists and items of the views.
    #[must_use]
    pub const fn reader(&self) -> &Reader {
        &self.reader
    }

    /// How the store is, now.
    #[must_use]
    pub fn health(&self) -> Health {
        if self.health.has_changed().is_err() {
            return Health::Down("the writer's thread is gone".to_owned());
        }
        self.health.borrow().clone()
    }

    /// Tells every change of health.
    #[must_use]
    pub fn watch_health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }

    /// Copies the database to a new file, checked before it gets its name. Commits go on meanwhile.
    ///
    /// # Errors
    /// When a file of that name exists, the copy cannot be written, or it is not whole.
    pub async fn backup(&self, to: PathBuf) -> Result<Copied, BackupError> {
        self.writer.backup(to.clone()).await?;
        self.filers
            .run(move |()| backup::finish(&to))
            .await
            .map_err(|_gone| BackupError::Closed)?
    }

    /// Drops every view, and makes and fills it again from the history, in one transaction.
    ///
    /// # Errors
    /// When the history cannot be read or the views cannot be written; they are then as they were.
    pub async fn rebuild_views(&self) -> Result<(), StoreError> {
        self.writer.rebuild().await.map_err(StoreError)
    }

    /// Ends the writer once everything before is kept, and empties the write-ahead log.
    pub async fn close(&self) {
        self.writer.close().await;
    }

    async fn keep(&self, batch: Batch) -> Result<Committed, CommitError> {
        let mut spill = Spill::default();
        let events = batch.appends.iter().flat_map(|append| &append.events);
        let records = events.map(|event| record::encode(event, &mut spill)).collect();
        if !spill.blobs.is_empty() {
            self.keep_blobs(spill.blobs).await?;
        }
        let at = iso(batch.at);
        self.writer.commit(batch, at, records).await
    }

    async fn keep_blobs(&self, blobs: Vec<Blob>) -> Result<(), CommitError> {
        let folder = Arc::clone(&self.blobs);
        let kept = self.filers.run(move |()| {
            blobs
                .iter()
                .try_for_each(|blob| folder.put_as(&blob.hash, &blob.bytes))
        });
        let kept = kept
            .await
            .unwrap_or_else(|_gone| Err(io::Error::other("the store is closed")));
        reach(CrashPoint::AfterBlob);
        self.judge(kept)
    }

    fn judge<T>(&self, kept: io::Result<T>) -> Result<T, CommitError> {
        kept.map_err(|error| {
            if matches!(
                error.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
            ) {
                self.writer.disk_is_full();
                return CommitError::Full;
            }
            CommitError::Down(format!("cannot keep a blob: {error}"))
        })
    }

    async fn keep_blob(&self, bytes: Vec<u8>) -> Result<String, CommitError> {
        let folder = Arc::clone(&self.blobs);
        let kept = self.filers.run(move |()| folder.put(&bytes)).await;
        reach(CrashPoint::AfterBlob);
        self.judge(kept.unwrap_or_else(|_gone| Err(io::Error::other("the store is closed"))))
    }
}

impl Store for SqliteStore {
    fn commit(&self, batch: Batch) -> Later<'_, Result<Committed, CommitError>> {
        Box::pin(self.keep(batch))
    }

    fn answered(&self, key: String, now: Moment) -> Later<'_, Result<Option<Answered>, StoreError>> {
        Box::pin(async move {
            let found = self.reader.answered(key, now).await;
            found.map_err(|error| StoreError(error.to_string()))
        })
    }

    fn load(&self, stream: Stream, after: u64) -> Later<'_, Result<Vec<Recorded>, StoreError>> {
        Box::pin(self.reader.load(stream, after))
    }

    fn after(&self, position: u64, limit: usize) -> Later<'_, Result<Vec<Recorded>, StoreError>> {
        Box::pin(self.reader.events_after(position, limit))
    }

    fn position(&self) -> Later<'_, Result<u64, StoreError>> {
        Box::pin(self.reader.position())
    }

    fn open_runs(&self) -> Later<'_, Result<Vec<OpenRun>, StoreError>> {
        Box::pin(self.reader.open_runs())
    }

    fn unreleased(&self) -> Later<'_, Result<Vec<RunId>, StoreError>> {
        Box::pin(self.reader.unreleased())
    }

    fn units(&self) -> Later<'_, Result<Vec<UnitId>, StoreError>> {
        Box::pin(self.reader.unit_ids())
    }

    fn put_blob(&self, bytes: Vec<u8>) -> Later<'_, Result<String, CommitError>> {
        Box::pin(self.keep_blob(bytes))
    }

    fn blob(&self, hash: String) -> Later<'_, Result<Vec<u8>, StoreError>> {
        Box::pin(self.reader.blob(hash))
    }
}
