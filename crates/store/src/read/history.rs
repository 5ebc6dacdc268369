//! The history as the engine and the feed read it, and what the engine asks after a restart.

use super::{Reader, parsed, rows};
use crate::error::ReadError;
use crate::history;
use domain::{Moment, RunId, Stream, UnitId};
use engine::ports::{OpenRun, Recorded, StoreError};

impl Reader {
    /// All events of a stream with a `seq` above `after`, in order.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub async fn load(&self, stream: Stream, after: u64) -> Result<Vec<Recorded>, StoreError> {
        let ask = self.read(move |connection, blobs| {
            history::load(connection, blobs, stream, after).map_err(ReadError::failed)
        });
        ask.await.map_err(told)
    }

    /// Up to `limit` events with a position above `position`, in order: what a feed that lost its place reads.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub async fn events_after(&self, position: u64, limit: usize) -> Result<Vec<Recorded>, StoreError> {
        let ask = self.read(move |connection, blobs| {
            history::after(connection, blobs, position, limit).map_err(ReadError::failed)
        });
        ask.await.map_err(told)
    }

    /// The position of the last event; zero when there is none.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn position(&self) -> Result<u64, StoreError> {
        self.read(|connection, _| Ok(history::position(connection)?))
            .await
            .map_err(told)
    }

    /// The runs that have not ended, oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn open_runs(&self) -> Result<Vec<OpenRun>, StoreError> {
        let ask = self.read(|connection, _| {
            rows(
                connection,
                "SELECT r.id AS id, r.project_id AS project, w.at_ms AS wake,
                        EXISTS (SELECT 1 FROM task_log t
                                WHERE t.run_id = r.id AND t.state IN ('starting', 'running')) AS live
                 FROM flow_runs r LEFT JOIN wakes w ON w.run = r.id
                 WHERE r.status = 'running' ORDER BY r.position",
                [],
                |row| {
                    Ok(OpenRun {
                        run: parsed(row, "id")?,
                        project: parsed(row, "project")?,
                        wake: super::unsigned_option(row, "wake")?.map(Moment::from_ms),
                        has_live_task: row.get("live")?,
                    })
                },
            )
        });
        ask.await.map_err(told)
    }

    /// The runs that have ended and have a wake.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn unreleased(&self) -> Result<Vec<RunId>, StoreError> {
        let ask = self.read(|connection, _| {
            rows(
                connection,
                "SELECT w.run AS id FROM wakes w JOIN flow_runs r ON r.id = w.run
                 WHERE r.status <> 'running' ORDER BY w.run",
                [],
                |row| parsed(row, "id"),
            )
        });
        ask.await.map_err(told)
    }

    /// The units that were not deleted, oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn unit_ids(&self) -> Result<Vec<UnitId>, StoreError> {
        let ask = self.read(|connection, _| {
            rows(
                connection,
                "SELECT id FROM work_units ORDER BY position",
                [],
                |row| parsed(row, "id"),
            )
        });
        ask.await.map_err(told)
    }

    /// The bytes of that hash.
    ///
    /// # Errors
    /// When there are none, or the file no longer holds them.
    pub async fn blob(&self, hash: String) -> Result<Vec<u8>, StoreError> {
        let ask = self.read(move |_, blobs| blobs.get(&hash).map_err(ReadError::failed));
        ask.await.map_err(told)
    }
}

fn told(error: ReadError) -> StoreError {
    match error {
        ReadError::Failed(said) => StoreError(said),
        ReadError::BadCursor(_) => StoreError(error.to_string()),
    }
}
