//! Bounds on what a template can grow to. Work is bounded by the engine's fuel; memory is bounded here: a flow of a
//! stranger may not fill the daemon's. Operators that put texts together are refused when a flow is loaded, and the
//! filters that could do the same are bounded when they run.

use super::filters::from_template;
use super::written;
use minijinja::{Error, ErrorKind, Value};
use std::io;

/// What one value may grow to inside a template: more than any input or output weighs.
const VALUE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// What a rendered text may weigh before long values become files.
const TEXT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Parts of one value that is written as a whole. The same list inside itself, twice, twenty times, is a million.
pub(super) const PARTS_MAX: usize = 200_000;

pub(super) fn too_large() -> Error {
    Error::new(ErrorKind::InvalidOperation, "the text grows too large")
}

/// The text, unless it has grown too large.
pub(super) fn bounded(text: String) -> Result<String, Error> {
    if text.len() > VALUE_BYTES_MAX {
        Err(too_large())
    } else {
        Ok(text)
    }
}

/// Replaces a text in a text; how much comes of it is known before anything is made.
pub(super) fn replaced(value: &Value, from: &str, to: &str) -> Result<String, Error> {
    let text = written(value)?;
    let hits = if from.is_empty() {
        text.len() + 1
    } else {
        text.matches(from).count()
    };
    let grown = to.len().saturating_mul(hits).saturating_add(text.len());
    if grown > VALUE_BYTES_MAX {
        Err(too_large())
    } else {
        Ok(text.replace(from, to))
    }
}

/// The items as one text.
pub(super) fn joined(value: &Value, between: Option<&str>) -> Result<String, Error> {
    let between = between.unwrap_or_default();
    let mut text = String::new();
    if value.kind() == minijinja::value::ValueKind::String {
        return written(value);
    }
    for (index, item) in value.try_iter()?.enumerate() {
        if index > 0 {
            text.push_str(between);
        }
        text.push_str(&written(&item)?);
        if text.len() > VALUE_BYTES_MAX {
            return Err(too_large());
        }
    }
    Ok(text)
}

/// Puts blanks before each line but the first, or before that one too.
pub(super) fn indented(value: &Value, width: Option<usize>, first: Option<bool>) -> Result<String, Error> {
    const WIDTH_MAX: usize = 40;
    let blanks = " ".repeat(width.unwrap_or(4).min(WIDTH_MAX));
    let text = written(value)?;
    let mut out = String::with_capacity(text.len());
    for (index, line) in text.lines().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        if !line.trim().is_empty() && (index > 0 || first == Some(true)) {
            out.push_str(&blanks);
        }
        out.push_str(line);
    }
    bounded(out)
}

/// A value as JSON.
pub(super) fn json(value: &Value) -> Result<String, Error> {
    bounded(crate::json::pretty(&from_template(value)?))
}

/// Takes a rendered text, up to a bound.
#[derive(Default)]
pub(super) struct Sink {
    bytes: Vec<u8>,
}

impl Sink {
    pub(super) fn into_text(self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > TEXT_BYTES_MAX {
            return Err(io::Error::other("the text grows too large"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::template::{Names, for_template, render_command, render_prompt};
    use domain::Value;

    fn grows(source: &str) {
        let names = Names::from([
            ("big".to_owned(), for_template(&Value::from("x".repeat(20_000)))),
            (
                "many".to_owned(),
                for_template(&Value::List(vec![Value::from("y"); 20_000])),
            ),
        ]);
        for why in [
            render_prompt(source, &names).err(),
            render_command(source, &names, &[]).err(),
        ] {
            let why = why.unwrap_or_default();
            assert!(
                why.contains("too large") || why.contains("fuel") || why.contains("write"),
                "{source}: {why}"
            );
        }
    }

    #[test]
    fn a_70_no_template_fills_the_memory() {
        let doubled = |how: &str| format!("{{% set a = 'ab' %}}{}{{{{ a }}}}", how.repeat(60));
        grows("{% for a in many %}{% for b in many %}{{ big }}{% endfor %}{% endfor %}");
        grows(&format!(
            "{{% for a in many %}}{}{{% endfor %}}",
            "z".repeat(60_000)
        ));
        grows(&doubled(
            "{% set a = a | replace('a', 'aab') | replace('b', 'bba') %}",
        ));
        grows(&doubled("{% set a = [a, a] | join %}"));
        grows(&doubled("{% set a = [a, a] %}"));
        grows(&doubled("{% set a = a | json | json | json %}"));
    }
}
