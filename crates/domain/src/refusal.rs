//! A refusal is an answer: the rules said no, in words a person can read.

use crate::{AttentionId, StepKey, TaskId, UnitPhase, UnitStatus};
use std::fmt;

/// Why something may not happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The run has ended.
    RunEnded,
    /// The run is being cancelled.
    RunCancelling,
    /// The run is paused already, or was not paused.
    PauseUnchanged,
    /// The run has no such step instance.
    UnknownStep(StepKey),
    /// The step instance is not in a state in which this may happen to it.
    StepNotOpen(StepKey),
    /// The step instance has not ended, so it cannot be done again.
    StepNotEnded(StepKey),
    /// The run has no such task, or it has ended.
    StaleTask(TaskId),
    /// No such open item.
    UnknownAttention(AttentionId),
    /// The item does not accept this answer.
    WrongChoice(AttentionId),
    /// The chunk is taken by another unit.
    ChunkTaken(String),
    /// No unit has this chunk.
    UnknownChunk(String),
    /// Not a usable name for a unit.
    BadChunk(String),
    /// A unit cannot wait for itself, however far around.
    BlockersCircle(String),
    /// The transition table does not have it.
    StatusRefused {
        /// Where the unit is.
        from: UnitStatus,
        /// Where it was to go.
        to: UnitStatus,
    },
    /// Phases only move forward.
    PhaseRefused {
        /// Where the unit is.
        from: UnitPhase,
        /// Where it was to go.
        to: UnitPhase,
    },
    /// The unit waits for units that are not done.
    StillBlocked(String),
    /// A run does the unit right now.
    UnitClaimed(String),
    /// The folder is a project already.
    ProjectKnown(String),
    /// No such project.
    UnknownProject,
    /// The project has runs under way.
    ProjectBusy,
    /// A count must be at least one.
    ZeroSlots,
    /// Nothing would change.
    NothingToDo,
}

impl Refusal {
    /// A stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::RunEnded => "run_ended",
            Self::RunCancelling => "run_cancelling",
            Self::PauseUnchanged => "pause_unchanged",
            Self::UnknownStep(_) => "unknown_step",
            Self::StepNotOpen(_) => "step_not_open",
            Self::StepNotEnded(_) => "step_not_ended",
            Self::StaleTask(_) => "stale_task",
            Self::UnknownAttention(_) => "unknown_attention",
            Self::WrongChoice(_) => "wrong_choice",
            Self::ChunkTaken(_) => "chunk_taken",
            Self::UnknownChunk(_) => "unknown_chunk",
            Self::BadChunk(_) => "bad_chunk",
            Self::BlockersCircle(_) => "blockers_circle",
            Self::StatusRefused { .. } => "status_refused",
            Self::PhaseRefused { .. } => "phase_refused",
            Self::StillBlocked(_) => "still_blocked",
            Self::UnitClaimed(_) => "unit_claimed",
            Self::ProjectKnown(_) => "project_known",
            Self::UnknownProject => "unknown_project",
            Self::ProjectBusy => "project_busy",
            Self::ZeroSlots => "zero_slots",
            Self::NothingToDo => "nothing_to_do",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RunEnded => f.write_str("the run has ended"),
            Self::RunCancelling => f.write_str("the run is being cancelled"),
            Self::PauseUnchanged => f.write_str("the run is in that state already"),
            Self::UnknownStep(key) => write!(f, "the run has no step `{key}`"),
            Self::StepNotOpen(key) => write!(f, "step `{key}` has ended"),
            Self::StepNotEnded(key) => write!(f, "step `{key}` has not failed, so it cannot be tried again"),
            Self::StaleTask(task) => write!(f, "task {task} is not under way"),
            Self::UnknownAttention(id) => write!(f, "no open question has the id {id}"),
            Self::WrongChoice(id) => write!(f, "question {id} does not take this answer"),
            Self::ChunkTaken(chunk) => write!(f, "a work unit `{chunk}` exists already"),
            Self::UnknownChunk(chunk) => write!(f, "there is no work unit `{chunk}`"),
            Self::BadChunk(chunk) => write!(
                f,
                "`{chunk}` is not a chunk name: 1 to 100 of a-z, 0-9, `-`, `_` and `.`, starting with a letter or digit"
            ),
            Self::BlockersCircle(chunk) => write!(f, "`{chunk}` would wait for itself"),
            Self::StatusRefused { from, to } => {
                write!(f, "a work unit does not go from {} to {}", from.word(), to.word())
            }
            Self::PhaseRefused { from, to } => {
                write!(f, "a phase does not go from {} to {}", from.word(), to.word())
            }
            Self::StillBlocked(chunk) => write!(f, "it waits for `{chunk}`, which is not done"),
            Self::UnitClaimed(chunk) => write!(f, "a run is doing `{chunk}`"),
            Self::ProjectKnown(path) => write!(f, "the folder {path} is a project already"),
            Self::UnknownProject => f.write_str("there is no such project"),
            Self::ProjectBusy => f.write_str("the project has runs under way"),
            Self::ZeroSlots => f.write_str("at least one task must be allowed at once"),
            Self::NothingToDo => f.write_str("nothing would change"),
        }
    }
}

impl std::error::Error for Refusal {}
