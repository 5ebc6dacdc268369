//! Takes requests apart: own extractors, so that whatever does not fit is a problem document too; and the memory of
//! answers that makes a repeated request harmless.

use super::problem::{Answer, Refused};
use super::translate::key_reused;
use crate::App;
use api::Problem;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use engine::faults::{Control, is_off};
use engine::ports::{Batch, CommitError, Idempotency};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// No body is longer.
pub(crate) const BODY_BYTES_MAX: usize = 1024 * 1024;
/// No body takes longer to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);
const KEY_BYTES_MAX: usize = 128;
const KEY_HEADER: &str = "idempotency-key";
/// What lies below is never remembered.
const LOGIN: &str = "/api/login";

/// A JSON body, in and out.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let what = format!(
            "cannot read the body of {} {}",
            request.method(),
            request.uri().path()
        );
        if !is_json(request.headers()) {
            let problem = Problem::new(415, "not_json", "the body must be JSON", what);
            return Err(problem
                .because("the request's `Content-Type` is not `application/json`")
                .into());
        }
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|error| unreadable(what.clone(), error.to_string()))?;
        parse(&bytes, what).map(Self)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    value.is_some_and(|value| {
        let kind = value.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("application/json")
    })
}

fn unreadable(what: String, because: String) -> Refused {
    Problem::new(400, "bad_json", "the body is not the JSON that is expected", what)
        .because(because)
        .into()
}

fn parse<T: DeserializeOwned>(bytes: &[u8], what: String) -> Answer<T> {
    let error = match serde_json::from_slice(bytes) {
        Ok(body) => return Ok(body),
        Err(error) => error,
    };
    if error.classify() != serde_json::error::Category::Data {
        return Err(unreadable(what, error.to_string()));
    }
    Err(
        Problem::new(422, "wrong_body", "the body is not what the route takes", what)
            .because(error.to_string())
            .hint("`GET /api/openapi.json` describes every body")
            .at(
                format!("line {}, column {}", error.line(), error.column()),
                error.to_string(),
            )
            .into(),
    )
}

/// What stands in the path.
pub(crate) struct Place<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Place<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let found = Path::<T>::from_request_parts(parts, state).await;
        found.map(|Path(found)| Self(found)).map_err(|error| {
            // What cannot be an id names nothing.
            Problem::new(
                404,
                "not_found",
                "there is nothing there",
                format!("cannot find {}", parts.uri.path()),
            )
            .because(error.body_text())
            .into()
        })
    }
}

/// What stands behind the question mark.
pub(crate) struct Parameters<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let found = Query::<T>::from_request_parts(parts, state).await;
        found.map(|Query(found)| Self(found)).map_err(|error| {
            let what = format!("cannot read the parameters of {}", parts.uri.path());
            Problem::new(
                400,
                "wrong_parameters",
                "the parameters are not what the route takes",
                what,
            )
            .because(error.body_text())
            .hint("`GET /api/openapi.json` describes every parameter")
            .into()
        })
    }
}

/// The key of a request that may be repeated, for the one batch that the request commits.
#[derive(Clone, Default)]
pub(crate) struct Keyed(Option<(String, String)>);

