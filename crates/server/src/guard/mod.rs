//! The one outermost layer, for HTTP and WebSocket alike: who may ask anything at all.
//!
//! In this order: size, Host, Origin, `Sec-Fetch-Site`, who it is. Hosts and origins are compared with fixed lists,
//! never with each other. What a proxy might say (`X-Forwarded-*`, `Forwarded`) is not read anywhere.

mod form;
mod headers;
mod kept;
mod login;
mod secret;
mod session;
mod stance;

pub(crate) use login::{CODE_MS, Exchange, Logins};
pub use secret::Token;
pub(crate) use session::{SESSION_MS, Sessions, cookie_name};
pub use stance::{Peer, Stance};

use crate::App;
use crate::page;
use crate::reply::{BODY_BYTES_MAX, Refused, too_large};
use api::{PAGE_TOKEN_HEADER, Problem};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use engine::faults::{Control, is_off};
use std::sync::Arc;

const LOGIN: &str = "/api/login";
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Who asks, once the guard let them in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// The owner, over the socket.
    Socket,
    /// The owner, over TCP with the token.
    Token,
    /// The owner, in a browser.
    Page {
        /// Which session.
        session: String,
    },
    /// Anybody, at the files of the page and at the one route where a login begins.
    Stranger,
}

impl Caller {
    /// How events name them.
    pub(crate) const fn by(&self) -> &'static str {
        match self {
            Self::Socket => "owner (socket)",
            Self::Token => "owner (token)",
            Self::Page { .. } => "owner (page)",
            Self::Stranger => "nobody",
        }
    }
}

/// Lets a request in, or refuses it without telling more than the layer that refused.
pub(crate) async fn guard(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let response = match admit(&app, &request) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refused) => {
            let (method, code) = (request.method(), &refused.0.code);
            tracing::warn!(target: "audit", %method, code, "the guard refused a request");
            refused.into_response()
        }
    };
    headers::seal(response)
}

fn admit(app: &App, request: &Request) -> Result<Caller, Refused> {
    let headers = request.headers();
    check_size(headers)?;
    let Some(peer) = request.extensions().get::<Peer>() else {
        return Err(refuse(403, "unknown_peer", "the way in is not known"));
    };
    check_host(peer, request)?;
    check_origin(peer, headers)?;
    check_fetch_site(request)?;
    match peer {
        Peer::Unix { uid } if is_us(*uid) => Ok(Caller::Socket),
        Peer::Unix { .. } => Err(refuse(403, "foreign_user", "the socket answers its owner only")),
        Peer::Tcp(stance) => authenticate(app, stance, request),
    }
}

fn is_us(uid: u32) -> bool {
    uid == rustix::process::geteuid().as_raw() || is_off(Control::PeerUser)
}

fn refuse(status: u16, code: &str, title: &str) -> Refused {
    Problem::new(status, code, title, "the request was refused").into()
}

fn check_size(headers: &HeaderMap) -> Result<(), Refused> {
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    let length: Option<usize> = length.and_then(|length| length.parse().ok());
    match length {
        Some(length) if length > BODY_BYTES_MAX && !is_off(Control::GuardSize) => {
            Err(too_large("the request was refused").into())
        }
        Some(_) | None => Ok(()),
    }
}

