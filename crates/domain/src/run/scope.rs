//! What expressions and prompts see of a run: its input, its size, and what its steps gave.

use super::Run;
use crate::{Name, Scope, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A run as a scope of names: `input`, `size`, and every step of the plan by its id.
#[derive(Clone, Copy, Debug)]
pub struct RunScope<'a> {
    pub(super) run: &'a Run,
}

impl<'a> RunScope<'a> {
    /// What a step of the plan gave: its output; the list of the completed instances' outputs for a fan-out; null
    /// while there is none.
    #[must_use]
    pub fn output(&self, step: &Name) -> Cow<'a, Value> {
        let run = self.run;
        let is_fan_out = run
            .start()
            .plan
            .step(step)
            .is_some_and(|plan| plan.each.is_some());
        let mut outputs = run.instances(step).filter_map(|(_, step)| step.output.as_ref());
        if is_fan_out {
            Cow::Owned(Value::List(outputs.cloned().collect()))
        } else {
            outputs.next().map_or(Cow::Owned(Value::Null), Cow::Borrowed)
        }
    }

    /// What the run was asked, as one map.
    #[must_use]
    pub fn input(&self) -> Value {
        self.input_of(|_| true)
    }

    /// The same, of what else it was asked only these entries: a list that nobody looks at is not copied.
    #[must_use]
    pub fn input_of(&self, is_wanted: impl Fn(&str) -> bool) -> Value {
        let input = &self.run.start().input;
        let mut entries = chosen(&input.extra, is_wanted);
        entries.insert("question".to_owned(), Value::from(input.question.as_str()));
        entries.insert("fast".to_owned(), Value::Bool(input.fast));
        entries.insert("agent".to_owned(), Value::from(input.agent.as_str()));
        entries.insert(
            "model".to_owned(),
            input.model.as_deref().map_or(Value::Null, Value::from),
        );
        Value::Map(entries)
    }

    /// What the run's size means.
    #[must_use]
    pub fn size(&self) -> Value {
        self.size_of(|_| true)
    }

    /// The same, of these entries only.
    #[must_use]
    pub fn size_of(&self, is_wanted: impl Fn(&str) -> bool) -> Value {
        Value::Map(chosen(&self.run.start().plan.size, is_wanted))
    }
}

fn chosen(entries: &BTreeMap<String, Value>, is_wanted: impl Fn(&str) -> bool) -> BTreeMap<String, Value> {
    let chosen = entries.iter().filter(|(name, _)| is_wanted(name));
    chosen
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

impl Scope for RunScope<'_> {
    fn value(&self, name: &str) -> Option<Cow<'_, Value>> {
        match name {
            "input" => Some(Cow::Owned(self.input())),
            "size" => Some(Cow::Owned(self.size())),
            _ => {
                let step = &self
                    .run
                    .start()
                    .plan
                    .steps
                    .iter()
                    .find(|step| step.id.as_str() == name)?
                    .id;
                Some(self.output(step))
            }
        }
    }
}
