//! The head of a flow: its name, its sizes, its inputs, and what expressions see of the last two.

use super::{Checker, is_name};
use crate::definition::Input;
use crate::read::{InputFile, InputType};
use crate::shape::Shape;
use domain::{Size, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Verbs of the command `run`: a flow of that name could not be started.
pub(crate) const VERBS: [&str; 8] = [
    "list", "show", "watch", "diff", "apply", "cancel", "retry", "export",
];
/// Inputs that every run has.
pub(crate) const OWN_INPUTS: [&str; 5] = ["question", "fast", "agent", "model", "size"];
const SUMMARY_CHARS_MAX: usize = 200;

pub(super) struct Head {
    pub(super) name: String,
    pub(super) category: &'static str,
    pub(super) summary: String,
    pub(super) inputs: Vec<Input>,
}

impl Checker<'_> {
    pub(super) fn head(&self) -> Option<Head> {
        self.name();
        self.sizes();
        let inputs = self
            .file
            .inputs
            .iter()
            .filter_map(|input| self.input(input))
            .collect();
        if let Some(summary) = &self.file.summary
            && (summary.value.contains('\n') || summary.value.chars().count() > SUMMARY_CHARS_MAX)
        {
            let message = format!("`summary` is one line of at most {SUMMARY_CHARS_MAX} letters");
            self.problems
                .add(self.problems.at(summary.at.clone(), message, "too long"));
        }
        Some(Head {
            name: self.file.name.clone()?.value,
            category: self.file.category.clone()?.value,
            summary: self.file.summary.clone()?.value,
            inputs,
        })
    }

    fn name(&self) {
        let Some(name) = &self.file.name else { return };
        let is_fine = name.value.len() <= 40
            && name.value.starts_with(|c: char| c.is_ascii_lowercase())
            && name
                .value
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if VERBS.contains(&name.value.as_str()) {
            self.problems.add(
                self.problems
                    .at(
                        name.at.clone(),
                        format!(
                            "a flow cannot be called `{0}`: `partita run {0}` means something else",
                            name.value
                        ),
                        "a verb of `run`",
                    )
                    .hint(format!("the verbs are `{}`", VERBS.join("`, `"))),
            );
        } else if !is_fine {
            self.problems.add(
                self.problems
                    .at(
                        name.at.clone(),
                        format!("`{}` cannot be the name of a flow", name.value),
                        "not a name",
                    )
                    .hint("small letters, digits and `-`, a letter first, 40 at most".to_owned()),
            );
        }
    }

    /// All three sizes or none, with the same names in each: a step may rely on every one.
    fn sizes(&self) {
        let sizes = &self.file.sizes;
        let all: BTreeSet<&String> = sizes.values().flat_map(|values| values.value.keys()).collect();
        let Some(first) = sizes.values().next() else {
            return;
        };
        for (size, word) in [
            (Size::Small, "small"),
            (Size::Medium, "medium"),
            (Size::Large, "large"),
        ] {
            let Some(values) = sizes.get(&size) else {
                self.problems.add(
                    self.problems
                        .at(
                            first.at.clone(),
                            format!("there is no `[size.{word}]`"),
                            "the other sizes begin here",
                        )
                        .hint("a flow has all three sizes, or none".to_owned()),
                );
                continue;
            };
            for name in &all {
                if !values.value.contains_key(*name) {
                    let message = format!("size `{word}` has no `{name}`, another size has");
                    self.problems.add(self.problems.at(
                        values.at.clone(),
                        message,
                        format!("`{name}` is missing here"),
                    ));
                }
            }
        }
    }

    fn input(&self, input: &InputFile) -> Option<Input> {
        let name = input.name.value.as_str();
        let at = input.name.at.clone();
        if name == "question" {
            return self.question(input);
        }
        if OWN_INPUTS.contains(&name) {
            let message = format!("every run has the input `{name}` already");
            self.problems
                .add(self.problems.at(at, message, "choose another name"));
            return None;
        }
        if !is_name(name) {
            self.problems.add(
                self.problems
                    .at(
                        at,
                        format!("`{name}` cannot be the name of an input"),
                        "not a name",
                    )
                    .hint("small letters, digits and `_`, a letter first, 40 at most".to_owned()),
            );
            return None;
        }
        if input.required && input.default.is_some() {
            let message = format!("input `{name}` is required and has a default");
            self.problems
                .add(self.problems.at(at, message, "it can only be one of them"));
        }
        self.default_fits(input);
        Some(Input {
            name: name.to_owned(),
            kind: input.kind,
            default: input.default.as_ref().map(|default| default.value.clone()),
            is_required: input.required,
            summary: input.summary.clone(),
        })
    }

    /// `[input.question]` can only say what stands for an empty question.
    fn question(&self, input: &InputFile) -> Option<Input> {
        if input.kind != InputType::Text || input.required {
            let message = "`question` is a text; only its `default` and `summary` can be given";
            self.problems
                .add(self.problems.at(input.name.at.clone(), message, "here"));
        }
        self.default_fits(input);
        Some(Input {
            name: "question".to_owned(),
            kind: InputType::Text,
            default: input.default.as_ref().map(|default| default.value.clone()),
            is_required: input.default.is_none(),
            summary: input.summary.clone(),
        })
    }

    fn default_fits(&self, input: &InputFile) {
        let Some(default) = &input.default else { return };
        if !fits(input.kind, &default.value) {
            self.problems.add(self.problems.at(
                default.at.clone(),
                format!(
                    "the default of input `{}` is no {}",
                    input.name.value,
                    input.kind.word()
                ),
                format!("this is {}", default.value.kind()),
            ));
        }
    }

    pub(super) fn input_shape(&self) -> Shape {
        let mut entries: BTreeMap<String, Shape> = BTreeMap::from([
            ("question".to_owned(), Shape::Text),
            ("fast".to_owned(), Shape::Bool),
            ("agent".to_owned(), Shape::Text),
            ("model".to_owned(), Shape::Any),
        ]);
        for input in &self.file.inputs {
            let shape = match input.kind {
                InputType::Text | InputType::Command => Shape::Text,
                InputType::Bool => Shape::Bool,
                InputType::Number => Shape::Number,
                InputType::List => Shape::list(Shape::Any),
            };
            entries.entry(input.name.value.clone()).or_insert(shape);
        }
        Shape::Map {
            entries,
            is_open: false,
        }
    }

    pub(super) fn size_shape(&self) -> Shape {
        let mut entries: BTreeMap<String, Shape> = BTreeMap::new();
        for (name, value) in self.file.sizes.values().flat_map(|values| &values.value) {
            let shape = Shape::of(value);
            let known = entries.remove(name);
            entries.insert(
                name.clone(),
                known.map_or(shape.clone(), |known| known.either(shape)),
            );
        }
        Shape::Map {
            entries,
            is_open: false,
        }
    }
}

/// Whether a value is of an input's type.
pub(crate) const fn fits(kind: InputType, value: &Value) -> bool {
    match kind {
        InputType::Text | InputType::Command => matches!(value, Value::Text(_)),
        InputType::Bool => matches!(value, Value::Bool(_)),
        InputType::Number => matches!(value, Value::Int(_) | Value::Float(_)),
        InputType::List => matches!(value, Value::List(_)),
    }
}
