//! The real agents, the real program, a scripted model. Runs where the pinned agents are installed; `check` installs
//! them and names this layer as skipped where it cannot.

#[path = "../it/env.rs"]
#[expect(dead_code, reason = "the same user as in the other tests, of whom these need less")]
mod env;
mod script;
mod world;

mod access;
mod fix;
mod limits;
mod review;
mod stop;
