//! Reads the structured answer out of an agent's final message.

/// An answer larger than this is no answer.
const ANSWER_BYTES_MAX: usize = 2 * 1024 * 1024;

/// The JSON of a final message: its last block fenced as `json`, or the whole message when that is JSON. The error is
/// what the agent is told.
pub(crate) fn read(message: &str) -> Result<serde_json::Value, String> {
    let block = last_block(message);
    let text = match block {
        Some(block) => block,
        None if message.trim_start().starts_with(['{', '[']) => message.trim(),
        None => {
            return Err("Your final message holds no block fenced as ```json.".to_owned());
        }
    };
    if text.len() > ANSWER_BYTES_MAX {
        return Err(format!(
            "The answer is larger than {} MiB. Shorten it.",
            ANSWER_BYTES_MAX / 1024 / 1024
        ));
    }
    serde_json::from_str(text).map_err(|error| {
        let line = text
            .lines()
            .nth(error.line().saturating_sub(1))
            .unwrap_or_default();
        let shown: String = line.trim().chars().take(120).collect();
        let reason = error.to_string();
        format!("The ```json block is not JSON: {reason}. That line begins: `{shown}`")
    })
}

/// The inside of the last block that opens with ```json; it may lack its end.
fn last_block(message: &str) -> Option<&str> {
    let mut last = None;
    let mut open: Option<(usize, Fence<'_>)> = None;
    let mut at = 0;
    for line in message.split_inclusive('\n') {
        let end = at + line.len();
        match (&open, fence(line)) {
            (None, Some(fence)) => open = Some((end, fence)),
            (Some((start, opening)), Some(closing))
                if closing.info.is_empty() && closing.length >= opening.length =>
            {
                if opening.is_json() {
                    last = Some(&message[*start..at]);
                }
                open = None;
            }
            (_, _) => {}
        }
        at = end;
    }
    if let Some((start, opening)) = open
        && opening.is_json()
    {
        last = Some(&message[start..]);
    }
    last
}

struct Fence<'a> {
    length: usize,
    info: &'a str,
}

impl Fence<'_> {
    fn is_json(&self) -> bool {
        self.info.eq_ignore_ascii_case("json")
    }
}

fn fence(line: &str) -> Option<Fence<'_>> {
    let line = line.trim();
    let length = line.len() - line.trim_start_matches('`').len();
    (length >= 3).then(|| Fence {
        length,
        info: line[length..].trim(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_last_json_block_is_the_answer() {
        let message = "First:\n```json\n{\"a\": 1}\n```\nno, rather:\n```JSON\n{\"a\": 2}\n```\nand code\n```rust\nfn x() {}\n```\n";
        assert_eq!(read(message), Ok(json!({ "a": 2 })));
        assert_eq!(read(" {\"a\": 3}\n"), Ok(json!({ "a": 3 })));
        assert_eq!(read("```json\n{\"a\": 4}"), Ok(json!({ "a": 4 })));
        assert_eq!(
            read("````json\n{\"a\": \"```\"}\n````"),
            Ok(json!({ "a": "```" }))
        );
        assert_eq!(read("```json\r\n{\"a\": 5}\r\n```\r\n"), Ok(json!({ "a": 5 })));
    }

    #[test]
    fn what_is_no_answer_is_said_in_words() {
        assert_eq!(
            read("I am done."),
            Err("Your final message holds no block fenced as ```json.".to_owned())
        );
        assert_eq!(
            read(""),
            Err("Your final message holds no block fenced as ```json.".to_owned())
        );
        let why = read("```json\n{\n  \"a\": oops\n}\n```").expect_err("no JSON");
        assert!(why.contains("line 2") && why.contains("`\"a\": oops`"), "{why}");
        let deep = format!("```json\n{}\n```", "[".repeat(100_000));
        assert!(read(&deep).is_err());
    }
}
