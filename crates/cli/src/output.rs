//! What commands print: data to standard output, everything else to standard error, and nothing that an agent wrote
//! can move the cursor.

use anstyle::{AnsiColor, Style};
use engine::faults::{Control, is_off};
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};

/// How a word is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Good,
    Busy,
    Waiting,
    Bad,
    Faint,
    Strong,
}

impl Tone {
    const fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Busy => AnsiColor::Cyan.on_default(),
            Self::Waiting => AnsiColor::Yellow.on_default(),
            Self::Bad => AnsiColor::Red.on_default(),
            Self::Faint => AnsiColor::BrightBlack.on_default(),
            Self::Strong => Style::new().bold(),
        }
    }

    /// The tone of a status word, whatever it is the status of.
    pub(crate) fn of_status(status: &str) -> Self {
        match status {
            "completed" | "DONE" => Self::Good,
            "running" | "starting" | "RUNNING" => Self::Busy,
            "pending" | "parked" | "READY" | "BLOCKED" | "NEEDS_ATTENTION" | "interrupted" => Self::Waiting,
            "failed" => Self::Bad,
            "cancelled" => Self::Faint,
            _ => Self::Plain,
        }
    }

    /// A text in this tone, for [`line()`] and [`note()`], which take the colour away where there is no terminal.
    pub(crate) fn paint(self, text: &str) -> String {
        let style = self.style();
        format!("{style}{text}{style:#}")
    }
}

/// A line of data.
pub(crate) fn line(text: impl AsRef<str>) {
    // A reader that has gone (`| head`) is no reason to complain.
    let _ = writeln!(anstream::stdout(), "{}", only_colour(text.as_ref()));
}

/// Data without a line end of its own.
pub(crate) fn raw(text: &str) {
    let mut out = anstream::stdout();
    let _ = out
        .write_all(only_colour(text).as_bytes())
        .and_then(|()| out.flush());
}

/// A line beside the data.
pub(crate) fn note(text: impl AsRef<str>) {
    let _ = writeln!(anstream::stderr(), "{}", only_colour(text.as_ref()));
}

/// A JSON value as data.
pub(crate) fn json<T: serde::Serialize>(value: &T) {
    let text =
        serde_json::to_string_pretty(value).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"));
    line(plain_json(&text));
}

/// Whether a person is watching.
pub(crate) fn is_terminal() -> bool {
    std::io::stdout().is_terminal() && std::io::stderr().is_terminal()
}

/// JSON that says the same and shows no character that a terminal obeys: JSON itself escapes only the first 32.
pub(crate) fn plain_json(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '\n' && c != '\t' && is_obeyed(c) {
            let _ = write!(plain, "\\u{:04x}", u32::from(c));
        } else {
            plain.push(c);
        }
    }
    plain
}

/// The last door before a terminal: whatever comes through is colour, line ends, tabs, or can be seen.
pub(crate) fn only_colour(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = colour_at(rest).unwrap_or(0);
        if length > 0 {
            shown.push_str(&rest[..length]);
            rest = &rest[length..];
        } else {
            push_seen(&mut shown, c);
            rest = &rest[c.len_utf8()..];
        }
    }
    shown
}

/// How long the colour code at the beginning of the text is; none when there is none.
fn colour_at(text: &str) -> Option<usize> {
    let body = text.strip_prefix("\u{1b}[")?;
    let length = body.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    body[length..].starts_with('m').then_some(length + 3)
}

/// Text from outside, made harmless for a terminal: line breaks and tabs stay, every other control or invisible
/// character is shown as what it is.
pub(crate) fn safe(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        push_seen(&mut shown, c);
    }
    shown
}

fn push_seen(shown: &mut String, c: char) {
    if c != '\n' && c != '\t' && is_obeyed(c) {
        let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
    } else {
        shown.push(c);
    }
}

/// Whether a terminal does something about the character instead of showing it.
fn is_obeyed(c: char) -> bool {
    (c.is_control() || is_invisible(c)) && !is_off(Control::TerminalText)
}

/// The same on one line.
pub(crate) fn safe_line(text: &str) -> String {
    safe(&text.replace(['\n', '\t'], " "))
}

/// Characters that reorder or hide what stands around them.
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
}

/// Cells in columns as wide as they must be.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<(String, Tone)>>,
}

impl Table {
    pub(crate) fn of(heads: &[&str]) -> Self {
        Self {
            rows: vec![
                heads
                    .iter()
                    .map(|head| ((*head).to_owned(), Tone::Faint))
                    .collect(),
            ],
        }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = (String, Tone)>) {
        self.rows.push(
            cells
                .into_iter()
                .map(|(text, tone)| (safe_line(&text), tone))
                .collect(),
        );
    }

    pub(crate) fn print(&self) {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|(text, _)| text.chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let mut shown = String::new();
            for (column, (text, tone)) in row.iter().enumerate() {
                let is_last = column + 1 == row.len();
                let padding = if is_last {
                    0
                } else {
                    widths[column] + 2 - text.chars().count()
                };
                shown.push_str(&tone.paint(text));
                shown.push_str(&" ".repeat(padding));
            }
            line(shown.trim_end());
        }
    }
}

/// One thing, several things.
pub(crate) fn counted(count: impl Into<u64>, one: &str) -> String {
    match count.into() {
        1 => format!("1 {one}"),
        many => format!("{many} {one}s"),
    }
}

/// A length of time as people say it.
pub(crate) fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0 => format!("{ms}ms"),
        1..=59 => format!("{}.{}s", seconds, ms % 1000 / 100),
        60..=3599 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..=86_399 => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_55_what_an_agent_wrote_cannot_move_the_cursor() {
        let hostile = "a\u{1b}]52;c;aGk=\u{7}b\rc\u{9b}2J\u{202e}d\ne";
        assert_eq!(
            safe(hostile),
            "a\\u{1b}]52;c;aGk=\\u{7}b\\u{d}c\\u{9b}2J\\u{202e}d\ne"
        );
        assert_eq!(safe_line("a\nb"), "a b");
    }

    #[test]
    fn a_55_of_what_is_printed_only_colour_is_obeyed() {
        let painted = Tone::Bad.paint("red");
        assert_eq!(only_colour(&painted), painted);
        assert_eq!(
            only_colour("\u{1b}[2K\u{1b}[1;3\u{1b}[m"),
            "\\u{1b}[2K\\u{1b}[1;3\u{1b}[m"
        );
        assert_eq!(
            plain_json("{\n\"a\": \"\u{9b}2J\u{7f}\"}"),
            "{\n\"a\": \"\\u009b2J\\u007f\"}"
        );
    }

    #[test]
    fn one_is_not_several() {
        assert_eq!(
            [0_u64, 1, 2].map(|count| counted(count, "file")),
            ["0 files", "1 file", "2 files"]
        );
    }

    #[test]
    fn lengths_of_time_read_well() {
        let shown: Vec<String> = [900, 1_250, 61_000, 3_660_000, 90_000_000].map(duration).to_vec();
        assert_eq!(shown, ["900ms", "1.2s", "1m01s", "1h01m", "1d01h"]);
    }
}
