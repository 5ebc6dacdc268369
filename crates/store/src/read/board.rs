//! What spans runs, as readers see it: projects, accounts, settings, trusted commands, remembered answers.

use super::{Reader, parsed, rows};
use crate::answers;
use crate::error::ReadError;
use domain::{Moment, ProjectId};
use engine::ports::Answered;
use rusqlite::{OptionalExtension, Row};

/// A folder that agents work on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectView {
    /// The project.
    pub id: ProjectId,
    /// What people call it.
    pub name: String,
    /// Its folder.
    pub path: String,
    /// Since when it is one.
    pub added_at: String,
}

/// An account that met a limit at some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountView {
    /// Whose, as `agent/account`.
    pub account: String,
    /// When the limit is lifted; none when it works.
    pub limited_until: Option<String>,
    /// How many times in a row without a reported reset.
    pub strikes: u32,
    /// For people.
    pub reason: Option<String>,
    /// When it changed last.
    pub updated_at: String,
}

impl Reader {
    /// The projects, by name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn projects(&self) -> Result<Vec<ProjectView>, ReadError> {
        self.read(|connection, _| {
            rows(
                connection,
                "SELECT id, name, path, added_at FROM projects ORDER BY name",
                [],
                project,
            )
        })
        .await
    }

    /// One project.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn project(&self, id: ProjectId) -> Result<Option<ProjectView>, ReadError> {
        self.read(move |connection, _| {
            let found = connection
                .prepare_cached("SELECT id, name, path, added_at FROM projects WHERE id = ?1")?
                .query_row([id.to_string()], project)
                .optional()?;
            Ok(found)
        })
        .await
    }

    /// The accounts that met a limit at some time.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn accounts(&self) -> Result<Vec<AccountView>, ReadError> {
        self.read(|connection, _| {
            let sql =
                "SELECT account, limited_until, strikes, reason, updated_at FROM accounts ORDER BY account";
            rows(connection, sql, [], |row| {
                Ok(AccountView {
                    account: row.get("account")?,
                    limited_until: row.get("limited_until")?,
                    strikes: row.get("strikes")?,
                    reason: row.get("reason")?,
                    updated_at: row.get("updated_at")?,
                })
            })
        })
        .await
    }

    /// How many tasks may be under way at once; none while nobody has said.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn slots(&self) -> Result<Option<u32>, ReadError> {
        self.read(|connection, _| {
            let found = connection
                .prepare_cached("SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'slots'")?
                .query_row([], |row| row.get(0))
                .optional()?;
            Ok(found)
        })
        .await
    }

    /// Whether a person trusts the commands of that hash.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn are_commands_approved(&self, hash: String) -> Result<bool, ReadError> {
        self.read(move |connection, _| {
            let found = connection
                .prepare_cached("SELECT 1 FROM approved_commands WHERE hash = ?1")?
                .query_row([hash], |_row| Ok(()))
                .optional()?;
            Ok(found.is_some())
        })
        .await
    }

    /// What was answered to the request of that key, while it is remembered.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn answered(&self, key: String, now: Moment) -> Result<Option<Answered>, ReadError> {
        self.read(move |connection, _| Ok(answers::find(connection, &key, now)?))
            .await
    }
}

fn project(row: &Row<'_>) -> rusqlite::Result<ProjectView> {
    Ok(ProjectView {
        id: parsed(row, "id")?,
        name: row.get("name")?,
        path: row.get("path")?,
        added_at: row.get("added_at")?,
    })
}
