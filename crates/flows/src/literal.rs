//! Where a byte of a TOML text stands in the file: carets inside prompts and expressions need it.

use crate::at::At;
use std::ops::Range;

/// The bytes of `file` that hold the bytes `inner` of the text. When the text is written in a way not followed here,
/// the whole text is meant.
pub(crate) fn locate(file: &str, text: &At<String>, inner: Range<usize>) -> Range<usize> {
    let whole = text.at.clone();
    let Some(raw) = file.get(whole.clone()) else {
        return whole;
    };
    let Some(map) = Map::of(raw, &text.value) else {
        return whole;
    };
    let start = map.raw(inner.start);
    let end = if inner.end > inner.start {
        map.raw_end(inner.end)
    } else {
        start
    };
    whole.start + start..whole.start + end.max(start)
}

/// For every byte of the text, where it stands in the raw literal.
struct Map {
    starts: Vec<usize>,
    content_end: usize,
}

impl Map {
    fn of(raw: &str, decoded: &str) -> Option<Self> {
        let (open, is_basic, is_long) = opening(raw)?;
        let close = if is_long { 3 } else { 1 };
        let content = raw.get(open..raw.len().checked_sub(close)?)?;
        let mut starts = Vec::with_capacity(decoded.len());
        let mut letters = decoded.chars();
        let mut at = 0;
        while at < content.len() {
            let (letter, length) = if is_basic {
                unescape(&content[at..])?
            } else {
                plain(&content[at..])?
            };
            if let Some(letter) = letter {
                if letters.next() != Some(letter) {
                    return None;
                }
                starts.extend(std::iter::repeat_n(open + at, letter.len_utf8()));
            }
            at += length;
        }
        (letters.next().is_none()).then_some(Self {
            starts,
            content_end: open + content.len(),
        })
    }

    fn raw(&self, inner: usize) -> usize {
        self.starts.get(inner).copied().unwrap_or(self.content_end)
    }

    fn raw_end(&self, inner: usize) -> usize {
        // The end of the last byte meant is the start of the next one, unless an escape or a folded line lies between.
        let last = self.raw(inner.saturating_sub(1));
        let next = self.raw(inner);
        if next > last { next } else { last + 1 }
    }
}

/// Length of the opening delimiter (and the newline that does not count), whether escapes mean something, whether it
/// is one of three quotes.
fn opening(raw: &str) -> Option<(usize, bool, bool)> {
    let is_basic = raw.starts_with('"');
    if !is_basic && !raw.starts_with('\'') {
        return None;
    }
    let is_long = raw.len() >= 6 && (raw.starts_with("\"\"\"") || raw.starts_with("'''"));
    if !is_long {
        return Some((1, is_basic, false));
    }
    let newline = if raw[3..].starts_with("\r\n") {
        2
    } else {
        usize::from(raw[3..].starts_with('\n'))
    };
    Some((3 + newline, is_basic, true))
}

fn plain(rest: &str) -> Option<(Option<char>, usize)> {
    if rest.starts_with("\r\n") {
        return Some((Some('\n'), 2));
    }
    rest.chars()
        .next()
        .map(|letter| (Some(letter), letter.len_utf8()))
}

fn unescape(rest: &str) -> Option<(Option<char>, usize)> {
    let Some(escape) = rest.strip_prefix('\\') else {
        return plain(rest);
    };
    let hex = |digits: usize| {
        let code = u32::from_str_radix(escape.get(1..=digits)?, 16).ok()?;
        Some((Some(char::from_u32(code)?), digits + 2))
    };
    let letter = match escape.chars().next()? {
        'b' => '\u{8}',
        't' => '\t',
        'n' => '\n',
        'f' => '\u{c}',
        'r' => '\r',
        'e' => '\u{1b}',
        '"' => '"',
        '\\' => '\\',
        'x' => return hex(2),
        'u' => return hex(4),
        'U' => return hex(8),
        other if other.is_whitespace() => {
            // A backslash at the end of a line folds it with the blank space that follows.
            let folded = escape.find(|c: char| !c.is_whitespace()).unwrap_or(escape.len());
            return Some((None, folded + 1));
        }
        _ => return None,
    };
    Some((Some(letter), 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(file: &str, decoded: &str, inner: Range<usize>) -> String {
        let start = file.find(['"', '\'']).expect("a quote");
        let text = At::new(decoded.to_owned(), start..file.len());
        file[locate(file, &text, inner)].to_owned()
    }

    #[test]
    fn a_byte_of_a_text_is_found_in_the_file() {
        assert_eq!(found("when = \"a > b\"", "a > b", 4..5), "b");
        assert_eq!(found("when = 'a > b'", "a > b", 0..1), "a");
        assert_eq!(found("when = \"é\\n\\u00e9 x\"", "é\né x", 6..7), "x");
        assert_eq!(found("p = \"\"\"\none\ntwo\"\"\"", "one\ntwo", 4..7), "two");
        assert_eq!(
            found("p = \"\"\"\\\n   one \\\n  two\"\"\"", "one two", 4..7),
            "two"
        );
        assert_eq!(found("p = '''\none\n\"two\"'''", "one\n\"two\"", 4..9), "\"two\"");
        assert_eq!(found("p = \"ab\"", "ab", 2..2), "");
    }

    #[test]
    fn a_text_that_does_not_fit_is_meant_as_a_whole() {
        assert_eq!(found("when = \"abc\"", "xyz", 1..2), "\"abc\"");
    }
}
