//! Owns: filling holes. `{name}` becomes a value, `{json:name}` the value as it stands inside a JSON or TOML string;
//! anything else in braces is text.

use std::collections::BTreeMap;

/// What holes are filled with.
pub(crate) type Holes = BTreeMap<&'static str, String>;

const NAMES: [&str; 7] = ["home", "files", "model", "base_url", "place", "self", "node"];

/// The text with its holes filled; none when one of them has no value.
pub(crate) fn fill(text: &str, holes: &Holes) -> Option<String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        filled.push_str(&rest[..start]);
        rest = &rest[start..];
        match hole(rest) {
            Some((name, is_quoted, length)) => {
                let value = holes.get(name)?;
                if is_quoted {
                    filled.push_str(&quoted(value))
                } else {
                    filled.push_str(value)
                }
                rest = &rest[length..];
            }
            None => {
                filled.push('{');
                rest = &rest[1..];
            }
        }
    }
    filled.push_str(rest);
    Some(filled)
}

/// The same for a longer text: lines whose holes have no value are left out.
pub(crate) fn fill_text(text: &str, holes: &Holes) -> String {
    text.lines()
        .filter_map(|line| fill(line, holes))
        .map(|line| line + "\n")
        .collect()
}

fn hole(text: &str) -> Option<(&'static str, bool, usize)> {
    let end = text.find('}')?;
    let inside = &text[1..end];
    let (is_quoted, name) = inside
        .strip_prefix("json:")
        .map_or((false, inside), |name| (true, name));
    let known = NAMES.into_iter().find(|known| *known == name)?;
    Some((known, is_quoted, end + 1))
}

fn quoted(value: &str) -> String {
    let whole = serde_json::Value::from(value).to_string();
    whole[1..whole.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_filled_and_other_braces_are_text() {
        let holes = Holes::from([("model", "a\"b".to_owned())]);
        let json = r#"{"model":"{json:model}","options":{}}"#;
        assert_eq!(
            fill(json, &holes).as_deref(),
            Some(r#"{"model":"a\"b","options":{}}"#)
        );
        assert_eq!(fill("{base_url}/v1", &holes), None);
        assert_eq!(
            fill_text("a = 1\nb = {base_url}\nc = {model}\n", &holes),
            "a = 1\nc = a\"b\n"
        );
    }
}
