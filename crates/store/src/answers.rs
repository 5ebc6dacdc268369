//! The answers that requests got, by the key of the request, for a day: so that a repeated request is done once.

use domain::Moment;
use engine::ports::{Answered, Idempotency};
use rusqlite::{Connection, OptionalExtension, params};

/// How long an answer is remembered.
const REMEMBERED_MS: u64 = 24 * 60 * 60 * 1000;

/// What the request of that key was answered, as far as it is remembered at that moment.
pub(crate) fn find(connection: &Connection, key: &str, at: Moment) -> rusqlite::Result<Option<Answered>> {
    connection
        .prepare_cached("SELECT body_hash, answer FROM idempotency WHERE key = ?1 AND at_ms >= ?2")?
        .query_row(params![key, oldest(at)], |row| {
            Ok(Answered {
                body_hash: row.get(0)?,
                answer: row.get(1)?,
            })
        })
        .optional()
}

/// Keeps an answer, and forgets those that are too old.
pub(crate) fn keep(connection: &Connection, request: &Idempotency, at: Moment) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM idempotency WHERE at_ms < ?1")?
        .execute([oldest(at)])?;
    let Idempotency {
        key,
        body_hash,
        answer,
    } = request;
    connection
        .prepare_cached("INSERT INTO idempotency (key, body_hash, answer, at_ms) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![key, body_hash, answer, signed(at)])?;
    Ok(())
}

fn oldest(at: Moment) -> i64 {
    signed(Moment::from_ms(at.as_ms().saturating_sub(REMEMBERED_MS)))
}

fn signed(moment: Moment) -> i64 {
    i64::try_from(moment.as_ms()).unwrap_or(i64::MAX)
}
