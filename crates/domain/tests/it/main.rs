//! The rules, read a second time: given what happened, when something arrives, then this happened and this is owed.

mod approval;
mod attention;
mod fold;
mod gate;
mod limit;
mod line;
mod plan;
mod report;
mod retry;
mod run;
mod step;
mod trigger;
mod world;
