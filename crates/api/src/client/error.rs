//! Why a call did not succeed, sorted by what the caller can do about it.

use crate::Problem;
use reqwest::StatusCode;
use std::io;
use std::path::{Path, PathBuf};

/// Why a call did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens: start the daemon.
    #[error("no daemon answers at {}: {because}", socket.display())]
    NotRunning {
        /// Where one was expected.
        socket: PathBuf,
        /// What the system said.
        because: String,
    },
    /// The daemon is there and did not answer in time.
    #[error("the daemon did not answer in time")]
    Timeout,
    /// The daemon was there and went before its answer was whole. What was asked may have happened.
    #[error("the daemon went away before it answered: {0}")]
    Lost(String),
    /// The daemon said no.
    #[error("{0}")]
    Problem(Box<Problem>),
    /// The other side does not speak as expected: another version, or another program.
    #[error("the daemon is not understood: {0}")]
    Protocol(String),
}

impl ClientError {
    /// The problem, when the daemon said no.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            Self::NotRunning { .. } | Self::Timeout | Self::Lost(_) | Self::Protocol(_) => None,
        }
    }

    /// The code of the problem, when the daemon said no.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.problem().map(|problem| problem.code.as_str())
    }
}

pub(super) fn failed(error: &reqwest::Error, socket: &Path) -> ClientError {
    if error.is_connect() {
        return ClientError::NotRunning {
            socket: socket.to_owned(),
            because: root(error),
        };
    }
    if error.is_timeout() {
        return ClientError::Timeout;
    }
    if error.is_builder() {
        return ClientError::Protocol(root(error));
    }
    ClientError::Lost(root(error))
}

/// What an answer that is no success says.
pub(super) fn refused(status: StatusCode, bytes: &[u8]) -> ClientError {
    match serde_json::from_slice::<Problem>(bytes) {
        Ok(problem) => ClientError::Problem(Box::new(problem)),
        Err(_) => {
            let said: String = String::from_utf8_lossy(bytes).chars().take(200).collect();
            ClientError::Protocol(format!("{status}: {said}"))
        }
    }
}

/// The innermost cause in words: the outer ones only say that a request failed.
pub(super) fn root(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    let mut said = cause.to_string();
    while let Some(source) = cause.source() {
        cause = source;
        said = match cause.downcast_ref::<io::Error>() {
            Some(io) => io.to_string(),
            None => cause.to_string(),
        };
    }
    said
}
