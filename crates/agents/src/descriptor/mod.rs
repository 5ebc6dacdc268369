//! What is known about each agent: data, not code. Seven descriptions ship; a user's `agents.toml` changes them or
//! adds others.
//!
//! Owns: the shape of a description, the shipped ones, and laying a user's over them.
//! Leaves out: what a dialect does with a mode or a model (`dialect`).

mod catalog;
mod template;

pub(crate) use catalog::is_name;
pub use catalog::{Catalog, CatalogError, is_shipped};
pub(crate) use template::{Holes, fill, fill_text};

use crate::dialect::DialectKind;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;

/// One agent.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Descriptor {
    /// What people call it.
    #[serde(default)]
    pub title: String,
    /// How it is spoken to.
    #[serde(deserialize_with = "dialect")]
    pub dialect: DialectKind,
    /// Its program: a name to look for, or a path. `{self}` is our own program.
    pub program: String,
    /// Runs the program, where it is not to run by itself: a path to another Node, for example.
    pub interpreter: Option<String>,
    /// Arguments before those of the dialect.
    #[serde(default)]
    pub args: Vec<String>,
    /// Its environment. A value whose holes cannot be filled is left out.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Files put into its home.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// Files of a working copy that it obeys whatever it is told, and that may say where its key is sent: it does not
    /// see them.
    #[serde(default)]
    pub obeys: Vec<String>,
    /// Besides, for tasks that must not write.
    #[serde(default)]
    pub read: Manner,
    /// Besides, for tasks that may write.
    #[serde(default)]
    pub write: Manner,
    /// Besides, where `base_url` is set.
    #[serde(default)]
    pub gateway: Manner,
    /// Besides, where an environment key logs it in.
    #[serde(default)]
    pub keyed: Manner,
    /// Another endpoint for its model.
    pub base_url: Option<String>,
    /// The model asked for when nobody names one.
    pub model: Option<String>,
    /// Whether it must not be started without a model.
    #[serde(default)]
    pub needs_model: bool,
    /// Models worth naming.
    #[serde(default)]
    pub models: Vec<String>,
    /// Which account it uses; `default` when unset.
    pub account: Option<String>,
    /// How it is logged in.
    #[serde(default)]
    pub login: Login,
    /// More that it may read: its own toolchain.
    #[serde(default)]
    pub readable: Vec<String>,
    /// More that it may change.
    #[serde(default)]
    pub writable: Vec<String>,
    /// How a person installs it.
    #[serde(default)]
    pub install: String,
    /// Arguments that make it say its version.
    #[serde(default)]
    pub version_args: Vec<String>,
    /// The oldest version that was seen to work.
    pub min_version: Option<String>,
    /// How it is ended.
    #[serde(default)]
    pub end: End,
    /// Not offered among the agents that may be chosen by themselves.
    #[serde(default)]
    pub is_hidden: bool,
}

/// What is added in one case.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Manner {
    /// The agent's own mode, which the dialect sets and verifies.
    pub mode: Option<String>,
    /// The mode instead, where the agent cannot make its own sandbox inside ours.
    pub mode_without_nesting: Option<String>,
    /// The model under the name it has here.
    pub model: Option<String>,
    /// Whether environment or arguments tell it the model, so that it must not be told again.
    pub is_model_told: bool,
    /// More arguments.
    pub args: Vec<String>,
    /// More environment.
    pub env: BTreeMap<String, String>,
    /// More files in its home.
    pub files: BTreeMap<String, String>,
}

/// How an agent is logged in.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Login {
    /// Whether it needs no login at all.
    pub is_free: bool,
    /// Names in the environment, any one of which is enough; taken from the daemon's environment or from `env`.
    pub keys: Vec<String>,
    /// Names that are passed on beside a key, where they are set.
    pub passed: Vec<String>,
    /// Names that hold a path, passed on with or without a key; what they name may be read.
    pub passed_paths: Vec<String>,
    /// The name under which a long-lived token is handed over.
    pub token: Option<String>,
    /// Files of the home that make a login, copied in and, when newer, back.
    pub files: Vec<LoginFile>,
    /// Arguments that make the agent log a person in.
    pub command: Vec<String>,
}

/// A file that makes a login.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginFile {
    /// Where it lies below the home.
    pub path: String,
    /// Where in its JSON the moment stands at which it expires, as a number, a date, or a token that says so; the later
    /// one is the newer file.
    pub expiry: Option<String>,
    /// Where in its JSON the moment stands at which it was renewed; the later one is the newer file.
    pub renewed: Option<String>,
    /// How many seconds after that the agent renews it, whatever it says about its end.
    pub lasts_s: Option<u64>,
    /// Whether the login is complete without it.
    #[serde(default)]
    pub is_optional: bool,
}

/// How an agent is ended, in milliseconds.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct End {
    /// After its own way of being interrupted.
    pub polite_ms: u64,
    /// After its input was closed, once its work is done.
    pub close_ms: u64,
    /// After a request to terminate, until it is killed.
    pub grace_ms: u64,
}

impl Default for End {
    fn default() -> Self {
        Self {
            polite_ms: 1_000,
            close_ms: 5_000,
            grace_ms: 5_000,
        }
    }
}

fn dialect<'de, D: Deserializer<'de>>(from: D) -> Result<DialectKind, D::Error> {
    let word = String::deserialize(from)?;
    DialectKind::of_word(&word).ok_or_else(|| {
        let known = DialectKind::ALL.map(DialectKind::word).join(", ");
        serde::de::Error::custom(format!("there is no dialect `{word}`; there are {known}"))
    })
}
