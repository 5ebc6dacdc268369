//! Templates of prompts and commands: a strict engine with few filters, no files, and a bound on work. What grows too
//! long for a prompt becomes a file that the prompt names; what enters a command is quoted for the shell.

mod absent;
mod filters;
mod growth;
mod mentions;
mod shell;

pub(crate) use absent::left_out;
pub(crate) use filters::{FILTERS, TESTS};
pub(crate) use mentions::Template;

use domain::Value;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, ErrorKind, Output, UndefinedBehavior};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Instructions that one text may take.
const FUEL: u64 = 200_000;
/// A value longer than this becomes a file.
const VALUE_BYTES_MAX: usize = 24 * 1024;
/// A prompt longer than this has more of its values become files.
const PROMPT_BYTES_MAX: usize = 64 * 1024;
/// What a template itself may weigh.
pub(crate) const TEMPLATE_BYTES_MAX: usize = 64 * 1024;
/// Limits for values, tried in turn until the whole fits.
const VALUE_LIMITS: [usize; 3] = [VALUE_BYTES_MAX, 4 * 1024, 1024];
const COMMAND_BYTES_MAX: usize = 64 * 1024;

/// What templates see.
pub(crate) type Names = BTreeMap<String, minijinja::Value>;

/// A rendered text and what became files.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Text {
    pub(crate) text: String,
    pub(crate) files: Vec<(String, String)>,
}

/// Why a template is none.
#[derive(Debug, PartialEq)]
pub(crate) struct BadTemplate {
    /// The bytes of the template, where known.
    pub(crate) at: Option<Range<usize>>,
    pub(crate) message: String,
}

/// Names that a template takes from outside, dotted: `fold.items`.
pub(crate) fn outside_names(source: &str) -> Result<Vec<String>, BadTemplate> {
    if source.len() > TEMPLATE_BYTES_MAX {
        let message = format!("a template holds at most {} KiB", TEMPLATE_BYTES_MAX / 1024);
        return Err(BadTemplate { at: None, message });
    }
    let environment = environment();
    let template = environment
        .template_from_named_str("prompt", source)
        .map_err(|error| bad(source, &error))?;
    let mut names: Vec<String> = template.undeclared_variables(true).into_iter().collect();
    names.sort();
    Ok(names)
}

/// Renders a prompt.
pub(crate) fn render_prompt(source: &str, names: &Names) -> Result<Text, String> {
    let mut text = Text::default();
    for limit in VALUE_LIMITS {
        text = render_spilling(source, names, limit)?;
        if text.text.len() <= PROMPT_BYTES_MAX {
            break;
        }
    }
    Ok(text)
}

/// Renders a command line. Every value is quoted, but for the texts of `own`: command lines of the person's own. They
/// are told by their text, since a mark on the value would survive being joined with another's.
pub(crate) fn render_command(source: &str, names: &Names, own: &[String]) -> Result<String, String> {
    let mut environment = environment();
    let own = own.to_vec();
    environment.set_formatter(move |out, _, value| {
        let text = written(value)?;
        if own.contains(&text) {
            write(out, &text)
        } else {
            write(out, &shell::quoted(&text))
        }
    });
    let line = render(&environment, source, names)?;
    if line.contains('\0') || line.len() > COMMAND_BYTES_MAX {
        return Err("the command line is too long or holds a zero byte".to_owned());
    }
    Ok(line.trim().to_owned())
}

