//! The spellings in which a secret may appear: as it is, in base64 at any place, in a URL, in JSON.

use std::collections::BTreeSet;

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64_URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Every spelling, each once.
pub(super) fn spellings(secret: &str) -> Vec<Vec<u8>> {
    let bytes = secret.as_bytes();
    let mut all = BTreeSet::from([
        bytes.to_vec(),
        url(bytes, b"0123456789ABCDEF"),
        url(bytes, b"0123456789abcdef"),
    ]);
    let json = serde_json::Value::from(secret).to_string();
    all.insert(json.as_bytes()[1..json.len() - 1].to_vec());
    for alphabet in [BASE64, BASE64_URL] {
        all.extend((0..3).map(|shift| base64(bytes, shift, alphabet)));
    }
    all.into_iter().collect()
}

fn url(bytes: &[u8], digits: &[u8; 16]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len() * 3);
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(byte) {
            text.push(*byte);
        } else {
            text.extend([
                b'%',
                digits[usize::from(byte >> 4)],
                digits[usize::from(byte & 15)],
            ]);
        }
    }
    text
}

/// What base64 makes of the secret after `shift` other bytes: only the characters that the secret alone decides.
fn base64(bytes: &[u8], shift: usize, alphabet: &[u8; 64]) -> Vec<u8> {
    let bit = |at: usize| bytes[at / 8 - shift] >> (7 - at % 8) & 1;
    let begin = (shift * 8).div_ceil(6);
    let end = (shift + bytes.len()) * 8 / 6;
    let character = |place: usize| {
        let index = (place * 6..place * 6 + 6).fold(0, |index, at| index << 1 | bit(at));
        alphabet[usize::from(index)]
    };
    (begin..end).map(character).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_what_others_make_of_it() {
        // `printf 'user:sesame opens' | base64` and the like.
        assert_eq!(base64(b"sesame opens", 0, BASE64), b"c2VzYW1lIG9wZW5z");
        assert_eq!(base64(b"sesame opens", 1, BASE64), b"Nlc2FtZSBvcGVuc"); // of `:sesame opens`: OnNlc2FtZSBvcGVucw
        assert_eq!(base64(b"sesame opens", 2, BASE64), b"zZXNhbWUgb3Blbn"); // of `r:sesame opens`: cjpzZXNhbWUgb3BlbnM
    }

    #[test]
    fn a_url_is_what_others_make_of_it() {
        assert_eq!(url("a b/ö".as_bytes(), b"0123456789ABCDEF"), b"a%20b%2F%C3%B6");
    }
}
