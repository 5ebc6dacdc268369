//! How pages are written in the file that outlives the daemon: a port, and hashes of sessions with their two moments.

use super::secret::Token;
use super::session::{Pages, SESSIONS_MAX, Session};
use domain::Moment;
use serde::{Deserialize, Serialize};
use std::io;

const VERSION: u32 = 1;
/// A clock may have been put right by this much; a session from further ahead would hold for too long.
const AHEAD_MS: u64 = 60_000;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    port: Option<u16>,
    sessions: Vec<Line>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    /// The hash of the cookie.
    cookie: String,
    /// The hash of the page's token.
    page: String,
    begun_ms: u64,
    seen_ms: u64,
}

pub(super) fn write(pages: &Pages) -> Vec<u8> {
    let sessions = pages.sessions.iter().map(|(id, session)| Line {
        cookie: id.clone(),
        page: session.page.id(),
        begun_ms: session.begun.as_ms(),
        seen_ms: session.seen.as_ms(),
    });
    let file = File {
        version: VERSION,
        port: pages.port,
        sessions: sessions.collect(),
    };
    serde_json::to_vec(&file).expect("hashes and numbers have a form")
}

/// What was written, without the sessions that no longer hold.
pub(super) fn read(text: Option<&[u8]>, now: Moment) -> io::Result<Pages> {
    let Some(text) = text else {
        return Ok(Pages::default());
    };
    let file: File = serde_json::from_slice(text)?;
    if file.version != VERSION {
        let because = format!("it has version {}, and {VERSION} is known", file.version);
        return Err(io::Error::other(because));
    }
    let mut pages = Pages {
        port: file.port,
        ..Pages::default()
    };
    for line in file.sessions.into_iter().take(SESSIONS_MAX) {
        let (Some(cookie), Some(page)) = (Token::of_id(&line.cookie), Token::of_id(&line.page)) else {
            return Err(io::Error::other("it holds something else than hashes"));
        };
        let session = Session {
            page,
            begun: Moment::from_ms(line.begun_ms),
            seen: Moment::from_ms(line.seen_ms),
        };
        let is_ahead = session.begun.max(session.seen) > now.plus_ms(AHEAD_MS);
        if session.holds(now) && !is_ahead {
            pages.sessions.insert(cookie.id(), session);
        }
    }
    Ok(pages)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment::from_ms(1_700_000_000_000);

    fn pages(begun: Moment, seen: Moment) -> Pages {
        let session = Session {
            page: Token::of("page"),
            begun,
            seen,
        };
        Pages {
            port: Some(7_777),
            sessions: [(Token::of("cookie").id(), session)].into(),
        }
    }

    fn again(pages: &Pages) -> Pages {
        read(Some(&write(pages)), NOW).unwrap()
    }

    #[test]
    fn what_was_written_is_read() {
        let pages = pages(NOW, NOW);
        assert_eq!(again(&pages), pages);
        assert_eq!(read(None, NOW).unwrap(), Pages::default());
        let pinned = format!(
            r#"{{"version":1,"port":7777,"sessions":[{{"cookie":"{}","page":"{}","begun_ms":1700000000000,"seen_ms":1700000000000}}]}}"#,
            Token::of("cookie").id(),
            Token::of("page").id(),
        );
        assert_eq!(String::from_utf8(write(&pages)).unwrap(), pinned);
    }

    #[test]
    fn a_session_from_the_future_does_not_hold_longer_than_any_other() {
        let later = NOW.plus_ms(2 * AHEAD_MS);
        assert_eq!(again(&pages(later, later)).sessions.len(), 0);
        assert_eq!(again(&pages(NOW, later)).sessions.len(), 0);
        let soon = NOW.plus_ms(AHEAD_MS);
        assert_eq!(
            again(&pages(soon, soon)).sessions.len(),
            1,
            "a clock that was put right"
        );
    }

    #[test]
    fn what_is_damaged_or_newer_is_not_believed() {
        let good = String::from_utf8(write(&pages(NOW, NOW))).unwrap();
        let bad = [
            String::new(),
            good[..good.len() / 2].to_owned(),
            good.replace("\"version\":1", "\"version\":2"),
            good.replace("\"port\"", "\"door\""),
            good.replace(&Token::of("page").id(), "f00"),
            good.replace(&Token::of("page").id()[..2], "+1"),
        ];
        for text in bad {
            assert!(read(Some(text.as_bytes()), NOW).is_err(), "{text}");
        }
    }
}
