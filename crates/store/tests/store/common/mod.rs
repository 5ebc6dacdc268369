//! What the tests of the store share: a home of their own, and a history to put in it.

pub(crate) mod history;

use domain::Moment;
use engine::ports::{Append, Batch, CommitError, Committed, Store};
use rusqlite::Connection;
use store::{Home, Options, SqliteStore};
use tempfile::TempDir;

/// A home that is gone with the test.
pub(crate) struct TestHome {
    folder: TempDir,
    pub(crate) home: Home,
}

impl TestHome {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("home"));
        Self { folder, home }
    }

    pub(crate) fn open(&self) -> SqliteStore {
        SqliteStore::open(&self.home, &options(), history::START).unwrap()
    }

    /// A store with the whole history in it.
    pub(crate) async fn filled(&self) -> SqliteStore {
        let store = self.open();
        for batch in history::everything() {
            store.commit(batch).await.unwrap();
        }
        store
    }

    /// A connection of the test's own, to look or to do damage.
    pub(crate) fn sqlite(&self) -> Connection {
        Connection::open(self.home.database()).unwrap()
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }
}

pub(crate) const fn options() -> Options {
    Options {
        ballast_bytes: 64 * 1024,
    }
}

/// A batch for one stream.
pub(crate) fn batch(append: Append) -> Batch {
    Batch {
        at: history::START,
        appends: vec![append],
        idempotency: None,
        wakes: Vec::new(),
    }
}

/// An event that any run takes at any time, as far as the store knows.
pub(crate) fn paused(run: domain::RunId, expected_seq: u64) -> Append {
    Append {
        stream: domain::Stream::Run(run),
        expected_seq,
        events: vec![domain::Event::Run(domain::RunEvent::Paused {
            by: "ada".to_owned(),
        })],
    }
}

pub(crate) async fn commit(store: &SqliteStore, append: Append) -> Result<Committed, CommitError> {
    store.commit(batch(append)).await
}

pub(crate) fn later(ms: u64) -> Moment {
    history::START.plus_ms(ms)
}

/// What a table's columns are: name, type, whether null is refused, place in the primary key.
pub(crate) fn columns(connection: &Connection, table: &str) -> Vec<(String, String, bool, u32)> {
    let mut statement = connection
        .prepare("SELECT name, type, \"notnull\", pk FROM pragma_table_info(?1)")
        .unwrap();
    let rows = statement.query_map([table], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    });
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}
