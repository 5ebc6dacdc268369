//! What the engine needs of the world, in its own words. The rooms `store`, `agents`, `git` and `flows` implement
//! these; `testkit` has a behaving fake of each.

mod agents;
mod clock;
mod definitions;
mod store;
mod transcripts;
mod workspaces;

pub use agents::{AgentEnd, Agents, BeginError, Begun, OutputCheck, Running, TaskFile, WorkOrder};
pub use clock::Clock;
pub use definitions::{
    Compiled, DefinitionError, Definitions, PromptAsk, Rendered, Setup, UntrustedCommands,
};
pub use store::{
    Answered, Append, Batch, CommitError, Committed, Idempotency, OpenRun, Recorded, Store, StoreError,
};
pub use transcripts::{Entry, EntryKind, ToolStatus, Transcripts};
pub use workspaces::{
    AdvanceSpec, Base, MergeOutcome, MergeSpec, Place, PlaceSpec, WorkspaceError, Workspaces,
};

use std::pin::Pin;

/// A future that a port returns.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
