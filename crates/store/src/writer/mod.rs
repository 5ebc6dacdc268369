//! The one thread that writes. It takes what waits, keeps it in one transaction, and answers after the commit.
//!
//! Owns: the writing connection, group commit, checkpoints, and what a failing disk means.
//! Leaves out: what a batch changes (`batch`) and how the caller waits (`Handle`).

mod batch;
mod ends;
#[cfg(test)]
mod faults;
mod handle;

pub(crate) use ends::Ends;
pub(crate) use handle::{Handle, Message, Work};

use crate::ballast::Ballast;
use crate::blobs::Blobs;
use crate::{Health, backup, epoch, view};
use engine::faults::{Control, is_off};
use engine::ports::{CommitError, Committed};
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior, ffi};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Batches in one transaction at most.
const GROUP_BATCHES_MAX: usize = 256;
/// Events in one transaction, after which no further batch is added.
const GROUP_EVENTS_MAX: usize = 4_096;
/// How often the thread looks up when nothing comes in.
const TICK: Duration = Duration::from_secs(1);
/// A checkpoint while there is work.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(30);
/// A write-ahead log past this is cut back at the next chance; past twice that, somebody reads for too long.
const LOG_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// A transaction that found the database busy is tried again so often.
const BUSY_TRIES: u32 = 3;

/// What the thread remembers beside its connection.
pub(crate) struct Writer {
    pub(crate) queue: Receiver<Message>,
    /// What came in while a group was gathered or the database copied, and is no batch.
    pub(crate) aside: VecDeque<Message>,
    pub(crate) blobs: Arc<Blobs>,
    pub(crate) position: u64,
    pub(crate) ends: Ends,
    /// The life of the daemon that this is; what the database says must be no younger.
    pub(crate) epoch: u64,
    pub(crate) ballast: Ballast,
    pub(crate) health: watch::Sender<Health>,
    pub(crate) log: PathBuf,
    pub(crate) checkpointed: Instant,
    pub(crate) looked: Instant,
    pub(crate) is_log_dirty: bool,
}

impl Writer {
    /// Serves until it is told to close or nobody is left to serve.
    pub(crate) fn run(mut self, connection: Connection) {
        let asked = loop {
            let message = match self.aside.pop_front() {
                Some(message) => Ok(message),
                None => self.queue.recv_timeout(TICK),
            };
            if self.looked.elapsed() >= TICK {
                self.look_for_room();
            }
            match message {
                Ok(Message::Commit(work)) => self.commit_waiting(&connection, Some(*work)),
                Ok(Message::Backup { to, reply }) => {
                    let copied = backup::copy(&connection, &to, || self.commit_waiting(&connection, None));
                    // Nobody may wait for the answer any more; the copy then stays unfinished, without its name.
                    let _unheard = reply.send(copied);
                }
                Ok(Message::Rebuild(reply)) => {
                    let _unheard = reply.send(self.rebuild(&connection));
                }
                Ok(Message::Full) => self.disk_is_full(),
                Ok(Message::Close(reply)) => break Some(reply),
                Err(RecvTimeoutError::Timeout) => self.rest(&connection),
                Err(RecvTimeoutError::Disconnected) => break None,
            }
        };
        self.checkpoint(&connection, "TRUNCATE");
        if let Err((_connection, error)) = connection.close() {
            tracing::error!(%error, "the database did not close cleanly");
        }
        if let Some(reply) = asked {
            let _unheard = reply.send(());
        }
    }

    /// Takes what waits, up to a bound, and commits it as one.
    fn commit_waiting(&mut self, connection: &Connection, first: Option<Work>) {
        let mut events = first.as_ref().map_or(0, Work::events);
        let mut group = Vec::from_iter(first);
        while group.len() < GROUP_BATCHES_MAX && events < GROUP_EVENTS_MAX {
            match self.queue.try_recv() {
                Ok(Message::Commit(work)) => {
                    events += work.events();
                    group.push(*work);
                }
                Ok(other) => self.aside.push_back(other),
                Err(_nothing) => break,
            }
        }
        if !group.is_empty() {
            self.commit(connection, group);
        }
        if self.checkpointed.elapsed() > CHECKPOINT_EVERY {
            self.checkpoint(connection, "PASSIVE");
        }
    }

