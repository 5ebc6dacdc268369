//! Logging in over TCP: a code from the socket becomes a session.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The header that carries a session's page token on requests that change something.
pub const PAGE_TOKEN_HEADER: &str = "partita-page-token";

/// A code that can be exchanged once for a session. Only the socket gives one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoginCode {
    /// The code.
    pub code: String,
    /// How long it holds, in seconds.
    pub expires_in_s: u64,
}

/// A code to be exchanged.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginAsk {
    /// The code.
    pub code: String,
}

/// A session that began; its cookie came with the answer.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Login {
    /// To be sent in the header `partita-page-token` with every request that changes something.
    pub page_token: String,
    /// How long the session holds at most, in seconds.
    pub expires_in_s: u64,
}

macro_rules! hide {
    ($($name:ident)*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(hidden)"))
            }
        }
    )*};
}

hide! { LoginCode LoginAsk Login }
