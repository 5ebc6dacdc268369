//! What the rooms below refuse, as problem documents: every variant has its status and its code.

use super::Refused;
use api::Problem;
use domain::Refusal;
use engine::EngineError;
use engine::ports::{BeginError, DefinitionError, StoreError, WorkspaceError};
use store::ReadError;

/// The engine did not do what was asked; `what` says what that was.
pub(crate) fn engine_says(what: impl Into<String>) -> impl FnOnce(EngineError) -> Refused {
    move |error| engine(what.into(), error).into()
}

/// Git did not show what was asked for.
pub(crate) fn git_says(what: impl Into<String>) -> impl FnOnce(WorkspaceError) -> Refused {
    move |error| workspace(what.into(), &error).into()
}

/// The views could not be read.
pub(crate) fn read_fails(what: &'static str) -> impl FnOnce(ReadError) -> Refused {
    move |error| match error {
        ReadError::BadCursor(_) => Problem::new(
            400,
            "bad_cursor",
            "the cursor is none of ours",
            format!("cannot {what}"),
        )
        .because(error.to_string())
        .hint("give the `next` of the page before, or no cursor for the first page")
        .at("cursor", "not a cursor of this list")
        .into(),
        other => unreadable(what, other.to_string()),
    }
}

/// The history could not be read.
pub(crate) fn store_fails(what: &'static str) -> impl FnOnce(StoreError) -> Refused {
    move |error| unreadable(what, error.0)
}

fn unreadable(what: &str, because: String) -> Refused {
    Problem::new(
        500,
        "store_unreadable",
        "the store cannot be read",
        format!("cannot {what}"),
    )
    .because(because)
    .hint("see the daemon's log, then `partita doctor`")
    .into()
}

fn engine(what: String, error: EngineError) -> Problem {
    let said = error.to_string();
    match error {
        EngineError::Refused(refusal) => refused(what, &refusal),
        EngineError::UnknownRun(_) => {
            Problem::new(404, "unknown_run", "there is no such run", what).because(said)
        }
        EngineError::Definition(error) => definition(what, error),
        EngineError::Workspace(error) => workspace(what, &error),
        EngineError::Agent(error) => agent(what, &error),
        EngineError::KeyReused => key_reused(what),
        EngineError::Full => full(what, said),
        EngineError::Stopping => Problem::new(503, "stopping", "the daemon is stopping", what)
            .because(said)
            .hint("ask again once it has started again"),
        // Routes take the answer given then; one that does not has no key to repeat.
        EngineError::Repeated { .. } | EngineError::Down(_) => {
            Problem::new(503, "store_down", "the store cannot go on", what)
                .because(said)
                .hint("restart the daemon; what was answered before is kept")
        }
    }
}

pub(super) fn key_reused(what: impl Into<String>) -> Problem {
    Problem::new(
        409,
        "idempotency_key_reused",
        "the idempotency key was used for another request",
        what,
    )
    .because("another request carried the same `Idempotency-Key`")
    .hint("take a fresh key for every new request, and the same one only to repeat it")
}

fn full(what: String, because: String) -> Problem {
    Problem::new(507, "disk_full", "the disk is full", what)
        .because(because)
        .hint("make room; nothing was lost, and the daemon goes on by itself")
}

fn refused(what: String, refusal: &Refusal) -> Problem {
    let (status, title) = kind_of(refusal);
    Problem::new(status, refusal.code(), title, what)
        .because(refusal.to_string())
        .hint(way_out(refusal))
}

const fn kind_of(refusal: &Refusal) -> (u16, &'static str) {
    match refusal {
        Refusal::RunEnded => (409, "the run has ended"),
        Refusal::RunCancelling => (409, "the run is being cancelled"),
        Refusal::PauseUnchanged => (409, "the run is in that state already"),
        Refusal::UnknownStep(_) => (404, "there is no such step"),
        Refusal::StepNotOpen(_) => (409, "the step has ended"),
        Refusal::StepNotEnded(_) => (409, "the step has not failed"),
        Refusal::StaleTask(_) => (409, "the task is not under way"),
        Refusal::UnknownAttention(_) => (409, "nobody waits for this answer"),
        Refusal::WrongChoice(_) => (409, "the question does not take this answer"),
        Refusal::ChunkTaken(_) => (409, "a work unit of that name exists"),
        Refusal::UnknownChunk(_) => (404, "there is no such work unit"),
        Refusal::BadChunk(_) => (422, "not a name for a work unit"),
        Refusal::BlockersCircle(_) => (409, "a work unit would wait for itself"),
        Refusal::StatusRefused { .. } => (409, "a work unit does not go from its status to that one"),
        Refusal::PhaseRefused { .. } => (409, "a phase only moves forward"),
        Refusal::StillBlocked(_) => (409, "the work unit waits for another"),
        Refusal::UnitClaimed(_) => (409, "a run is doing the work unit"),
        Refusal::ProjectKnown(_) => (409, "the folder is a project already"),
        Refusal::UnknownProject => (404, "there is no such project"),
        Refusal::ProjectBusy => (409, "the project has runs under way"),
        Refusal::ZeroSlots => (422, "at least one task must be allowed at once"),
        Refusal::NothingToDo => (409, "nothing would change"),
    }
}

