//! Whether what a flow file says makes sense: names, order, kinds, expressions, templates, schemas. Everything wrong is
//! said at once, as far as one mistake does not hide another.

mod graph;
pub(crate) mod head;
mod schema;
pub(crate) mod step;
mod words;

use crate::at::At;
use crate::definition::{Checked, CheckedStep};
use crate::diagnostic::Problems;
use crate::near;
use crate::places::Places;
use crate::project;
use crate::read::{FlowFile, Kind, StepFile};
use crate::shape::Shape;
use domain::{Access, StepKind};
use graph::Graph;
use std::collections::{BTreeMap, BTreeSet};

/// What a check looks at.
pub(crate) struct Checker<'a> {
    /// The text of the file, for carets inside its texts.
    pub(crate) text: &'a str,
    pub(crate) file: &'a FlowFile,
    pub(crate) places: &'a Places,
    pub(crate) problems: &'a Problems,
}

/// Names that mean something of their own in expressions and templates.
const RESERVED: [&str; 15] = [
    "and", "before", "else", "false", "if", "in", "input", "is", "item", "loop", "none", "not", "null", "or",
    "run",
];
const RESERVED_TOO: [&str; 4] = ["self", "size", "super", "true"];
const STEPS_MAX: usize = 100;

/// Checks a flow. None when there are problems.
pub(crate) fn check(text: &str, file: &FlowFile, places: &Places, problems: &Problems) -> Option<Checked> {
    let checker = Checker {
        text,
        file,
        places,
        problems,
    };
    let head = checker.head();
    let steps = checker.steps();
    let head = head?;
    let steps = steps?;
    problems.is_empty().then_some(Checked {
        name: head.name,
        version: file.version,
        category: head.category,
        summary: head.summary,
        sizes: file
            .sizes
            .iter()
            .map(|(size, values)| (*size, values.value.clone()))
            .collect(),
        inputs: head.inputs,
        steps,
        taken: project::Taken::default(),
    })
}

