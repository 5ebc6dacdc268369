//! Stands in for a hosted model, so that real coding agents run without a key, a bill or a network.
//!
//! Four dialects on one port of 127.0.0.1, streamed or whole: OpenAI chat completions and Responses, Anthropic
//! Messages, Gemini. What is answered comes from a [`Script`] of turns, never from the question. Tests either start
//! [`ModelServer`] inside their own process or the binary `model-server` beside the agents.
//!
//! The way of a request: `dialect` finds what was `asked`, `play` picks the turn, `call` fits scripted calls to the
//! tools on offer, `dialect` (or `failure`) words the answer, `server` sends it.

mod answer;
mod asked;
mod call;
mod dialect;
mod failure;
mod play;
mod script;
mod server;

pub use script::{Script, ScriptError};
pub use server::{ModelServer, Records};
