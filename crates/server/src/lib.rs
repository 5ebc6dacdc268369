//! Routes, live feed and guard: translates what the rooms below know into the outside vocabulary.
//!
//! Owns: who may ask (`guard`), what can be asked (`routes`), how answers read (`show`, `reply`), what happens as it
//! happens (`feed`), the files of the page (`page`), and where it listens (`listen`).
//! Leaves out: what may happen (`domain`), and carrying it out (`engine`).

mod app;
mod feed;
mod guard;
mod listen;
mod page;
mod ports;
mod reply;
mod room;
#[expect(
    unused_qualifications,
    reason = "the macro that documents a route writes types out in full"
)]
mod routes;
mod show;

pub use app::{App, Daemon, Parts};
pub use guard::{Peer, Stance, Token};
pub use listen::{BindError, Listener, bind_tcp, bind_unix, serve};
pub use ports::{Fleet, GitAnswer, NoAgent, Projects};
pub use routes::{Route, document, router, routes};
