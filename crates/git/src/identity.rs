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
        let (name, email) = (
            setting(git, project, "user.name").await?,
            setting(git, project, "user.email").await?,
        );
        Ok(match (name, email) {
            (Some(name), Some(email)) => Self { name, email },
            _ => Self {
                name: "Partita".to_owned(),
                email: "partita@localhost".to_owned(),
            },
        })
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

async fn setting(git: &Git, project: &Project, name: &str) -> Answer<Option<String>> {
    let call = match project.kind {
        ProjectKind::Repository => project.checkout_call(git)?,
        ProjectKind::Bare | ProjectKind::Folder => git.call(&project.shared()).with_users_configuration(),
    };
    let ran = call
        .args(["config", "--includes", "-z", "--get"])
        .values([name])
        .run("read who you are")
        .await?;
    let text = String::from_utf8_lossy(&ran.stdout);
    let plain: String = text
        .chars()
        .filter(|c| !c.is_control() && !matches!(c, '<' | '>'))
        .take(200)
        .collect();
    Ok(Some(plain.trim().to_owned()).filter(|value| ran.code == Some(0) && !value.is_empty()))
}
