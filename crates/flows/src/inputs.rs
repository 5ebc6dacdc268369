//! What a run is asked, against what its flow takes: names, types, defaults.

use crate::check::head::{OWN_INPUTS, fits};
use crate::definition::{Checked, Input};
use crate::near;
use crate::read::InputType;
use domain::{RunInput, Value};

pub(crate) const QUESTION_CHARS_MAX: usize = 64_000;
const INPUT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Checks an input and fills in what is left to the flow. The error is for the person who asked.
pub(crate) fn check(flow: &Checked, input: &mut RunInput) -> Result<(), String> {
    question(flow, input)?;
    let declared = || flow.inputs.iter().filter(|declared| declared.name != "question");
    for name in input.extra.keys() {
        if !declared().any(|declared| declared.name == *name) {
            return Err(unknown(flow, name));
        }
    }
    for declared in declared() {
        let given = input
            .extra
            .remove(&declared.name)
            .filter(|given| *given != Value::Null);
        let value = match given {
            Some(given) => typed(declared, given)?,
            None if declared.is_required => return Err(missing(flow, declared)),
            None => declared.default.clone().unwrap_or_else(|| empty(declared.kind)),
        };
        input.extra.insert(declared.name.clone(), value);
    }
    Ok(())
}

fn question(flow: &Checked, input: &mut RunInput) -> Result<(), String> {
    if input.question.trim().is_empty() {
        let default = flow
            .inputs
            .iter()
            .find(|declared| declared.name == "question")
            .and_then(|it| it.default.as_ref());
        match default.and_then(Value::as_text) {
            Some(default) => input.question = default.to_owned(),
            None => {
                return Err(format!(
                    "flow `{}` needs a question: what should it look into?",
                    flow.name
                ));
            }
        }
    }
    let length = input.question.chars().count();
    if length > QUESTION_CHARS_MAX {
        return Err(format!(
            "the question has {length} letters; {QUESTION_CHARS_MAX} at most are taken"
        ));
    }
    if input.question.contains('\0') {
        return Err("the question holds a zero byte".to_owned());
    }
    Ok(())
}

fn unknown(flow: &Checked, name: &str) -> String {
    if OWN_INPUTS.contains(&name) {
        return format!(
            "`{name}` is given by itself, not as an input of flow `{}`",
            flow.name
        );
    }
    let known = flow.inputs.iter().map(|input| input.name.as_str());
    let hint = near::hint(name, known).unwrap_or_else(|| "it takes none".to_owned());
    format!("flow `{}` takes no input `{name}`: {hint}", flow.name)
}

fn missing(flow: &Checked, input: &Input) -> String {
    let summary = if input.summary.is_empty() {
        String::new()
    } else {
        format!(" ({})", input.summary)
    };
    format!("flow `{}` needs the input `{}`{summary}", flow.name, input.name)
}

/// What stands for an input that was not given: nothing of its kind, so that prompts can ask `if input.x`.
const fn empty(kind: InputType) -> Value {
    match kind {
        InputType::Text | InputType::Command => Value::Text(String::new()),
        InputType::Bool => Value::Bool(false),
        InputType::Number => Value::Int(0),
        InputType::List => Value::List(Vec::new()),
    }
}

/// The value as the flow wants it. A command line gives every value as text.
fn typed(input: &Input, given: Value) -> Result<Value, String> {
    let wrong = |given: &Value| {
        format!(
            "input `{}` must be a {}; this is {}",
            input.name,
            input.kind.word(),
            given.kind()
        )
    };
    let value = match (input.kind, given) {
        (InputType::Bool, Value::Text(text)) => match text.trim() {
            "true" | "yes" | "1" => Value::Bool(true),
            "false" | "no" | "0" => Value::Bool(false),
            _ => return Err(format!("input `{}` must be true or false", input.name)),
        },
        (InputType::Number, Value::Text(text)) => {
            let whole = text.trim().parse().map(Value::Int).ok();
            let number = whole.or_else(|| {
                text.trim()
                    .parse()
                    .ok()
                    .filter(|n: &f64| n.is_finite())
                    .map(Value::Float)
            });
            number.ok_or_else(|| format!("input `{}` must be a number", input.name))?
        }
        (InputType::List, Value::Text(text)) => Value::List(
            text.split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .map(Value::from)
                .collect(),
        ),
        (InputType::Text | InputType::Command, Value::Text(text)) if text.len() > INPUT_BYTES_MAX => {
            return Err(format!(
                "input `{}` is larger than {} MiB",
                input.name,
                INPUT_BYTES_MAX / 1024 / 1024
            ));
        }
        (_, other) => other,
    };
    if fits(input.kind, &value) {
        Ok(value)
    } else {
        Err(wrong(&value))
    }
}
