//! Takes secrets out of what agents say, before it is written or told: those that the daemon knows, in every spelling
//! that is likely, and what looks like one beyond doubt.

use super::pattern::{self, Found};
use super::spelling::spellings;
use engine::faults::{Control, is_off};
use std::sync::{Arc, PoisonError, RwLock};

/// What stands where a secret was.
const MARK: &str = "[secret]";
/// Shorter texts are no secrets: taking them out would take half of every sentence.
const SECRET_BYTES_MIN: usize = 8;
/// What may be the beginning of a secret waits for its end, up to this long.
const HELD_BYTES_MAX: usize = 16 * 1024;

/// The secrets that no transcript may show. Cheap to clone; what is added counts from then on.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    secrets: Arc<RwLock<Secrets>>,
}

impl Redactor {
    /// Adds the value of a secret. Says whether it is long enough to be looked for.
    pub fn add(&self, secret: &str) -> bool {
        let secret = secret.trim();
        if secret.len() < SECRET_BYTES_MIN {
            return false;
        }
        let mut secrets = self.secrets.write().unwrap_or_else(PoisonError::into_inner);
        let spellings = spellings(secret);
        spellings
            .into_iter()
            .filter(|spelling| spelling.len() >= SECRET_BYTES_MIN)
            .for_each(|spelling| secrets.add(spelling));
        true
    }

    /// A text without secrets.
    #[must_use]
    pub fn clean(&self, text: String) -> String {
        let clean = self.whole(&text);
        if clean == text { text } else { clean }
    }

    /// Whether one of the secrets that were added stands in these bytes, in any spelling. What only looks like a secret does
    /// not count.
    #[must_use]
    pub fn knows(&self, text: &[u8]) -> bool {
        let secrets = self.secrets.read().unwrap_or_else(PoisonError::into_inner);
        let is_there = |at: usize| {
            matches!(
                secrets.at(&text[at..]),
                Found::Closed(_) | Found::Open { secret: Some(_) }
            )
        };
        (0..text.len()).any(|at| secrets.may_begin(text[at]) && is_there(at))
    }

    /// A text that is whole.
    pub(super) fn whole(&self, text: &str) -> String {
        self.scan(text, true).0
    }

    /// A text that goes on: what is surely clean, and the end that must wait for what follows.
    pub(super) fn open(&self, text: &str) -> (String, String) {
        self.scan(text, false)
    }

    fn scan(&self, text: &str, is_whole: bool) -> (String, String) {
        if is_off(Control::Redaction) {
            return (text.to_owned(), String::new());
        }
        let secrets = self.secrets.read().unwrap_or_else(PoisonError::into_inner);
        let mut clean = String::with_capacity(text.len());
        let mut copied = 0;
        let mut at = 0;
        while at < text.len() {
            let byte = text.as_bytes()[at];
            if !(secrets.may_begin(byte) || pattern::FIRST_BYTES.contains(&byte))
                || !text.is_char_boundary(at)
            {
                at += 1;
                continue;
            }
            let before = at.checked_sub(1).map(|before| text.as_bytes()[before]);
            let found = match secrets.at(&text.as_bytes()[at..]) {
                Found::Nothing => pattern::at(&text.as_bytes()[at..], before),
                found => found,
            };
            match found {
                Found::Nothing => at += 1,
                Found::Open { .. } if !is_whole && text.len() - at <= HELD_BYTES_MAX => {
                    clean.push_str(&text[copied..at]);
                    return (clean, text[at..].to_owned());
                }
                Found::Open { secret: None } => at += 1,
                Found::Open { secret: Some(range) } | Found::Closed(range) => {
                    clean.push_str(&text[copied..at + range.start]);
                    clean.push_str(MARK);
                    at += range.end;
                    copied = at;
                }
            }
        }
        clean.push_str(&text[copied..]);
        (clean, String::new())
    }
}

/// Every spelling of every secret, by its first byte.
#[derive(Debug)]
struct Secrets(Vec<Vec<Vec<u8>>>);

impl Default for Secrets {
    fn default() -> Self {
        Self(vec![Vec::new(); 256])
    }
}

impl Secrets {
    fn add(&mut self, spelling: Vec<u8>) {
        let Some(first) = spelling.first() else { return };
        let alike = &mut self.0[usize::from(*first)];
        if !alike.contains(&spelling) {
            alike.push(spelling);
            // The longest first, so that a secret inside another does not leave the rest of it to be read.
            alike.sort_by_key(|spelling| std::cmp::Reverse(spelling.len()));
        }
    }

