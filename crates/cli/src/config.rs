//! The user's own settings, `config.toml` in the user's configuration folder. Never read from a project.

use crate::error::{CliError, Explain, Result};
use crate::exit::Exit;
use crate::home::UserFolders;
use serde::Deserialize;
use std::num::NonZeroU32;

/// Settings; each has a default.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Config {
    /// The agent when a command names none.
    pub(crate) agent: Option<String>,
    /// How many tasks may be under way at once.
    pub(crate) slots: Option<NonZeroU32>,
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
            CliError::new(
                Exit::Invalid,
                "bad_config",
                format!("{} cannot be used", path.display()),
            )
            .because(error.to_string().trim_end())
            .hint("`docs/configuration.md` lists what the file may hold")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config> {
        let temp = tempfile::tempdir().unwrap();
        let folders = UserFolders {
            config: temp.path().to_path_buf(),
            state: temp.path().to_path_buf(),
        };
        std::fs::write(temp.path().join("config.toml"), text).unwrap();
        Config::read(&folders)
    }

    #[test]
    fn a_setting_that_cannot_hold_is_refused_with_its_line() {
        assert_eq!(read("slots = 3\n").unwrap().slots.map(NonZeroU32::get), Some(3));
        for wrong in ["slots = 0\n", "slotz = 3\n", "slots = \"many\"\n"] {
            let told = read(wrong).unwrap_err();
            assert_eq!(told.exit, Exit::Invalid);
            assert!(told.because[0].contains("line 1"), "{told:?}");
        }
    }
}
