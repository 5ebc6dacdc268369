//! A table read field by field: whoever asks for a field makes it known, so the names that exist and the names that
//! are suggested for a misspelt one can never differ.

use crate::at::At;
use crate::diagnostic::Problems;
use crate::near;
use domain::Value;
use std::cell::RefCell;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

/// Nesting of values past this is refused: nobody reads it and recursion must end.
const DEPTH_MAX: usize = 16;

/// One table of the file.
pub(crate) struct Fields<'t> {
    table: &'t DeTable<'t>,
    at: Range<usize>,
    /// How problems call it: "step `x`".
    what: String,
    problems: &'t Problems,
    asked: RefCell<Vec<&'static str>>,
    refused: RefCell<Vec<&'static str>>,
}

impl<'t> Fields<'t> {
    pub(crate) fn new(
        table: &'t DeTable<'t>,
        at: Range<usize>,
        what: impl Into<String>,
        problems: &'t Problems,
    ) -> Self {
        Self {
            table,
            at,
            what: what.into(),
            problems,
            asked: RefCell::default(),
            refused: RefCell::default(),
        }
    }

    /// Where the table begins.
    pub(crate) fn place(&self) -> Range<usize> {
        self.at.clone()
    }

    /// The value of a field, whatever it is.
    pub(crate) fn any(&self, name: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.asked.borrow_mut().push(name);
        self.table.get(name)
    }

    /// The place of a field that is not to be used: it is neither unknown nor ever suggested.
    pub(crate) fn refused(&self, name: &'static str) -> Option<Range<usize>> {
        self.refused.borrow_mut().push(name);
        self.table.get_key_value(name).map(|(key, _)| key.span())
    }

    pub(crate) fn text(&self, name: &'static str) -> Option<At<String>> {
        let value = self.any(name)?;
        match value.get_ref().as_str() {
            Some(text) => Some(At::new(text.to_owned(), value.span())),
            None => self.wrong_type(name, "a text", value),
        }
    }

    /// A text that stands for a duration.
    pub(crate) fn duration(&self, name: &'static str) -> Option<At<String>> {
        let value = self.any(name)?;
        match value.get_ref().as_str() {
            Some(text) => Some(At::new(text.to_owned(), value.span())),
            None => self.wrong_type(name, "a text with a unit, as \"20m\"", value),
        }
    }

    /// A text that must be there.
    pub(crate) fn required_text(&self, name: &'static str) -> Option<At<String>> {
        self.require(name);
        self.text(name)
    }

    /// Says so when a field is missing.
    pub(crate) fn require(&self, name: &str) {
        if !self.table.contains_key(name) {
            self.problems.add(self.problems.at(
                self.at.clone(),
                format!("{} has no `{name}`", self.what),
                format!("`{name}` is missing here"),
            ));
        }
    }

    pub(crate) fn bool(&self, name: &'static str) -> Option<At<bool>> {
        let value = self.any(name)?;
        match value.get_ref().as_bool() {
            Some(is) => Some(At::new(is, value.span())),
            None => self.wrong_type(name, "true or false", value),
        }
    }

    /// A whole number that is not negative.
    pub(crate) fn count(&self, name: &'static str) -> Option<At<u32>> {
        let value = self.any(name)?;
        match value
            .get_ref()
            .as_integer()
            .and_then(whole)
            .and_then(|number| u32::try_from(number).ok())
        {
            Some(number) => Some(At::new(number, value.span())),
            None => self.wrong_type(name, "a whole number, zero or more", value),
        }
    }

    /// A list of texts.
    pub(crate) fn texts(&self, name: &'static str) -> Option<Vec<At<String>>> {
        let value = self.any(name)?;
        let Some(items) = value.get_ref().as_array() else {
            return self.wrong_type(name, "a list of texts", value);
        };
        let mut texts = Vec::new();
        for item in items.iter() {
            match item.get_ref().as_str() {
                Some(text) => texts.push(At::new(text.to_owned(), item.span())),
                None => return self.wrong_type(name, "a list of texts", item),
            }
        }
        Some(texts)
    }

    /// A table inside this one.
    pub(crate) fn table(&self, name: &'static str, what: impl Into<String>) -> Option<Self> {
        let value = self.any(name)?;
        match value.get_ref().as_table() {
            Some(table) => Some(Self::new(table, value.span(), what, self.problems)),
            None => self.wrong_type(name, "a table", value),
        }
    }

