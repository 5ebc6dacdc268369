//! One Rust file, read just deep enough for the checks: code apart from comments and from what strings say.
//!
//! Owns: telling code, comments, literals, attributes and test regions apart.
//! Leaves out: meaning. There is no parser here; names are compared as they are spelled.

mod lexer;

/// A Rust file, taken apart.
pub(crate) struct Source {
    /// The text with comments and the insides of literals blanked; every line and column stays where it was.
    pub(crate) code: String,
    pub(crate) literals: Vec<Literal>,
    pub(crate) attributes: Vec<Attribute>,
    /// Paths, without `.rs`, of modules that are declared for tests only and live in files of their own.
    pub(crate) test_modules: Vec<String>,
    is_test: Vec<bool>,
}

/// A string literal and the line it starts on.
pub(crate) struct Literal {
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// `#[…]` or `#![…]`: what stands between the brackets, with literals blanked.
pub(crate) struct Attribute {
    pub(crate) line: usize,
    pub(crate) text: String,
    start: usize,
    end: usize,
}

impl Source {
    pub(crate) fn parse(path: &str, text: &str) -> Self {
        let lexer::Parts { code, literals } = lexer::parts(text);
        let attributes = attributes(&code);
        let mut source = Self {
            is_test: vec![is_test_path(path); text.lines().count() + 2],
            test_modules: Vec::new(),
            code,
            literals,
            attributes,
        };
        source.find_test_regions(path);
        source
    }

    /// Whether line `line`, counted from one, is compiled for tests only.
    pub(crate) fn is_test_line(&self, line: usize) -> bool {
        self.is_test.get(line).copied().unwrap_or(false)
    }

    pub(crate) fn mark_all_as_test(&mut self) {
        self.is_test.fill(true);
    }

    /// The lines of code, counted from one.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line))
    }

    /// The functions that a test runner would call: their names, with the line of each.
    pub(crate) fn tests(&self) -> Vec<Test> {
        let mut tests = Vec::new();
        let mut ahead = self.attributes.iter().peekable();
        while let Some(first) = ahead.next() {
            // One item's attributes are those with nothing but blanks between them.
            let (mut end, mut group) = (first.end, vec![first]);
            while let Some(next) = ahead.next_if(|next| self.code[end..next.start].trim().is_empty()) {
                end = next.end;
                group.push(next);
            }
            let is_test = group.iter().any(|attribute| attribute.is_test_marker());
            if let Some(name) = function_after(&self.code[end..]).filter(|_| is_test) {
                let is_ignored = group.iter().any(|attribute| has_word(&attribute.text, "ignore"));
                tests.push(Test {
                    name: name.to_owned(),
                    line: first.line,
                    is_ignored,
                });
            }
        }
        tests
    }

    fn find_test_regions(&mut self, path: &str) {
        let gates: Vec<_> = self
            .attributes
            .iter()
            .filter(|attribute| attribute.is_test_gate())
            .map(|attribute| (attribute.start, attribute.end))
            .collect();
        for (start, end) in gates {
            let item = item_after(&self.code, end);
            for line in line_at(&self.code, start)..=line_at(&self.code, item.end) {
                self.is_test[line] = true;
            }
            if let Some(name) = item.module_elsewhere {
                self.test_modules.push(format!("{}/{name}", module_folder(path)));
            }
        }
    }
}

/// A function that a test runner calls.
pub(crate) struct Test {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) is_ignored: bool,
}

impl Attribute {
    /// `#[test]`, `#[tokio::test(…)]` and their like.
    fn is_test_marker(&self) -> bool {
        let path = self.text.split('(').next().unwrap_or_default().trim();
        path == "rstest" || path.rsplit("::").next() == Some("test")
    }

    /// `#[cfg(test)]`, also among others in `all` or `any`.
    fn is_test_gate(&self) -> bool {
        let text: String = self.text.split_whitespace().collect();
        text.starts_with("cfg(") && has_word(&text, "test") && !text.contains("not(test")
    }

    /// Whether the attribute sets a lint by this word, directly or under `cfg_attr`.
    pub(crate) fn sets_lint_by(&self, word: &str) -> bool {
        self.text.match_indices(word).any(|(at, _)| {
            let before = self.text[..at].chars().next_back();
            !before.is_some_and(is_name) && self.text[at + word.len()..].trim_start().starts_with('(')
        })
    }

    pub(crate) fn has_reason(&self) -> bool {
        has_word(&self.text, "reason")
    }
}

/// Whether `line` says `words` and neither end is inside a longer name.
pub(crate) fn says(line: &str, words: &str) -> bool {
    line.match_indices(words).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + words.len()..].chars().next();
        let open_start = words.starts_with(is_name) && before.is_some_and(is_name);
        let open_end = words.ends_with(is_name) && after.is_some_and(is_name);
        !open_start && !open_end
    })
}

