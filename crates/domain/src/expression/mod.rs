//! The language of `when` and `each`: small, total, without side effects. What is absent is null; what cannot be
//! compared is not equal and not ordered; nothing fails once it was parsed.

mod parse;

pub use parse::ExpressionError;

use crate::Value;
use std::borrow::Cow;
use std::fmt;

/// A parsed condition or list. Two are equal when they are written the same.
#[derive(Clone)]
pub struct Expression {
    source: String,
    root: Node,
}

/// What the first name of a path stands for.
pub trait Scope {
    /// The value of that name, if the name is known.
    fn value(&self, name: &str) -> Option<Cow<'_, Value>>;
}

#[derive(Clone, Debug)]
pub(crate) enum Node {
    Literal(Value),
    Path { root: String, parts: Vec<Part> },
    Not(Box<Self>),
    Both(Box<Self>, Box<Self>),
    Either(Box<Self>, Box<Self>),
    Compare(Comparison, Box<Self>, Box<Self>),
}

#[derive(Clone, Debug)]
pub(crate) enum Part {
    Name(String),
    Index(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// When it is not one; the error says where.
    pub fn parse(source: &str) -> Result<Self, ExpressionError> {
        Ok(Self {
            source: source.to_owned(),
            root: parse::parse(source)?,
        })
    }

    /// As it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The first names of all its paths: what it depends on.
    #[must_use]
    pub fn roots(&self) -> Vec<&str> {
        let mut roots = Vec::new();
        self.root.collect_roots(&mut roots);
        roots.sort_unstable();
        roots.dedup();
        roots
    }

    /// The value, in a scope.
    #[must_use]
    pub fn evaluate(&self, scope: &dyn Scope) -> Value {
        self.root.evaluate(scope)
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({:?})", self.source)
    }
}

impl Node {
    fn collect_roots<'a>(&'a self, roots: &mut Vec<&'a str>) {
        match self {
            Self::Literal(_) => {}
            Self::Path { root, .. } => roots.push(root),
            Self::Not(inner) => inner.collect_roots(roots),
            Self::Both(left, right) | Self::Either(left, right) | Self::Compare(_, left, right) => {
                left.collect_roots(roots);
                right.collect_roots(roots);
            }
        }
    }

    fn evaluate(&self, scope: &dyn Scope) -> Value {
        match self {
            Self::Literal(value) => value.clone(),
            Self::Path { root, parts } => scope
                .value(root)
                .map_or(Value::Null, |value| follow(&value, parts)),
            Self::Not(inner) => Value::Bool(!inner.evaluate(scope).is_truthy()),
            Self::Both(left, right) => {
                Value::Bool(left.evaluate(scope).is_truthy() && right.evaluate(scope).is_truthy())
            }
            Self::Either(left, right) => {
                Value::Bool(left.evaluate(scope).is_truthy() || right.evaluate(scope).is_truthy())
            }
            Self::Compare(how, left, right) => {
                Value::Bool(compare(*how, &left.evaluate(scope), &right.evaluate(scope)))
            }
        }
    }
}

/// Follows a path into a value. `count` of a list or text that has no such entry is its length.
fn follow(value: &Value, parts: &[Part]) -> Value {
    let Some((first, rest)) = parts.split_first() else {
        return value.clone();
    };
    match (first, value) {
        (Part::Name(name), Value::Map(entries)) => {
            entries.get(name).map_or(Value::Null, |inner| follow(inner, rest))
        }
        (Part::Name(name), Value::List(items)) if name == "count" => follow(&length(items.len()), rest),
        (Part::Name(name), Value::List(items)) => Value::List(
            items
                .iter()
                .map(|item| follow(item, &[Part::Name(name.clone())]))
                .collect(),
        )
        .then(rest),
        (Part::Name(name), Value::Text(text)) if name == "count" => {
            follow(&length(text.chars().count()), rest)
        }
        (Part::Index(index), Value::List(items)) => {
            items.get(*index).map_or(Value::Null, |item| follow(item, rest))
        }
        _ => Value::Null,
    }
}

