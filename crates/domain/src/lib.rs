//! The rules of Partita: what may happen, what happened, what is owed.
//!
//! Everything here is a pure, total function of what comes in: no clock, file, socket, randomness or serialisation,
//! and no dependency but the standard library. Each thing that lives (a [`Run`], a [`WorkUnit`], the [`Board`]) has
//! the same shape:
//!
//! - `decide(state, input, now)` says what happened, as events, or refuses in words;
//! - `apply(event)` remembers it, and `follow(state)` says what else happened because of it;
//! - `duties(state)` says what must be under way right now;
//! - `next_wake(state, now)` says when it wants to be told the time.
//!
//! Time, chance and ids come in with the input. Ids made here are hashes of what they name.
//!
//! Owns: the vocabulary and every rule about order, retries, limits and ends.
//! Leaves out: how it is stored (`store`), carried out (`engine` and its ports) and shown (`api`, `server`, `cli`).

mod attention;
mod board;
mod expression;
mod id;
mod moment;
mod plan;
#[doc(hidden)]
pub mod planted;
mod refusal;
mod run;
mod task;
mod usage;
mod value;
mod work_unit;

pub use attention::{Attention, AttentionKind, Choice};
pub use board::{
    Account, Admission, Board, BoardEvent, BoardInput, Project, Want, admit, admit_beside, board_wake,
    claimable, decide_board, rest_until,
};
pub use expression::{Expression, ExpressionError, Scope};
pub use id::{AttentionId, ChatId, Name, NotAnId, ProjectId, RunId, StepKey, TaskId, UnitId};
pub use moment::Moment;
pub use plan::{Access, FlowRef, Network, Plan, PlanStep, Retry, Size, StepKind, Trigger};
pub use refusal::Refusal;
pub use run::{
    Begin, Duty, Input, Merge, Outcome, Phase, PlannedStep, Run, RunEvent, RunInput, RunScope, RunStarted,
    Step, StepState, Trusted, Untrusted, begin, decide, duties, follow, next_wake,
};
pub use task::{Change, Ending, FailureClass, ProcessIdentity, Remedy, Role, Task, TaskOrdered, TaskState};
pub use usage::Usage;
pub use value::Value;
pub use work_unit::{
    NewUnit, UnitCreated, UnitEvent, UnitInput, UnitOrder, UnitPhase, UnitStatus, Units, WorkUnit,
    decide_unit,
};

/// Something that happened, whatever it happened to.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// To a run.
    Run(RunEvent),
    /// To a work unit.
    Unit(UnitEvent),
    /// To the board.
    Board(BoardEvent),
}

/// What events happen to: each stream counts its own events from one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// What spans runs. There is one.
    Board,
    /// A work unit.
    Unit(UnitId),
    /// A run.
    Run(RunId),
}
