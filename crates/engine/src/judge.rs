//! Judges a task's final message by its step's schema and contracts.

use crate::ports::{Definitions, OutputCheck};
use domain::{FlowRef, Name, Value};
use std::path::PathBuf;
use std::sync::Arc;

/// Judges the messages of one task.
pub(crate) struct StepCheck {
    pub(crate) definitions: Arc<dyn Definitions>,
    pub(crate) flow: FlowRef,
    pub(crate) step: Name,
    /// The working copy that the task sees.
    pub(crate) tree: PathBuf,
    /// A gate's words are taken as they are.
    pub(crate) is_free: bool,
}

impl OutputCheck for StepCheck {
    fn check(&self, message: &str) -> Result<Value, String> {
        if self.is_free || !self.definitions.has_schema(&self.flow, self.step.as_str()) {
            return Ok(Value::from(message));
        }
        self.definitions
            .check_output(&self.flow, self.step.as_str(), message, &self.tree)
    }
}
