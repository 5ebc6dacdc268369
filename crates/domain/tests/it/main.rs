//! The rules, read as sentences: given what happened, when this arrives, then that happened.

mod board;
mod cancel;
mod claims;
mod common;
mod ends;
mod gates;
mod ids;
mod line;
mod order;
mod people;
mod questions;
mod random;
mod setbacks;
mod units;
