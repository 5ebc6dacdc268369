//! Stored forms: types of their own, one set per version, translated from and to what the rules speak.
//!
//! A stored form is `kind`, `version` and a JSON body. A form that was ever written is read for ever: a change makes
//! a new version beside the old one, and golden files pin every one of them.

mod attention;
mod board;
mod digest;
#[cfg(test)]
mod golden;
mod long;
mod plan;
mod run;
mod task;
mod text;
mod value;
mod words;
mod work_unit;

pub(crate) use digest::Row;
pub(crate) use long::{Blob, Fitted, Spill, fit_text, fit_value, plain_of_blob};
pub(crate) use value::plain;
pub(crate) use words::{
    AccessWord, AttentionWord, ChoiceWord, FailureWord, RoleWord, SizeWord, StepKindWord, Word,
};

use crate::blobs::{BlobError, Blobs};
use domain::{Event, Stream};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// An event as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) kind: &'static str,
    pub(crate) version: u32,
    pub(crate) body: String,
}

/// Why a stored form cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("no version of this program wrote `{kind}` in version {version}, or a newer one did")]
    Unknown { kind: String, version: u32 },
    #[error("`{kind}` in version {version} does not read: {source}")]
    Body {
        kind: String,
        version: u32,
        source: serde_json::Error,
    },
    #[error("`{0}` does not read: {1}")]
    Part(&'static str, String),
    #[error(transparent)]
    Blob(#[from] BlobError),
}

/// The stored form of an event. Values too long for a row go to `spill`.
pub(crate) fn encode(event: &Event, spill: &mut Spill) -> Record {
    match event {
        Event::Run(event) => run::encode(event, spill),
        Event::Unit(event) => work_unit::encode(event, spill),
        Event::Board(event) => board::encode(event),
    }
}

/// The event of a stored form.
pub(crate) fn decode(kind: &str, version: u32, body: &str, blobs: &Blobs) -> Result<Event, DecodeError> {
    let stored = Stored {
        kind,
        version,
        body,
        blobs,
    };
    match kind.split_once('.') {
        Some(("run", _)) => run::decode(stored).map(Event::Run),
        Some(("unit", _)) => work_unit::decode(stored).map(Event::Unit),
        Some(("board", _)) => board::decode(stored).map(Event::Board),
        Some(_) | None => Err(stored.unknown()),
    }
}

/// What the stream of an event is called in the rows.
pub(crate) fn stream_key(stream: Stream) -> (&'static str, String) {
    match stream {
        Stream::Board => ("board", String::new()),
        Stream::Unit(unit) => ("unit", unit.to_string()),
        Stream::Run(run) => ("run", run.to_string()),
    }
}

/// The stream that the rows call so.
pub(crate) fn stream_of(kind: &str, id: &str) -> Result<Stream, DecodeError> {
    let bad = |_| DecodeError::Part("stream", format!("{kind} {id}"));
    match kind {
        "board" => Ok(Stream::Board),
        "unit" => id.parse().map(Stream::Unit).map_err(bad),
        "run" => id.parse().map(Stream::Run).map_err(bad),
        other => Err(DecodeError::Part("stream", other.to_owned())),
    }
}

/// A stored form on its way back.
#[derive(Clone, Copy)]
struct Stored<'a> {
    kind: &'a str,
    version: u32,
    body: &'a str,
    blobs: &'a Blobs,
}

impl Stored<'_> {
    fn read<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        let mut reader = serde_json::Deserializer::from_str(self.body);
        T::deserialize(&mut reader).map_err(|source| DecodeError::Body {
            kind: self.kind.to_owned(),
            version: self.version,
            source,
        })
    }

    fn unknown(&self) -> DecodeError {
        DecodeError::Unknown {
            kind: self.kind.to_owned(),
            version: self.version,
        }
    }
}

fn first(kind: &'static str, body: &impl Serialize) -> Record {
    Record {
        kind,
        version: 1,
        body: json(body),
    }
}

/// Our stored forms have text for keys and no way to fail, so they always become JSON.
fn json(body: &impl Serialize) -> String {
    serde_json::to_string(body).expect("stored forms are JSON")
}
