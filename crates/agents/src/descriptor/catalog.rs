//! Owns: every agent there is, by name: those that ship, and what the user's `agents.toml` says about them and others.

use super::Descriptor;
use crate::sandbox::Choice;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use toml::{Table, Value};

const SHIPPED: [(&str, &str); 7] = [
    ("claude", include_str!("../../descriptors/claude.toml")),
    ("codex", include_str!("../../descriptors/codex.toml")),
    ("qwen", include_str!("../../descriptors/qwen.toml")),
    ("gemini", include_str!("../../descriptors/gemini.toml")),
    ("opencode", include_str!("../../descriptors/opencode.toml")),
    ("rehearsal", include_str!("../../descriptors/rehearsal.toml")),
    ("command", include_str!("../../descriptors/command.toml")),
];

/// Why a user's `agents.toml` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// It cannot be read.
    #[error("cannot read {path}: {cause}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        cause: std::io::Error,
    },
    /// It says what cannot be.
    #[error("{path}: {wrong}")]
    Invalid {
        /// The file, and the agent it is about.
        path: String,
        /// What is wrong.
        wrong: String,
    },
}

/// Every agent, and what the user chose for all of them.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// The agents by name.
    pub agents: BTreeMap<String, Descriptor>,
    /// Which sandbox, and what every task may see.
    pub sandbox: Choice,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct UserFile {
    sandbox: Choice,
    agents: BTreeMap<String, Table>,
}

impl Catalog {
    /// The agents that ship, under the user's file where there is one.
    pub fn load(user_file: &Path) -> Result<Self, CatalogError> {
        let path = user_file.display().to_string();
        match std::fs::read_to_string(user_file) {
            Ok(text) => Self::parse(&text, &path),
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Self::parse("", &path),
            Err(cause) => Err(CatalogError::Unreadable { path, cause }),
        }
    }

    /// The agents that ship, under a user's words. `path` is what errors call them.
    pub fn parse(text: &str, path: &str) -> Result<Self, CatalogError> {
        let invalid = |path: String, wrong: toml::de::Error| CatalogError::Invalid {
            path,
            wrong: wrong.to_string(),
        };
        let user: UserFile = toml::from_str(text).map_err(|wrong| invalid(path.to_owned(), wrong))?;
        let mut tables = BTreeMap::new();
        for (name, text) in SHIPPED {
            let table = text
                .parse::<Table>()
                .map_err(|wrong| invalid(format!("shipped {name}"), wrong))?;
            tables.insert(name.to_owned(), table);
        }
        for (name, table) in user.agents {
            if !is_name(&name) {
                let wrong = "an agent's name has letters, digits, `-` and `_`, 40 at most".to_owned();
                return Err(CatalogError::Invalid {
                    path: format!("{path}: agents.{name:?}"),
                    wrong,
                });
            }
            lay_over(tables.entry(name).or_default(), table);
        }
        let mut agents = BTreeMap::new();
        for (name, table) in tables {
            let descriptor = Descriptor::deserialize(table)
                .map_err(|wrong| invalid(format!("{path}: agents.{name}"), wrong))?;
            agents.insert(name, descriptor);
        }
        Ok(Self {
            agents,
            sandbox: user.sandbox,
        })
    }
}

/// Whether the agent of that name came with the program.
#[must_use]
pub fn is_shipped(name: &str) -> bool {
    SHIPPED.iter().any(|(shipped, _)| *shipped == name)
}

/// Names become folders.
pub(crate) fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=40).contains(&name.len()) && name.bytes().all(plain)
}

/// Tables are laid over each other entry by entry; anything else replaces what was there.
fn lay_over(below: &mut Table, above: Table) {
    for (name, value) in above {
        match (below.get_mut(&name), value) {
            (Some(Value::Table(below)), Value::Table(above)) => lay_over(below, above),
            (_, value) => {
                below.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::DialectKind;

    #[test]
    fn every_shipped_description_reads() {
        let catalog = Catalog::parse("", "agents.toml").unwrap();
        assert_eq!(catalog.agents.len(), SHIPPED.len());
        assert_eq!(catalog.agents["codex"].dialect, DialectKind::Codex);
    }

    #[test]
    fn a_user_changes_one_field_and_adds_an_agent_without_code() {
        let text = r#"
            [agents.claude]
            base_url = "http://127.0.0.1:9"
            env = { ANTHROPIC_API_KEY = "k" }
            [agents.mine]
            dialect = "acp"
            program = "mine"
        "#;
        let catalog = Catalog::parse(text, "agents.toml").unwrap();
        let claude = &catalog.agents["claude"];
        assert_eq!(claude.base_url.as_deref(), Some("http://127.0.0.1:9"));
        assert_eq!(claude.env["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"], "1");
        assert_eq!(claude.env["ANTHROPIC_API_KEY"], "k");
        assert_eq!(catalog.agents["mine"].dialect, DialectKind::Acp);
    }

    #[test]
    fn an_unknown_field_and_a_dangerous_name_are_refused() {
        let wrong = Catalog::parse("[agents.claude]\nprogramme = 'x'", "agents.toml")
            .unwrap_err()
            .to_string();
        assert!(wrong.contains("programme"), "{wrong}");
        assert!(Catalog::parse("[agents.'../x']\nprogram = 'x'", "agents.toml").is_err());
    }
}
