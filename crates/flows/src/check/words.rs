//! The expressions and templates of a step: that they can be read, and that every name in them is there by then.

use super::Checker;
use crate::at::At;
use crate::diagnostic::Problem;
use crate::literal;
use crate::near;
use crate::paths::{self, Path};
use crate::shape::{Language, Shape, Step};
use crate::template;
use domain::Expression;
use std::collections::BTreeMap;
use std::ops::Range;

/// What a step's words may name.
pub(super) type Scope = BTreeMap<String, Shape>;

/// The tags that templates have.
const TAGS: [&str; 12] = [
    "if", "elif", "else", "endif", "for", "endfor", "set", "endset", "with", "endwith", "raw", "endraw",
];

/// A text of the file that is an expression or a template, and the field it stands in.
#[derive(Clone, Copy)]
struct Words<'a> {
    field: &'a str,
    text: &'a At<String>,
}

impl Checker<'_> {
    /// Reads an expression and checks its names. Without a scope only its form is checked.
    pub(super) fn expression(
        &self,
        field: &str,
        text: &At<String>,
        scope: Option<&Scope>,
    ) -> Option<Expression> {
        let expression = match Expression::parse(&text.value) {
            Ok(expression) => expression,
            Err(error) => {
                let message = format!("`{field}` is no expression: {}", error.message);
                self.problems.add(self.inside(text, error.at, message, "here"));
                return None;
            }
        };
        let scope = scope?;
        let roots: Vec<String> = expression.roots().into_iter().map(str::to_owned).collect();
        for path in paths::paths(&text.value, 0..text.value.len(), Language::Expression) {
            if roots.iter().any(|root| root == path.root()) {
                _ = self.path(Words { field, text }, &path, scope, Language::Expression);
            }
        }
        Some(expression)
    }

    /// The shape of the items that `each` runs over.
    pub(super) fn each(&self, text: &At<String>, scope: Option<&Scope>) -> (Option<Expression>, Shape) {
        let expression = self.expression("each", text, scope);
        let (Some(scope), Some(_)) = (scope, &expression) else {
            return (expression, Shape::Any);
        };
        let whole = text.value.trim();
        let start = text.value.len() - text.value.trim_start().len();
        let found = paths::paths(&text.value, 0..text.value.len(), Language::Expression);
        let shape = match found.as_slice() {
            [path] if path.at() == (start..start + whole.len()) => {
                self.shape(path, scope, Language::Expression)
            }
            _ => Some(Shape::Bool),
        };
        match shape {
            Some(Shape::List(item)) => (expression, *item),
            None | Some(Shape::Any) => (expression, Shape::Any),
            Some(other) => {
                let message = format!("`each` runs over a list, and `{whole}` is {}", other.kind());
                let problem = self.inside(text, start..start + whole.len(), message, "not a list");
                self.problems.add(problem.hint(list_inside(whole, &other)));
                (expression, Shape::Any)
            }
        }
    }

    /// Checks a template's form, and its names when the scope is known.
    pub(super) fn template(&self, field: &str, text: &At<String>, scope: Option<&Scope>) {
        let names = match template::outside_names(&text.value) {
            Ok(names) => names,
            Err(bad) => {
                let message = format!("`{field}` is no template: {}", bad.message);
                let at = bad.at.unwrap_or(0..0);
                self.problems.add(self.inside(text, at, message, "here"));
                return;
            }
        };
        self.functions(field, text);
        let Some(scope) = scope else { return };
        let tags = paths::tags(&text.value);
        let found: Vec<Path<'_>> = tags
            .into_iter()
            .flat_map(|tag| paths::paths(&text.value, tag, Language::Template))
            .collect();
        for name in names {
            let wanted: Vec<&str> = name.split('.').collect();
            let place = found.iter().find(|path| {
                let names = path.parts.iter().map(|part| part.name);
                names.clone().count() >= wanted.len()
                    && names.zip(&wanted).all(|(name, wanted)| name == Some(*wanted))
            });
            if let Some(path) = place {
                let cut = Path {
                    parts: path.parts[..wanted.len()].to_vec(),
                };
                _ = self.path(Words { field, text }, &cut, scope, Language::Template);
            }
        }
    }

    /// Tags, filters and tests are looked up only when they run: better said now.
    fn functions(&self, field: &str, text: &At<String>) {
        for tag in paths::tags(&text.value) {
            if text.value[..tag.start].ends_with("{%") {
                self.tag(field, text, tag.clone());
            }
            self.operators(field, text, tag.clone());
            for path in paths::paths(&text.value, tag.clone(), Language::Template) {
                let at = path.at();
                let before = text.value[tag.start..at.start].trim_end();
                let (what, known): (&str, &[&str]) = if before.ends_with('|') {
                    ("filter", &template::FILTERS)
                } else if before.ends_with(" is") || before.ends_with(" is not") {
                    ("test", &template::TESTS)
                } else {
                    continue;
                };
                let name = path.root();
                if name != "not" && !known.contains(&name) {
                    let message = format!("`{field}` uses an unknown {what} `{name}`");
                    let problem = self.inside(text, at, message, "not known");
                    self.problems
                        .add(problem.hint(near::hint(name, known.iter().copied())));
                }
            }
        }
    }

    /// Texts are put together by writing them one after another: operators that do it can double a text without end.
    fn operators(&self, field: &str, text: &At<String>, tag: Range<usize>) {
        for at in paths::operators(&text.value, tag, &['~', '+', '*']) {
            let operator = &text.value[at.clone()];
            let message =
                format!("`{field}` uses the operator `{operator}`, which prompts and commands do not have");
            let problem = self.inside(text, at, message, "not known");
            self.problems
                .add(problem.hint("write the values one after another: `{{ a }}{{ b }}`".to_owned()));
        }
    }

    /// Templates stand alone and call nothing: no includes, no blocks, no macros.
    fn tag(&self, field: &str, text: &At<String>, tag: Range<usize>) {
        let inner = &text.value[tag.clone()];
        let rest = inner.trim_start_matches(['-', '+', ' ', '\t', '\r', '\n']);
        let length = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
        let (word, start) = (&rest[..length], tag.end - rest.len());
        if !word.is_empty() && !TAGS.contains(&word) {
            let message = format!("`{field}` uses the tag `{word}`, which prompts and commands do not have");
            let problem = self.inside(text, start..start + length, message, "not known");
            self.problems.add(problem.hint(near::hint(word, TAGS)));
        }
    }

    /// Follows a path and says where it goes astray.
    fn path(&self, words: Words<'_>, path: &Path<'_>, scope: &Scope, language: Language) -> Option<Shape> {
        let Words { field, text } = words;
        let root = path.root();
        let Some(shape) = scope.get(root) else {
            let at = path.parts.first().map_or(0..0, |part| part.at.clone());
            self.problems.add(self.unknown(words, at, root, scope));
            return None;
        };
        match shape.follow(&steps(path), language) {
            Ok(shape) => Some(shape),
            Err(astray) => {
                let at = path
                    .parts
                    .get(astray.part + 1)
                    .map_or(path.at(), |part| part.at.clone());
                let shown = &text.value[path.at()];
                let message = format!("`{field}` names `{shown}`: {}", astray.message);
                self.problems
                    .add(self.inside(text, at, message, "not there").hint(astray.hint));
                None
            }
        }
    }

    fn shape(&self, path: &Path<'_>, scope: &Scope, language: Language) -> Option<Shape> {
        scope.get(path.root())?.follow(&steps(path), language).ok()
    }

    fn unknown(&self, words: Words<'_>, at: Range<usize>, name: &str, scope: &Scope) -> Problem {
        let Words { field, text } = words;
        let is_step = self.file.steps.iter().any(|step| step.id.value == name);
        if is_step {
            let message = format!("`{field}` uses `{name}`, which this step does not wait for");
            return self
                .inside(text, at, message, "may not be done by then")
                .hint(format!("add \"{name}\" to the step's `needs`"));
        }
        let problem = self.inside(
            text,
            at,
            format!("`{field}` names an unknown `{name}`"),
            "not known",
        );
        problem.hint(near::hint(name, scope.keys().map(String::as_str)))
    }

    /// A problem at some bytes of a text of the file.
    fn inside(&self, text: &At<String>, inner: Range<usize>, message: String, label: &str) -> Problem {
        self.problems
            .at(literal::locate(self.text, text, inner), message, label)
    }
}

fn steps<'a>(path: &Path<'a>) -> Vec<Step<'a>> {
    path.parts
        .iter()
        .skip(1)
        .map(|part| part.name.map_or(Step::Index, Step::Name))
        .collect()
}

/// A list among the entries of what was named instead.
fn list_inside(whole: &str, shape: &Shape) -> Option<String> {
    let Shape::Map { entries, .. } = shape else {
        return None;
    };
    let list = entries
        .iter()
        .find(|(_, inner)| matches!(inner, Shape::List(_)))?;
    Some(format!("did you mean `{whole}.{}`?", list.0))
}
