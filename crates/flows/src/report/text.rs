//! Text of agents inside a report: readable as the Markdown it mostly is, without a way to forge the report's own
//! structure: no headings, no unclosed fences, no raw HTML, no images, no characters that cannot be seen.

use crate::diagnostic::printable;

const BLOCK_BYTES_MAX: usize = 64 * 1024;

/// A text as one line.
pub(super) fn inline(text: &str) -> String {
    let line = printable(text).split_whitespace().collect::<Vec<_>>().join(" ");
    let mut out = String::with_capacity(line.len());
    // Code between backticks stays; a backtick without a partner is a letter.
    let is_paired = line.matches('`').count().is_multiple_of(2) && !line.contains("``");
    let mut is_code = false;
    for (index, letter) in line.char_indices() {
        match letter {
            '`' if is_paired => is_code = !is_code,
            '`' | '*' | '[' | ']' | '<' | '|' | '\\' if !is_code => out.push('\\'),
            '#' | '>' | '-' | '+' | '=' | '~' if index == 0 => out.push('\\'),
            _ => {}
        }
        out.push(letter);
    }
    out
}

/// A text as code on one line.
pub(super) fn code(text: &str) -> String {
    let line = printable(text).split_whitespace().collect::<Vec<_>>().join(" ");
    let longest = line.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    if longest == 0 {
        format!("`{line}`")
    } else {
        format!("{0} {line} {0}", "`".repeat(longest + 1))
    }
}

/// A text of many lines, each behind `indent`. Ends with a line break, unless there is nothing.
pub(super) fn block(text: &str, indent: &str) -> String {
    let text = printable(text);
    let (text, is_cut) = shortened(text.trim_end());
    let mut out = String::with_capacity(text.len());
    let mut open: Option<(char, usize)> = None;
    for line in text.lines() {
        let fence = fence(line);
        let shown = match (open, fence) {
            (Some((mark, length)), Some((other, longer, ""))) if mark == other && longer >= length => {
                open = None;
                line.to_owned()
            }
            (Some(_), _) => line.to_owned(),
            (None, Some((mark, length, _))) => {
                open = Some((mark, length));
                line.to_owned()
            }
            (None, None) => outside_code(line),
        };
        push_line(&mut out, indent, &shown);
    }
    if let Some((mark, length)) = open {
        push_line(&mut out, indent, &mark.to_string().repeat(length));
    }
    if is_cut {
        push_line(&mut out, indent, "");
        push_line(
            &mut out,
            indent,
            "_(shortened: the whole text is stored with the step)_",
        );
    }
    out
}

/// A text quoted line by line.
pub(super) fn quote(text: &str, indent: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let text = printable(text);
    let (text, _) = shortened(text.trim_end());
    let mut out = String::new();
    push_line(&mut out, indent, &fence);
    text.lines().for_each(|line| push_line(&mut out, indent, line));
    push_line(&mut out, indent, &fence);
    out
}

fn push_line(out: &mut String, indent: &str, line: &str) {
    if !line.trim_end().is_empty() {
        out.push_str(indent);
        out.push_str(line.trim_end());
    }
    out.push('\n');
}

fn shortened(text: &str) -> (&str, bool) {
    if text.len() <= BLOCK_BYTES_MAX {
        return (text, false);
    }
    let mut end = BLOCK_BYTES_MAX;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    (&text[..end], true)
}

/// What opens or closes a block of code: its mark, how many, what follows. Indented deeper it would be text.
fn fence(line: &str) -> Option<(char, usize, &str)> {
    let rest = line.trim_start_matches(' ');
    if line.len() - rest.len() > 3 {
        return None;
    }
    let mark = rest.chars().next().filter(|mark| *mark == '`' || *mark == '~')?;
    let length = rest.len() - rest.trim_start_matches(mark).len();
    let info = rest[length..].trim();
    (length >= 3 && !(mark == '`' && info.contains('`'))).then_some((mark, length, info))
}

/// A line that is not code: what would be a heading, a rule, a link's definition or HTML becomes text.
fn outside_code(line: &str) -> String {
    let body = line.trim_start_matches([' ', '\t', '>']);
    let body = body
        .strip_prefix(['-', '*', '+'])
        .filter(|rest| rest.starts_with(' '))
        .unwrap_or(body)
        .trim_start();
    let start = line.len() - body.len();
    let is_rule = body.len() >= 2 && (body.chars().all(|c| c == '=') || body.chars().all(|c| c == '-'));
    let is_lone = matches!(body, "=" | "-");
    let is_heading = body.starts_with('#');
    let is_definition = body.starts_with('[') && body.contains("]:");
    let mut out = line[..start].to_owned();
    if is_rule || is_lone || is_heading || is_definition {
        out.push('\\');
    }
    out.push_str(&without_html(body));
    out
}

/// `<` and images outside of code spans become text.
fn without_html(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut is_code = false;
    let is_paired = line.matches('`').count().is_multiple_of(2);
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '`' => is_code = is_paired && !is_code,
            '<' if !is_code => out.push('\\'),
            '!' if !is_code && letters.peek() == Some(&'[') => out.push('\\'),
            _ => {}
        }
        out.push(letter);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_50_text_cannot_forge_structure() {
        let hostile = "ok\n# Report\n## Findings\nSetext\n===\n---\n> # quoted\n- # listed\n<script>x</script>\n\
                       ![i](http://x)\n[a]: http://x\n```\n# in code\n";
        assert_eq!(
            block(hostile, ""),
            "ok\n\\# Report\n\\## Findings\nSetext\n\\===\n\\---\n> \\# quoted\n- \\# listed\n\\<script>x\\</script>\n\
             \\![i](http://x)\n\\[a]: http://x\n```\n# in code\n```\n"
        );
        assert_eq!(
            inline("a\n# b `x<y>` <b> *c* [d](e)"),
            "a # b `x<y>` \\<b> \\*c\\* \\[d\\](e)"
        );
        assert_eq!(inline("# x"), "\\# x");
        assert_eq!(code("a`b"), "`` a`b ``");
        assert_eq!(block("\u{1b}[2J\u{202e}x", "  "), "  ?[2J\u{fffd}x\n");
    }

    #[test]
    fn a_quote_holds_whatever_is_in_it() {
        assert_eq!(quote("a\n````\n# b", " "), " `````\n a\n ````\n # b\n `````\n");
    }

    #[test]
    fn a_fence_too_deep_to_be_one_opens_nothing() {
        assert_eq!(block("    ```\n# x", ""), "    ```\n\\# x\n");
        assert_eq!(block("```a`b\n# x", ""), "```a`b\n\\# x\n");
    }

    proptest! {
        #[test]
        fn a_50_no_text_makes_a_heading(text in "[#=`~> \\-\\*<a\n]{0,60}") {
            let shown = block(&text, "");
            let mut open: Option<(char, usize)> = None;
            for line in shown.lines() {
                match (open, fence(line)) {
                    (Some((mark, length)), Some((other, longer, ""))) if mark == other && longer >= length => open = None,
                    (None, Some((mark, length, _))) => open = Some((mark, length)),
                    (None, None) => prop_assert!(!line.trim_start().starts_with('#'), "{:?}", shown),
                    (Some(_), _) => {}
                }
            }
            prop_assert_eq!(open, None);
            prop_assert!(!inline(&text).contains('\n'));
        }
    }
}
