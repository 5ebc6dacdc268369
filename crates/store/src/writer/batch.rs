//! What one batch changes: the history, the views, the wakes and the answer to remember. A batch is kept whole or not at all.

use super::Work;
use super::ends::Ends;
use crate::record::stream_key;
use crate::{answers, history, view};
use domain::{Moment, Stream};
use engine::faults::{CrashPoint, reach};
use engine::ports::{Batch, CommitError, Committed, Idempotency};
use rusqlite::{Connection, ErrorCode, ffi, params};

/// Applies a batch after the event at a position. The inner error refuses this batch alone; the outer one ends the
/// whole transaction.
pub(super) type Apply =
    fn(&Connection, u64, &Work, &mut Ends) -> rusqlite::Result<Result<Committed, CommitError>>;

/// The fast way: nearly every refusal is found before the first write, and then there is nothing to take back.
pub(super) fn plainly(
    connection: &Connection,
    position: u64,
    work: &Work,
    ends: &mut Ends,
) -> rusqlite::Result<Result<Committed, CommitError>> {
    if let Err(refusal) = check(connection, work, ends)? {
        return Ok(Err(refusal));
    }
    let committed = write(connection, position, work).map_err(|broken| broken.error)?;
    ends.count(&work.batch);
    Ok(Ok(committed))
}

/// The way for a group in which the schema refused a batch: what it wrote is taken back, the others stay.
pub(super) fn guarded(
    connection: &Connection,
    position: u64,
    work: &Work,
    ends: &mut Ends,
) -> rusqlite::Result<Result<Committed, CommitError>> {
    if let Err(refusal) = check(connection, work, ends)? {
        return Ok(Err(refusal));
    }
    let run = |sql: &str| connection.prepare_cached(sql)?.execute([]).map(drop);
    run("SAVEPOINT batch")?;
    let answer = match write(connection, position, work) {
        Ok(committed) => {
            ends.count(&work.batch);
            Ok(committed)
        }
        Err(broken) => {
            let refusal = refused(broken)?;
            run("ROLLBACK TO batch")?;
            Err(refusal)
        }
    };
    run("RELEASE batch")?;
    Ok(answer)
}

/// Whether the schema, rather than the disk, refuses: then one batch is wrong and the others are not.
pub(super) fn is_refusal(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}

/// Reads only.
fn check(connection: &Connection, work: &Work, ends: &mut Ends) -> rusqlite::Result<Result<(), CommitError>> {
    if let Some(request) = &work.batch.idempotency
        && let Err(refusal) = recall(connection, request, work.batch.at)?
    {
        return Ok(Err(refusal));
    }
    for append in &work.batch.appends {
        if ends.length(connection, append.stream)? != append.expected_seq {
            return Ok(Err(CommitError::Conflict(append.stream)));
        }
    }
    Ok(Ok(()))
}

/// A write that failed, and the stream that it was for.
struct Broken {
    error: rusqlite::Error,
    stream: Stream,
}

fn write(connection: &Connection, position: u64, work: &Work) -> Result<Committed, Broken> {
    let batch = &work.batch;
    let mut position = position;
    let mut records = work.records.iter();
    for append in &batch.appends {
        let (kind, id) = stream_key(append.stream);
        let broken = |error| Broken {
            error,
            stream: append.stream,
        };
        for (seq, event) in (append.expected_seq + 1..).zip(&append.events) {
            position += 1;
            let record = records.next().expect("every event was encoded");
            let slot = history::Slot {
                position,
                stream: (kind, &id),
                seq,
                at: batch.at,
            };
            let fact = view::Fact {
                position,
                at: &work.at,
            };
            history::insert(connection, &slot, record).map_err(broken)?;
            reach(CrashPoint::MidCommit);
            view::apply(connection, &fact, append.stream, event).map_err(broken)?;
        }
    }
    write_beside(connection, batch).map_err(|error| Broken {
        error,
        stream: Stream::Board,
    })?;
    Ok(Committed { position })
}

/// What is kept beside the history: wakes, and the answer to a request that may be repeated.
fn write_beside(connection: &Connection, batch: &Batch) -> rusqlite::Result<()> {
    for (run, at) in &batch.wakes {
        let run = run.to_string();
        match at {
            Some(at) => connection
                .prepare_cached(
                    "INSERT INTO wakes (run, at_ms) VALUES (?1, ?2) ON CONFLICT (run) DO UPDATE SET at_ms = ?2",
                )?
                .execute(params![run, signed(*at)])?,
            None => connection.prepare_cached("DELETE FROM wakes WHERE run = ?1")?.execute([run])?,
        };
    }
    match &batch.idempotency {
        Some(request) => Ok(answers::keep(connection, request, batch.at)?),
        None => Ok(()),
    }
}

/// A rule of the schema refuses the batch; everything else ends the transaction.
fn refused(broken: Broken) -> rusqlite::Result<CommitError> {
    let Broken { error, stream } = broken;
    if !is_refusal(&error) {
        return Err(error);
    }
    // Two units or two projects of one name: whoever came second decides again, with the first in sight.
    let code = error.sqlite_extended_error_code();
    let is_taken =
        code == Some(ffi::SQLITE_CONSTRAINT_PRIMARYKEY) || code == Some(ffi::SQLITE_CONSTRAINT_UNIQUE);
    match stream {
        Stream::Unit(_) | Stream::Board if is_taken => Ok(CommitError::Conflict(stream)),
        Stream::Unit(_) | Stream::Board | Stream::Run(_) => {
            tracing::error!(%error, ?stream, "bug: the schema refuses a batch that the rules allowed");
            Ok(CommitError::Down(format!(
                "the schema refuses the batch: {error}"
            )))
        }
    }
}

fn recall(
    connection: &Connection,
    request: &Idempotency,
    at: Moment,
) -> rusqlite::Result<Result<(), CommitError>> {
    Ok(match answers::find(connection, &request.key, at)? {
        Some(first) if first.body_hash == request.body_hash => {
            Err(CommitError::Repeated { answer: first.answer })
        }
        Some(_) => Err(CommitError::KeyReused),
        None => Ok(()),
    })
}

fn signed(moment: Moment) -> i64 {
    i64::try_from(moment.as_ms()).unwrap_or(i64::MAX)
}
