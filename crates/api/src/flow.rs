//! Flows: the definitions that runs follow.

use crate::StepKind;
use crate::words::words;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A flow that can be chosen, or a file that should be one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Flow {
    /// Its name.
    pub name: String,
    /// Who brought it.
    pub origin: FlowOrigin,
    /// The file, as a person finds it.
    pub file: String,
    /// What is wrong with it, with file, line and caret; such a flow cannot be run and the rest of it is empty.
    pub error: Option<String>,
    /// What it is.
    pub card: Option<FlowCard>,
}

words! {
    /// Who brought a flow.
    FlowOrigin {
        /// It comes with the program.
        BuiltIn = "built_in",
        /// It lies in the project.
        Project = "project",
    }
}

/// What a flow is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FlowCard {
    /// One of `analysis`, `discovery`, `planning`, `authoring`, `review`.
    pub category: String,
    /// One line.
    pub summary: String,
    /// The flow's own version number.
    pub version: u32,
    /// The sizes it tells apart; empty when all are the same to it.
    pub sizes: Vec<String>,
    /// What it takes beside the question.
    pub inputs: Vec<FlowInput>,
    /// Its steps, in order.
    pub steps: Vec<FlowStep>,
}

/// Something a flow takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FlowInput {
    /// Its name.
    pub name: String,
    /// `text`, `bool`, `number`, `list` or `command`.
    pub kind: String,
    /// What stands for it when it is left out.
    pub default: Option<serde_json::Value>,
    /// Whether a run cannot start without it.
    pub is_required: bool,
    /// One line.
    pub summary: String,
}

/// A step of a flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FlowStep {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// What doing it means.
    pub kind: StepKind,
    /// The steps it waits for.
    pub needs: Vec<String>,
    /// The list that it fans out over.
    pub each: Option<String>,
    /// When it applies.
    pub when: Option<String>,
    /// Whether it may write.
    pub is_writing: bool,
    /// Whether it is left out when speed matters.
    pub is_skipped_when_fast: bool,
}
