//! What waits for a person, as readers see it.

use super::{Page, PageAsk, Reader, json, long_text, parsed, parsed_option, rows};
use crate::blobs::Blobs;
use crate::error::ReadError;
use domain::{AttentionId, RunId, StepKey};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// An item, open or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttentionView {
    /// The item.
    pub id: AttentionId,
    /// The run that asks.
    pub run: RunId,
    /// The step instance it is about; none when it is about the whole run.
    pub key: Option<StepKey>,
    /// `question`, `approval`, `review`, `conflict`, `stuck`, `failure` or `limit`.
    pub kind: String,
    /// One line.
    pub title: String,
    /// What a person needs to know to answer.
    pub body: String,
    /// What can be answered, the usual answer first.
    pub choices: Vec<String>,
    /// Hash over the commands that a yes trusts.
    pub trusts: Option<String>,
    /// `open`, `answered` or `withdrawn`.
    pub state: String,
    /// What was answered.
    pub answer: Option<String>,
    /// The same in the person's words.
    pub answer_text: Option<String>,
    /// Who answered.
    pub answered_by: Option<String>,
    /// Since when it waits.
    pub raised_at: String,
    /// When it was answered or withdrawn.
    pub closed_at: Option<String>,
}

const SELECT: &str =
    "SELECT id, position, run_id, step_key, kind, title, body, body_blob, choices, trusts, state, answer,
    answer_text, answered_by, raised_at, closed_at FROM attention_items";

pub(super) fn of_run(
    connection: &Connection,
    blobs: &Blobs,
    run: &str,
) -> Result<Vec<AttentionView>, ReadError> {
    let found = rows(
        connection,
        &format!("{SELECT} WHERE run_id = ?1 ORDER BY position"),
        [run],
        view,
    )?;
    found
        .into_iter()
        .map(|(_, item, blob)| whole(item, blob, blobs))
        .collect()
}

impl Reader {
    /// What waits for a person, oldest first.
    ///
    /// # Errors
    /// When the cursor is none of ours, or the database or a blob cannot be read.
    pub async fn open_attention(&self, ask: PageAsk) -> Result<Page<AttentionView>, ReadError> {
        let (after, limit) = (ask.after()?.unwrap_or(0), ask.rows());
        let found = self.read(move |connection, blobs| {
            let sql = format!("{SELECT} WHERE state = 'open' AND position > ?1 ORDER BY position LIMIT ?2");
            let found = rows(connection, &sql, params![after, limit], view)?;
            found
                .into_iter()
                .map(|(place, item, blob)| Ok((place, whole(item, blob, blobs)?)))
                .collect()
        });
        Ok(ask.page(found.await?))
    }

    /// One item.
    ///
    /// # Errors
    /// When the database or a blob cannot be read.
    pub async fn attention(&self, id: AttentionId) -> Result<Option<AttentionView>, ReadError> {
        self.read(move |connection, blobs| {
            let found = connection
                .prepare_cached(&format!("{SELECT} WHERE id = ?1"))?
                .query_row([id.to_string()], view)
                .optional()?;
            found.map(|(_, item, blob)| whole(item, blob, blobs)).transpose()
        })
        .await
    }
}

type Found = (i64, AttentionView, Option<String>);

fn whole(item: AttentionView, blob: Option<String>, blobs: &Blobs) -> Result<AttentionView, ReadError> {
    let body = long_text(Some(item.body), blob.as_deref(), blobs)?.unwrap_or_default();
    Ok(AttentionView { body, ..item })
}

fn view(row: &Row<'_>) -> rusqlite::Result<Found> {
    let choices =
        serde_json::from_value(json(row, "choices")?).map_err(|_| super::unreadable(row, "choices"))?;
    let item = AttentionView {
        id: parsed(row, "id")?,
        run: parsed(row, "run_id")?,
        key: parsed_option(row, "step_key")?,
        kind: row.get("kind")?,
        title: row.get("title")?,
        body: row.get::<_, Option<String>>("body")?.unwrap_or_default(),
        choices,
        trusts: row.get("trusts")?,
        state: row.get("state")?,
        answer: row.get("answer")?,
        answer_text: row.get("answer_text")?,
        answered_by: row.get("answered_by")?,
        raised_at: row.get("raised_at")?,
        closed_at: row.get("closed_at")?,
    };
    Ok((row.get("position")?, item, row.get("body_blob")?))
}
