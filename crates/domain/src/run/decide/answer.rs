//! What a person's answer leads to.

use super::super::{Run, RunEvent};
use super::active;
use crate::{AttentionId, Choice, Refusal, Value};

pub(super) fn on_answered(
    run: &Run,
    attention: AttentionId,
    choice: Choice,
    text: String,
    by: String,
) -> Result<Vec<RunEvent>, Refusal> {
    active(run)?;
    let item = run
        .attention
        .get(&attention)
        .ok_or(Refusal::UnknownAttention(attention))?;
    if !item.choices.contains(&choice) {
        return Err(Refusal::WrongChoice(attention));
    }
    let consequence = match (choice, &item.key) {
        (Choice::Skip, Some(key)) => Some(RunEvent::StepSkipped {
            key: key.clone(),
            by: by.clone(),
        }),
        (Choice::Approve, Some(key)) => Some(RunEvent::StepCompleted {
            key: key.clone(),
            output: Value::map([
                ("approved", Value::Bool(true)),
                ("text", Value::from(text.as_str())),
            ]),
            change: None,
        }),
        (Choice::Reject, Some(key)) => {
            let said = if text.is_empty() {
                String::new()
            } else {
                format!(": {text}")
            };
            Some(RunEvent::StepFailed {
                key: key.clone(),
                reason: format!("rejected by {by}{said}"),
            })
        }
        (Choice::Cancel | Choice::Reject, _) => Some(RunEvent::CancelRequested { by: by.clone() }),
        (Choice::Retry | Choice::Dismiss | Choice::Approve | Choice::Skip, _) => None,
    };
    let answered = RunEvent::AttentionAnswered {
        attention,
        choice,
        text,
        by,
    };
    Ok([Some(answered), consequence].into_iter().flatten().collect())
}
