//! The command line as its users meet it: the real program, a home of its own, an environment with nothing in it.

mod bad_flows;
mod env;
mod lifecycle;
mod machine;
mod runs;
mod units;
