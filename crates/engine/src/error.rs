//! Why the engine did not do what it was asked.

use crate::ports::{BeginError, CommitError, DefinitionError, StoreError, WorkspaceError};
use domain::{Refusal, RunId};

/// Why the engine did not do what it was asked. Nothing happened then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The rules said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no such run.
    #[error("there is no run {0}")]
    UnknownRun(RunId),
    /// The definition cannot be used.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// There is no place to work in.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// An agent that the flow needs cannot do it.
    #[error(transparent)]
    Agent(#[from] BeginError),
    /// The request was answered before; this is what was said.
    #[error("the request was answered before")]
    Repeated {
        /// The answer given then.
        answer: String,
    },
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The disk is full; nothing was lost.
    #[error("the disk is full")]
    Full,
    /// The daemon is stopping and takes nothing new.
    #[error("the daemon is stopping")]
    Stopping,
    /// The store cannot go on in this process.
    #[error("the store is down: {0}")]
    Down(String),
}

impl From<CommitError> for EngineError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict(stream) => Self::Down(format!("{stream:?} was written by another owner")),
            CommitError::Repeated { answer } => Self::Repeated { answer },
            CommitError::KeyReused => Self::KeyReused,
            CommitError::Full => Self::Full,
            CommitError::Down(why) => Self::Down(why),
        }
    }
}

impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> Self {
        Self::Down(error.0)
    }
}