    /// The tables of `[[name]]`.
    pub(crate) fn tables(&self, name: &'static str) -> Vec<(Range<usize>, &'t DeTable<'t>)> {
        let Some(value) = self.any(name) else {
            return Vec::new();
        };
        let Some(items) = value.get_ref().as_array() else {
            return self
                .wrong_type(name, format!("a list of tables, written `[[{name}]]`"), value)
                .unwrap_or_default();
        };
        let mut tables = Vec::new();
        for item in items.iter() {
            match item.get_ref().as_table() {
                Some(table) => tables.push((item.span(), table)),
                None => return self.wrong_type(name, "a table", item).unwrap_or_default(),
            }
        }
        tables
    }

    /// All entries, for tables whose names are the author's.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (At<String>, &'t Spanned<DeValue<'t>>)> + use<'t> {
        self.table
            .iter()
            .map(|(key, value)| (At::new(key.get_ref().to_string(), key.span()), value))
    }

    /// One of a fixed set of words.
    pub(crate) fn word<T: Copy>(&self, name: &'static str, words: &[(&'static str, T)]) -> Option<At<T>> {
        let text = self.text(name)?;
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text.value) {
            return Some(text.with(*meaning));
        }
        let known = words.iter().map(|(word, _)| *word);
        self.problems.add(
            self.problems
                .at(
                    text.at,
                    format!("`{}` is no value of `{name}`", text.value),
                    "not known",
                )
                .hint(near::hint(&text.value, known)),
        );
        None
    }

    /// Whether any of the entries was given.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.table.contains_key(name)
    }

    pub(crate) const fn problems(&self) -> &'t Problems {
        self.problems
    }

    /// Says which fields nobody asked for.
    pub(crate) fn finish(self) {
        let known = self.asked.into_inner();
        let refused = self.refused.into_inner();
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if !known.contains(&name) && !refused.contains(&name) {
                self.problems.add(
                    self.problems
                        .at(
                            key.span(),
                            format!("{} has an unknown field `{name}`", self.what),
                            "not known",
                        )
                        .hint(near::hint(name, known.iter().copied())),
                );
            }
        }
    }

    fn wrong_type<T>(
        &self,
        name: &str,
        expected: impl AsRef<str>,
        found: &Spanned<DeValue<'_>>,
    ) -> Option<T> {
        let expected = expected.as_ref();
        let found_type = kind_of(found.get_ref());
        self.problems.add(self.problems.at(
            found.span(),
            format!("`{name}` of {} must be {expected}", self.what),
            format!("this is {found_type}"),
        ));
        None
    }
}

const fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn whole(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// A TOML value as a value of the rules; says so when it has no counterpart there.
pub(crate) fn value(found: &Spanned<DeValue<'_>>, problems: &Problems) -> Option<Value> {
    nested(found, problems, 0)
}

fn nested(found: &Spanned<DeValue<'_>>, problems: &Problems, depth: usize) -> Option<Value> {
    if depth > DEPTH_MAX {
        problems.add(problems.at(found.span(), "this is nested too deeply", "here"));
        return None;
    }
    let value = match found.get_ref() {
        DeValue::String(text) => Value::from(text.to_string()),
        DeValue::Boolean(is) => Value::Bool(*is),
        DeValue::Integer(number) => match whole(number) {
            Some(number) => Value::Int(number),
            None => return no_counterpart(found, problems, "this number is too large"),
        },
        DeValue::Float(number) => match number.as_str().parse::<f64>() {
            Ok(number) if number.is_finite() => Value::Float(number),
            Ok(_) | Err(_) => return no_counterpart(found, problems, "this number is not finite"),
        },
        DeValue::Datetime(_) => return no_counterpart(found, problems, "a date must be written as a text"),
        DeValue::Array(items) => Value::List(
            items
                .iter()
                .map(|item| nested(item, problems, depth + 1))
                .collect::<Option<_>>()?,
        ),
        DeValue::Table(entries) => Value::Map(
            entries
                .iter()
                .map(|(key, value)| Some((key.get_ref().to_string(), nested(value, problems, depth + 1)?)))
                .collect::<Option<_>>()?,
        ),
    };
    Some(value)
}

fn no_counterpart(found: &Spanned<DeValue<'_>>, problems: &Problems, why: &str) -> Option<Value> {
    problems.add(problems.at(found.span(), why, "here"));
    None
}
