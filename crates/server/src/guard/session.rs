//! Sessions of browsers: begun with a code, kept as hashes, ended by time, by logout, or with the port they belong to.
//! They outlive the daemon, so that a page that stays open goes on after a restart.

use super::form;
use super::kept::Kept;
use super::secret::{Token, random};
use axum::http::{HeaderMap, header};
use domain::Moment;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// No session holds longer.
pub(crate) const SESSION_MS: u64 = 12 * 60 * 60 * 1_000;
/// No session holds this long without a request.
const IDLE_MS: u64 = 2 * 60 * 60 * 1_000;
/// More sessions at once than anybody needs; the one that was idle longest goes.
pub(super) const SESSIONS_MAX: usize = 32;
/// When a session was seen last is kept this often: after a crash it counts as idle for so much longer at most.
const KEEP_MS: u64 = 60_000;

/// The sessions, by the hash of their cookie, and the port that all of them belong to.
pub(crate) struct Sessions {
    state: Mutex<State>,
    kept: Arc<Kept>,
}

/// What outlives the daemon.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pages {
    pub(super) port: Option<u16>,
    pub(super) sessions: BTreeMap<String, Session>,
}

#[derive(Default)]
struct State {
    pages: Pages,
    serial: u64,
    kept_at: Moment,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) page: Token,
    pub(super) begun: Moment,
    pub(super) seen: Moment,
}

impl Session {
    pub(super) fn holds(&self, now: Moment) -> bool {
        now < self.begun.plus_ms(SESSION_MS) && now < self.seen.plus_ms(IDLE_MS)
    }
}

/// A session that was found.
pub(crate) struct Found {
    pub(crate) id: String,
    pub(crate) page: Token,
    /// It was seen so long after the last time this was kept that it should be kept again.
    pub(crate) is_due: bool,
}

/// A session that began: what its browser is told, once.
pub(crate) struct Begun {
    pub(crate) cookie: String,
    pub(crate) page_token: String,
}

impl Sessions {
    /// The sessions that an earlier daemon left in this file and that still hold. Where it cannot be believed, none.
    pub(crate) fn open(path: PathBuf, now: Moment) -> Self {
        let kept = Kept::at(path.clone());
        let pages = match kept.read().and_then(|text| form::read(text.as_deref(), now)) {
            Ok(pages) => pages,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "sessions of pages are not taken over");
                Pages::default()
            }
        };
        let state = State {
            pages,
            serial: 0,
            kept_at: now,
        };
        Self {
            state: Mutex::new(state),
            kept: Arc::new(kept),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins one at a port. Those of another port end: whoever listens there by now is given their cookies.
    pub(crate) fn begin(&self, port: u16, now: Moment) -> Result<Begun, rustix::io::Errno> {
        let (cookie, page_token) = (random()?, random()?);
        let mut state = self.lock();
        state.pages.belong_to(port);
        let sessions = &mut state.pages.sessions;
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
        let mut state = self.lock();
        let is_due = now >= state.kept_at.plus_ms(KEEP_MS);
        let session = state.pages.sessions.get_mut(&id);
        let session = session.filter(|session| session.holds(now))?;
        session.seen = now;
        let page = session.page.clone();
        if is_due {
            state.kept_at = now;
        }
        Some(Found { id, page, is_due })
    }

    /// Whether a session still holds.
    pub(crate) fn holds(&self, id: &str, now: Moment) -> bool {
        let state = self.lock();
        let session = state.pages.sessions.get(id);
        session.is_some_and(|session| session.holds(now))
    }

    /// A fresh token for the page of a session: the one before no longer holds.
    pub(crate) fn renew(&self, id: &str) -> Result<Option<String>, rustix::io::Errno> {
        let page_token = random()?;
        let mut state = self.lock();
        let session = state.pages.sessions.get_mut(id);
        Ok(session.map(|session| {
            session.page = Token::of(&page_token);
            page_token
        }))
    }

    pub(crate) fn end(&self, id: &str) {
        self.lock().pages.sessions.remove(id);
    }

    /// The port that pages were opened at.
    pub(crate) fn port(&self) -> Option<u16> {
        self.lock().pages.port
    }

    /// From now on, and after a restart, pages are at this port.
    pub(crate) fn belong_to(&self, port: u16) {
        self.lock().pages.belong_to(port);
    }

    /// The port is given up, and with it every session.
    pub(crate) fn give_up(&self) {
        self.lock().pages = Pages::default();
    }

    /// Keeps what is so for the next daemon.
    pub(crate) async fn keep(&self, now: Moment) -> io::Result<()> {
        let (serial, text) = self.snapshot(now);
        let kept = Arc::clone(&self.kept);
        blocking(move || kept.write(serial, &text)).await
    }

    /// Keeps what is so, or nothing at all: what was ended does not come back with the next daemon.
    pub(crate) async fn keep_or_forget(&self, now: Moment) -> io::Result<()> {
        let (serial, text) = self.snapshot(now);
        let kept = Arc::clone(&self.kept);
        blocking(move || {
            kept.write(serial, &text).or_else(|error| {
                tracing::warn!(%error, "no session of a page outlives this daemon");
                kept.forget()
            })
        })
        .await
    }

    fn snapshot(&self, now: Moment) -> (u64, Vec<u8>) {
        let mut state = self.lock();
        state.pages.sessions.retain(|_, session| session.holds(now));
        state.serial += 1;
        state.kept_at = now;
        (state.serial, form::write(&state.pages))
    }
}

impl Pages {
    fn belong_to(&mut self, port: u16) {
        if self.port != Some(port) {
            self.port = Some(port);
            self.sessions.clear();
        }
    }
}

