//! What templates can do with values.

use super::growth;
use domain::Value;
use minijinja::value::ValueKind;
use minijinja::{Environment, Error, filters as stock, tests as stock_tests};

/// Every filter there is.
pub(crate) const FILTERS: [&str; 21] = [
    "default",
    "findings",
    "first",
    "indent",
    "items",
    "join",
    "json",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "selectattr",
    "sort",
    "trim",
    "upper",
];

/// Every test there is, as in `x is defined`.
pub(crate) const TESTS: [&str; 9] = [
    "defined",
    "eq",
    "in",
    "mapping",
    "none",
    "number",
    "sequence",
    "string",
    "undefined",
];

pub(super) fn add_to(environment: &mut Environment<'static>) {
    environment.add_filter("default", stock::default);
    environment.add_filter("findings", |value: &minijinja::Value| {
        from_template(value).map(|value| findings_text(&value))
    });
    environment.add_filter("first", stock::first);
    environment.add_filter("indent", growth::indented);
    environment.add_filter("items", stock::items);
    environment.add_filter("join", growth::joined);
    environment.add_filter("json", growth::json);
    environment.add_filter("last", stock::last);
    environment.add_filter("length", stock::length);
    environment.add_filter("lines", stock::lines);
    environment.add_filter("list", stock::list);
    environment.add_filter("lower", stock::lower);
    environment.add_filter("map", stock::map);
    environment.add_filter("reject", stock::reject);
    environment.add_filter("rejectattr", stock::rejectattr);
    environment.add_filter("replace", growth::replaced);
    environment.add_filter("reverse", stock::reverse);
    environment.add_filter("selectattr", stock::selectattr);
    environment.add_filter("sort", stock::sort);
    environment.add_filter("trim", stock::trim);
    environment.add_filter("upper", stock::upper);
    environment.add_test("defined", stock_tests::is_defined);
    environment.add_test("eq", stock_tests::is_eq);
    environment.add_test("in", stock_tests::is_in);
    environment.add_test("mapping", stock_tests::is_mapping);
    environment.add_test("none", stock_tests::is_none);
    environment.add_test("number", stock_tests::is_number);
    environment.add_test("sequence", stock_tests::is_sequence);
    environment.add_test("string", stock_tests::is_string);
    environment.add_test("undefined", stock_tests::is_undefined);
}

/// A template's value as a value of the rules; an error when it has more parts than anybody could read.
pub(super) fn from_template(value: &minijinja::Value) -> Result<Value, Error> {
    nested(value, 0, &mut 0)
}

fn nested(value: &minijinja::Value, depth: usize, parts: &mut usize) -> Result<Value, Error> {
    const DEPTH_MAX: usize = 64;
    *parts += 1 + value.as_str().map_or(0, |text| text.len() / 64);
    if depth > DEPTH_MAX || *parts > growth::PARTS_MAX {
        return Err(growth::too_large());
    }
    Ok(match value.kind() {
        ValueKind::Bool => Value::Bool(value.is_true()),
        ValueKind::Number => value.as_i64().filter(|_| value.is_integer()).map_or_else(
            || f64::try_from(value.clone()).map_or(Value::Null, Value::Float),
            Value::Int,
        ),
        ValueKind::String => Value::from(value.as_str().unwrap_or_default()),
        ValueKind::Seq | ValueKind::Iterable => {
            let mut items = Vec::new();
            for item in value.try_iter()? {
                items.push(nested(&item, depth + 1, parts)?);
            }
            Value::List(items)
        }
        ValueKind::Map => {
            let mut entries = Vec::new();
            for key in value.try_iter()? {
                entries.push((key.to_string(), nested(&value.get_item(&key)?, depth + 1, parts)?));
            }
            Value::map(entries)
        }
        // Undefined, none and whatever a later version of the engine brings have no counterpart.
        _ => Value::Null,
    })
}

/// Findings as a numbered list: the numbers are what a judge of them refers to. Text of an agent stays inside its item.
fn findings_text(findings: &Value) -> String {
    let mut text = String::new();
    for (index, finding) in findings.as_list().unwrap_or_default().iter().enumerate() {
        let part = |name: &str| {
            finding
                .get(name)
                .and_then(Value::as_text)
                .map(str::trim)
                .filter(|part| !part.is_empty())
        };
        let severity = part("severity")
            .map(|severity| format!("[{}] ", one_line(severity)))
            .unwrap_or_default();
        let title = part("title").map_or_else(|| one_line(&finding.to_string()), one_line);
        text.push_str(&format!("{}. {severity}{title}\n", index + 1));
        if let Some(file) = part("file") {
            let line = finding
                .get("line")
                .map(|line| format!(":{line}"))
                .unwrap_or_default();
            text.push_str(&format!("   at {}{line}\n", one_line(file)));
        }
        if let Some(quote) = part("quote") {
            push_lines(&mut text, "   > ", quote);
        }
        for name in ["explanation", "detail", "suggestion"] {
            if let Some(words) = part(name) {
                push_lines(&mut text, "   ", words);
            }
        }
    }
    text.truncate(text.trim_end().len());
    text
}

fn push_lines(text: &mut String, before: &str, words: &str) {
    for line in words.lines() {
        text.push_str(before);
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
