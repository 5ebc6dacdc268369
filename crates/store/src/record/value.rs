//! Structured values as JSON: once so that nothing is lost, for the history; once plainly, for readers.

use super::DecodeError;
use domain::Value;
use serde_json::{Map, Number, Value as Json};

/// JSON readers give up at 128 levels. Below this many, the rest of a value is JSON inside a text.
const DEPTH_MAX: usize = 64;

/// JSON that [`decode_value`] reads back to the last bit. What JSON cannot say is a map of one `$` key.
pub(crate) fn encode_value(value: &Value) -> Json {
    encode(value, 0)
}

fn encode(value: &Value, depth: usize) -> Json {
    match value {
        Value::List(_) | Value::Map(_) if depth == DEPTH_MAX => {
            mark("$json", Json::String(encode(value, 0).to_string()))
        }
        Value::Null => Json::Null,
        Value::Bool(is) => Json::Bool(*is),
        Value::Int(number) => Json::Number(Number::from(*number)),
        Value::Float(number) => Number::from_f64(*number)
            .map_or_else(|| mark("$float", Json::String(number.to_string())), Json::Number),
        Value::Text(text) => Json::String(text.clone()),
        Value::List(items) => Json::Array(items.iter().map(|item| encode(item, depth + 1)).collect()),
        Value::Map(entries) => {
            let map = entries
                .iter()
                .map(|(name, value)| (name.clone(), encode(value, depth + 1)))
                .collect();
            let is_like_a_mark = entries.len() == 1 && entries.keys().all(|name| name.starts_with('$'));
            if is_like_a_mark {
                mark("$map", Json::Object(map))
            } else {
                Json::Object(map)
            }
        }
    }
}

fn mark(name: &str, content: Json) -> Json {
    Json::Object(Map::from_iter([(name.to_owned(), content)]))
}

/// What [`encode_value`] wrote.
pub(crate) fn decode_value(json: Json) -> Result<Value, DecodeError> {
    match json {
        Json::Null => Ok(Value::Null),
        Json::Bool(is) => Ok(Value::Bool(is)),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Ok(Value::Int(whole)),
            None => number.as_f64().map(Value::Float).ok_or_else(|| bad(&number)),
        },
        Json::String(text) => Ok(Value::Text(text)),
        Json::Array(items) => items
            .into_iter()
            .map(decode_value)
            .collect::<Result<_, _>>()
            .map(Value::List),
        Json::Object(map) => decode_map(map),
    }
}

fn decode_map(mut map: Map<String, Json>) -> Result<Value, DecodeError> {
    if map.len() == 1 {
        if let Some(content) = map.remove("$float") {
            let text = content.as_str().ok_or_else(|| bad(&content))?;
            return text.parse().map(Value::Float).map_err(|_| bad(&content));
        }
        if let Some(content) = map.remove("$json") {
            let text = content.as_str().ok_or_else(|| bad(&content))?;
            return decode_value(serde_json::from_str(text).map_err(bad)?);
        }
        if let Some(content) = map.remove("$map") {
            let Json::Object(inner) = content else {
                return Err(bad(&content));
            };
            return decode_entries(inner);
        }
    }
    decode_entries(map)
}

fn decode_entries(map: Map<String, Json>) -> Result<Value, DecodeError> {
    map.into_iter()
        .map(|(name, value)| decode_value(value).map(|value| (name, value)))
        .collect::<Result<_, _>>()
        .map(Value::Map)
}

fn bad(what: impl std::fmt::Display) -> DecodeError {
    DecodeError::Part("value", what.to_string())
}

/// JSON as readers expect it; a number that JSON does not know is null.
pub(crate) fn plain(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(is) => Json::Bool(*is),
        Value::Int(number) => Json::Number(Number::from(*number)),
        Value::Float(number) => Number::from_f64(*number).map_or(Json::Null, Json::Number),
        Value::Text(text) => Json::String(text.clone()),
        Value::List(items) => Json::Array(items.iter().map(plain).collect()),
        Value::Map(entries) => Json::Object(
            entries
                .iter()
                .map(|(name, value)| (name.clone(), plain(value)))
                .collect(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            any::<f64>()
                .prop_filter("equal to itself", |number| !number.is_nan())
                .prop_map(Value::Float),
            ".*".prop_map(Value::Text),
        ];
        leaf.prop_recursive(6, 64, 4, |inner| {
            let name = prop_oneof!["[a-z$]{0,3}", Just("$map".to_owned()), Just("$float".to_owned())];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
                prop::collection::btree_map(name, inner, 0..3).prop_map(Value::Map),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_value_reads_what_it_writes(value in values()) {
            let text = encode_value(&value).to_string();
            prop_assert_eq!(decode_value(serde_json::from_str(&text).unwrap()).unwrap(), value);
        }
    }

    #[test]
    fn a_value_deeper_than_json_readers_go_is_read_back() {
        let deep = (0..500).fold(Value::Int(1), |inner, _| Value::List(vec![inner]));
        let text = encode_value(&deep).to_string();
        assert_eq!(decode_value(serde_json::from_str(&text).unwrap()).unwrap(), deep);
    }

    #[test]
    fn infinity_is_kept() {
        let value = Value::Float(f64::NEG_INFINITY);
        assert_eq!(decode_value(encode_value(&value)).unwrap(), value);
        assert_eq!(plain(&value), Json::Null);
    }
}
