//! The rows of `events`: written once, read with their checksum.

use crate::blobs::Blobs;
use crate::record::{self, DecodeError, Record, Row};
use domain::{Moment, Stream};
use engine::ports::Recorded;
use rusqlite::{Connection, Params, params};

/// Why a part of the history cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HistoryError {
    #[error("event {position} is damaged: its checksum does not fit")]
    Damaged { position: u64 },
    #[error("event {position} cannot be read: {source}")]
    Form { position: u64, source: DecodeError },
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

const COLUMNS: &str = "position, stream_kind, stream_id, seq, at_ms, kind, version, body, digest";

/// How many events the stream has.
pub(crate) fn length(connection: &Connection, stream: (&str, &str)) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT coalesce(max(seq), 0) FROM events WHERE stream_kind = ?1 AND stream_id = ?2")?
        .query_row(params![stream.0, stream.1], |row| unsigned(row, 0))
}

/// The position of the last event.
pub(crate) fn position(connection: &Connection) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT coalesce(max(position), 0) FROM events")?
        .query_row([], |row| unsigned(row, 0))
}

/// Where an event goes.
pub(crate) struct Slot<'a> {
    pub(crate) position: u64,
    pub(crate) stream: (&'a str, &'a str),
    pub(crate) seq: u64,
    pub(crate) at: Moment,
}

/// Writes one event.
pub(crate) fn insert(connection: &Connection, slot: &Slot<'_>, record: &Record) -> rusqlite::Result<()> {
    let Record { kind, version, body } = record;
    let row = Row {
        position: slot.position,
        stream: slot.stream,
        seq: slot.seq,
        at_ms: slot.at.as_ms(),
        kind,
        version: *version,
        body,
    };
    connection
        .prepare_cached(
            "INSERT INTO events (position, stream_kind, stream_id, seq, at_ms, kind, version, body, digest)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            signed(slot.position),
            slot.stream.0,
            slot.stream.1,
            signed(slot.seq),
            signed(slot.at.as_ms()),
            kind,
            version,
            body,
            row.digest(),
        ])?;
    Ok(())
}

/// All events of a stream with a `seq` above `after`, in order.
pub(crate) fn load(
    connection: &Connection,
    blobs: &Blobs,
    stream: Stream,
    after: u64,
) -> Result<Vec<Recorded>, HistoryError> {
    let (kind, id) = record::stream_key(stream);
    let sql = format!(
        "SELECT {COLUMNS} FROM events WHERE stream_kind = ?1 AND stream_id = ?2 AND seq > ?3 ORDER BY seq"
    );
    read(connection, blobs, &sql, params![kind, id, signed(after)])
}

/// Up to `limit` events with a position above `after`, in order.
pub(crate) fn after(
    connection: &Connection,
    blobs: &Blobs,
    after: u64,
    limit: usize,
) -> Result<Vec<Recorded>, HistoryError> {
    let sql = format!("SELECT {COLUMNS} FROM events WHERE position > ?1 ORDER BY position LIMIT ?2");
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    read(connection, blobs, &sql, params![signed(after), limit])
}

fn read(
    connection: &Connection,
    blobs: &Blobs,
    sql: &str,
    values: impl Params,
) -> Result<Vec<Recorded>, HistoryError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(values)?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        events.push(recorded(row, blobs)?);
    }
    Ok(events)
}

fn recorded(row: &rusqlite::Row<'_>, blobs: &Blobs) -> Result<Recorded, HistoryError> {
    let position = unsigned(row, 0)?;
    let text = |index: usize| row.get_ref(index)?.as_str().map_err(rusqlite::Error::from);
    let (stream, kind, body) = ((text(1)?, text(2)?), text(5)?, text(7)?);
    let (seq, at_ms) = (unsigned(row, 3)?, unsigned(row, 4)?);
    let version: u32 = row.get(6)?;
    let checked = Row {
        position,
        stream,
        seq,
        at_ms,
        kind,
        version,
        body,
    };
    if checked.digest() != row.get::<_, i64>(8)? {
        return Err(HistoryError::Damaged { position });
    }
    let form = |source| HistoryError::Form { position, source };
    Ok(Recorded {
        position,
        stream: record::stream_of(stream.0, stream.1).map_err(form)?,
        seq,
        at: Moment::from_ms(at_ms),
        event: record::decode(kind, version, body, blobs).map_err(form)?,
    })
}

/// SQLite's integers have a sign; ours count.
pub(crate) fn unsigned(row: &rusqlite::Row<'_>, index: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(index)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(index, number))
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
