//! What flows there are, for those who choose one. A broken file of a project is listed with what is wrong with it.

use crate::bundle::size_word;
use crate::definition::Checked;
use crate::json::to_json;
use crate::library::{Found, Library};
use crate::places::Origin;
use engine::ports::DefinitionError;
use std::path::Path;

/// A flow that can be chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Who brought it.
    pub origin: Origin,
    /// The file, as a person finds it.
    pub file: String,
    /// What it is, or what is wrong with it, with file, line and caret.
    pub card: Result<Card, String>,
}

/// What a flow is.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// One of `analysis`, `discovery`, `planning`, `authoring`, `review`.
    pub category: String,
    /// One line.
    pub summary: String,
    /// The flow's own version number.
    pub version: u32,
    /// The sizes it tells apart; empty when all are the same to it.
    pub sizes: Vec<String>,
    /// What it takes beside the question.
    pub inputs: Vec<ListedInput>,
    /// Its steps, in order.
    pub steps: Vec<ListedStep>,
}

/// Something a flow takes.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedInput {
    /// Its name; `question` stands here only when the flow says something about it.
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
#[derive(Clone, Debug, PartialEq)]
pub struct ListedStep {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// `agent`, `command`, `fold`, `merge` or `approval`.
    pub kind: String,
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

impl Library {
    /// All flows: the built-in ones and, for a project, its own, by name.
    #[must_use]
    pub fn list(&self, project: Option<&Path>) -> Vec<Listed> {
        let names = Self::names(project);
        names
            .iter()
            .filter_map(|name| self.show(project, name).ok())
            .collect()
    }

    /// One flow.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn show(&self, project: Option<&Path>, name: &str) -> Result<Listed, DefinitionError> {
        let found = match Self::find(project, name) {
            Ok(found) => found,
            Err(DefinitionError::Invalid { shown }) => {
                let file = format!("{}/{name}.toml", crate::places::FLOWS);
                return Ok(Listed {
                    name: name.to_owned(),
                    origin: Origin::Project,
                    file,
                    card: Err(shown),
                });
            }
            Err(other) => return Err(other),
        };
        let card = match Self::check_in(project, &found, name) {
            Ok((checked, _)) => Ok(card(&checked)),
            Err(error) => Err(error.to_string()),
        };
        let Found { label, places, .. } = found;
        Ok(Listed {
            name: name.to_owned(),
            origin: places.origin(),
            file: label,
            card,
        })
    }
}

fn card(flow: &Checked) -> Card {
    Card {
        category: flow.category.to_owned(),
        summary: flow.summary.clone(),
        version: flow.version,
        sizes: flow
            .sizes
            .keys()
            .map(|size| size_word(*size).to_owned())
            .collect(),
        inputs: flow
            .inputs
            .iter()
            .map(|input| ListedInput {
                name: input.name.clone(),
                kind: input.kind.word().to_owned(),
                default: input.default.as_ref().map(to_json),
                is_required: input.is_required,
                summary: input.summary.clone(),
            })
            .collect(),
        steps: flow
            .steps
            .iter()
            .map(|step| ListedStep {
                id: step.plan.id.to_string(),
                title: step.plan.title.clone(),
                kind: step.kind_word().to_owned(),
                needs: step.plan.needs.iter().map(ToString::to_string).collect(),
                each: step.plan.each.as_ref().map(|each| each.source().to_owned()),
                when: step.plan.when.as_ref().map(|when| when.source().to_owned()),
                is_writing: step.plan.access == domain::Access::Write,
                is_skipped_when_fast: step.is_skipped_when_fast,
            })
            .collect(),
    }
}
