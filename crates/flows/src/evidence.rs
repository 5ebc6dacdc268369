//! Looks up what findings cite: the file is in the tree, the line is in the file, the quote stands near the line.

use crate::beneath::{self, NotRead};
use domain::Value;
use std::collections::BTreeMap;
use std::path::Path;

const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Lines around the cited one in which the quote may begin: an agent counts badly more often than it lies.
const NEARBY_LINES: usize = 10;
const CITATIONS_MAX: usize = 500;
const PROBLEMS_MAX: usize = 20;

/// What is wrong with the citations of an answer, one a line; empty when all of them hold. Whatever has a `file` is a
/// citation, wherever it stands.
pub(crate) fn check(answer: &Value, tree: &Path) -> Vec<String> {
    let mut cited = Vec::new();
    collect(answer, String::new(), &mut cited);
    if cited.len() > CITATIONS_MAX {
        return vec![format!(
            "there are {} citations; {CITATIONS_MAX} at most can be looked up",
            cited.len()
        )];
    }
    let mut files = Files {
        tree,
        known: BTreeMap::new(),
    };
    let mut problems: Vec<String> = cited
        .iter()
        .filter_map(|(path, citation)| {
            files
                .problem(citation)
                .map(|problem| format!("`{path}`: {problem}"))
        })
        .collect();
    if problems.len() > PROBLEMS_MAX {
        problems.truncate(PROBLEMS_MAX);
        problems.push("and more of the kind".to_owned());
    }
    problems
}

fn collect<'a>(value: &'a Value, path: String, cited: &mut Vec<(String, &'a Value)>) {
    match value {
        Value::List(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, item)| collect(item, format!("{path}/{index}"), cited));
        }
        Value::Map(entries) => {
            if entries.get("file").is_some_and(|file| *file != Value::Null) {
                cited.push((path.clone(), value));
            }
            entries
                .iter()
                .for_each(|(name, inner)| collect(inner, format!("{path}/{name}"), cited));
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => {}
    }
}

struct Files<'a> {
    tree: &'a Path,
    known: BTreeMap<String, Result<Vec<String>, NotRead>>,
}

impl Files<'_> {
    fn problem(&mut self, citation: &Value) -> Option<String> {
        let Some(file) = citation.get("file").and_then(Value::as_text) else {
            return Some("`file` is no text".to_owned());
        };
        let shown: String = file.chars().filter(|c| !c.is_control()).take(200).collect();
        let lines = match self.lines(file) {
            Ok(lines) => lines,
            Err(NotRead::Absent) => return Some(format!("there is no file `{shown}` in the working copy")),
            Err(NotRead::Refused(why)) => return Some(format!("`{shown}` is not looked up: {why}")),
            Err(NotRead::TooLarge) => {
                return Some(format!("`{shown}` is too large to look up; cite another place"));
            }
            Err(NotRead::NotText) => {
                return Some(format!("`{shown}` is not text; cite a place in a text file"));
            }
            Err(NotRead::Failed(_)) => return Some(format!("`{shown}` cannot be read")),
        };
        let line = match citation.get("line") {
            Some(Value::Int(line)) => usize::try_from(*line).ok().filter(|line| *line > 0),
            Some(_) | None => None,
        };
        let Some(line) = line else {
            return Some(format!("`line` in `{shown}` is no line number"));
        };
        if line > lines.len().max(1) {
            return Some(format!(
                "`{shown}` has {} lines, and line {line} is cited",
                lines.len()
            ));
        }
        let quote = normal(citation.get("quote").and_then(Value::as_text).unwrap_or_default());
        if quote.is_empty() {
            return Some(format!("no `quote` of `{shown}` line {line}"));
        }
        let from = line.saturating_sub(1 + NEARBY_LINES).min(lines.len());
        let quoted_lines = citation
            .get("quote")
            .and_then(Value::as_text)
            .map_or(1, |quote| quote.lines().count());
        let to = line
            .saturating_add(NEARBY_LINES)
            .saturating_add(quoted_lines)
            .min(lines.len());
        let nearby = normal(&lines[from..to].join(" "));
        if nearby.contains(&quote) {
            return None;
        }
        Some(match self.elsewhere(file, &quote) {
            Some(found) => {
                format!("the quote does not stand at line {line} of `{shown}`, but near line {found}")
            }
            None => format!("the quote stands nowhere in `{shown}`"),
        })
    }

    fn lines(&mut self, file: &str) -> Result<&[String], NotRead> {
        let tree = self.tree;
        let read = self.known.entry(file.to_owned()).or_insert_with(|| {
            let text = beneath::read_text(tree, file, FILE_BYTES_MAX)?;
            Ok(text.lines().map(str::to_owned).collect())
        });
        read.as_deref().map_err(Clone::clone)
    }

    /// The line where a quote begins, if it stands anywhere in the file.
    fn elsewhere(&self, file: &str, quote: &str) -> Option<usize> {
        let lines = self.known.get(file)?.as_ref().ok()?;
        let first = quote.split(' ').next().unwrap_or_default();
        let span = quote.len() / 2 + 2;
        lines
            .iter()
            .enumerate()
            .filter(|(_, line)| line.contains(first))
            .take(200)
            .find_map(|(index, _)| {
                let window = normal(&lines[index..lines.len().min(index + span.min(60))].join(" "));
                window
                    .find(quote)
                    .filter(|at| *at < normal(&lines[index]).len().max(1))
                    .map(|_| index + 1)
            })
    }
}

