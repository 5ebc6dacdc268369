//! Owns: the words for what bounds a process, and what of it a user chose.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What keeps anything from outliving its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Containment {
    /// A process namespace: its first process takes all others with it.
    #[serde(rename = "bwrap")]
    Bubblewrap,
    /// A guard that adopts what is left and kills it.
    Shim,
}

/// What keeps a process from touching more than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sandbox {
    /// Mounts: the rest of the machine is not there.
    #[serde(rename = "bwrap")]
    Bubblewrap,
    /// Landlock: the rest of the machine cannot be opened.
    Landlock,
    /// Nothing.
    None,
}

impl Sandbox {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Bubblewrap => "bwrap",
            Self::Landlock => "landlock",
            Self::None => "none",
        }
    }
}

impl Containment {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Bubblewrap => "bwrap",
            Self::Shim => "shim",
        }
    }
}

/// What a user chose, in `agents.toml`. Nothing chosen means the strongest that the machine proves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// Which sandbox; one that is not in force is an error, never replaced by a weaker one.
    pub mode: Option<Sandbox>,
    /// Which containment.
    pub containment: Option<Containment>,
    /// Whether tasks that must not write may run where nothing keeps them from it.
    #[serde(default)]
    pub read_without_sandbox: bool,
    /// Toolchains and the like that every task may read; `~` is the user's home.
    #[serde(default)]
    pub readable: Vec<String>,
    /// Caches that every task may change.
    #[serde(default)]
    pub writable: Vec<String>,
    /// Folders of programs, put before the system's.
    #[serde(default)]
    pub path: Vec<String>,
}

/// What bounds the processes of this daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// What keeps anything from outliving its task.
    pub containment: Containment,
    /// What keeps it from touching more than it may.
    pub sandbox: Sandbox,
    /// Where bubblewrap is, if it is used.
    pub bubblewrap: Option<PathBuf>,
    /// Our own program, where Landlock beside the mounts keeps a task from abstract sockets: those follow the network,
    /// which a task may share.
    pub scoping: Option<PathBuf>,
    /// Where `unshare` is, if it gives a task under Landlock a network of its own instead of none: the rules know TCP
    /// only.
    pub unsharing: Option<PathBuf>,
}
