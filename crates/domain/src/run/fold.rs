//! What a fold does: gathers the lists that its needs gave into one, in order, each thing once.

use super::Run;
use crate::{PlanStep, Value};

/// `{count, items}` over the outputs of everything that the step needs. From a map, its only list is taken; from a
/// list, its items; anything else counts as one item. Equal items are kept once.
pub(super) fn fold(run: &Run, step: &PlanStep) -> Value {
    let mut items: Vec<Value> = Vec::new();
    for need in &step.needs {
        for (_, instance) in run.instances(need) {
            let Some(output) = &instance.output else { continue };
            for item in items_of(output) {
                if !items.contains(item) {
                    items.push(item.clone());
                }
            }
        }
    }
    let count = i64::try_from(items.len()).unwrap_or(i64::MAX);
    Value::map([("count", Value::Int(count)), ("items", Value::List(items))])
}

fn items_of(output: &Value) -> &[Value] {
    match output {
        Value::Null => &[],
        Value::List(items) => items,
        Value::Map(entries) => {
            let mut lists = entries.values().filter_map(Value::as_list);
            match (lists.next(), lists.next()) {
                (Some(only), None) => only,
                (Some(_), Some(_)) | (None, _) => std::slice::from_ref(output),
            }
        }
        Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => std::slice::from_ref(output),
    }
}
