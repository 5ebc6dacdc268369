//! The loopback port: where browsers find the page, once the daemon's owner asked for it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The loopback port of a daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Port {
    /// Its number, at 127.0.0.1.
    pub number: u16,
    /// Whether the daemon listens there. When not, somebody asked for it once and it could not be opened again.
    pub is_open: bool,
    /// Why it is not open, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub detail: Option<String>,
}

/// Which port to open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PortAsk {
    /// This one; unless said, the one that was open before, else any that is free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub number: Option<u16>,
}
