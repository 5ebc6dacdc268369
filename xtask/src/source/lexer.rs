//! Blanks comments and the insides of literals, and keeps what the strings said.

use super::{Literal, is_name};

pub(super) struct Parts {
    pub(super) code: String,
    pub(super) literals: Vec<Literal>,
}

/// Takes a Rust text apart. Bytes that are blanked become spaces, so that every position stays true.
pub(super) fn parts(text: &str) -> Parts {
    let mut reader = Reader {
        text,
        at: 0,
        line: 1,
        code: String::with_capacity(text.len()),
        literals: Vec::new(),
    };
    while reader.at < text.len() {
        reader.step();
    }
    Parts {
        code: reader.code,
        literals: reader.literals,
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    code: String,
    literals: Vec<Literal>,
}

impl Reader<'_> {
    fn step(&mut self) {
        let rest = self.rest();
        if rest.starts_with("//") {
            let length = rest.find('\n').unwrap_or(rest.len());
            self.blank(length);
        } else if rest.starts_with("/*") {
            let length = block_comment(rest);
            self.blank(length);
        } else if rest.starts_with('"') {
            self.string(1, "\"", true);
        } else if let Some((opening, hashes)) = raw_opening(rest).filter(|_| !self.is_inside_name()) {
            self.string(opening, &format!("\"{}", "#".repeat(hashes)), false);
        } else if rest.starts_with('\'') {
            self.quote();
        } else {
            self.keep(1);
        }
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn is_inside_name(&self) -> bool {
        self.text[..self.at].chars().next_back().is_some_and(is_name)
    }

    /// A string literal that opens with `opening` bytes and closes with `closing`.
    fn string(&mut self, opening: usize, closing: &str, has_escapes: bool) {
        let line = self.line;
        self.keep(opening);
        let inside = string_length(self.rest(), closing, has_escapes);
        let text = self.rest()[..inside].to_owned();
        self.literals.push(Literal { line, text });
        self.blank(inside);
        self.keep(closing.len());
    }

    /// A character literal is blanked; a lifetime is code.
    fn quote(&mut self) {
        let rest = self.rest();
        let mut inside = rest[1..].chars();
        let (first, second) = (inside.next(), inside.next());
        let length = match (first, second) {
            (Some('\\'), _) => string_length(&rest[1..], "'", true),
            (Some(c), Some('\'')) => c.len_utf8(),
            _ => return self.keep(1),
        };
        self.keep(1);
        self.blank(length);
        self.keep(1);
    }

    /// Copies `count` bytes, and what is left of the character the last of them is in.
    fn keep(&mut self, count: usize) {
        let end = self.end_after(count);
        let kept = &self.text[self.at..end];
        self.line += kept.matches('\n').count();
        self.code.push_str(kept);
        self.at = end;
    }

    fn blank(&mut self, count: usize) {
        let end = self.end_after(count);
        for byte in self.text[self.at..end].bytes() {
            self.line += usize::from(byte == b'\n');
            self.code.push(if byte == b'\n' { '\n' } else { ' ' });
        }
        self.at = end;
    }

    fn end_after(&self, count: usize) -> usize {
        let end = (self.at + count).min(self.text.len());
        (end..=self.text.len())
            .find(|at| self.text.is_char_boundary(*at))
            .unwrap_or(self.text.len())
    }
}

/// `r"`, `br##"` and their like: how long the opening is, and how many hashes it has.
fn raw_opening(rest: &str) -> Option<(usize, usize)> {
    let prefix = ["br", "cr", "r"]
        .into_iter()
        .find(|prefix| rest.starts_with(prefix))?;
    let after = &rest[prefix.len()..];
    let hashes = after.len() - after.trim_start_matches('#').len();
    after[hashes..]
        .starts_with('"')
        .then_some((prefix.len() + hashes + 1, hashes))
}

fn string_length(rest: &str, closing: &str, has_escapes: bool) -> usize {
    let mut at = 0;
    while at < rest.len() {
        if has_escapes && rest.as_bytes()[at] == b'\\' {
            at += 2;
        } else if rest.as_bytes()[at..].starts_with(closing.as_bytes()) {
            return at;
        } else {
            at += 1;
        }
    }
    rest.len()
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        let here = &rest.as_bytes()[at..];
        if here.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        parts(text).code
    }

    #[test]
    fn comments_are_blanked_and_lines_stay() {
        assert_eq!(
            code("a // b\nc /* d\n/* e */ f */ g"),
            "a     \nc     \n             g"
        );
    }

    #[test]
    fn strings_are_blanked_and_remembered() {
        let parts = parts("x(\"a \\\" // b\");\ny(br#\"c \" d\"#);");
        assert_eq!(parts.code, "x(\"         \");\ny(br#\"     \"#);");
        let said: Vec<_> = parts.literals.iter().map(|l| (l.line, l.text.as_str())).collect();
        assert_eq!(said, [(1, "a \\\" // b"), (2, "c \" d")]);
    }

    #[test]
    fn a_lifetime_is_code_and_a_character_is_not() {
        let text = "fn f<'a>(c: &'a str) { g('\"', '\\'', 'é'); }";
        assert_eq!(code(text), "fn f<'a>(c: &'a str) { g(' ', '  ', '  '); }");
    }

    #[test]
    fn a_name_that_ends_in_r_does_not_open_a_raw_string() {
        assert_eq!(code("for\"x\""), "for\" \"");
    }

    #[test]
    fn a_text_that_ends_in_the_middle_is_still_read() {
        for text in ["\"abc", "/* abc", "r#\"abc\"", "'", "'\\", "\"\\"] {
            assert_eq!(code(text).len(), text.len(), "{text}");
        }
    }
}
