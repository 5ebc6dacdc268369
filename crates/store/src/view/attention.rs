//! The rows of what waits for a person.

use super::RunScene;
use crate::record::{AttentionWord, ChoiceWord, Fitted, Word, fit_text};
use domain::{Attention, AttentionId, Choice};
use rusqlite::params;

pub(super) fn insert(scene: &RunScene<'_>, item: &Attention) -> rusqlite::Result<()> {
    let Attention {
        id,
        kind,
        key,
        title,
        body,
        choices,
        trusts,
    } = item;
    let Fitted { inline, blob } = fit_text(body);
    let choices: Vec<&str> = choices
        .iter()
        .map(|choice| ChoiceWord::from(*choice).word())
        .collect();
    scene.write(
        "INSERT INTO attention_items (id, position, run_id, step_key, kind, title, body, body_blob, choices, trusts,
                                      state, raised_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'open', ?11)",
        params![
            id.to_string(),
            scene.position(),
            scene.subject.to_string(),
            key.as_ref().map(ToString::to_string),
            AttentionWord::from(*kind).word(),
            title,
            inline,
            blob,
            serde_json::json!(choices).to_string(),
            trusts,
            scene.at(),
        ],
    )?;
    Ok(())
}

pub(super) fn answer(
    scene: &RunScene<'_>,
    attention: AttentionId,
    choice: Choice,
    text: &str,
    by: &str,
) -> rusqlite::Result<()> {
    scene.write_one(
        "UPDATE attention_items SET state = 'answered', answer = ?2, answer_text = ?3, answered_by = ?4,
                                    closed_at = ?5
         WHERE id = ?1",
        params![
            attention.to_string(),
            ChoiceWord::from(choice).word(),
            text,
            by,
            scene.at()
        ],
    )
}

pub(super) fn withdraw(scene: &RunScene<'_>, attention: AttentionId) -> rusqlite::Result<()> {
    scene.write_one(
        "UPDATE attention_items SET state = 'withdrawn', closed_at = ?2 WHERE id = ?1",
        params![attention.to_string(), scene.at()],
    )
}
