//! The server as its clients meet it: in process, over a real socket, and under attack.

#![expect(clippy::unwrap_used, reason = "in a test an `unwrap` is an assertion")]

mod agents;
mod attacks;
mod client;
mod content;
mod decisions;
mod document;
mod errors;
mod feed;
mod fleet;
mod flood;
mod intruders;
mod last_words;
mod login;
mod page;
mod port;
mod repeated;
mod runs;
mod socket;
mod stalled;
mod status;
mod websocket;
mod work_units;
mod world;
