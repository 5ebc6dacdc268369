//! In whose name commits are made: the person's, as their git knows it for this project.

use crate::command::{Call, Git};
use crate::error::Answer;
use crate::project::{Project, ProjectKind};

/// A name and an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) email: String,
}

impl Identity {
    /// Reads `user.name` and `user.email` as the person's git would, includes and all; reading runs nothing.
    pub(crate) async fn of(git: &Git, project: &Project) -> Answer<Self> {
        let call = match project.kind {
            ProjectKind::Repository => project.checkout_call(git)?,
            ProjectKind::Bare | ProjectKind::Folder => git.call(&project.shared()).with_users_configuration(),
        };
        let ran = call
            .args(["config", "--includes", "-z", "--get-regexp"])
            .values([r"^user\.(name|email)$"])
            .run("read who you are")
            .await?;
        let (name, email) = (last(&ran.stdout, b"user.name"), last(&ran.stdout, b"user.email"));
        Ok(match (name, email) {
            (Some(name), Some(email)) if ran.code == Some(0) => Self { name, email },
            _ => Self::ours(),
        })
    }

    /// For a person who has told git neither.
    pub(crate) fn ours() -> Self {
        Self {
            name: "Partita".to_owned(),
            email: "partita@localhost".to_owned(),
        }
    }

    /// Says it to a command that makes a commit; `date` in git's own form, or now.
    pub(crate) fn sign(&self, call: Call, date: Option<&str>) -> Call {
        let call = call
            .env("GIT_AUTHOR_NAME", &self.name)
            .env("GIT_AUTHOR_EMAIL", &self.email)
            .env("GIT_COMMITTER_NAME", &self.name)
            .env("GIT_COMMITTER_EMAIL", &self.email);
        match date {
            Some(date) => call.env("GIT_AUTHOR_DATE", date).env("GIT_COMMITTER_DATE", date),
            None => call,
        }
    }
}

/// The value that counts, of all that git found from the general to the particular: the last one, were it empty.
fn last(found: &[u8], key: &[u8]) -> Option<String> {
    let mut of_key = found
        .split(|byte| *byte == 0)
        .filter_map(|entry| entry.strip_prefix(key))
        // The line ends where the value begins; a key that is merely there has none.
        .filter(|rest| rest.first().is_none_or(|byte| *byte == b'\n'));
    let text = String::from_utf8_lossy(of_key.next_back()?);
    let plain: String = text
        .chars()
        .filter(|c| !c.is_control() && !matches!(c, '<' | '>'))
        .take(200)
        .collect();
    Some(plain.trim().to_owned()).filter(|value| !value.is_empty())
}
