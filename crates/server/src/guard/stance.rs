//! By which way a request came, and what that way demands.

use super::secret::Token;
use std::net::SocketAddr;
use std::sync::Arc;

/// By which way a request came.
#[derive(Clone, Debug)]
pub enum Peer {
    /// Over the socket, from a process of this user.
    Unix {
        /// The user that the system names.
        uid: u32,
    },
    /// Over loopback TCP.
    Tcp(Arc<Stance>),
}

/// What a TCP listener demands: hosts and origins from fixed lists, and a token.
#[derive(Debug)]
pub struct Stance {
    port: u16,
    hosts: Vec<String>,
    origins: Vec<String>,
    token: Token,
}

impl Stance {
    /// What a listener on this loopback address demands.
    #[must_use]
    pub fn of(address: SocketAddr, token: Token) -> Self {
        let port = address.port();
        let names = ["127.0.0.1", "localhost", "[::1]", "partita.localhost"];
        let hosts: Vec<String> = names.iter().map(|name| format!("{name}:{port}")).collect();
        let origins = hosts.iter().map(|host| format!("http://{host}")).collect();
        Self {
            port,
            hosts,
            origins,
            token,
        }
    }

    pub(super) fn hosts(&self) -> impl Iterator<Item = &str> {
        self.hosts.iter().map(String::as_str)
    }

    pub(super) fn origins(&self) -> impl Iterator<Item = &str> {
        self.origins.iter().map(String::as_str)
    }

    pub(super) const fn token(&self) -> &Token {
        &self.token
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }
}
