//! How answers leave: as JSON, or as a problem document. Nothing else leaves, whatever goes wrong.

mod body;
mod problem;
mod translate;

pub(crate) use body::{BODY_BYTES_MAX, Json, Keyed, Parameters, Place, remember, too_large};
pub(crate) use problem::{Answer, Refused, not_found};
pub(crate) use translate::{engine_says, git_says, read_fails, store_fails};
