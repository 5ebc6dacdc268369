//! Agents: configured ways to do tasks, and whether they can do them here and now.

use crate::words::words;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A configured agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Agent {
    /// Its name.
    pub name: String,
    /// The language it speaks: `acp`, `claude`, `codex`, `command`, `rehearsal`.
    pub dialect: String,
    /// Whether it came with the program, rather than from the user's `agents.toml`.
    pub is_built_in: bool,
    /// Where its executable is; null when it is not installed.
    pub executable: Option<String>,
    /// Its version, once probed.
    pub version: Option<String>,
    /// Whether it is logged in.
    pub login: AgentLogin,
    /// Its accounts by name, the one in use first.
    pub accounts: Vec<String>,
    /// Whether a task that only reads could begin now.
    pub can_read: bool,
    /// Whether a task that writes could begin now.
    pub can_write: bool,
    /// What is missing, in words.
    pub missing: Vec<String>,
    /// How to install it.
    pub install: Option<String>,
    /// When it was probed (RFC 3339, UTC); null when only its description was read.
    pub probed_at: Option<String>,
}

words! {
    /// Whether an agent is logged in.
    AgentLogin {
        /// It is.
        LoggedIn = "logged_in",
        /// It is not.
        LoggedOut = "logged_out",
        /// It needs no login.
        NotNeeded = "not_needed",
        /// Only trying would tell.
        Unknown = "unknown",
    }
}

/// Which agents to probe.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbeAsk {
    /// Their names; all when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agents: Vec<String>,
}