const fn way_out(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::RunEnded => "`partita run show` says how; a new run can be started",
        Refusal::RunCancelling => "wait until it has ended; a new run can be started",
        Refusal::PauseUnchanged => "`partita run show` says how it is",
        Refusal::UnknownStep(_) => "`partita run show` lists the steps of a run",
        Refusal::StepNotOpen(_) => "a step that failed can be retried",
        Refusal::StepNotEnded(_) => "`partita run show` says how the steps are",
        Refusal::StaleTask(_) => "`partita ps --tasks` lists those that are",
        Refusal::UnknownAttention(_) => "`partita attention` lists what waits",
        Refusal::WrongChoice(_) => "`partita attention` lists the answers that it takes",
        Refusal::ChunkTaken(_) => "choose another name, or change the one that is there",
        Refusal::UnknownChunk(_) => "`partita ps` lists the work units",
        Refusal::BadChunk(_) => "take a name such as `parser-2`",
        Refusal::BlockersCircle(_) => "leave out of its blockers what waits for it",
        Refusal::StatusRefused { .. } => "`retry` has a unit done again, whatever its status",
        Refusal::PhaseRefused { .. } => "its phases are GOAL, PLAN, IMPLEMENT, COMPLETE, in this order",
        Refusal::StillBlocked(_) => "finish that one, or change what this one waits for",
        Refusal::UnitClaimed(_) => "cancel that run first",
        Refusal::ProjectKnown(_) => "use it as it is: `GET /api/projects` has its id",
        Refusal::UnknownProject => "`partita init` in a folder makes it one",
        Refusal::ProjectBusy => "cancel them first",
        Refusal::ZeroSlots => "take a number from 1 on",
        Refusal::NothingToDo => "it is as you want it; there is nothing to do",
    }
}

fn definition(what: String, error: DefinitionError) -> Problem {
    let said = error.to_string();
    match error {
        DefinitionError::Unknown { near, .. } => {
            let hint = match near.as_slice() {
                [] => "`partita flows` lists them".to_owned(),
                near => format!("did you mean {}?", near.join(", ")),
            };
            Problem::new(404, "unknown_flow", "there is no such flow", what)
                .because(said)
                .hint(hint)
        }
        DefinitionError::Invalid { shown } => {
            Problem::new(422, "invalid_flow", "the flow's definition is wrong", what)
                .because(shown)
                .hint(FLOW_FORMAT)
        }
        DefinitionError::Input(because) => {
            Problem::new(422, "invalid_input", "the input does not fit the flow", what)
                .because(because.clone())
                .hint("`partita flows` with the flow's name says what it takes")
                .at("/input", because)
        }
        DefinitionError::Render(because) => {
            Problem::new(422, "invalid_flow", "the flow's definition is wrong", what)
                .because(because)
                .hint(FLOW_FORMAT)
        }
    }
}

const FLOW_FORMAT: &str =
    "`docs/flows.md` describes the format; `partita flows` says which flows can be used";

fn workspace(what: String, error: &WorkspaceError) -> Problem {
    let because = error.to_string();
    let (status, code, title, hint) = match error {
        WorkspaceError::Missing(_) => (
            422,
            "place_missing",
            "the folder, commit or branch is not there",
            "look whether it is written right, and still there",
        ),
        WorkspaceError::Tampered(_) => (
            409,
            "place_tampered",
            "the working copy was tampered with",
            "look into it before you trust what is in it; `partita worktree list` says where it is",
        ),
        WorkspaceError::Leaks(_) => (
            409,
            "secret_shown",
            "the change shows a secret",
            "have the step done again without it; the key should be replaced",
        ),
        WorkspaceError::BranchMoved { .. } => (
            409,
            "branch_moved",
            "somebody moved the branch",
            "move it back, or rename it and retry the step",
        ),
        WorkspaceError::NoSpace(_) => return full(what, because),
        WorkspaceError::Failed(_) => (
            500,
            "git_failed",
            "git or the file system refused",
            "`partita logs` and `partita doctor` may say more",
        ),
    };
    Problem::new(status, code, title, what)
        .because(because)
        .hint(hint)
}

fn agent(what: String, error: &BeginError) -> Problem {
    let because = error.to_string();
    match error {
        BeginError::Missing(_) => Problem::new(
            409,
            "agent_missing",
            "the agent, or what it needs, is not there",
            what,
        )
        .because(because)
        .hint("`partita agents` says what is missing"),
        BeginError::LoggedOut(_) => Problem::new(409, "agent_logged_out", "the agent is not logged in", what)
            .because(because)
            .hint("`partita agents login` logs it in"),
        BeginError::Unenforceable(_) => Problem::new(
            409,
            "access_unenforceable",
            "what the agent may touch cannot be enforced here",
            what,
        )
        .because(because)
        .hint("`partita doctor` says which sandboxes work here"),
        BeginError::NoSpace(_) => full(what, because),
        BeginError::Failed(_) => Problem::new(
            500,
            "agent_failed",
            "the machine refused to start the agent",
            what,
        )
        .because(because)
        .hint("`partita logs` and `partita doctor` may say more"),
    }
}
