//! Logging in over TCP: the socket gives a code, a page exchanges it for a session.

use crate::App;
use crate::guard::{CODE_MS, Caller, Exchange, Peer, SESSION_MS, cookie_name};
use crate::reply::{Answer, Json, Refused};
use api::{Login, LoginAsk, LoginCode, Problem};
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

const WHAT: &str = "cannot log in";

/// Gives a code that a browser can exchange once, within a minute. Only over the socket.
#[utoipa::path(post, path = "/api/login/code", tag = "login", responses((status = 201, body = LoginCode), Refused))]
pub(super) async fn code(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Answer<impl IntoResponse> {
    if caller != Caller::Socket {
        let problem = Problem::new(
            403,
            "socket_only",
            "only the socket gives codes",
            "cannot give a login code",
        );
        return Err(problem.hint("`partita ui` asks over the socket").into());
    }
    let code = app.logins.give(app.now()).map_err(no_randomness)?;
    Ok((
        StatusCode::CREATED,
        Json(LoginCode {
            code,
            expires_in_s: CODE_MS / 1_000,
        }),
    ))
}

/// Exchanges a code for a session: its cookie comes with the answer.
#[utoipa::path(
    post,
    path = "/api/login",
    tag = "login",
    request_body = LoginAsk,
    responses((status = 200, body = Login), Refused)
)]
pub(super) async fn begin(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    Json(ask): Json<LoginAsk>,
) -> Answer<Response> {
    let Peer::Tcp(stance) = peer else {
        let problem = Problem::new(409, "no_login_needed", "the socket needs no login", WHAT);
        return Err(problem.into());
    };
    match app.logins.exchange(&ask.code, app.now()) {
        Exchange::Taken => {}
        Exchange::Wrong => {
            tracing::warn!(target: "audit", port = stance.port(), "a login code that does not hold");
            let problem = Problem::new(401, "wrong_code", "the code does not hold", WHAT)
                .because("it is wrong, was used before, or is older than a minute")
                .hint("`partita ui` gives another one");
            return Err(problem.into());
        }
        Exchange::TooMany(ms) => return Ok(slow_down(ms)),
    }
    let begun = app
        .sessions
        .begin(stance.port(), app.now())
        .map_err(no_randomness)?;
    keep(&app).await;
    tracing::info!(target: "audit", port = stance.port(), "a browser logged in");
    let seconds = SESSION_MS / 1_000;
    let name = cookie_name(stance.port());
    let cookie = format!(
        "{name}={}; HttpOnly; SameSite=Strict; Path=/; Max-Age={seconds}",
        begun.cookie
    );
    let body = Json(Login {
        page_token: begun.page_token,
        expires_in_s: seconds,
    });
    Ok(with_cookie(body.into_response(), &cookie))
}

/// Gives the page of a session a new token for the one that it has, which no longer holds. The cookie alone is not
/// enough: a page keeps its token in the storage of its origin, which other ports do not see.
#[utoipa::path(get, path = "/api/login", tag = "login", responses((status = 200, body = Login), Refused))]
pub(super) async fn renew(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Answer<Json<Login>> {
    let Caller::Page { session } = caller else {
        return Err(no_session());
    };
    let page_token = app
        .sessions
        .renew(&session)
        .map_err(no_randomness)?
        .ok_or_else(no_session)?;
    keep(&app).await;
    Ok(Json(Login {
        page_token,
        expires_in_s: SESSION_MS / 1_000,
    }))
}

/// Ends the session, and every feed that it reads.
#[utoipa::path(delete, path = "/api/login", tag = "login", responses((status = 204), Refused))]
pub(super) async fn end(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(peer): Extension<Peer>,
) -> Answer<Response> {
    let (Caller::Page { session }, Peer::Tcp(stance)) = (caller, peer) else {
        return Err(no_session());
    };
    app.sessions.end(&session);
    tracing::info!(target: "audit", port = stance.port(), "a browser logged out");
    app.sessions.keep_or_forget(app.now()).await.map_err(not_kept)?;
    let name = cookie_name(stance.port());
    let cookie = format!("{name}=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0");
    Ok(with_cookie(StatusCode::NO_CONTENT.into_response(), &cookie))
}

/// A session that cannot be kept holds as long as the daemon does.
async fn keep(app: &App) {
    if let Err(error) = app.sessions.keep(app.now()).await {
        tracing::warn!(%error, "a session of a page does not outlive this daemon");
    }
}

fn not_kept(error: std::io::Error) -> Refused {
    let problem = Problem::new(
        500,
        "end_not_kept",
        "the end is not kept",
        "cannot end the session for good",
    );
    Refused::from(problem.because(format!("it has ended, and a restart may bring it back: {error}")))
        .hint("make the home writable, then run `partita ui --close`")
}

fn no_session() -> Refused {
    Problem::new(
        409,
        "no_session",
        "there is no session",
        "cannot find the session",
    )
    .because("the request did not come with a session's cookie")
    .into()
}

fn no_randomness(error: rustix::io::Errno) -> Refused {
    Problem::new(500, "no_randomness", "the system gives no randomness", WHAT)
        .because(error.to_string())
        .into()
}

fn slow_down(ms: u64) -> Response {
    let problem = Problem::new(429, "too_many_logins", "too many wrong codes", WHAT)
        .because("ten wrong codes came within a minute");
    let mut response = Refused::from(problem).into_response();
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from(ms.div_ceil(1_000)));
    response
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}