fn has_word(text: &str, word: &str) -> bool {
    says(text, word)
}

pub(crate) fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn is_test_path(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.split('/').rev().skip(1).any(|folder| folder == "tests")
}

fn attributes(code: &str) -> Vec<Attribute> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = code[from..].find('#').map(|at| from + at) {
        let open = if code[start..].starts_with("#![") {
            start + 2
        } else {
            start + 1
        };
        from = start + 1;
        if code[open..].starts_with('[') {
            let end = closing(code, open, '[', ']');
            let text = code[open + 1..end - 1].to_owned();
            found.push(Attribute {
                line: line_at(code, start),
                text,
                start,
                end,
            });
            from = end;
        }
    }
    found
}

struct Item<'a> {
    end: usize,
    /// The name, when the item is `mod name;`.
    module_elsewhere: Option<&'a str>,
}

/// The item that follows an attribute: up to its closing brace, or its semicolon.
fn item_after(code: &str, from: usize) -> Item<'_> {
    let mut start = from;
    while code[start..].trim_start().starts_with("#[") {
        let open = start + code[start..].find('[').expect("an attribute was just seen");
        start = closing(code, open, '[', ']');
    }
    let body = code[start..].find(['{', ';']).map_or(code.len(), |at| start + at);
    if code[body..].starts_with('{') {
        return Item {
            end: closing(code, body, '{', '}'),
            module_elsewhere: None,
        };
    }
    let mut words = code[start..body].split_whitespace().rev();
    let name = words.next().filter(|_| words.next() == Some("mod"));
    Item {
        end: body,
        module_elsewhere: name,
    }
}

/// The position after the bracket that closes the one at `open`; the end of the text when none does.
fn closing(code: &str, open: usize, left: char, right: char) -> usize {
    let mut depth = 0_usize;
    for (at, c) in code[open..].char_indices() {
        if c == left {
            depth += 1;
        } else if c == right {
            depth -= 1;
            if depth == 0 {
                return open + at + 1;
            }
        }
    }
    code.len()
}

/// The name of the function whose signature comes next, if one does before anything else begins or ends.
fn function_after(code: &str) -> Option<&str> {
    let head = code.split(['{', '}', ';', '#']).next()?;
    let (_, signature) = head.split_once("fn ")?;
    signature.split(|c| !is_name(c)).find(|name| !name.is_empty())
}

fn line_at(code: &str, position: usize) -> usize {
    code[..position.min(code.len())].matches('\n').count() + 1
}

/// Where the modules declared in a file are looked for.
fn module_folder(path: &str) -> String {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    match file {
        "lib.rs" | "main.rs" | "mod.rs" => folder.to_owned(),
        other => format!("{folder}/{}", other.trim_end_matches(".rs")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        Source::parse("a.rs", text)
            .tests()
            .into_iter()
            .map(|test| test.name)
            .collect()
    }

    #[test]
    fn tests_are_found_under_any_runner_and_among_other_attributes() {
        let text = "#[test]\nfn one() {}\n#[tokio::test(start_paused = true)]\nasync fn two() {}\n\
                    #[expect(x, reason = \"y\")]\n#[test]\n#[should_panic]\npub(crate) fn three<T>() {}\nfn four() {}\n\
                    #[derive(Debug)]\nstruct S;\n";
        assert_eq!(names(text), ["one", "two", "three"]);
    }

    #[test]
    fn a_test_that_is_only_talked_about_does_not_count() {
        assert_eq!(
            names("// #[test]\n// fn one() {}\nconst T: &str = \"#[test] fn two() {}\";\n"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn an_ignored_test_says_so() {
        let tests = Source::parse("a.rs", "#[test]\n#[ignore = \"slow\"]\nfn one() {}\n").tests();
        assert!(tests[0].is_ignored);
    }

    #[test]
    fn a_test_region_ends_with_its_brace() {
        let source = Source::parse(
            "a.rs",
            "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n",
        );
        let lines: Vec<_> = (1..=6).filter(|line| source.is_test_line(*line)).collect();
        assert_eq!(lines, [2, 3, 4, 5]);
    }

    #[test]
    fn code_that_is_left_out_of_tests_is_not_a_test_region() {
        let source = Source::parse("a.rs", "#[cfg(not(test))]\nfn a() {}\n");
        assert!(!source.is_test_line(2));
    }

    #[test]
    fn a_word_inside_a_longer_name_is_not_said() {
        assert!(says("let x = Instant::now();", "Instant"));
        assert!(!says("let x = InstantLike::now();", "Instant"));
        assert!(!says("let x = my_thread::now();", "thread::"));
        assert!(says("std::thread::spawn(f)", "thread::"));
    }
}
