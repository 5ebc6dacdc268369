//! A flow file as it is written: its head, its sizes, its inputs, its steps.

use super::fields::{self, Fields};
use super::step::{self, StepFile};
use crate::at::At;
use crate::diagnostic::Problems;
use domain::{Size, Value};
use std::collections::BTreeMap;
use std::ops::Range;
use toml::de::DeTable;

/// A flow as it is written.
#[derive(Clone, Debug)]
pub(crate) struct FlowFile {
    pub(crate) name: Option<At<String>>,
    pub(crate) category: Option<At<&'static str>>,
    pub(crate) summary: Option<At<String>>,
    pub(crate) version: u32,
    pub(crate) sizes: BTreeMap<Size, At<BTreeMap<String, Value>>>,
    pub(crate) inputs: Vec<InputFile>,
    pub(crate) steps: Vec<StepFile>,
    /// Where the file says nothing at all: its first byte.
    pub(crate) start: Range<usize>,
}

/// What kind of value an input takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InputType {
    Text,
    Bool,
    Number,
    List,
    /// A shell command line of the person's own: the only text that is not quoted in commands and gates.
    Command,
}

impl InputType {
    pub(crate) const WORDS: [(&'static str, Self); 5] = [
        ("text", Self::Text),
        ("bool", Self::Bool),
        ("number", Self::Number),
        ("list", Self::List),
        ("command", Self::Command),
    ];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Bool => "bool",
            Self::Number => "number",
            Self::List => "list",
            Self::Command => "command",
        }
    }
}

/// `[input.<name>]`.
#[derive(Clone, Debug)]
pub(crate) struct InputFile {
    pub(crate) name: At<String>,
    pub(crate) kind: InputType,
    pub(crate) default: Option<At<Value>>,
    pub(crate) required: bool,
    pub(crate) summary: String,
}

pub(crate) const CATEGORIES: [(&str, &str); 5] = [
    ("analysis", "analysis"),
    ("discovery", "discovery"),
    ("planning", "planning"),
    ("authoring", "authoring"),
    ("review", "review"),
];

/// Reads a flow file. What is wrong goes to `problems`; what could be read comes back, unless it is no TOML at all.
pub(crate) fn read(text: &str, problems: &Problems) -> Option<FlowFile> {
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let at = error.span().unwrap_or(0..0);
        problems.add(problems.at(at, error.message(), "here"));
    }
    if !errors.is_empty() {
        return None;
    }
    // The reader borrows from the document for as long as it lives, and `problems` must outlive neither.
    Some(read_document(document.get_ref(), problems))
}

fn read_document<'t>(document: &'t DeTable<'t>, problems: &'t Problems) -> FlowFile {
    let fields = Fields::new(document, 0..0, "the flow", problems);
    fields.require("category");
    let flow = FlowFile {
        name: fields.required_text("name"),
        category: fields.word("category", &CATEGORIES),
        summary: fields.required_text("summary"),
        version: fields.count("version").map_or(1, |version| version.value),
        sizes: sizes(&fields),
        inputs: inputs(&fields),
        steps: steps(&fields),
        start: 0..0,
    };
    fields.finish();
    flow
}

fn sizes(fields: &Fields<'_>) -> BTreeMap<Size, At<BTreeMap<String, Value>>> {
    let mut sizes = BTreeMap::new();
    let Some(table) = fields.table("size", "`size`") else {
        return sizes;
    };
    for (word, size) in [
        ("small", Size::Small),
        ("medium", Size::Medium),
        ("large", Size::Large),
    ] {
        let Some(values) = table.table(word, format!("size `{word}`")) else {
            continue;
        };
        let entries = values
            .entries()
            .filter_map(|(name, found)| Some((name.value, fields::value(found, fields.problems())?)))
            .collect();
        sizes.insert(size, At::new(entries, values.place()));
    }
    table.finish();
    sizes
}

fn inputs(fields: &Fields<'_>) -> Vec<InputFile> {
    let Some(table) = fields.table("input", "`input`") else {
        return Vec::new();
    };
    let problems = fields.problems();
    let mut inputs = Vec::new();
    for (name, found) in table.entries() {
        let Some(entry) = found.get_ref().as_table() else {
            problems.add(problems.at(
                found.span(),
                format!("input `{}` must be a table", name.value),
                format!("write `[input.{}]`", name.value),
            ));
            continue;
        };
        let entry = Fields::new(
            entry,
            name.at.clone(),
            format!("input `{}`", name.value),
            problems,
        );
        let default = entry
            .any("default")
            .and_then(|found| Some(At::new(fields::value(found, problems)?, found.span())));
        inputs.push(InputFile {
            name,
            kind: entry
                .word("type", &InputType::WORDS)
                .map_or(InputType::Text, |kind| kind.value),
            default,
            required: entry.bool("required").is_some_and(|is| is.value),
            summary: entry
                .text("summary")
                .map(|summary| summary.value)
                .unwrap_or_default(),
        });
        entry.finish();
    }
    inputs
}

fn steps(fields: &Fields<'_>) -> Vec<StepFile> {
    let tables = fields.tables("step");
    let problems = fields.problems();
    let steps = tables.iter().enumerate();
    steps
        .filter_map(|(index, (at, table))| step::read(at.clone(), index + 1, table, problems))
        .collect()
}
