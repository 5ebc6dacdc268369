//! One-time codes: the socket gives one, a browser exchanges it within a minute, and guessing is slow.

use super::secret::{Token, random};
use domain::Moment;
use engine::faults::{Control, is_off};
use std::sync::{Mutex, PoisonError};

/// How long a code holds.
pub(crate) const CODE_MS: u64 = 60_000;
/// Codes at once at most; the oldest goes.
const CODES_MAX: usize = 16;
/// So many wrong codes in a minute, and nobody may try for the rest of it.
const WRONG_MAX: u32 = 10;

/// The codes that were given and not yet exchanged.
#[derive(Default)]
pub(crate) struct Logins(Mutex<State>);

#[derive(Default)]
struct State {
    codes: Vec<(Token, Moment)>,
    wrong: u32,
    window: Moment,
}

/// What a code turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exchange {
    /// It was one, and is none any more.
    Taken,
    /// It is none.
    Wrong,
    /// Too many were wrong; try again after so many milliseconds.
    TooMany(u64),
}

impl Logins {
    pub(crate) fn give(&self, now: Moment) -> Result<String, rustix::io::Errno> {
        let code = random()?;
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.codes.len() >= CODES_MAX {
            state.codes.remove(0);
        }
        state.codes.push((Token::of(&code), now.plus_ms(CODE_MS)));
        Ok(code)
    }

    pub(crate) fn exchange(&self, code: &str, now: Moment) -> Exchange {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now >= state.window.plus_ms(CODE_MS) {
            state.window = now;
            state.wrong = 0;
        }
        if state.wrong >= WRONG_MAX {
            return Exchange::TooMany(state.window.plus_ms(CODE_MS).ms_since(now));
        }
        state.codes.retain(|(_, until)| now < *until);
        // Every code is compared, whichever fits.
        let fitting: Vec<bool> = state.codes.iter().map(|(token, _)| token.is(code)).collect();
        match fitting.iter().position(|fits| *fits) {
            Some(index) => {
                if !is_off(Control::CodeOnce) {
                    state.codes.remove(index);
                }
                Exchange::Taken
            }
            None => {
                state.wrong += 1;
                Exchange::Wrong
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_taken_once_and_in_time() {
        let logins = Logins::default();
        let now = Moment::from_ms(1_000_000);
        let (code, late) = (logins.give(now).unwrap(), logins.give(now).unwrap());
        assert_eq!(logins.exchange(&code, now), Exchange::Taken);
        assert_eq!(logins.exchange(&code, now), Exchange::Wrong);
        assert_eq!(logins.exchange(&late, now.plus_ms(CODE_MS)), Exchange::Wrong);
    }

    #[test]
    fn a_70_guessing_stops_after_ten() {
        let logins = Logins::default();
        let now = Moment::from_ms(1_000_000);
        let code = logins.give(now).unwrap();
        let tries: Vec<_> = (0..10_000).map(|_| logins.exchange("guess", now)).collect();
        assert_eq!(
            tries.iter().filter(|tried| **tried == Exchange::Wrong).count(),
            10
        );
        assert_eq!(logins.exchange(&code, now), Exchange::TooMany(CODE_MS));
        let later = now.plus_ms(CODE_MS);
        let fresh = logins.give(later).unwrap();
        assert_eq!(logins.exchange(&fresh, later), Exchange::Taken);
    }
}