/// A value for templates.
pub(crate) fn for_template(value: &Value) -> minijinja::Value {
    match value {
        Value::Null => minijinja::Value::from(()),
        Value::Bool(is) => minijinja::Value::from(*is),
        Value::Int(number) => minijinja::Value::from(*number),
        Value::Float(number) => minijinja::Value::from(*number),
        Value::Text(text) => minijinja::Value::from(text.as_str()),
        Value::List(items) => minijinja::Value::from(items.iter().map(for_template).collect::<Vec<_>>()),
        Value::Map(entries) => {
            let entries = entries
                .iter()
                .map(|(name, value)| (name.clone(), for_template(value)));
            minijinja::Value::from(entries.collect::<BTreeMap<_, _>>())
        }
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(64);
    environment.set_debug(true);
    // A line that holds only a tag leaves no empty line behind.
    let mut syntax = SyntaxConfig::builder();
    syntax.trim_blocks(true).lstrip_blocks(true);
    if let Ok(syntax) = syntax.build() {
        environment.set_syntax(syntax);
    }
    filters::add_to(&mut environment);
    environment
}

fn render_spilling(source: &str, names: &Names, limit: usize) -> Result<Text, String> {
    let files: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
    let mut environment = environment();
    let spilled = Arc::clone(&files);
    environment.set_formatter(move |out, _, value| {
        let text = written(value)?;
        if text.len() <= limit {
            return write(out, &text);
        }
        let is_json = matches!(
            value.kind(),
            minijinja::value::ValueKind::Seq | minijinja::value::ValueKind::Map
        );
        let name = keep(&mut locked(&spilled), text, if is_json { "json" } else { "md" });
        write(out, &format!("(too long to stand here: read the file `{name}`)"))
    });
    let text = render(&environment, source, names)?;
    drop(environment);
    let files = std::mem::take(&mut *locked(&files));
    Ok(Text { text, files })
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps a text as a file, the same text once.
fn keep(files: &mut Vec<(String, String)>, text: String, ending: &str) -> String {
    if let Some((name, _)) = files.iter().find(|(_, known)| *known == text) {
        return name.clone();
    }
    let name = format!("input-{}.{ending}", files.len() + 1);
    files.push((name.clone(), text));
    name
}

/// A value as text: nothing for none, JSON for what has parts.
fn written(value: &minijinja::Value) -> Result<String, Error> {
    use minijinja::value::ValueKind;
    Ok(match value.kind() {
        ValueKind::None | ValueKind::Undefined => String::new(),
        _ if absent::is_left_out(value) => String::new(),
        // As expressions and JSON write it, not as the engine does.
        ValueKind::Bool => value.is_true().to_string(),
        ValueKind::Seq | ValueKind::Map | ValueKind::Iterable => growth::json(value)?,
        _ => value.to_string(),
    })
}

/// Renders into a text of bounded size.
fn render(environment: &Environment<'_>, source: &str, names: &Names) -> Result<String, String> {
    let template = environment
        .template_from_named_str("prompt", source)
        .map_err(|error| said(&error))?;
    let mut sink = growth::Sink::default();
    template
        .render_captured_to(names.clone(), &mut sink)
        .map_err(|error| said(&error))?;
    Ok(sink.into_text())
}

fn write(out: &mut Output<'_>, text: &str) -> Result<(), Error> {
    out.write_str(text)
        .map_err(|_| Error::from(ErrorKind::WriteFailure))
}

fn bad(source: &str, error: &Error) -> BadTemplate {
    let line = error.line().map(|line| line_at(source, line));
    let at = error
        .range()
        .filter(|at| at.end <= source.len() && !at.is_empty())
        .or(line);
    BadTemplate {
        at,
        message: error
            .detail()
            .map_or_else(|| error.kind().to_string(), str::to_owned),
    }
}

fn line_at(source: &str, line: usize) -> Range<usize> {
    let mut start = 0;
    for (index, text) in source.split('\n').enumerate() {
        if index + 1 == line {
            let blank = text.len() - text.trim_start().len();
            return start + blank..start + text.trim_end().len().max(blank);
        }
        start += text.len() + 1;
    }
    source.len()..source.len()
}

fn said(error: &Error) -> String {
    let what = error.detail().map_or_else(
        || error.kind().to_string(),
        |detail| format!("{}: {detail}", error.kind()),
    );
    let part = error
        .template_source()
        .zip(error.range())
        .and_then(|(source, at)| source.get(at));
    let place = error
        .line()
        .map_or(String::new(), |line| format!(" in line {line}"));
    match part {
        Some(part) if part.len() < 200 => format!("{what}{place}, at `{part}`"),
        Some(_) | None => format!("{what}{place}"),
    }
}

#[cfg(test)]
mod tests;