/// Runs of blank space count as one: agents reindent what they quote.
fn normal(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> tempfile::TempDir {
        let tree = tempfile::tempdir().expect("a folder");
        let text: String = (1..=40)
            .map(|line| format!("    let v{line} = {line};\n"))
            .collect();
        std::fs::write(tree.path().join("a.rs"), text).expect("written");
        std::fs::write(tree.path().join("b.bin"), [0xff, 0xfe, 0]).expect("written");
        std::os::unix::fs::symlink("/etc/passwd", tree.path().join("link")).expect("linked");
        tree
    }

    fn judged(file: &str, line: i64, quote: &str) -> Vec<String> {
        let finding = Value::map([
            ("file", Value::from(file)),
            ("line", Value::Int(line)),
            ("quote", Value::from(quote)),
        ]);
        check(
            &Value::map([("findings", Value::List(vec![finding]))]),
            tree().path(),
        )
    }

    #[test]
    fn a_quote_near_its_line_holds() {
        assert_eq!(judged("a.rs", 3, "let v3 = 3;"), Vec::<String>::new());
        assert_eq!(
            judged("a.rs", 3, "let   v4 = 4;\n\tlet v5 = 5;"),
            Vec::<String>::new()
        );
        assert_eq!(judged("a.rs", 13, "let v3 = 3;"), Vec::<String>::new());
        assert_eq!(judged("./a.rs", 40, "let v40 = 40;"), Vec::<String>::new());
    }

    #[test]
    fn what_does_not_hold_is_said() {
        for (file, line, quote, said) in [
            (
                "c.rs",
                1,
                "x",
                "`/findings/0`: there is no file `c.rs` in the working copy",
            ),
            (
                "a.rs",
                41,
                "x",
                "`/findings/0`: `a.rs` has 40 lines, and line 41 is cited",
            ),
            (
                "a.rs",
                0,
                "x",
                "`/findings/0`: `line` in `a.rs` is no line number",
            ),
            ("a.rs", 1, " ", "`/findings/0`: no `quote` of `a.rs` line 1"),
            (
                "a.rs",
                1,
                "let v30 = 30;",
                "`/findings/0`: the quote does not stand at line 1 of `a.rs`, but near line 30",
            ),
            (
                "a.rs",
                1,
                "let w = 0;",
                "`/findings/0`: the quote stands nowhere in `a.rs`",
            ),
            (
                "b.bin",
                1,
                "x",
                "`/findings/0`: `b.bin` is not text; cite a place in a text file",
            ),
            (
                "../a.rs",
                1,
                "x",
                "`/findings/0`: `../a.rs` is not looked up: the path leads outside",
            ),
            (
                "/etc/passwd",
                1,
                "root",
                "`/findings/0`: `/etc/passwd` is not looked up: the path leads outside",
            ),
            (
                "link",
                1,
                "root",
                "`/findings/0`: `link` is not looked up: the path leads over a link or through a file",
            ),
        ] {
            assert_eq!(judged(file, line, quote), [said]);
        }
    }

    #[test]
    fn an_answer_without_citations_holds() {
        assert!(
            check(
                &Value::map([("findings", Value::List(Vec::new()))]),
                tree().path()
            )
            .is_empty()
        );
        assert!(check(&Value::from("words"), tree().path()).is_empty());
    }
}
