//! Makes what is under way match what is owed.
//!
//! Owns: the ports, the keepers, and (behind `testkit`) the simulated world.
//! Leaves out: what may happen (`domain`), and every way of doing it (the rooms that implement the ports).

pub mod ports;
