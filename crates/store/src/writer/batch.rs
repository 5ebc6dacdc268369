//! What one batch changes: the history, the views, the wakes and the answer to remember. Runs inside a savepoint.

use super::Work;
use crate::record::stream_key;
use crate::{history, view};
use domain::{Moment, Stream};
use engine::ports::{CommitError, Committed, Idempotency};
use rusqlite::{Connection, ErrorCode, OptionalExtension, ffi, params};

/// How long an answer is remembered.
const REMEMBERED_MS: u64 = 24 * 60 * 60 * 1000;

/// Applies the batch after the event at `position`. The inner error refuses this batch alone; the outer one is the
/// database's and ends the whole transaction.
pub(super) fn apply(
    connection: &Connection,
    position: u64,
    work: &Work,
) -> rusqlite::Result<Result<Committed, CommitError>> {
    let batch = &work.batch;
    if let Some(request) = &batch.idempotency
        && let Err(refusal) = remember(connection, request, batch.at)?
    {
        return Ok(Err(refusal));
    }
    let mut position = position;
    let mut records = work.records.iter();
    for append in &batch.appends {
        let (kind, id) = stream_key(append.stream);
        let key = (kind, id.as_str());
        if history::length(connection, key)? != append.expected_seq {
            return Ok(Err(CommitError::Conflict(append.stream)));
        }
        for (seq, event) in (append.expected_seq + 1..).zip(&append.events) {
            position += 1;
            let record = records.next().expect("every event was encoded");
            let slot = history::Slot {
                position,
                stream: key,
                seq,
                at: batch.at,
            };
            let fact = view::Fact {
                position,
                at: &work.at,
            };
            let written = history::insert(connection, &slot, record)
                .and_then(|()| view::apply(connection, &fact, append.stream, event));
            if let Err(error) = written {
                return refused(error, append.stream).map(Err);
            }
        }
    }
    for (run, at) in &batch.wakes {
        let run = run.to_string();
        match at {
            Some(at) => connection
                .prepare_cached("INSERT INTO wakes (run, at_ms) VALUES (?1, ?2) ON CONFLICT (run) DO UPDATE SET at_ms = ?2")?
                .execute(params![run, signed(*at)])?,
            None => connection.prepare_cached("DELETE FROM wakes WHERE run = ?1")?.execute([run])?,
        };
    }
    Ok(Ok(Committed { position }))
}

/// A rule of the schema refuses the batch; everything else ends the transaction.
fn refused(error: rusqlite::Error, stream: Stream) -> rusqlite::Result<CommitError> {
    let Some(code) = error.sqlite_error() else {
        return Err(error);
    };
    if code.code != ErrorCode::ConstraintViolation {
        return Err(error);
    }
    // Two units of one name: whoever came second decides again, with the first in sight.
    let is_name = matches!(
        code.extended_code,
        ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_UNIQUE
    ) && matches!(stream, Stream::Unit(_) | Stream::Board);
    if is_name {
        return Ok(CommitError::Conflict(stream));
    }
    tracing::error!(%error, ?stream, "bug: the schema refuses a batch that the rules allowed");
    Ok(CommitError::Down(format!(
        "the schema refuses the batch: {error}"
    )))
}

fn remember(
    connection: &Connection,
    request: &Idempotency,
    at: Moment,
) -> rusqlite::Result<Result<(), CommitError>> {
    let Idempotency {
        key,
        body_hash,
        answer,
    } = request;
    let oldest = Moment::from_ms(at.as_ms().saturating_sub(REMEMBERED_MS));
    connection
        .prepare_cached("DELETE FROM idempotency WHERE at_ms < ?1")?
        .execute([signed(oldest)])?;
    let known: Option<(String, String)> = connection
        .prepare_cached("SELECT body_hash, answer FROM idempotency WHERE key = ?1")?
        .query_row([key], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match known {
        Some((known, answer)) if known == *body_hash => Ok(Err(CommitError::Repeated { answer })),
        Some(_) => Ok(Err(CommitError::KeyReused)),
        None => {
            connection
                .prepare_cached(
                    "INSERT INTO idempotency (key, body_hash, answer, at_ms) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![key, body_hash, answer, signed(at)])?;
            Ok(Ok(()))
        }
    }
}

fn signed(moment: Moment) -> i64 {
    i64::try_from(moment.as_ms()).unwrap_or(i64::MAX)
}
