//! What the engine does, seen from outside: in simulated worlds, and in small scenes.

mod ends;
mod parked;
mod planted;
mod sim;
