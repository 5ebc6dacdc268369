//! The user's own settings, `config.toml` in the user's configuration folder. Never read from a project.

use crate::error::{CliError, Explain, Result};
use crate::exit::Exit;
use crate::home::UserFolders;
use serde::Deserialize;
use std::path::PathBuf;

/// Settings; each has a default.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Config {
    /// The agent when a command names none.
    pub(crate) agent: Option<String>,
    /// How many tasks may be under way at once.
    pub(crate) slots: Option<u32>,
    /// What a task can touch.
    pub(crate) sandbox: Sandbox,
    /// Run read tasks although nothing enforces that they only read. Recorded on each.
    pub(crate) allow_read_without_sandbox: bool,
    /// Folders outside the system that tasks may read: toolchains.
    pub(crate) readable: Vec<PathBuf>,
    /// Folders that tasks may write: caches of package managers.
    pub(crate) writable: Vec<PathBuf>,
}

/// What keeps a task inside its working copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Sandbox {
    /// The strongest that works here.
    #[default]
    Auto,
    /// Bubblewrap.
    Bwrap,
    /// Landlock.
    Landlock,
    /// Nothing.
    None,
}

impl Config {
    pub(crate) fn read(folders: &UserFolders) -> Result<Self> {
        let path = folders.config.join("config.toml");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error).explain(format!("cannot read {}", path.display())),
        };
        toml::from_str(&text).map_err(|error| {
            CliError::new(Exit::Invalid, "bad_config", format!("{} cannot be used", path.display()))
                .because(error.to_string().trim_end())
                .hint("`docs/configuration.md` lists what the file may hold")
        })
    }
}