    fn may_begin(&self, byte: u8) -> bool {
        !self.0[usize::from(byte)].is_empty()
    }

    fn at(&self, text: &[u8]) -> Found {
        let Some(first) = text.first() else {
            return Found::Nothing;
        };
        let alike = &self.0[usize::from(*first)];
        // A longer secret that may be under way goes before a shorter one that is there.
        for secret in alike {
            if text.starts_with(secret) {
                return Found::Closed(0..secret.len());
            }
            if text.len() < secret.len() && secret.starts_with(text) {
                let inner = alike.iter().find(|inner| text.starts_with(inner));
                return Found::Open {
                    secret: inner.map(|inner| 0..inner.len()),
                };
            }
        }
        Found::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECRET: &str = "hunter2+very secret/ö";

    fn redactor() -> Redactor {
        let redactor = Redactor::default();
        assert!(redactor.add(SECRET));
        assert!(!redactor.add("short"));
        redactor
    }

    /// What comes out when the text arrives in pieces cut at these places.
    fn in_pieces(redactor: &Redactor, text: &str, cuts: &[usize]) -> String {
        let mut clean = String::new();
        let mut held = String::new();
        let mut begin = 0;
        for cut in cuts
            .iter()
            .copied()
            .filter(|cut| text.is_char_boundary(*cut))
            .chain([text.len()])
        {
            if cut < begin {
                continue;
            }
            held.push_str(&text[begin..cut]);
            begin = cut;
            let (more, rest) = redactor.open(&held);
            clean.push_str(&more);
            held = rest;
        }
        clean + &redactor.whole(&held)
    }

    #[test]
    fn a_known_secret_is_taken_out_in_every_spelling() {
        let redactor = redactor();
        for spelled in spellings(SECRET) {
            let spelled = String::from_utf8(spelled).unwrap();
            assert_eq!(redactor.whole(&format!("<{spelled}>")), "<[secret]>", "{spelled}");
        }
        assert_eq!(redactor.whole("hunter2+very"), "hunter2+very");
    }

    #[test]
    fn what_looks_like_a_secret_is_taken_out() {
        let redactor = Redactor::default();
        let token = "a1B2".repeat(10);
        for (text, clean) in [
            (
                format!("key sk-ant-api03-{token} end"),
                "key [secret] end".to_owned(),
            ),
            (format!("ghp_{}.", &token[..36]), "[secret].".to_owned()),
            ("id AKIAIOSFODNN7EXAMPLE,".to_owned(), "id [secret],".to_owned()),
            (
                format!("Authorization: Bearer {token}\n"),
                "Authorization: Bearer [secret]\n".to_owned(),
            ),
            (
                format!("-----BEGIN RSA PRIVATE KEY-----\n{token}\n-----END RSA PRIVATE KEY-----\nend"),
                "[secret]\nend".to_owned(),
            ),
            (
                "sk-antelope, Bearer of news, AKIA".to_owned(),
                "sk-antelope, Bearer of news, AKIA".to_owned(),
            ),
        ] {
            assert_eq!(redactor.whole(&text), clean);
            let every: Vec<usize> = (0..text.len()).collect();
            assert_eq!(in_pieces(&redactor, &text, &every), clean);
        }
    }

    #[test]
    fn a_text_that_ends_like_a_secret_is_told_whole_at_its_end() {
        let redactor = redactor();
        let (clean, held) = redactor.open("nothing to see, hunter2");
        assert_eq!((clean.as_str(), held.as_str()), ("nothing to see, ", "hunter2"));
        assert_eq!(redactor.whole(&held), "hunter2");
    }

    proptest! {
        #[test]
        fn no_cut_lets_a_secret_through(
            before in "[ -~ö]{0,40}", after in "[ -~ö]{0,40}", cuts in prop::collection::vec(0usize..120, 0..8),
        ) {
            let redactor = redactor();
            let text = format!("{before}{SECRET}{after}");
            let mut cuts = cuts;
            cuts.sort_unstable();
            let clean = in_pieces(&redactor, &text, &cuts);
            prop_assert!(!clean.contains(SECRET));
            prop_assert_eq!(clean, redactor.whole(&text));
        }
    }
}
