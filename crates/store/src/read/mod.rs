//! What the server and the engine read: the history as events, the views as plain rows, lists by pages.
//!
//! Every read is one short transaction on a connection that cannot write.

mod attention;
mod board;
mod history;
mod page;
mod run;
mod step;
mod task;
mod work_unit;

pub use attention::AttentionView;
pub use board::{AccountView, ProjectView};
pub use page::{Page, PageAsk};
pub use run::{ManifestStep, RunDetail, RunFilter, RunStatus, RunView, UsageView};
pub use step::{ChangeView, StepView};
pub use task::TaskView;
pub use work_unit::{StatusChange, UnitFilter, UnitView};

use crate::blobs::Blobs;
use crate::error::ReadError;
use crate::record::plain_of_blob;
use crate::workers::Workers;
use rusqlite::{Connection, Row};
use serde_json::Value as Json;
use std::str::FromStr;
use std::sync::Arc;

/// The way to what is stored. Cheap to clone.
#[derive(Clone)]
pub struct Reader {
    workers: Workers<Connection>,
    blobs: Arc<Blobs>,
}

impl Reader {
    pub(crate) const fn new(workers: Workers<Connection>, blobs: Arc<Blobs>) -> Self {
        Self { workers, blobs }
    }

    /// Reads in one transaction, so that everything in an answer is of the same moment.
    async fn read<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Connection, &Blobs) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let blobs = Arc::clone(&self.blobs);
        self.workers
            .run(move |connection| {
                let transaction = connection.transaction()?;
                let answer = ask(&transaction, &blobs)?;
                transaction.finish()?;
                Ok(answer)
            })
            .await
            .map_err(|_gone| ReadError::Failed("the store is closed".to_owned()))?
    }
}

/// Reads rows with a function per row.
fn rows<T>(
    connection: &Connection,
    sql: &str,
    values: impl rusqlite::Params,
    each: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, ReadError> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(values, each)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A column that holds an id or a key as text.
fn parsed<T: FromStr>(row: &Row<'_>, column: &str) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    text.parse().map_err(|_| unreadable(row, column))
}

fn parsed_option<T: FromStr>(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<T>> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| text.parse().map_err(|_| unreadable(row, column)))
        .transpose()
}

/// A column that holds JSON.
fn json(row: &Row<'_>, column: &str) -> rusqlite::Result<Json> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text).map_err(|_| unreadable(row, column))
}

fn json_option(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<Json>> {
    match row.get_ref(column)?.as_str_or_null()? {
        Some(text) => serde_json::from_str(text)
            .map(Some)
            .map_err(|_| unreadable(row, column)),
        None => Ok(None),
    }
}

fn unsigned(row: &Row<'_>, column: &str) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
}

fn unsigned_option(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<u64>> {
    Ok(row
        .get::<_, Option<i64>>(column)?
        .and_then(|number| u64::try_from(number).ok()))
}

fn unreadable(row: &Row<'_>, column: &str) -> rusqlite::Error {
    let index = row.as_ref().column_index(column).unwrap_or(0);
    rusqlite::Error::InvalidColumnType(index, column.to_owned(), rusqlite::types::Type::Text)
}

/// A text that is in the row, or in the blob that the row names.
fn long_text(inline: Option<String>, blob: Option<&str>, blobs: &Blobs) -> Result<Option<String>, ReadError> {
    match blob {
        None => Ok(inline),
        Some(hash) => {
            let bytes = blobs.get(hash).map_err(ReadError::failed)?;
            String::from_utf8(bytes).map(Some).map_err(ReadError::failed)
        }
    }
}

/// A JSON value that is in the row, or in the blob that the row names.
fn long_json(inline: Option<Json>, blob: Option<&str>, blobs: &Blobs) -> Result<Option<Json>, ReadError> {
    match blob {
        None => Ok(inline),
        Some(hash) => plain_of_blob(hash, blobs).map(Some).map_err(ReadError::failed),
    }
}
