//! Sessions of browsers: begun with a code, kept as hashes in memory, ended by time, logout or restart.

use super::secret::{Token, random};
use axum::http::{HeaderMap, header};
use domain::Moment;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// No session holds longer.
pub(crate) const SESSION_MS: u64 = 12 * 60 * 60 * 1_000;
/// No session holds this long without a request.
const IDLE_MS: u64 = 2 * 60 * 60 * 1_000;
/// More sessions at once than anybody needs; the one that was idle longest goes.
const SESSIONS_MAX: usize = 32;

/// The sessions, by the hash of their cookie.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<BTreeMap<String, Session>>);

struct Session {
    page: Token,
    begun: Moment,
    seen: Moment,
}

impl Session {
    fn holds(&self, now: Moment) -> bool {
        now < self.begun.plus_ms(SESSION_MS) && now < self.seen.plus_ms(IDLE_MS)
    }
}

/// A session that was found.
pub(crate) struct Found {
    pub(crate) id: String,
    pub(crate) page: Token,
}

/// A session that began: what its browser is told, once.
pub(crate) struct Begun {
    pub(crate) cookie: String,
    pub(crate) page_token: String,
}

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn begin(&self, now: Moment) -> Result<Begun, rustix::io::Errno> {
        let (cookie, page_token) = (random()?, random()?);
        let mut sessions = self.lock();
        sessions.retain(|_, session| session.holds(now));
        if sessions.len() >= SESSIONS_MAX
            && let Some(idlest) = sessions
                .iter()
                .min_by_key(|(_, session)| session.seen)
                .map(|(id, _)| id.clone())
        {
            sessions.remove(&idlest);
        }
        let session = Session {
            page: Token::of(&page_token),
            begun: now,
            seen: now,
        };
        sessions.insert(Token::of(&cookie).id(), session);
        Ok(Begun { cookie, page_token })
    }

    /// The session of a cookie. The map is ordered by hashes, so how long a look takes tells nothing of the secret.
    pub(super) fn find(&self, cookie: &str, now: Moment) -> Option<Found> {
        let id = Token::of(cookie).id();
        let mut sessions = self.lock();
        let session = sessions.get_mut(&id).filter(|session| session.holds(now))?;
        session.seen = now;
        Some(Found {
            id,
            page: session.page.clone(),
        })
    }

    /// Whether a session still holds.
    pub(crate) fn holds(&self, id: &str, now: Moment) -> bool {
        self.lock().get(id).is_some_and(|session| session.holds(now))
    }

    /// A fresh token for the page of a session: the one before no longer holds.
    pub(crate) fn renew(&self, id: &str) -> Result<Option<String>, rustix::io::Errno> {
        let page_token = random()?;
        let mut sessions = self.lock();
        let session = sessions.get_mut(id);
        Ok(session.map(|session| {
            session.page = Token::of(&page_token);
            page_token
        }))
    }

    pub(crate) fn end(&self, id: &str) {
        self.lock().remove(id);
    }
}

/// The cookie's name: browsers do not tell ports apart, so the name does.
pub(crate) fn cookie_name(port: u16) -> String {
    format!("partita-{port}")
}

pub(super) fn cookie(headers: &HeaderMap, port: u16) -> Option<&str> {
    let name = cookie_name(port);
    let lines = headers.get_all(header::COOKIE).iter();
    let mut pairs = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'));
    pairs.find_map(|pair| pair.trim().strip_prefix(&name)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_01_a_session_ends_by_itself() {
        let sessions = Sessions::default();
        let start = Moment::from_ms(1_000);
        let begun = sessions.begin(start).unwrap();
        let found = |cookie: &str, at: Moment| sessions.find(cookie, at).is_some();
        assert!(found(&begun.cookie, start));
        assert!(!found("another", start));
        assert!(
            found(&begun.cookie, start.plus_ms(IDLE_MS - 1)),
            "not idle for long enough"
        );
        assert!(
            !found(&begun.cookie, start.plus_ms(2 * IDLE_MS)),
            "idle for too long"
        );
        let steps = SESSION_MS / (IDLE_MS / 2);
        let busy = sessions.begin(start).unwrap();
        for step in 1..steps {
            assert!(
                found(&busy.cookie, start.plus_ms(step * IDLE_MS / 2)),
                "busy all the time"
            );
        }
        assert!(!found(&busy.cookie, start.plus_ms(SESSION_MS)), "busy, and over");
    }

    #[test]
    fn a_session_that_ended_is_gone_at_once() {
        let sessions = Sessions::default();
        let now = Moment::from_ms(1);
        let begun = sessions.begin(now).unwrap();
        let id = sessions.find(&begun.cookie, now).unwrap().id;
        let renewed = sessions.renew(&id).unwrap().unwrap();
        let found = sessions.find(&begun.cookie, now).unwrap();
        assert!(found.page.is(&renewed) && !found.page.is(&begun.page_token));
        sessions.end(&id);
        assert!(sessions.find(&begun.cookie, now).is_none());
        assert!(!sessions.holds(&id, now));
    }
}
