//! What is known of a value before there is one: enough to point at a misspelt name in an expression or a prompt.

use crate::near;
use domain::Value;
use std::collections::BTreeMap;

/// The shape of a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shape {
    /// Nothing is known.
    Any,
    Bool,
    Number,
    Text,
    List(Box<Self>),
    Map {
        entries: BTreeMap<String, Self>,
        /// Whether it may have other entries.
        is_open: bool,
    },
}

/// Who follows a path: the languages differ on what a name means on a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    /// `when` and `each`: a name on a list is taken of each item, `count` is the length.
    Expression,
    /// Prompts: a list has no names.
    Template,
}

/// A name that cannot be there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Astray {
    /// Which part of the path, from zero.
    pub(crate) part: usize,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Shape {
    pub(crate) fn map<'a>(entries: impl IntoIterator<Item = (&'a str, Self)>) -> Self {
        let entries = entries
            .into_iter()
            .map(|(name, shape)| (name.to_owned(), shape))
            .collect();
        Self::Map {
            entries,
            is_open: false,
        }
    }

    pub(crate) fn list(of: Self) -> Self {
        Self::List(Box::new(of))
    }

    /// What kind of value it is, as problems say it.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Any => "anything",
            Self::Bool => "true or false",
            Self::Number => "a number",
            Self::Text => "a text",
            Self::List(_) => "a list",
            Self::Map { .. } => "a map",
        }
    }

    /// The shape that fits both.
    pub(crate) fn either(self, other: Self) -> Self {
        if self == other { self } else { Self::Any }
    }

    /// The shape of a value that is known.
    pub(crate) fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Any,
            Value::Bool(_) => Self::Bool,
            Value::Int(_) | Value::Float(_) => Self::Number,
            Value::Text(_) => Self::Text,
            Value::List(items) => Self::list(
                items
                    .iter()
                    .map(Self::of)
                    .reduce(Self::either)
                    .unwrap_or(Self::Any),
            ),
            Value::Map(entries) => Self::Map {
                entries: entries
                    .iter()
                    .map(|(name, value)| (name.clone(), Self::of(value)))
                    .collect(),
                is_open: false,
            },
        }
    }

    /// The shape of what a JSON schema accepts, as far as its plain keywords say.
    pub(crate) fn of_schema(schema: &serde_json::Value) -> Self {
        Self::of_schema_at(schema, 0)
    }

    fn of_schema_at(schema: &serde_json::Value, depth: usize) -> Self {
        const DEPTH_MAX: usize = 12;
        let is_plain = ["$ref", "anyOf", "oneOf", "allOf", "if"]
            .iter()
            .all(|word| schema.get(word).is_none());
        if depth > DEPTH_MAX || !is_plain {
            return Self::Any;
        }
        match schema.get("type").and_then(serde_json::Value::as_str) {
            Some("boolean") => Self::Bool,
            Some("number" | "integer") => Self::Number,
            Some("string") => Self::Text,
            Some("array") => Self::list(
                schema
                    .get("items")
                    .map_or(Self::Any, |items| Self::of_schema_at(items, depth + 1)),
            ),
            Some("object") => {
                let properties = schema.get("properties").and_then(serde_json::Value::as_object);
                let entries = properties.into_iter().flatten();
                Self::Map {
                    entries: entries
                        .map(|(name, inner)| (name.clone(), Self::of_schema_at(inner, depth + 1)))
                        .collect(),
                    is_open: schema.get("additionalProperties") != Some(&serde_json::Value::Bool(false)),
                }
            }
            Some(_) | None => Self::Any,
        }
    }

    /// The shape of the items that a fold takes from a value of this shape.
    pub(crate) fn folded(&self) -> Self {
        match self {
            Self::List(item) => (**item).clone(),
            Self::Map {
                entries,
                is_open: false,
            } => {
                let mut lists = entries.values().filter_map(|shape| match shape {
                    Self::List(item) => Some(&**item),
                    _ => None,
                });
                match (
                    lists.next(),
                    lists.next(),
                    entries.values().any(|shape| *shape == Self::Any),
                ) {
                    (Some(only), None, false) => only.clone(),
                    (None, _, false) => self.clone(),
                    _ => Self::Any,
                }
            }
            Self::Map { is_open: true, .. } | Self::Any => Self::Any,
            Self::Bool | Self::Number | Self::Text => self.clone(),
        }
    }

    /// Follows names from here. The first that cannot be there is astray.
    pub(crate) fn follow(&self, parts: &[Step<'_>], language: Language) -> Result<Self, Astray> {
        let mut here = self.clone();
        for (index, part) in parts.iter().enumerate() {
            here = here.take(part, language).map_err(|(message, hint)| Astray {
                part: index,
                message,
                hint,
            })?;
        }
        Ok(here)
    }

    fn take(&self, part: &Step<'_>, language: Language) -> Result<Self, (String, Option<String>)> {
        match (self, part) {
            (Self::Any, _) => Ok(Self::Any),
            (Self::List(item), Step::Index) => Ok((**item).clone()),
            (Self::Map { entries, is_open }, Step::Name(name)) => match entries.get(*name) {
                Some(inner) => Ok(inner.clone()),
                None if *is_open => Ok(Self::Any),
                None => Err((
                    format!("there is no `{name}` here"),
                    near::hint(name, entries.keys().map(String::as_str)),
                )),
            },
            (Self::List(_) | Self::Text, Step::Name("count")) if language == Language::Expression => {
                Ok(Self::Number)
            }
            (Self::List(item), Step::Name(_)) if language == Language::Expression => {
                Ok(Self::list(item.take(part, language)?))
            }
            (Self::List(_), Step::Name(name)) => Err((
                format!("a list has no `{name}`"),
                Some("take `| length`, `[0]`, or a `for` over it".to_owned()),
            )),
            (_, Step::Name(name)) => Err((format!("{} has no `{name}`", self.kind()), None)),
            (_, Step::Index) => Err((format!("{} has no items", self.kind()), None)),
        }
    }
}

/// One part of a path after its first name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    Name(&'a str),
    Index,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn findings() -> Shape {
        Shape::of_schema(&json!({
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "summary": { "type": "string" },
                "findings": { "type": "array", "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "properties": { "file": { "type": "string" }, "line": { "type": "integer" } }
                } }
            }
        }))
    }

    #[test]
    fn a_misspelt_name_is_astray_with_the_nearest_one() {
        let astray = findings().follow(
            &[Step::Name("findings"), Step::Name("flie")],
            Language::Expression,
        );
        let expected = Astray {
            part: 1,
            message: "there is no `flie` here".to_owned(),
            hint: Some("did you mean `file`?".to_owned()),
        };
        assert_eq!(astray, Err(expected));
    }

    #[test]
    fn a_fold_takes_the_only_list_of_a_map() {
        assert_eq!(
            findings().folded(),
            Shape::map([("file", Shape::Text), ("line", Shape::Number)])
        );
        assert_eq!(Shape::Text.folded(), Shape::Text);
    }

    #[test]
    fn the_languages_differ_on_lists() {
        let list = Shape::list(Shape::map([("file", Shape::Text)]));
        let file = [Step::Name("file")];
        assert_eq!(
            list.follow(&file, Language::Expression),
            Ok(Shape::list(Shape::Text))
        );
        assert!(list.follow(&file, Language::Template).is_err());
        assert_eq!(
            list.follow(&[Step::Name("count")], Language::Expression),
            Ok(Shape::Number)
        );
    }
}
