//! Stored forms of what waits for a person.

use super::long::{Long, Spill};
use super::words::{AttentionWord, ChoiceWord};
use super::{DecodeError, text};
use crate::blobs::Blobs;
use domain::{Attention, AttentionId, StepKey};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(super) struct AttentionRaised {
    #[serde(with = "text")]
    id: AttentionId,
    kind: AttentionWord,
    #[serde(with = "text::option")]
    step: Option<StepKey>,
    title: String,
    body: Long<String>,
    choices: Vec<ChoiceWord>,
    trusts: Option<String>,
}

impl AttentionRaised {
    pub(super) fn of(item: &Attention, spill: &mut Spill) -> Self {
        let Attention {
            id,
            kind,
            key,
            title,
            body,
            choices,
            trusts,
        } = item;
        Self {
            id: *id,
            kind: (*kind).into(),
            step: key.clone(),
            title: title.clone(),
            body: spill.text(body),
            choices: choices.iter().map(|choice| (*choice).into()).collect(),
            trusts: trusts.clone(),
        }
    }

    pub(super) fn restore(self, blobs: &Blobs) -> Result<Attention, DecodeError> {
        Ok(Attention {
            id: self.id,
            kind: self.kind.into(),
            key: self.step,
            title: self.title,
            body: self.body.restore(blobs)?,
            choices: self.choices.into_iter().map(Into::into).collect(),
            trusts: self.trusts,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct AttentionAnswered {
    #[serde(with = "text")]
    pub(super) attention: AttentionId,
    pub(super) choice: ChoiceWord,
    pub(super) text: String,
    pub(super) by: String,
}

#[derive(Serialize, Deserialize)]
pub(super) struct OfAttention {
    #[serde(with = "text")]
    pub(super) attention: AttentionId,
}
