//! Which life of the daemon a home belongs to: a number that each start raises, and that every transaction looks at.

use rusqlite::Connection;

/// Takes the home for this life. Whoever had it before can write no more.
pub(crate) fn take(connection: &Connection) -> rusqlite::Result<u64> {
    connection.query_row(
        "UPDATE epoch SET number = number + 1 WHERE only = 1 RETURNING number",
        [],
        |row| crate::history::unsigned(row, 0),
    )
}

/// The life that has the home.
pub(crate) fn read(connection: &Connection) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT number FROM epoch WHERE only = 1")?
        .query_row([], |row| crate::history::unsigned(row, 0))
}