    /// Keeps a group and answers everybody in it, in order, after the commit.
    fn commit(&mut self, connection: &Connection, group: Vec<Work>) {
        if let Health::Down(reason) = &*self.health.borrow() {
            let reason = reason.clone();
            group
                .into_iter()
                .for_each(|work| work.answer(Err(CommitError::Down(reason.clone()))));
            return;
        }
        let group = self.answer_probes(group);
        let mut tries = 0;
        let kept = loop {
            let kept = self.try_commit(connection, &group);
            tries += 1;
            match &kept {
                Err(Unkept::Sqlite(error))
                    if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && tries < BUSY_TRIES =>
                {
                    tracing::error!(
                        tries,
                        "bug: the database is busy, and nobody else should write to it"
                    );
                }
                Ok(_) | Err(_) => break kept,
            }
        };
        match kept {
            Ok((answers, position)) => {
                self.position = position;
                self.is_log_dirty = true;
                group
                    .into_iter()
                    .zip(answers)
                    .for_each(|(work, answer)| work.answer(answer));
            }
            Err(error) => {
                let refusal = match error {
                    Unkept::Sqlite(error) => self.failed(&error),
                    Unkept::Stale => self.is_stale(),
                };
                group
                    .into_iter()
                    .for_each(|work| work.answer(Err(refusal.clone())));
            }
        }
    }

    /// A batch of nothing asks whether something could be kept. On a full disk that is a question about room.
    fn answer_probes(&mut self, group: Vec<Work>) -> Vec<Work> {
        if *self.health.borrow() != Health::Full || !group.iter().any(Work::is_probe) {
            return group;
        }
        self.look_for_room();
        if *self.health.borrow() != Health::Full {
            return group;
        }
        let (probes, rest): (Vec<_>, Vec<_>) = group.into_iter().partition(Work::is_probe);
        probes
            .into_iter()
            .for_each(|probe| probe.answer(Err(CommitError::Full)));
        rest
    }

    /// One transaction over the group. A batch that is refused leaves nothing behind and stops no other.
    fn try_commit(&mut self, connection: &Connection, group: &[Work]) -> Result<Kept, Unkept> {
        match self.transact(connection, group, batch::plainly) {
            Err(Unkept::Sqlite(error)) if batch::is_refusal(&error) => {
                self.transact(connection, group, batch::guarded)
            }
            kept => kept,
        }
    }

    fn transact(
        &mut self,
        connection: &Connection,
        group: &[Work],
        apply: batch::Apply,
    ) -> Result<Kept, Unkept> {
        let run = |sql: &str| connection.prepare_cached(sql)?.execute([]).map(drop);
        run("BEGIN IMMEDIATE")?;
        if !self.is_ours(connection)? {
            run("ROLLBACK")?;
            return Err(Unkept::Stale);
        }
        let mut position = self.position;
        let mut answers = Vec::with_capacity(group.len());
        let kept = group
            .iter()
            .try_for_each(|work| {
                let answer = apply(connection, position, work, &mut self.ends)?;
                if let Ok(committed) = &answer {
                    position = committed.position;
                }
                answers.push(answer);
                Ok(())
            })
            .and_then(|()| run("COMMIT"));
        if kept.is_err() {
            self.ends.forget();
        }
        if kept.is_err() && !connection.is_autocommit() {
            // After a full disk SQLite may or may not have rolled back by itself.
            if let Err(error) = run("ROLLBACK") {
                tracing::error!(%error, "cannot roll back");
            }
        }
        kept.map(|()| (answers, position)).map_err(Unkept::Sqlite)
    }

    /// Whether no younger life of the daemon has taken the home. Asked inside the transaction: whoever takes it after
    /// that waits for our end.
    fn is_ours(&self, connection: &Connection) -> rusqlite::Result<bool> {
        Ok(is_off(Control::EpochFence) || epoch::read(connection)? == self.epoch)
    }

