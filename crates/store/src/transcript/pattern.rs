//! What a secret looks like when nobody told us its value: only shapes that nothing else has.

use std::ops::Range;

/// What was found at the beginning of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    /// The text ends before one can tell. `secret` is what it is if nothing follows.
    Open {
        secret: Option<Range<usize>>,
    },
    /// A secret in this part of the text, and where the search goes on.
    Closed(Range<usize>),
}

/// Bytes that one of the shapes begins with.
pub(super) const FIRST_BYTES: &[u8] = b"-AaBbgs";

/// A prefix, then so many characters of a kind.
struct Token {
    prefix: &'static [u8],
    is_prefix_secret: bool,
    min: usize,
    max: usize,
    is_part: fn(u8) -> bool,
}

const TOKENS: &[Token] = &[
    Token {
        prefix: b"sk-ant-",
        is_prefix_secret: true,
        min: 20,
        max: usize::MAX,
        is_part: is_word_or_dash,
    },
    Token {
        prefix: b"ghp_",
        is_prefix_secret: true,
        min: 36,
        max: usize::MAX,
        is_part: is_alphanumeric,
    },
    Token {
        prefix: b"gho_",
        is_prefix_secret: true,
        min: 36,
        max: usize::MAX,
        is_part: is_alphanumeric,
    },
    Token {
        prefix: b"ghs_",
        is_prefix_secret: true,
        min: 36,
        max: usize::MAX,
        is_part: is_alphanumeric,
    },
    Token {
        prefix: b"github_pat_",
        is_prefix_secret: true,
        min: 40,
        max: usize::MAX,
        is_part: is_word_or_dash,
    },
    Token {
        prefix: b"AKIA",
        is_prefix_secret: true,
        min: 16,
        max: 16,
        is_part: is_upper_or_digit,
    },
    Token {
        prefix: b"Bearer ",
        is_prefix_secret: false,
        min: 20,
        max: usize::MAX,
        is_part: is_bearer,
    },
    Token {
        prefix: b"bearer ",
        is_prefix_secret: false,
        min: 20,
        max: usize::MAX,
        is_part: is_bearer,
    },
];

const KEY_BEGIN: &[u8] = b"-----BEGIN ";
const KEY_MIDDLE: &[u8] = b"PRIVATE KEY-----";
const KEY_END: &[u8] = b"-----END ";
/// Between `BEGIN` and `PRIVATE` stands a word at most.
const KEY_NAME_BYTES_MAX: usize = 24;
const KEY_BYTES_MAX: usize = 16 * 1024;

/// Looks for a shape at the very beginning of a text that follows `before`.
pub(super) fn at(text: &[u8], before: Option<u8>) -> Found {
    if before.is_some_and(|before| before.is_ascii_alphanumeric()) {
        return Found::Nothing;
    }
    let tokens = TOKENS.iter().map(|shape| token(shape, text));
    tokens
        .chain([private_key(text)])
        .find(|found| *found != Found::Nothing)
        .unwrap_or(Found::Nothing)
}

fn token(shape: &Token, text: &[u8]) -> Found {
    let Token {
        prefix,
        is_prefix_secret,
        min,
        max,
        is_part,
    } = shape;
    if text.len() < prefix.len() {
        return if prefix.starts_with(text) {
            Found::Open { secret: None }
        } else {
            Found::Nothing
        };
    }
    if !text.starts_with(prefix) {
        return Found::Nothing;
    }
    let rest = &text[prefix.len()..];
    let length = rest.iter().take_while(|byte| is_part(**byte)).count();
    let begin = if *is_prefix_secret { 0 } else { prefix.len() };
    let is_secret = length >= *min && length <= *max;
    let secret = is_secret.then_some(begin..prefix.len() + length);
    if length == rest.len() && length <= *max {
        return Found::Open { secret };
    }
    secret.map_or(Found::Nothing, Found::Closed)
}

fn private_key(text: &[u8]) -> Found {
    if text.len() < KEY_BEGIN.len() {
        return if KEY_BEGIN.starts_with(text) {
            Found::Open { secret: None }
        } else {
            Found::Nothing
        };
    }
    if !text.starts_with(KEY_BEGIN) {
        return Found::Nothing;
    }
    let head = &text[..text
        .len()
        .min(KEY_BEGIN.len() + KEY_NAME_BYTES_MAX + KEY_MIDDLE.len())];
    let Some(middle) = position(head, KEY_MIDDLE) else {
        let may_follow = head.len() == text.len() && !head[KEY_BEGIN.len()..].contains(&b'\n');
        return if may_follow {
            Found::Open { secret: None }
        } else {
            Found::Nothing
        };
    };
    let body = &text[middle..text.len().min(middle + KEY_BYTES_MAX)];
    let Some(end) = position(body, KEY_END).map(|end| middle + end) else {
        let secret = Some(0..middle + body.len());
        // A key that does not end is cut off here, at a character's beginning.
        return if middle + body.len() == text.len() {
            Found::Open { secret }
        } else {
            closed_before(text, middle + body.len())
        };
    };
    match position(&text[end..], KEY_MIDDLE) {
        Some(last) => Found::Closed(0..end + last + KEY_MIDDLE.len()),
        None if text.len() - end <= KEY_END.len() + KEY_NAME_BYTES_MAX + KEY_MIDDLE.len() => Found::Open {
            secret: Some(0..text.len()),
        },
        None => Found::Closed(0..end),
    }
}

fn closed_before(text: &[u8], mut end: usize) -> Found {
    while text
        .get(end)
        .is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000)
    {
        end -= 1;
    }
    Found::Closed(0..end)
}

fn position(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

const fn is_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

const fn is_word_or_dash(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

const fn is_upper_or_digit(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

const fn is_bearer(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'~' | b'+' | b'/' | b'=' | b'-')
}