fn length(length: usize) -> Value {
    Value::Int(i64::try_from(length).unwrap_or(i64::MAX))
}

impl Value {
    /// Goes on along a path from a value that was made on the way.
    fn then(self, rest: &[Part]) -> Self {
        if rest.is_empty() {
            self
        } else {
            follow(&self, rest)
        }
    }
}

fn compare(how: Comparison, left: &Value, right: &Value) -> bool {
    use std::cmp::Ordering::{Equal, Greater, Less};
    match how {
        Comparison::Equal => same(left, right),
        Comparison::NotEqual => !same(left, right),
        Comparison::Less => order(left, right) == Some(Less),
        Comparison::LessOrEqual => matches!(order(left, right), Some(Less | Equal)),
        Comparison::Greater => order(left, right) == Some(Greater),
        Comparison::GreaterOrEqual => matches!(order(left, right), Some(Greater | Equal)),
        Comparison::In => match right {
            Value::List(items) => items.iter().any(|item| same(left, item)),
            Value::Text(text) => left.as_text().is_some_and(|part| text.contains(part)),
            Value::Map(entries) => left.as_text().is_some_and(|name| entries.contains_key(name)),
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => false,
        },
    }
}

fn same(left: &Value, right: &Value) -> bool {
    match (number(left), number(right)) {
        (Some(left), Some(right)) => left == right,
        _ => left == right,
    }
}

fn order(left: &Value, right: &Value) -> Option<std::cmp::Ordering> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(right)),
        (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
        _ => number(left)?.partial_cmp(&number(right)?),
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a comparison of a whole with a fractional number is inexact"
        )]
        Value::Int(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        Value::Null | Value::Bool(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    impl Scope for BTreeMap<&str, Value> {
        fn value(&self, name: &str) -> Option<Cow<'_, Value>> {
            self.get(name).map(Cow::Borrowed)
        }
    }

    fn eval(source: &str) -> Value {
        let finding = |severity: &str| Value::map([("severity", Value::from(severity))]);
        let scope = BTreeMap::from([
            (
                "fold",
                Value::map([
                    ("count", Value::Int(2)),
                    ("items", Value::List(vec![finding("low"), finding("high")])),
                ]),
            ),
            ("fast", Value::Bool(false)),
            ("name", Value::from("Ada")),
        ]);
        Expression::parse(source).expect(source).evaluate(&scope)
    }

    #[test]
    fn paths_comparisons_and_logic_give_values() {
        for (source, value) in [
            ("fold.count > 0", Value::Bool(true)),
            ("fold.count >= 2.5", Value::Bool(false)),
            ("fold.items.count == 2", Value::Bool(true)),
            ("'high' in fold.items.severity", Value::Bool(true)),
            ("\"medium\" in fold.items.severity", Value::Bool(false)),
            ("fold.items[1].severity", Value::from("high")),
            ("fold.items[7].severity", Value::Null),
            ("not fast and name == 'Ada'", Value::Bool(true)),
            ("not (fast or name == 'Ada')", Value::Bool(false)),
            ("absent.entry", Value::Null),
            ("name < 3", Value::Bool(false)),
            ("name != 3", Value::Bool(true)),
            ("-2 < 1", Value::Bool(true)),
            ("'d' in name", Value::Bool(true)),
        ] {
            assert_eq!(eval(source), value, "{source}");
        }
    }

    #[test]
    fn an_error_says_where() {
        for (source, at) in [
            ("fold.count >", 12..12),
            ("a b", 2..3),
            ("(a", 2..2),
            ("'x", 0..2),
            ("a.", 2..2),
            ("", 0..0),
            ("a ~ b", 2..3),
        ] {
            assert_eq!(Expression::parse(source).expect_err(source).at, at, "{source}");
        }
        let deep = "(".repeat(1000);
        assert!(
            Expression::parse(&deep)
                .expect_err("too deep")
                .message
                .contains("nested")
        );
    }

    #[test]
    fn roots_are_what_it_depends_on() {
        let expression = Expression::parse("a.b > 1 and not c or 'd' in a").expect("an expression");
        assert_eq!(expression.roots(), ["a", "c"]);
    }
}
