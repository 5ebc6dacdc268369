//! The schema of a step's output: a file beside the flow, or a table in it.

use super::Checker;
use crate::at::At;
use crate::diagnostic::{Problem, SourceText};
use crate::json::to_json;
use crate::read::StepFile;
use crate::schema::OutputSchema;
use std::sync::Arc;

impl Checker<'_> {
    pub(super) fn schema(&self, step: &StepFile) -> Option<Arc<OutputSchema>> {
        if let (Some(file), Some(table)) = (&step.output, &step.output_schema) {
            self.problems.add(
                self.problems
                    .at(
                        table.at.clone(),
                        "`output` and `output_schema` say the same thing",
                        "use one of them",
                    )
                    .also(file.at.clone(), "the other one"),
            );
            return None;
        }
        if let Some(table) = &step.output_schema {
            return match OutputSchema::compile(&to_json(&table.value)) {
                Ok(schema) => Some(Arc::new(schema)),
                Err(why) => {
                    let message = format!(
                        "`output_schema` of step `{}` is no JSON schema: {why}",
                        step.id.value
                    );
                    self.problems
                        .add(self.problems.at(table.at.clone(), message, "here"));
                    None
                }
            };
        }
        self.schema_file(step.output.as_ref()?)
    }

    fn schema_file(&self, path: &At<String>) -> Option<Arc<OutputSchema>> {
        let text = match self.places.schema(&path.value) {
            Ok(text) => text,
            Err(why) => {
                let message = format!("the schema `{}` cannot be read: {why}", path.value);
                self.problems.add(
                    self.problems
                        .at(path.at.clone(), message, "named here")
                        .hint("the path is relative to the folder of the flow file".to_owned()),
                );
                return None;
            }
        };
        let label = self.places.schema_label(&path.value);
        let json: serde_json::Value = match serde_json::from_str(&text) {
            Ok(json) => json,
            Err(error) => {
                let source = SourceText::new(&label, &text);
                let at = offset(&text, error.line(), error.column());
                let message = format!("the schema `{}` is no JSON", path.value);
                self.problems
                    .add(Problem::new(&source, at..at, message, reason(&error)));
                return None;
            }
        };
        match OutputSchema::compile(&json) {
            Ok(schema) => Some(Arc::new(schema)),
            Err(why) => {
                let message = format!("the schema `{}` is no JSON schema: {why}", path.value);
                self.problems
                    .add(self.problems.at(path.at.clone(), message, "named here"));
                None
            }
        }
    }
}

/// The message without the place, which the caret shows.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ")
        .map_or(text.clone(), |(reason, _)| reason.to_owned())
}

/// The byte of a line and column, both from one.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    (before + column.saturating_sub(1)).min(text.len())
}