/// Exactly one value, and that one readable.
fn only(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

fn check_host(peer: &Peer, request: &Request) -> Result<(), Refused> {
    let is_ours = |host: &str| match peer {
        Peer::Unix { .. } => matches!(host, "localhost" | "partita"),
        Peer::Tcp(stance) => stance.hosts().any(|ours| ours == host),
    };
    // A target with a host of its own would go past the header.
    let target = request.uri().authority().map(|authority| authority.as_str());
    let is_fine = only(request.headers(), header::HOST).is_some_and(is_ours) && target.is_none_or(is_ours);
    if is_fine || is_off(Control::GuardHost) {
        Ok(())
    } else {
        Err(refuse(
            403,
            "foreign_host",
            "the Host is not one of this daemon's",
        ))
    }
}

fn check_origin(peer: &Peer, headers: &HeaderMap) -> Result<(), Refused> {
    if !headers.contains_key(header::ORIGIN) || is_off(Control::GuardOrigin) {
        return Ok(());
    }
    let is_ours = |origin: &str| match peer {
        // No page comes over the socket.
        Peer::Unix { .. } => false,
        Peer::Tcp(stance) => stance.origins().any(|ours| ours == origin),
    };
    if only(headers, header::ORIGIN).is_some_and(is_ours) {
        Ok(())
    } else {
        Err(refuse(
            403,
            "foreign_origin",
            "the Origin is not one of this daemon's",
        ))
    }
}

fn check_fetch_site(request: &Request) -> Result<(), Refused> {
    let headers = request.headers();
    if !headers.contains_key(FETCH_SITE) || is_off(Control::GuardSite) {
        return Ok(());
    }
    match only(headers, FETCH_SITE) {
        Some("same-origin") => Ok(()),
        // Somebody typed the address: that changes nothing.
        Some("none") if is_read(request.method()) => Ok(()),
        // Somebody clicked on a link to the page: that shows them the page, and tells the site with the link nothing.
        Some("same-site" | "cross-site") if is_click(headers) && is_page(request, page::is_document) => {
            Ok(())
        }
        Some(_) | None => Err(refuse(403, "foreign_site", "the request comes from another site")),
    }
}

/// A browser's own word that a person went there, in a tab and not in a frame.
fn is_click(headers: &HeaderMap) -> bool {
    let says = |name, value| only(headers, HeaderName::from_static(name)) == Some(value);
    says("sec-fetch-mode", "navigate") && says("sec-fetch-dest", "document") && says("sec-fetch-user", "?1")
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

fn is_page(request: &Request, part: fn(&Request) -> bool) -> bool {
    is_read(request.method()) && part(request)
}

fn authenticate(app: &App, stance: &Stance, request: &Request) -> Result<Caller, Refused> {
    let headers = request.headers();
    if is_off(Control::GuardLogin) {
        return Ok(Caller::Token);
    }
    if headers.contains_key(header::AUTHORIZATION) {
        let bearer = only(headers, header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        let is_known = bearer.is_some_and(|token| stance.token().is(token));
        return if is_known {
            Ok(Caller::Token)
        } else {
            Err(unknown())
        };
    }
    // Whatever cookie comes along: an old one must not keep anybody from the page that tells them to log in.
    if is_page(request, page::is_file) {
        return Ok(Caller::Stranger);
    }
    // Nor from logging in: whoever has a code needs nothing else, and cannot get rid of a cookie.
    if request.method() == Method::POST && request.uri().path() == LOGIN {
        return Ok(Caller::Stranger);
    }
    let cookie = session::cookie(headers, stance.port()).ok_or_else(unknown)?;
    by_cookie(app, cookie, request)
}

/// Cookies do not tell ports apart and come along by themselves: whatever else the person opens at this host is given
/// ours, the preview that an agent serves for instance. So a cookie is not enough to change anything, nor to get the
/// token that changes need: only the page that logged in has it. With a WebSocket the Origin decides.
fn by_cookie(app: &App, cookie: &str, request: &Request) -> Result<Caller, Refused> {
    let headers = request.headers();
    let now = app.now();
    let session = app.sessions.find(cookie, now).ok_or_else(unknown)?;
    if session.is_due {
        let sessions = Arc::clone(&app.sessions);
        // Nobody waits for it: where it fails, the session counts as idle since the time before.
        tokio::spawn(async move {
            if let Err(error) = sessions.keep(now).await {
                tracing::warn!(%error, "when sessions were seen is not kept");
            }
        });
    }
    let is_upgrade = headers.contains_key(header::UPGRADE);
    if is_upgrade && !headers.contains_key(header::ORIGIN) {
        return Err(refuse(
            403,
            "foreign_origin",
            "a page's WebSocket says where it comes from",
        ));
    }
    let is_safe = *request.method() == Method::GET && request.uri().path() != LOGIN;
    let token = only(headers, HeaderName::from_static(PAGE_TOKEN_HEADER));
    if is_safe || token.is_some_and(|token| session.page.is(token)) || is_off(Control::PageToken) {
        Ok(Caller::Page { session: session.id })
    } else {
        Err(
            refuse(403, "page_token_missing", "this needs the page's own token")
                .hint("a page that lost its token logs in again; `partita ui` gives a code"),
        )
    }
}

fn unknown() -> Refused {
    let problem = Problem::new(
        401,
        "unauthenticated",
        "this needs the daemon's owner",
        "the request was refused",
    );
    Refused::from(problem)
        .hint("send `Authorization: Bearer TOKEN`, or log in with a code; `partita ui` gives one")
}
