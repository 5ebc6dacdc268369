//! The paths of names in an expression or in a template's tags, with their places. Only for pointing at them: what an
//! expression means is decided by `domain`, what a template means by its engine.

use crate::shape::Language;
use std::ops::Range;

/// A path: names and indexes, the first a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path<'a> {
    pub(crate) parts: Vec<Part<'a>>,
}

/// One part of a path; an index has no name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) at: Range<usize>,
}

impl Path<'_> {
    /// The first name.
    pub(crate) fn root(&self) -> &str {
        self.parts.first().and_then(|part| part.name).unwrap_or_default()
    }

    /// The bytes of the whole path.
    pub(crate) fn at(&self) -> Range<usize> {
        let start = self.parts.first().map_or(0, |part| part.at.start);
        let end = self.parts.last().map_or(start, |part| part.at.end);
        start..end
    }
}

/// The paths in `source[within]`, texts in quotes left out.
pub(crate) fn paths(source: &str, within: Range<usize>, language: Language) -> Vec<Path<'_>> {
    let mut found = Vec::new();
    let mut at = within.start;
    while let Some(first) = source.get(at..within.end).and_then(|rest| rest.chars().next()) {
        if first == '"' || first == '\'' {
            at = end_of_text(source, at, within.end);
        } else if is_start(first) {
            let (path, end) = path(source, at, within.end, language);
            found.push(path);
            at = end;
        } else if first.is_ascii_digit() {
            at += source[at..within.end]
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '.'))
                .unwrap_or(1)
                .max(1);
        } else {
            at += first.len_utf8();
        }
    }
    found
}

/// Where one of these letters stands in `source[within]` outside of texts in quotes. At the very start and end of a tag
/// they only say what happens to the blank space around it.
pub(crate) fn operators(source: &str, within: Range<usize>, letters: &[char]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = within.start;
    while let Some(letter) = source.get(at..within.end).and_then(|rest| rest.chars().next()) {
        if letter == '"' || letter == '\'' {
            at = end_of_text(source, at, within.end);
            continue;
        }
        let end = at + letter.len_utf8();
        if letters.contains(&letter) && at > within.start && end < within.end {
            found.push(at..end);
        }
        at = end;
    }
    found
}

/// The insides of a template's `{{ … }}` and `{% … %}` tags, as its engine sees them: a text in quotes may hold what
/// looks like the end of a tag, and nothing in a raw block is one.
pub(crate) fn tags(template: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(open) = template[at..].find('{').map(|open| at + open) {
        let start = open + 2;
        at = match template.as_bytes().get(open + 1) {
            Some(b'{') => end_of_tag(template, start, "}}"),
            Some(b'%') => end_of_tag(template, start, "%}"),
            Some(b'#') => {
                let end = template.get(start..).and_then(|rest| rest.find("#}"));
                at = end.map_or(template.len(), |end| start + end);
                continue;
            }
            Some(_) | None => {
                at = open + 1;
                continue;
            }
        };
        found.push(start..at);
        let is_block = template.as_bytes().get(open + 1) == Some(&b'%');
        let word = template[start..at].trim_matches(['-', '+', ' ', '\t', '\r', '\n']);
        if is_block && word == "raw" {
            at = template[at..]
                .find("endraw")
                .map_or(template.len(), |end| at + end);
        }
    }
    found
}

fn end_of_tag(template: &str, start: usize, close: &str) -> usize {
    let mut at = start;
    while let Some(letter) = template.get(at..).and_then(|rest| rest.chars().next()) {
        if template[at..].starts_with(close) {
            return at;
        }
        let is_quote = letter == '"' || letter == '\'';
        at = if is_quote {
            end_of_text(template, at, template.len())
        } else {
            at + letter.len_utf8()
        };
    }
    template.len()
}

fn is_start(letter: char) -> bool {
    letter.is_alphabetic() || letter == '_'
}

fn end_of_text(source: &str, at: usize, end: usize) -> usize {
    let quote = source.as_bytes()[at];
    let mut is_escaped = false;
    for (index, byte) in source.as_bytes()[at + 1..end].iter().enumerate() {
        if *byte == quote && !is_escaped {
            return at + index + 2;
        }
        is_escaped = *byte == b'\\' && !is_escaped;
    }
    end
}

fn path(source: &str, start: usize, end: usize, language: Language) -> (Path<'_>, usize) {
    // In an expression a dash belongs to the name; in a template it subtracts.
    let is_more = |c: char| c.is_alphanumeric() || c == '_' || (c == '-' && language == Language::Expression);
    let mut parts = Vec::new();
    let mut at = start;
    loop {
        let length = source[at..end].find(|c: char| !is_more(c)).unwrap_or(end - at);
        parts.push(Part {
            name: Some(&source[at..at + length]),
            at: at..at + length,
        });
        at += length;
        while let Some(close) = index(&source[at..end]) {
            parts.push(Part {
                name: None,
                at: at..at + close,
            });
            at += close;
        }
        let is_next = source[at..end]
            .strip_prefix('.')
            .and_then(|rest| rest.chars().next())
            .is_some_and(is_start);
        if !is_next {
            return (Path { parts }, at);
        }
        at += 1;
    }
}

/// The length of `[12]` at the start.
fn index(rest: &str) -> Option<usize> {
    let inner = rest.strip_prefix('[')?;
    let digits = inner.find(|c: char| !c.is_ascii_digit())?;
    (digits > 0 && inner[digits..].starts_with(']')).then_some(digits + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(source: &str) -> Vec<&str> {
        paths(source, 0..source.len(), Language::Expression)
            .into_iter()
            .map(|path| &source[path.at()])
            .collect()
    }

    #[test]
    fn paths_are_found_outside_texts() {
        assert_eq!(
            seen("'a.b' in fold.items[0].file and not x"),
            ["in", "fold.items[0].file", "and", "not", "x"]
        );
        assert_eq!(seen("1.5 > a"), ["a"]);
        assert_eq!(seen("a."), ["a"]);
        assert_eq!(seen("'open"), Vec::<&str>::new());
    }

    #[test]
    fn tags_are_found_and_comments_are_not() {
        let template = "x {{ a }} {# b #} {% if c %}{ d }";
        let inside: Vec<&str> = tags(template).into_iter().map(|at| template[at].trim()).collect();
        assert_eq!(inside, ["a", "if c"]);
        assert_eq!(tags("{{").len(), 1);
        let hidden = "{{ '}}' ~ a }}{% raw %}{{ b }}{% endraw %}{{ raw }}{{ c }}";
        let inside: Vec<&str> = tags(hidden).into_iter().map(|at| hidden[at].trim()).collect();
        assert_eq!(inside, ["'}}' ~ a", "raw", "raw", "c"]);
    }
}