async fn blocking(work: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<()> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(io::Error::other(error)))
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
    use tempfile::TempDir;

    const PORT: u16 = 7_777;
    const START: Moment = Moment::from_ms(1_700_000_000_000);

    fn sessions(folder: &TempDir, now: Moment) -> Sessions {
        Sessions::open(folder.path().join("page.json"), now)
    }

    fn folder() -> TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn a_01_a_session_ends_by_itself() {
        let sessions = sessions(&folder(), START);
        let begun = sessions.begin(PORT, START).unwrap();
        let found = |cookie: &str, at: Moment| sessions.find(cookie, at).is_some();
        assert!(found(&begun.cookie, START));
        assert!(!found("another", START));
        assert!(
            found(&begun.cookie, START.plus_ms(IDLE_MS - 1)),
            "not idle for long enough"
        );
        assert!(
            !found(&begun.cookie, START.plus_ms(2 * IDLE_MS)),
            "idle for too long"
        );
        let steps = SESSION_MS / (IDLE_MS / 2);
        let busy = sessions.begin(PORT, START).unwrap();
        for step in 1..steps {
            assert!(
                found(&busy.cookie, START.plus_ms(step * IDLE_MS / 2)),
                "busy all the time"
            );
        }
        assert!(!found(&busy.cookie, START.plus_ms(SESSION_MS)), "busy, and over");
    }

    #[test]
    fn a_session_that_ended_is_gone_at_once() {
        let sessions = sessions(&folder(), START);
        let begun = sessions.begin(PORT, START).unwrap();
        let id = sessions.find(&begun.cookie, START).unwrap().id;
        let renewed = sessions.renew(&id).unwrap().unwrap();
        let found = sessions.find(&begun.cookie, START).unwrap();
        assert!(found.page.is(&renewed) && !found.page.is(&begun.page_token));
        sessions.end(&id);
        assert!(sessions.find(&begun.cookie, START).is_none());
        assert!(!sessions.holds(&id, START));
    }

    #[tokio::test]
    async fn a_session_outlives_the_daemon_and_its_clocks_go_on() {
        let folder = folder();
        let first = sessions(&folder, START);
        let idle = first.begin(PORT, START).unwrap();
        let busy = first.begin(PORT, START).unwrap();
        first.keep(START).await.unwrap();
        let mut now = START;
        // Seen again and again, each time by another daemon.
        for _ in 0..11 {
            now = now.plus_ms(SESSION_MS / 12);
            let next = sessions(&folder, now);
            assert_eq!(next.port(), Some(PORT));
            let found = next.find(&busy.cookie, now).expect("busy all the time");
            assert!(found.page.is(&busy.page_token));
            next.keep(now).await.unwrap();
            let is_idle = now >= START.plus_ms(IDLE_MS);
            assert_eq!(next.holds(&Token::of(&idle.cookie).id(), now), !is_idle);
        }
        let end = START.plus_ms(SESSION_MS);
        assert!(sessions(&folder, end).find(&busy.cookie, end).is_none(), "over");
    }

    #[test]
    fn a_session_that_is_seen_again_and_again_is_kept_once_in_a_while() {
        let sessions = sessions(&folder(), START);
        let begun = sessions.begin(PORT, START).unwrap();
        let is_due = |ms: u64| sessions.find(&begun.cookie, START.plus_ms(ms)).unwrap().is_due;
        let seen = [KEEP_MS - 1, KEEP_MS, KEEP_MS + 1, 2 * KEEP_MS].map(is_due);
        assert_eq!(seen, [false, true, false, true]);
    }

    #[tokio::test]
    async fn a_session_that_ended_does_not_come_back_with_the_next_daemon() {
        let folder = folder();
        let first = sessions(&folder, START);
        let [one, two] = [(); 2].map(|()| first.begin(PORT, START).unwrap());
        first.keep(START).await.unwrap();
        first.end(&first.find(&one.cookie, START).unwrap().id);
        first.keep_or_forget(START).await.unwrap();
        let second = sessions(&folder, START);
        assert!(second.find(&one.cookie, START).is_none());
        assert!(second.find(&two.cookie, START).is_some());
        // Where nothing can be written, nobody is logged in after a restart rather than somebody too many.
        std::fs::create_dir(folder.path().join("page.new")).unwrap();
        second.end(&second.find(&two.cookie, START).unwrap().id);
        assert!(
            second.keep(START).await.is_err(),
            "the test means a write to fail"
        );
        second.keep_or_forget(START).await.unwrap();
        assert!(sessions(&folder, START).find(&two.cookie, START).is_none());
    }

    #[tokio::test]
    async fn the_sessions_of_a_port_end_with_it() {
        let folder = folder();
        let first = sessions(&folder, START);
        let begun = first.begin(PORT, START).unwrap();
        first.belong_to(PORT);
        assert!(first.find(&begun.cookie, START).is_some(), "the same port");
        first.belong_to(PORT + 1);
        assert!(first.find(&begun.cookie, START).is_none());
        first.begin(PORT + 1, START).unwrap();
        first.give_up();
        first.keep_or_forget(START).await.unwrap();
        assert_eq!(sessions(&folder, START).port(), None);
    }

    #[tokio::test]
    async fn no_secret_is_in_the_file() {
        let folder = folder();
        let first = sessions(&folder, START);
        let begun = first.begin(PORT, START).unwrap();
        first.keep(START).await.unwrap();
        let text = std::fs::read_to_string(folder.path().join("page.json")).unwrap();
        assert!(
            !text.contains(&begun.cookie) && !text.contains(&begun.page_token),
            "{text}"
        );
        assert!(text.contains(&Token::of(&begun.cookie).id()), "{text}");
    }
}
