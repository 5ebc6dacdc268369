//! Reports: written by code from what a run stored, never from what an agent says about it.

mod facts;
mod findings;
mod json;
mod markdown;
mod text;

pub(crate) use json::json;
pub(crate) use markdown::markdown;
