//! What is wrong with a definition, said with file, line, caret and hint: the same text for terminal and API.

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};
use std::cell::RefCell;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A person mends a few things at a time; a file that is all wrong must not scroll them away.
const SHOWN_MAX: usize = 12;
const WIDTH: usize = 110;

/// A file as problems show it.
#[derive(Debug)]
pub(crate) struct SourceText {
    shown: NamedSource<String>,
    length: usize,
}

impl SourceText {
    pub(crate) fn new(label: &str, text: &str) -> Arc<Self> {
        Arc::new(Self {
            shown: NamedSource::new(printable(label), printable(text)),
            length: text.len(),
        })
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    message: String,
    source: Arc<SourceText>,
    labels: Vec<(Range<usize>, String)>,
    hint: Option<String>,
}

impl Problem {
    /// What is wrong, where, and what the caret says.
    pub(crate) fn new(
        source: &Arc<SourceText>,
        at: Range<usize>,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Self {
        Self {
            message: printable(&message.into()),
            source: Arc::clone(source),
            labels: vec![(at, printable(&label.into()))],
            hint: None,
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<Option<String>>) -> Self {
        self.hint = hint.into().map(|hint| printable(&hint));
        self
    }

    /// A second place that has to do with it.
    pub(crate) fn also(mut self, at: Range<usize>, label: impl Into<String>) -> Self {
        self.labels.push((at, printable(&label.into())));
        self
    }

    fn start(&self) -> usize {
        self.labels.first().map_or(0, |(at, _)| at.start)
    }

    fn span(&self, at: &Range<usize>, label: &str) -> LabeledSpan {
        let text = self.source.shown.inner();
        let mut start = at.start.min(self.source.length);
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let mut end = at.end.clamp(start, self.source.length);
        while !text.is_char_boundary(end) {
            end += 1;
        }
        // A long value is meant as a whole; its first line is enough to find it.
        let first_line = text[start..end].find('\n').map_or(end, |line| start + line);
        LabeledSpan::new(
            (!label.is_empty()).then(|| label.to_owned()),
            start,
            first_line.max(start) - start,
        )
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

impl Diagnostic for Problem {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.hint
            .as_ref()
            .map(|hint| Box::new(hint) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source.shown)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(
            self.labels.iter().map(|(at, label)| self.span(at, label)),
        ))
    }
}

/// All that is wrong with one definition, gathered while it is read.
#[derive(Debug)]
pub(crate) struct Problems {
    source: Arc<SourceText>,
    list: RefCell<Vec<Problem>>,
}

impl Problems {
    pub(crate) fn new(source: Arc<SourceText>) -> Self {
        Self {
            source,
            list: RefCell::new(Vec::new()),
        }
    }

    /// Something wrong in the flow file itself.
    pub(crate) fn at(
        &self,
        at: Range<usize>,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Problem {
        Problem::new(&self.source, at, message, label)
    }

    pub(crate) fn add(&self, problem: Problem) {
        self.list.borrow_mut().push(problem);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.borrow().is_empty()
    }

    /// All of it as text, in the order of the file.
    pub(crate) fn shown(&self) -> String {
        let mut list = self.list.borrow().clone();
        list.sort_by_key(Problem::start);
        let mut shown: Vec<String> = list.iter().take(SHOWN_MAX).map(show).collect();
        if list.len() > SHOWN_MAX {
            shown.push(format!("  and {} more\n", list.len() - SHOWN_MAX));
        }
        shown.join("\n")
    }
}

fn show(problem: &Problem) -> String {
    let mut text = String::new();
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
        .with_width(WIDTH)
        .with_links(false)
        .without_syntax_highlighting();
    if handler.render_report(&mut text, problem).is_err() {
        return format!("  × {problem}\n");
    }
    let mut lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.push("");
    lines.join("\n")
}

/// Control characters and direction marks replaced by a visible stand-in of the same length in bytes: a file of a
/// stranger may not drive the terminal, and spans stay right.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|letter| match letter {
            '\n' | '\t' => letter,
            '\r' => ' ',
            '\u{0}'..='\u{1f}' | '\u{7f}' => '?',
            '\u{80}'..='\u{9f}' => '¿',
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => {
                '\u{fffd}'
            }
            _ => letter,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_file_cannot_drive_the_terminal() {
        let hostile = "name = \"\u{1b}]52;c;eA==\u{7}\u{202e}\u{9b}2J\"\n";
        assert_eq!(printable(hostile).len(), hostile.len());
        let source = SourceText::new("evil\u{1b}[2J.toml", hostile);
        let problems = Problems::new(Arc::clone(&source));
        problems.add(problems.at(0..4, "bad \u{1b}[31m", "here \u{1b}"));
        let shown = problems.shown();
        assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown}");
        assert!(!shown.contains('\u{202e}'), "{shown}");
    }

    #[test]
    fn a_span_outside_the_file_or_inside_a_letter_is_drawn_all_the_same() {
        let source = SourceText::new("a.toml", "é = 1");
        for at in [1..1, 1..2, 90..99, 0..90] {
            let problems = Problems::new(Arc::clone(&source));
            problems.add(problems.at(at, "wrong", ""));
            assert!(problems.shown().contains("× wrong"));
        }
    }
}
