//! Knows definitions: compiles them, renders what tasks are told, checks what they answer, renders reports.
//! Everything here is computation; nothing waits.

use domain::{FlowRef, Network, Plan, Run, Size, StepKey, Value};
use std::path::Path;

/// A definition, ready to run.
#[derive(Clone, Debug, PartialEq)]
pub struct Compiled {
    /// Its name, version and hash; the hash is that of `bundle`.
    pub flow: FlowRef,
    /// Its steps, for the size asked for.
    pub plan: Plan,
    /// Everything it is made of, as bytes that `restore` takes.
    pub bundle: Vec<u8>,
    /// Hash over the commands that a project brought along, in canonical form; none when every command is the
    /// user's own or built in. A person must approve it before any of them runs.
    pub untrusted_commands: Option<UntrustedCommands>,
}

/// Commands that came with a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UntrustedCommands {
    /// Hash over their canonical bytes.
    pub hash: String,
    /// As a person must see them.
    pub shown: Vec<String>,
}

/// Why a definition cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DefinitionError {
    /// No definition has this name.
    #[error("there is no flow `{name}`")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The nearest names there are.
        near: Vec<String>,
    },
    /// It is wrong; the text shows file, line and caret.
    #[error("{shown}")]
    Invalid {
        /// What is wrong, with file, line, caret and hint, without colour.
        shown: String,
    },
    /// What was asked does not fit it: an input missing or of the wrong kind.
    #[error("{0}")]
    Input(String),
    /// A text could not be rendered.
    #[error("{0}")]
    Render(String),
}

/// What makes a fresh working copy of a project ready for whoever writes in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// A shell command line.
    pub command: String,
    /// How long it may take.
    pub timeout_ms: u64,
    /// What it may reach.
    pub network: Network,
}

/// What a task is to be told.
#[derive(Clone, Copy, Debug)]
pub struct PromptAsk<'a> {
    /// The run.
    pub run: &'a Run,
    /// The step instance.
    pub key: &'a StepKey,
    /// Whether it is the step's work or its gate.
    pub role: domain::Role,
    /// Why the try before this one did not do, if there was one.
    pub before: Option<&'a str>,
}

/// What a task is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rendered {
    /// The prompt; for commands and gates, the shell command line.
    pub prompt: String,
    /// Inputs too long for a prompt: name and content of read-only files that the prompt names.
    pub files: Vec<(String, String)>,
}

/// The definitions.
pub trait Definitions: Send + Sync {
    /// Compiles the flow of that name for a project and a size.
    fn compile(
        &self,
        project: Option<&Path>,
        name: &str,
        size: Size,
        fast: bool,
    ) -> Result<Compiled, DefinitionError>;

    /// Checks that a run's input has what the flow needs, and fills in its defaults.
    fn check_input(&self, flow: &FlowRef, input: &mut domain::RunInput) -> Result<(), DefinitionError>;

    /// Whether the definition of that hash is at hand.
    fn has(&self, hash: &str) -> bool;

    /// Takes back a definition from the bytes of its bundle.
    fn restore(&self, bundle: &[u8]) -> Result<(), DefinitionError>;

    /// The hash that the name stands for now; none when there is no such flow any more.
    fn current_hash(&self, project: Option<&Path>, name: &str, size: Size, fast: bool) -> Option<String>;

    /// Renders what a task is told.
    fn render(&self, ask: PromptAsk<'_>) -> Result<Rendered, DefinitionError>;

    /// What a fresh working copy needs before a task of that flow writes in it.
    fn setup(&self, flow: &FlowRef) -> Result<Option<Setup>, DefinitionError>;

    /// Whether a step's output has a schema; a step without one outputs its final words.
    fn has_schema(&self, flow: &FlowRef, step: &str) -> bool;

    /// Reads a step's structured output out of its final message and checks it against schema and contracts.
    /// `tree` is the working copy that the task saw, for contracts that cite it. An error is what the agent is told
    /// to mend.
    fn check_output(&self, flow: &FlowRef, step: &str, message: &str, tree: &Path) -> Result<Value, String>;

    /// The report of a run as Markdown, from what it stored.
    fn report(&self, run: &Run) -> Result<String, DefinitionError>;
}
