//! What a person is told when a command does not do what was asked: what, because, and a hint.

use crate::exit::Exit;
use std::fmt::Display;

/// Why a command did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CliError {
    pub(crate) exit: Exit,
    pub(crate) what: String,
    pub(crate) because: Vec<String>,
    pub(crate) hints: Vec<String>,
    /// The stable word of the problem, for `--json`.
    pub(crate) code: String,
}

/// What a command gives.
pub(crate) type Result<T = Exit> = std::result::Result<T, CliError>;

impl CliError {
    pub(crate) fn new(exit: Exit, code: &str, what: impl Display) -> Self {
        Self {
            exit,
            what: what.to_string(),
            because: Vec::new(),
            hints: Vec::new(),
            code: code.to_owned(),
        }
    }

    pub(crate) fn because(mut self, because: impl Display) -> Self {
        self.because.push(because.to_string());
        self
    }

    pub(crate) fn hint(mut self, hint: impl Display) -> Self {
        self.hints.push(hint.to_string());
        self
    }

    /// As people read it.
    pub(crate) fn shown(&self) -> String {
        let mut lines = vec![format!("error: {}", self.what)];
        lines.extend(self.because.iter().map(|because| format!("  because: {because}")));
        lines.extend(self.hints.iter().map(|hint| format!("hint: {hint}")));
        lines.join("\n")
    }

    /// As programs read it.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "error": { "code": self.code, "what": self.what, "because": self.because, "hints": self.hints, "exit": self.exit.code() }
        })
    }
}

/// Gives an input or output error the words that make it useful.
pub(crate) trait Explain<T> {
    fn explain(self, what: impl Display) -> Result<T>;
}

impl<T> Explain<T> for std::io::Result<T> {
    fn explain(self, what: impl Display) -> Result<T> {
        self.map_err(|error| {
            let told = CliError::new(Exit::Machine, "io", what).because(&error);
            match error.kind() {
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                    told.hint("make room on the disk; nothing was lost")
                }
                std::io::ErrorKind::PermissionDenied => told.hint("the folder must be yours and writable"),
                std::io::ErrorKind::ReadOnlyFilesystem => {
                    told.hint("choose a place on a disk that can be written to")
                }
                std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
                    told.hint("look whether the path is right")
                }
                _ => told.hint("`partita doctor` looks at this machine"),
            }
        })
    }
}
