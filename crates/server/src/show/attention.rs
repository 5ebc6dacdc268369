//! What waits for a person, with the words of its kind and choices.

use super::id;
use super::run::read;
use store::AttentionView;

pub(crate) fn attention(item: AttentionView) -> Result<api::Attention, String> {
    Ok(api::Attention {
        id: id(item.id),
        run_id: Some(id(item.run)),
        step_key: item.key.map(|key| key.to_string()),
        kind: read(&item.kind)?,
        title: item.title,
        body: item.body,
        choices: item
            .choices
            .iter()
            .map(|choice| read(choice))
            .collect::<Result<_, _>>()?,
        trusts: item.trusts,
        state: read(&item.state)?,
        answer: item.answer.as_deref().map(read).transpose()?,
        answer_text: item.answer_text,
        answered_by: item.answered_by,
        raised_at: item.raised_at,
        closed_at: item.closed_at,
    })
}
