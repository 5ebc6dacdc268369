//! Reading JSON that a stranger wrote: every look-up may come back empty, none fails.

use serde_json::Value as Json;

/// A line as a JSON object; none for anything else, half an object and endless nesting included.
pub(super) fn object(line: &str) -> Option<Json> {
    let line = line.trim();
    if !line.starts_with('{') {
        return None;
    }
    serde_json::from_str(line).ok().filter(Json::is_object)
}

/// The value at a path of keys.
pub(super) fn at<'a>(json: &'a Json, path: &[&str]) -> Option<&'a Json> {
    path.iter()
        .try_fold(json, |json, key| json.get(key))
        .filter(|json| !json.is_null())
}

/// The text at a path of keys.
pub(super) fn text<'a>(json: &'a Json, path: &[&str]) -> Option<&'a str> {
    at(json, path).and_then(Json::as_str)
}

/// The list at a path of keys; empty where there is none.
pub(super) fn list<'a>(json: &'a Json, path: &[&str]) -> &'a [Json] {
    at(json, path).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

/// The whole number at the first of several keys that has one.
pub(super) fn count(json: &Json, keys: &[&str]) -> Option<u64> {
    keys.iter().find_map(|key| json.get(key).and_then(Json::as_u64))
}

/// Whether the value at a path of keys is `true`.
pub(super) fn is_true(json: &Json, path: &[&str]) -> bool {
    at(json, path).and_then(Json::as_bool) == Some(true)
}

/// Money as millionths.
pub(super) fn micros(json: Option<&Json>) -> Option<u64> {
    let amount = json?
        .as_f64()
        .filter(|amount| amount.is_finite() && *amount >= 0.0)?;
    // A cast of a float saturates: absurd amounts stay absurd, nothing overflows.
    Some((amount * 1_000_000.0).round() as u64)
}

/// At most `bytes_max` of a text's beginning, marked where it was cut.
pub(super) fn clip(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(bytes_max);
    format!("{}… ({} bytes more)", &text[..end], text.len() - end)
}

/// At most `bytes_max` of a text's end.
pub(super) fn tail(text: &str, bytes_max: usize) -> &str {
    let start = text.len().saturating_sub(bytes_max);
    &text[text.ceil_char_boundary(start)..]
}

/// A value as a transcript shows it: text bare, nothing for what is empty, the rest as JSON.
pub(super) fn shown(json: &Json, bytes_max: usize) -> String {
    match json {
        Json::Null => String::new(),
        Json::String(text) => clip(text, bytes_max),
        Json::Object(map) if map.is_empty() => String::new(),
        Json::Array(list) if list.is_empty() => String::new(),
        other => clip(&other.to_string(), bytes_max),
    }
}
