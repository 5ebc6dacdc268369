//! Values of the rules as JSON and back.

use domain::Value;
use serde_json::{Map, Number};

/// A value as JSON.
#[must_use]
pub fn to_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(is) => serde_json::Value::Bool(*is),
        Value::Int(number) => serde_json::Value::Number(Number::from(*number)),
        Value::Float(number) => {
            Number::from_f64(*number).map_or(serde_json::Value::Null, serde_json::Value::Number)
        }
        Value::Text(text) => serde_json::Value::String(text.clone()),
        Value::List(items) => serde_json::Value::Array(items.iter().map(to_json).collect()),
        Value::Map(entries) => {
            let entries = entries.iter().map(|(name, value)| (name.clone(), to_json(value)));
            serde_json::Value::Object(entries.collect::<Map<_, _>>())
        }
    }
}

/// JSON as a value. A whole number past 64 bits becomes the nearest fractional one.
#[must_use]
pub fn from_json(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(is) => Value::Bool(*is),
        serde_json::Value::Number(number) => number
            .as_i64()
            .map(Value::Int)
            .or_else(|| number.as_f64().map(Value::Float))
            .unwrap_or(Value::Null),
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(items) => Value::List(items.iter().map(from_json).collect()),
        serde_json::Value::Object(entries) => Value::map(
            entries
                .iter()
                .map(|(name, value)| (name.clone(), from_json(value))),
        ),
    }
}

/// A value as JSON text that people can read.
pub(crate) fn pretty(value: &Value) -> String {
    format!("{:#}", to_json(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_survives_the_way_through_json() {
        let value = Value::map([
            (
                "a",
                Value::List(vec![
                    Value::Null,
                    Value::Bool(true),
                    Value::Int(-3),
                    Value::Float(0.5),
                ]),
            ),
            ("b", Value::from("é\n")),
        ]);
        assert_eq!(from_json(&to_json(&value)), value);
    }
}
