//! Why a home's state cannot be opened, read or copied, in words a person can act on.

use std::path::{Path, PathBuf};

/// Why the state of a home was not opened. What was there is untouched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The SQLite in this program can corrupt a write-ahead log (before 3.51.3).
    #[error("SQLite {found} is too old: 3.51.3 or newer is needed, because older ones can corrupt the file")]
    SqliteTooOld {
        /// What this program was built with.
        found: &'static str,
    },
    /// A file or folder refused.
    #[error("cannot {what} {path}: {source}")]
    File {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The home is on a disk of another machine, where the write-ahead log does not work.
    #[error(
        "{path} is on a network disk, where SQLite cannot keep its promises: choose a home on a local one"
    )]
    NetworkDisk {
        /// The home.
        path: PathBuf,
    },
    /// The file is no database.
    #[error("{path} is not a database; it was left as it is")]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged.
    #[error("{path} is damaged ({report}); it was left as it is: restore the newest file of `backups`")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        report: String,
    },
    /// The file is a database of another program.
    #[error("{path} is a database of another program (application id {found:#x}); it was left as it is")]
    Stranger {
        /// The file.
        path: PathBuf,
        /// Whose.
        found: i32,
    },
    /// A newer version of this program wrote the file.
    #[error("{path} has schema {found}, and this version knows {known}: use the newer version that wrote it")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema known here.
        known: i64,
    },
    /// A migration that was applied is not the one known under its number.
    #[error("migration {version} in {path} is not the one that this version knows")]
    ForeignMigration {
        /// The file.
        path: PathBuf,
        /// Which.
        version: i64,
    },
    /// The copy before a migration could not be made, so the migration was not tried.
    #[error("cannot copy the database before changing its schema: {0}")]
    Backup(#[from] BackupError),
    /// A setting that the promises rest on did not take.
    #[error("SQLite did not accept `{0}`")]
    Setting(&'static str),
    /// An event of the history cannot be read, so the views cannot be made.
    #[error("cannot rebuild the views: {0}")]
    History(String),
    /// SQLite failed.
    #[error("cannot open {path}: {source}")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

impl OpenError {
    pub(crate) fn file(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { what, path, source }
    }

    /// Says which of SQLite's errors mean that the file itself is bad.
    pub(crate) fn sqlite(path: &Path) -> impl Fn(rusqlite::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => Self::NotADatabase { path: path.clone() },
            Some(rusqlite::ErrorCode::DatabaseCorrupt) => Self::Damaged {
                path: path.clone(),
                report: source.to_string(),
            },
            Some(_) | None => Self::Sqlite {
                path: path.clone(),
                source,
            },
        }
    }
}

/// Why a copy of the database was not made. Nothing was left under its name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// A file of that name exists.
    #[error("{0} exists already")]
    Exists(PathBuf),
    /// A file or folder refused.
    #[error("cannot write {path}: {source}")]
    File {
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// SQLite failed.
    #[error("SQLite failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The copy was made and is not whole.
    #[error("the copy is not whole: {0}")]
    NotWhole(String),
    /// The store is gone.
    #[error("the store is closed")]
    Closed,
}

/// Why a list or an item could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The text is not a cursor that a list gave.
    #[error("`{0}` is not a cursor of this list")]
    BadCursor(String),
    /// Something broke.
    #[error("cannot read the store: {0}")]
    Failed(String),
}

impl ReadError {
    pub(crate) fn failed(error: impl std::fmt::Display) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> Self {
        Self::failed(error)
    }
}