impl Checker<'_> {
    fn steps(&self) -> Option<Vec<CheckedStep>> {
        self.counted();
        self.names();
        let needs = self.needs();
        let graph = Graph::new(needs);
        let order = match graph.order() {
            Ok(order) => order,
            Err(circle) => {
                self.circle(&circle);
                // Without an order nobody knows which outputs a step sees; what can be said of it alone is said.
                self.file.steps.iter().for_each(|step| _ = self.step(step, None));
                return None;
            }
        };
        let ancestors = graph.ancestors(&order);
        let mut shapes: BTreeMap<usize, Shape> = BTreeMap::new();
        let mut checked = Vec::new();
        for index in &order {
            let step = &self.file.steps[*index];
            let scope = self.scope(&ancestors[*index], &shapes);
            let (done, shape) = self.step(step, Some((&scope, &self.fold_shape(step, &shapes))));
            shapes.insert(*index, shape);
            checked.push(done);
        }
        self.merges();
        Some(checked)
    }

    fn counted(&self) {
        let steps = &self.file.steps;
        if steps.is_empty() && self.problems.is_empty() {
            self.problems.add(
                self.problems
                    .at(self.file.start.clone(), "the flow has no step", "")
                    .hint("write at least one `[[step]]`".to_owned()),
            );
        }
        if let Some(step) = steps.get(STEPS_MAX) {
            self.problems.add(self.problems.at(
                step.at.clone(),
                format!("the flow has more than {STEPS_MAX} steps"),
                "one too many",
            ));
        }
    }

    fn names(&self) {
        let mut known: BTreeMap<&str, &At<String>> = BTreeMap::new();
        for step in &self.file.steps {
            let id = step.id.value.as_str();
            if !is_name(id) {
                self.problems.add(
                    self.problems
                        .at(
                            step.id.at.clone(),
                            format!("`{id}` cannot be the id of a step"),
                            "not a name",
                        )
                        .hint("small letters, digits and `_`, a letter first, 40 at most".to_owned()),
                );
            } else if RESERVED.contains(&id) || RESERVED_TOO.contains(&id) {
                self.problems.add(self.problems.at(
                    step.id.at.clone(),
                    format!("`{id}` cannot be the id of a step: it has a meaning of its own in expressions and prompts"),
                    "taken",
                ));
            }
            if let Some(first) = known.insert(id, &step.id) {
                self.problems.add(
                    self.problems
                        .at(
                            step.id.at.clone(),
                            format!("two steps are called `{id}`"),
                            "again here",
                        )
                        .also(first.at.clone(), "first here"),
                );
            }
        }
    }

    /// What each step needs, by number; what is not known is said and left out.
    fn needs(&self) -> Vec<Vec<usize>> {
        self.file
            .steps
            .iter()
            .map(|step| step.needs.iter().filter_map(|need| self.need(need)).collect())
            .collect()
    }

    fn need(&self, need: &At<String>) -> Option<usize> {
        let found = self
            .file
            .steps
            .iter()
            .position(|step| step.id.value == need.value);
        if found.is_none() {
            let ids = self.file.steps.iter().map(|step| step.id.value.as_str());
            self.problems.add(
                self.problems
                    .at(
                        need.at.clone(),
                        format!("`needs` names an unknown step `{}`", need.value),
                        "no such step",
                    )
                    .hint(near::hint(&need.value, ids)),
            );
        }
        found
    }

    fn circle(&self, circle: &[usize]) {
        let ids: Vec<&str> = circle
            .iter()
            .map(|index| self.file.steps[*index].id.value.as_str())
            .collect();
        let mut places = circle.windows(2).filter_map(|pair| {
            let needed = self.file.steps[pair[1]].id.value.as_str();
            self.file.steps[pair[0]]
                .needs
                .iter()
                .find(|need| need.value == needed)
        });
        let Some(first) = places.next() else { return };
        let message = format!("the steps need each other in a circle: {}", ids.join(" → "));
        let mut problem = self.problems.at(
            first.at.clone(),
            message,
            format!("`{}` needs `{}`", ids[0], ids[1]),
        );
        for (place, pair) in places.zip(ids.windows(2).skip(1)) {
            problem = problem.also(place.at.clone(), format!("`{}` needs `{}`", pair[0], pair[1]));
        }
        self.problems.add(problem);
    }

    /// What expressions of a step see: the input, the size, and the steps before it.
    fn scope(&self, before: &BTreeSet<usize>, shapes: &BTreeMap<usize, Shape>) -> BTreeMap<String, Shape> {
        let mut scope = BTreeMap::from([
            ("input".to_owned(), self.input_shape()),
            ("size".to_owned(), self.size_shape()),
        ]);
        for index in before {
            let shape = shapes.get(index).cloned().unwrap_or(Shape::Any);
            scope.insert(self.file.steps[*index].id.value.clone(), shape);
        }
        scope
    }

    /// What a fold over the step's needs gives.
    fn fold_shape(&self, step: &StepFile, shapes: &BTreeMap<usize, Shape>) -> Shape {
        let items = step.needs.iter().filter_map(|need| {
            let index = self
                .file
                .steps
                .iter()
                .position(|other| other.id.value == need.value)?;
            let shape = shapes.get(&index)?;
            // A fan-out is folded instance by instance.
            let is_fan_out = self.file.steps[index].each.is_some();
            match shape {
                Shape::List(one) if is_fan_out => Some(one.folded()),
                other => Some(other.folded()),
            }
        });
        let item = items.reduce(Shape::either).unwrap_or(Shape::Any);
        Shape::map([("count", Shape::Number), ("items", Shape::list(item))])
    }

    /// Writers that work side by side need somebody who brings their changes together.
    fn merges(&self) {
        let is_writer = |step: &StepFile| {
            step.each.is_some()
                && step
                    .access
                    .as_ref()
                    .is_some_and(|access| access.value == Access::Write)
        };
        let needs = |step: &StepFile, id: &str| step.needs.iter().any(|need| need.value == id);
        for writer in self.file.steps.iter().filter(|step| is_writer(step)) {
            let is_merged = self
                .file
                .steps
                .iter()
                .any(|step| step.kind.value == Kind::Merge && needs(step, &writer.id.value));
            if !is_merged {
                let id = &writer.id.value;
                self.problems.add(
                    self.problems
                        .at(
                            writer
                                .each
                                .as_ref()
                                .map_or(writer.at.clone(), |each| each.at.clone()),
                            format!(
                                "`{id}` writes in several working copies and nothing brings them together"
                            ),
                            "each instance changes files of its own",
                        )
                        .hint(format!(
                            "add a step with `kind = \"merge\"` and `needs = [\"{id}\"]`"
                        )),
                );
            }
        }
        for merge in self
            .file
            .steps
            .iter()
            .filter(|step| step.kind.value == Kind::Merge)
        {
            let has_writer = self
                .file
                .steps
                .iter()
                .any(|step| is_writer(step) && needs(merge, &step.id.value));
            if !has_writer {
                self.problems.add(
                    self.problems
                        .at(
                            merge.kind.at.clone(),
                            format!("`{}` has nothing to merge", merge.id.value),
                            "a merge",
                        )
                        .hint("a merge needs a step with both `each` and `access = \"write\"`".to_owned()),
                );
            }
        }
    }
}

/// Whether a text can name a step, an input or a size's value: a word in both languages.
pub(crate) fn is_name(text: &str) -> bool {
    text.len() <= 40
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// The kind as the rules know it; none for kinds of a later version.
pub(crate) const fn rules_kind(kind: Kind) -> Option<StepKind> {
    match kind {
        Kind::Agent => Some(StepKind::Agent),
        Kind::Command => Some(StepKind::Command),
        Kind::Fold => Some(StepKind::Fold),
        Kind::Merge => Some(StepKind::Merge),
        Kind::Approval => Some(StepKind::Approval),
        Kind::Subflow => None,
    }
}