impl Keyed {
    /// To be committed with what is done; a repetition is given `receipt` back.
    pub(crate) fn receipt(&self, receipt: impl ToString) -> Option<Idempotency> {
        self.0.as_ref().map(|(key, body_hash)| Idempotency {
            key: format!("request/{key}"),
            body_hash: body_hash.clone(),
            answer: receipt.to_string(),
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Keyed {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

/// An answer, as it is remembered.
#[derive(Serialize, Deserialize)]
struct Remembered {
    status: u16,
    location: Option<String>,
    content_type: Option<String>,
    body: String,
}

/// Around every route: takes in the body within its limits, and gives a repeated request the answer it got before.
///
/// What a request does is committed together with its key, so it is done once whatever happens; the answer is kept
/// right after. When a crash comes between the two, the repetition is answered from what is there by then.
pub(crate) async fn remember(State(app): State<App>, request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return next.run(request).await;
    }
    remember_change(&app, request, next)
        .await
        .unwrap_or_else(Refused::into_response)
}

async fn remember_change(app: &App, request: Request, next: Next) -> Answer<Response> {
    let (mut parts, body) = request.into_parts();
    let what = format!("cannot do {} {}", parts.method, parts.uri.path());
    let body = take_in(body, &what).await?;
    let key = key_of(&parts.headers, &what)?;
    // Answers about logins hold secrets that are told once, and whoever is not logged in yet leaves nothing behind.
    let is_kept = !parts.uri.path().starts_with(LOGIN) && !is_off(Control::KeyRemembered);
    let Some(key) = key.filter(|_| is_kept) else {
        return Ok(next.run(Request::from_parts(parts, Body::from(body))).await);
    };
    let hash = fingerprint(&parts, &body);
    let turn = app.turn(&key);
    let _turn = turn.lock().await;
    let stored = format!("answer/{key}");
    let before = app.parts.reader.answered(stored.clone(), app.now()).await;
    match before.map_err(super::read_fails("look up the idempotency key"))? {
        Some(before) if before.body_hash == hash => return replay(&before.answer, what),
        Some(_) => return Err(key_reused(what).into()),
        None => {}
    }
    parts.extensions.insert(Keyed(Some((key, hash.clone()))));
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    // What broke may work the next time; what was refused stays refused under this key.
    if response.status().is_server_error() {
        return Ok(response);
    }
    keep(
        app,
        Idempotency {
            key: stored,
            body_hash: hash,
            answer: String::new(),
        },
        response,
    )
    .await
}

async fn take_in(body: Body, what: &str) -> Answer<Bytes> {
    let collected = tokio::time::timeout(BODY_TIMEOUT, axum::body::to_bytes(body, BODY_BYTES_MAX)).await;
    match collected {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(too_large(what).into()),
        Err(_) => Err(
            Problem::new(408, "too_slow", "the request took too long to arrive", what)
                .because(format!(
                    "its body was not whole after {} seconds",
                    BODY_TIMEOUT.as_secs()
                ))
                .into(),
        ),
    }
}

pub(crate) fn too_large(what: &str) -> Problem {
    Problem::new(413, "too_large", "the body is too large", what)
        .because(format!("a body has {BODY_BYTES_MAX} bytes at most"))
}

fn key_of(headers: &HeaderMap, what: &str) -> Answer<Option<String>> {
    let mut values = headers.get_all(KEY_HEADER).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let is_usable = |key: &str| {
        (1..=KEY_BYTES_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let key = value
        .to_str()
        .ok()
        .filter(|key| is_usable(key) && values.next().is_none());
    let problem = || {
        Problem::new(
            400,
            "bad_idempotency_key",
            "the idempotency key is not usable",
            what,
        )
        .because(format!(
            "one key of 1 to {KEY_BYTES_MAX} printable ASCII characters is expected"
        ))
        .at("Idempotency-Key", "not usable")
    };
    key.map(|key| Some(key.to_owned()))
        .ok_or_else(|| problem().into())
}

/// What makes two requests the same.
fn fingerprint(parts: &Parts, body: &[u8]) -> String {
    let mut hasher = Sha256::new();
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    for part in [parts.method.as_str().as_bytes(), target.as_bytes(), body] {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn replay(answer: &str, what: String) -> Answer<Response> {
    let kept: Remembered = serde_json::from_str(answer).map_err(|error| {
        Problem::new(500, "store_unreadable", "the store cannot be read", what).because(error.to_string())
    })?;
    let status = StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK);
    let mut response = (status, kept.body).into_response();
    response.headers_mut().remove(header::CONTENT_TYPE);
    let headers = [
        (header::LOCATION, kept.location),
        (header::CONTENT_TYPE, kept.content_type),
    ];
    for (name, value) in headers {
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

async fn keep(app: &App, mut entry: Idempotency, response: Response) -> Answer<Response> {
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let text = |name| parts.headers.get(name)?.to_str().ok().map(str::to_owned);
    let kept = Remembered {
        status: parts.status.as_u16(),
        location: text(header::LOCATION),
        content_type: text(header::CONTENT_TYPE),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    entry.answer = serde_json::to_string(&kept).unwrap_or_default();
    let batch = Batch {
        at: app.now(),
        appends: Vec::new(),
        idempotency: Some(entry),
        wakes: Vec::new(),
    };
    match app.parts.store.commit(batch).await {
        Ok(_) => {}
        // The request itself was done and says so when repeated; only the exact words are not kept.
        Err(CommitError::Conflict(_) | CommitError::Repeated { .. } | CommitError::KeyReused) => {}
        Err(error @ (CommitError::Full | CommitError::Down(_))) => {
            tracing::warn!(%error, "an answer was not kept for a repetition");
        }
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}
