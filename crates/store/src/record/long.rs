//! Values that may be too long for a row: inside the stored form when short, else the hash of a blob.

use super::value::{decode_value, encode_value, plain};
use super::{DecodeError, json};
use crate::blobs::{Blobs, sha256};
use domain::Value;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// Longer values are blobs.
pub(crate) const INLINE_MAX: usize = 64 * 1024;

/// A value on its way to the folder of blobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Blob {
    pub(crate) hash: String,
    pub(crate) bytes: Vec<u8>,
}

/// Collects what must be on the disk before the event that names it.
#[derive(Debug, Default)]
pub(crate) struct Spill {
    pub(crate) blobs: Vec<Blob>,
}

/// A text or a JSON value, or the name of the blob that holds it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Long<T> {
    Inline(T),
    Blob(Named),
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Named {
    sha256: String,
    bytes: u64,
}

impl Spill {
    pub(super) fn text(&mut self, text: &str) -> Long<String> {
        if text.len() <= INLINE_MAX {
            Long::Inline(text.to_owned())
        } else {
            Long::Blob(self.keep(text.into()))
        }
    }

    pub(super) fn value(&mut self, value: &Value) -> Long<Json> {
        self.json(encode_value(value))
    }

    pub(super) fn json(&mut self, value: Json) -> Long<Json> {
        // A quick look first: most values are too small to be worth writing twice.
        if is_surely_short(&value, &mut { INLINE_MAX / 8 }) {
            return Long::Inline(value);
        }
        let text = json(&value);
        if text.len() <= INLINE_MAX {
            Long::Inline(value)
        } else {
            Long::Blob(self.keep(text.into()))
        }
    }

    fn keep(&mut self, bytes: Vec<u8>) -> Named {
        let named = Named {
            sha256: sha256(&bytes),
            bytes: bytes.len() as u64,
        };
        self.blobs.push(Blob {
            hash: named.sha256.clone(),
            bytes,
        });
        named
    }
}

/// Spends a budget of bytes on a value, at the most that JSON makes of each of them.
fn is_surely_short(value: &Json, left: &mut usize) -> bool {
    let spend = |bytes: usize, left: &mut usize| {
        let is_enough = bytes <= *left;
        *left = left.saturating_sub(bytes);
        is_enough
    };
    match value {
        Json::Null | Json::Bool(_) | Json::Number(_) => spend(4, left),
        Json::String(text) => spend(text.len() + 1, left),
        Json::Array(items) => spend(1, left) && items.iter().all(|item| is_surely_short(item, left)),
        Json::Object(map) => {
            spend(1, left)
                && map
                    .iter()
                    .all(|(name, item)| spend(name.len() + 1, left) && is_surely_short(item, left))
        }
    }
}

impl Long<String> {
    pub(super) fn restore(self, blobs: &Blobs) -> Result<String, DecodeError> {
        match self {
            Self::Inline(text) => Ok(text),
            Self::Blob(named) => named.text(blobs),
        }
    }
}

impl Long<Json> {
    pub(super) fn restore(self, blobs: &Blobs) -> Result<Value, DecodeError> {
        self.restore_json(blobs).and_then(decode_value)
    }

    pub(super) fn restore_json(self, blobs: &Blobs) -> Result<Json, DecodeError> {
        match self {
            Self::Inline(value) => Ok(value),
            Self::Blob(named) => serde_json::from_str(&named.text(blobs)?)
                .map_err(|error| DecodeError::Part("blob", error.to_string())),
        }
    }
}

impl Named {
    fn text(&self, blobs: &Blobs) -> Result<String, DecodeError> {
        String::from_utf8(blobs.get(&self.sha256)?)
            .map_err(|error| DecodeError::Part("blob", error.to_string()))
    }
}

/// A long value as the rows of a view hold it: itself, or the hash of the blob that the event names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fitted {
    pub(crate) inline: Option<String>,
    pub(crate) blob: Option<String>,
}

/// How a row holds a text.
pub(crate) fn fit_text(text: &str) -> Fitted {
    if text.len() <= INLINE_MAX {
        Fitted {
            inline: Some(text.to_owned()),
            blob: None,
        }
    } else {
        Fitted {
            inline: None,
            blob: Some(sha256(text.as_bytes())),
        }
    }
}

/// How a row holds a value: plain JSON, or the hash of its stored form.
pub(crate) fn fit_value(value: &Value) -> Fitted {
    let mut spill = Spill::default();
    match spill.value(value) {
        Long::Inline(_) => Fitted {
            inline: Some(json(&plain(value))),
            blob: None,
        },
        Long::Blob(named) => Fitted {
            inline: None,
            blob: Some(named.sha256),
        },
    }
}

/// The plain JSON of a value whose stored form is in a blob.
pub(crate) fn plain_of_blob(hash: &str, blobs: &Blobs) -> Result<Json, DecodeError> {
    let bytes = blobs.get(hash)?;
    let stored =
        serde_json::from_slice(&bytes).map_err(|error| DecodeError::Part("blob", error.to_string()))?;
    decode_value(stored).map(|value| plain(&value))
}
