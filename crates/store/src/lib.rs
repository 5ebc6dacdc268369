//! Keeps the state of a home: the history in SQLite, views beside it, long values and transcripts in files.
//!
//! Owns: the database and its schema, the one thread that writes it, stored forms, blobs, transcripts, copies.
//! Leaves out: what may happen (`domain`), when to store (`engine`), and how it is shown (`server`).
//!
//! Events are the truth. [`SqliteStore`] keeps them through the `Store` port; everything that [`Reader`] lists is
//! derived from them in the same transaction and can be made anew.

mod answers;
mod backup;
mod ballast;
mod blobs;
mod connection;
mod epoch;
mod error;
mod history;
mod home;
mod migrate;
mod read;
mod record;
mod sqlite;
mod time;
mod transcript;
mod verify;
mod view;
mod workers;
mod writer;

pub use backup::Copied;
pub use error::{BackupError, OpenError, ReadError};
pub use home::Home;
pub use read::{
    AccountView, AttentionView, ChangeView, ManifestStep, Page, PageAsk, ProjectView, Reader, RunDetail,
    RunFilter, RunStatus, RunView, StatusChange, StepView, TaskView, UnitFilter, UnitView, UsageView,
};
pub use sqlite::{Health, Options, SqliteStore};
pub use time::{iso, moment};
pub use transcript::{
    Redactor, TranscriptEntry, TranscriptFiles, TranscriptLimits, TranscriptListener, TranscriptPage, Written,
};
pub use verify::{VerifyError, read_history, verify};
