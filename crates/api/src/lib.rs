//! The outside vocabulary: what the daemon and its clients say to each other, and a typed client.
//!
//! Owns: wire types with their exact spelling, problem documents, frames of the feed, the socket's place, the client.
//! Leaves out: what may happen (`domain`), and how answers come about (`server`). Sees no other room.

mod agent;
mod attention;
mod client;
mod daemon;
mod feed;
mod flow;
mod id;
mod login;
mod page;
mod port;
mod problem;
mod project;
mod run;
mod socket;
mod task;
mod words;
mod work_unit;

pub use agent::{Agent, AgentLogin, ProbeAsk};
pub use attention::{Answer, Attention, AttentionKind, AttentionState, Choice};
pub use client::{Client, ClientError, Endpoint, Feed, FeedAsk, FeedItem, IdempotencyKey, Tcp};
pub use daemon::{Counts, Health, HealthState, Limit, RunCounts, Slots, Status, UnitCounts};
pub use feed::{
    AttentionUpdate, Channel, Cursor, Delta, FeedClosed, FeedEnd, FeedStep, FlowRunStarted,
    FlowRunStepUpdated, Frame, MessageComplete, NotACursor, ToolCall, Topic, WorkUnitUpdate,
};
pub use flow::{Flow, FlowCard, FlowInput, FlowOrigin, FlowStep};
pub use id::{AttentionId, ChatId, NotAnId, ProjectId, RunId, TaskId, UnitId};
pub use login::{Login, LoginAsk, LoginCode, PAGE_TOKEN_HEADER};
pub use page::{Page, PageAsk};
pub use port::{Port, PortAsk};
pub use problem::{FieldError, PROBLEM_TYPE, Problem};
pub use project::{
    Branch, Commit, Diff, FileChange, FileStatus, GitEntry, GitEntryKind, GitHead, GitStatus, NewProject,
    Project,
};
pub use run::{
    Change, ManifestStep, NewRun, NewRunInput, Run, RunDetail, RunFilter, RunInput, RunStarted, RunStatus,
    Size, Step, StepAccess, StepKind, StepOutput, StepStatus, Usage,
};
pub use socket::{NoSocketPath, SOCKET_NAME, SOCKET_PATH_BYTES_MAX, socket_path};
pub use task::{
    FailureClass, Said, Task, TaskDetail, TaskRole, TaskState, ToolStatus, Transcript, TranscriptEntry,
};
pub use words::NotAWord;
pub use work_unit::{
    NewWorkUnit, StatusChange, UnitPhase, UnitStatus, WorkUnit, WorkUnitOrder, WorkUnitPatch,
};
