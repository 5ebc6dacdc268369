//! The schema of a step's output: compiled once, never resolving anything outside itself.

use crate::json::from_json;
use crate::shape::Shape;
use domain::Value;
use jsonschema::{PatternOptions, Retrieve, Uri, Validator};
use std::error::Error;
use std::fmt;

/// A schema larger than this is no description of an answer.
pub(crate) const SCHEMA_BYTES_MAX: u64 = 256 * 1024;
const PROBLEMS_MAX: usize = 20;
const PROBLEM_CHARS_MAX: usize = 300;

/// A compiled schema.
pub(crate) struct OutputSchema {
    /// As the prompt shows it.
    pub(crate) text: String,
    pub(crate) shape: Shape,
    /// The names of an answer's parts, in the order in which the schema speaks of them.
    pub(crate) parts: Vec<String>,
    validator: Validator,
}

impl fmt::Debug for OutputSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OutputSchema({})", self.text)
    }
}

/// Refuses whatever a schema refers to outside itself.
struct Nowhere;

impl Retrieve for Nowhere {
    fn retrieve(&self, uri: &Uri<String>) -> Result<serde_json::Value, Box<dyn Error + Send + Sync>> {
        Err(format!("`{uri}` lies outside the schema; only references inside it are followed").into())
    }
}

impl OutputSchema {
    /// Compiles a schema. The error says what is wrong with it, in words.
    pub(crate) fn compile(schema: &serde_json::Value) -> Result<Self, String> {
        if !schema.is_object() {
            return Err("a schema is a JSON object".to_owned());
        }
        // The library panics on some schemas that name an unknown draft or are malformed: judge by the meta-schema first.
        if schema
            .get("$schema")
            .is_some_and(|draft| !draft.as_str().is_some_and(is_known_draft))
        {
            return Err("`$schema` names no draft known here; leave it out for the newest".to_owned());
        }
        jsonschema::meta::validate(schema).map_err(|error| located(&error))?;
        let validator = jsonschema::options()
            .with_retriever(Nowhere)
            .with_pattern_options(PatternOptions::regex())
            .build(schema)
            .map_err(|error| located(&error))?;
        let properties = schema.get("properties").and_then(serde_json::Value::as_object);
        let parts = properties
            .into_iter()
            .flatten()
            .map(|(name, _)| name.clone())
            .collect();
        Ok(Self {
            text: format!("{schema:#}"),
            shape: Shape::of_schema(schema),
            parts,
            validator,
        })
    }

    /// The answer as a value; every way in which it does not fit, one a line.
    pub(crate) fn check(&self, answer: &serde_json::Value) -> Result<Value, Vec<String>> {
        let mut problems: Vec<String> = self
            .validator
            .iter_errors(answer)
            .take(PROBLEMS_MAX + 1)
            .map(|error| located(&error))
            .collect();
        if problems.is_empty() {
            return Ok(from_json(answer));
        }
        if problems.len() > PROBLEMS_MAX {
            problems.truncate(PROBLEMS_MAX);
            problems.push("and more of the kind".to_owned());
        }
        Err(problems)
    }
}

fn is_known_draft(uri: &str) -> bool {
    let known = [
        "2020-12/schema",
        "2019-09/schema",
        "draft-07/schema",
        "draft-06/schema",
        "draft-04/schema",
    ];
    let uri = uri.trim_end_matches('#');
    uri.contains("://json-schema.org/") && known.iter().any(|draft| uri.ends_with(draft))
}

fn located(error: &jsonschema::ValidationError<'_>) -> String {
    let path = error.instance_path().as_str().to_owned();
    let place = if path.is_empty() {
        "the whole".to_owned()
    } else {
        format!("`{path}`")
    };
    let message: String = error.to_string().chars().take(PROBLEM_CHARS_MAX).collect();
    format!("{place}: {message}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_misfit_is_named_with_its_path() {
        let schema = json!({
            "type": "object", "required": ["findings"],
            "properties": { "findings": { "type": "array", "items": {
                "type": "object", "required": ["file"],
                "properties": { "file": { "type": "string" }, "line": { "type": "integer" } } } } }
        });
        let schema = OutputSchema::compile(&schema).expect("a schema");
        assert!(
            schema
                .check(&json!({ "findings": [{ "file": "a", "line": 1 }] }))
                .is_ok()
        );
        let problems = schema
            .check(&json!({ "findings": [{ "line": "x" }] }))
            .expect_err("it does not fit");
        assert_eq!(
            problems,
            [
                "`/findings/0`: \"file\" is a required property",
                "`/findings/0/line`: \"x\" is not of type \"integer\"",
            ]
        );
    }

    #[test]
    fn a_bad_schema_is_refused_in_words() {
        for (schema, part) in [
            (json!([]), "JSON object"),
            (json!({ "type": "objekt" }), "objekt"),
            (json!({ "$ref": "https://example.org/x.json" }), "outside"),
            (json!({ "$ref": "file:///etc/passwd" }), "outside"),
            (json!({ "$ref": "#/$defs/absent" }), "absent"),
            (json!({ "$schema": "https://example.org/draft" }), "$schema"),
            (json!({ "pattern": "(" }), "("),
        ] {
            let why = OutputSchema::compile(&schema).expect_err("not a schema");
            assert!(why.contains(part), "{schema}: {why}");
        }
    }
}