    /// Nothing that this process knows is true any more.
    fn is_stale(&self) -> CommitError {
        let reason = "a younger daemon has taken this home";
        tracing::error!(epoch = self.epoch, reason);
        self.health.send_replace(Health::Down(reason.to_owned()));
        CommitError::Down(reason.to_owned())
    }

    fn rebuild(&self, connection: &Connection) -> Result<(), String> {
        let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)
            .map_err(|error| error.to_string())?;
        if !self.is_ours(&transaction).map_err(|error| error.to_string())? {
            return Err(self.is_stale().to_string());
        }
        view::rebuild(&transaction, &self.blobs).map_err(|error| error.to_string())?;
        transaction.commit().map_err(|error| error.to_string())
    }

    /// What a failed transaction means for those who wait, and for everybody after them.
    fn failed(&mut self, error: &rusqlite::Error) -> CommitError {
        if is_full(error, &self.log) {
            self.disk_is_full();
            return CommitError::Full;
        }
        let reason = error.to_string();
        tracing::error!(reason, "a transaction failed");
        match error.sqlite_error_code() {
            // Nothing was written, and the next try may do.
            Some(ErrorCode::OutOfMemory | ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {}
            // After a failed flush nobody knows what the disk holds: only a new start, from the file, does.
            Some(_) | None => drop(self.health.send_replace(Health::Down(reason.clone()))),
        }
        CommitError::Down(reason)
    }

    fn disk_is_full(&self) {
        self.ballast.release();
        self.health.send_if_modified(|health| match health {
            Health::Fine => {
                *health = Health::Full;
                true
            }
            Health::Full | Health::Down(_) => false,
        });
    }

    /// After a full disk: takes the ballast back as soon as there is room.
    fn look_for_room(&mut self) {
        self.looked = Instant::now();
        let is_full = *self.health.borrow() == Health::Full;
        if is_full && self.ballast.hold() {
            self.health.send_replace(Health::Fine);
        }
    }

    /// Nothing comes in: empties the write-ahead log.
    fn rest(&mut self, connection: &Connection) {
        if self.is_log_dirty {
            self.checkpoint(connection, "TRUNCATE");
            self.is_log_dirty = false;
        }
    }

    fn checkpoint(&mut self, connection: &Connection, mode: &str) {
        self.checkpointed = Instant::now();
        let bytes = std::fs::metadata(&self.log).map_or(0, |log| log.len());
        let mode = if bytes > LOG_BYTES_MAX { "TRUNCATE" } else { mode };
        if bytes > 2 * LOG_BYTES_MAX {
            tracing::warn!(bytes, "the write-ahead log is long: somebody reads for too long");
        }
        let quick = connection.busy_timeout(Duration::ZERO);
        let done = quick.and_then(|()| {
            connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_row| Ok(()))
        });
        let patient = connection.busy_timeout(Duration::from_secs(5));
        if let Err(error) = done.and(patient) {
            tracing::debug!(%error, mode, "the checkpoint has to wait");
        }
    }
}

/// Why a group was not kept.
enum Unkept {
    Sqlite(rusqlite::Error),
    /// The home is another's by now.
    Stale,
}

impl From<rusqlite::Error> for Unkept {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

type Kept = (Vec<Result<Committed, CommitError>>, u64);

/// Whether an error means that the disk has no room.
fn is_full(error: &rusqlite::Error, log: &Path) -> bool {
    let Some(code) = error.sqlite_error() else {
        return false;
    };
    // The shared-memory file cannot grow on a full disk, and SQLite calls that an I/O error.
    let cannot_grow = matches!(
        code.extended_code,
        ffi::SQLITE_IOERR_SHMSIZE | ffi::SQLITE_IOERR_WRITE
    ) && crate::home::free_bytes(log.parent().unwrap_or(log))
        .is_ok_and(|free| free < 1024 * 1024);
    code.code == ErrorCode::DiskFull || cannot_grow
}
