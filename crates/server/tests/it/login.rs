//! Logging in: a code of the socket becomes a session of a page, and a session alone changes nothing.

use crate::world::{PORT, Reply, TOKEN, World, request};
use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value as Json, json};

const ORIGIN: &str = "http://127.0.0.1:7777";

pub(crate) struct Page {
    pub(crate) cookie: String,
    pub(crate) token: String,
}

async fn code(world: &World) -> String {
    let reply = world.act("/api/login/code").await;
    assert_eq!(reply.status, 201, "{reply:?}");
    reply.json()["code"].as_str().unwrap().to_owned()
}

fn from_page(method: &str, path: &str, body: Option<Json>) -> Request<Body> {
    let mut request = request(method, path, body);
    let headers = request.headers_mut();
    headers.insert(header::HOST, format!("127.0.0.1:{PORT}").parse().unwrap());
    headers.insert(header::ORIGIN, ORIGIN.parse().unwrap());
    headers.insert("sec-fetch-site", "same-origin".parse().unwrap());
    request
}

fn on(page: &Page, mut request: Request<Body>, with_token: bool) -> Request<Body> {
    request.headers_mut().insert(
        header::COOKIE,
        format!("other=1; {}", page.cookie).parse().unwrap(),
    );
    if with_token {
        request
            .headers_mut()
            .insert(api::PAGE_TOKEN_HEADER, page.token.parse().unwrap());
    }
    request
}

fn cookie_of(reply: &Reply) -> String {
    let cookie = reply.headers[header::SET_COOKIE].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

pub(crate) async fn log_in(world: &World) -> Page {
    let code = code(world).await;
    let reply = world
        .send_tcp(from_page("POST", "/api/login", Some(json!({"code": code}))))
        .await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let cookie = reply.headers[header::SET_COOKIE].to_str().unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "partita-7777="] {
        assert!(cookie.contains(part), "{cookie}");
    }
    Page {
        cookie: cookie_of(&reply),
        token: reply.json()["page_token"].as_str().unwrap().to_owned(),
    }
}

#[tokio::test]
async fn a_01_a_code_becomes_a_session_once() {
    let world = World::new().await;
    let code = code(&world).await;
    let exchange = || from_page("POST", "/api/login", Some(json!({"code": code})));
    assert_eq!(world.send_tcp(exchange()).await.status, 200);
    world.send_tcp(exchange()).await.refused(401, "wrong_code");
    let by_token = request("POST", "/api/login/code", None);
    let (mut parts, body) = by_token.into_parts();
    parts
        .headers
        .insert(header::HOST, format!("127.0.0.1:{PORT}").parse().unwrap());
    parts
        .headers
        .insert(header::AUTHORIZATION, format!("Bearer {TOKEN}").parse().unwrap());
    world
        .send_tcp(Request::from_parts(parts, body))
        .await
        .refused(403, "socket_only");
}

#[tokio::test]
async fn a_cookie_of_a_session_that_is_over_keeps_nobody_from_logging_in() {
    let world = World::new().await;
    let old = Page {
        cookie: format!("partita-{PORT}={}", "0".repeat(64)),
        token: "0".repeat(64),
    };
    let known = log_in(&world).await;
    for (page, with_token) in [(&old, false), (&old, true), (&known, false)] {
        let code = code(&world).await;
        let ask = from_page("POST", "/api/login", Some(json!({"code": code})));
        let reply = world.send_tcp(on(page, ask, with_token)).await;
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    let wrong = from_page("POST", "/api/login", Some(json!({"code": "guessed"})));
    world
        .send_tcp(on(&known, wrong, true))
        .await
        .refused(401, "wrong_code");
}

#[tokio::test]
async fn a_06_a_session_reads_and_only_its_page_changes() {
    let world = World::new().await;
    let page = log_in(&world).await;
    let read = world
        .send_tcp(on(&page, from_page("GET", "/api/status", None), false))
        .await;
    assert_eq!(read.status, 200);
    let create = || from_page("POST", "/api/work-units", Some(json!({"chunk": "one"})));
    world
        .send_tcp(on(&page, create(), false))
        .await
        .refused(403, "page_token_missing");
    let stolen = Page {
        token: "f".repeat(64),
        cookie: page.cookie.clone(),
    };
    world
        .send_tcp(on(&stolen, create(), true))
        .await
        .refused(403, "page_token_missing");
    assert_eq!(world.position().await, 0);
    assert_eq!(world.send_tcp(on(&page, create(), true)).await.status, 201);

    // What has the cookie alone, as every other port of this host may, gets no token for it.
    world
        .send_tcp(on(&page, from_page("GET", "/api/login", None), false))
        .await
        .refused(403, "page_token_missing");
    let renewed = world
        .send_tcp(on(&page, from_page("GET", "/api/login", None), true))
        .await
        .json();
    let next = Page {
        token: renewed["page_token"].as_str().unwrap().to_owned(),
        cookie: page.cookie.clone(),
    };
    let patch = || from_page("PATCH", "/api/work-units/one", Some(json!({"priority": 1})));
    world
        .send_tcp(on(&page, patch(), true))
        .await
        .refused(403, "page_token_missing");
    assert_eq!(world.send_tcp(on(&next, patch(), true)).await.status, 200);
}

#[tokio::test]
async fn a_05_a_cookie_opens_no_feed_for_a_foreign_page() {
    let world = World::new().await;
    let page = log_in(&world).await;
    let upgrade = |origin: Option<&str>| {
        let mut request = on(&page, from_page("GET", "/api/feed", None), false);
        let headers = request.headers_mut();
        headers.remove(header::ORIGIN);
        headers.remove("sec-fetch-site");
        headers.insert(header::CONNECTION, "upgrade".parse().unwrap());
        headers.insert(header::UPGRADE, "websocket".parse().unwrap());
        headers.insert("sec-websocket-version", "13".parse().unwrap());
        headers.insert("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==".parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        request
    };
    for origin in [
        Some("http://attacker.example"),
        Some("null"),
        Some("https://127.0.0.1:7777"),
        None,
    ] {
        world
            .send_tcp(upgrade(origin))
            .await
            .refused(403, "foreign_origin");
    }
}

#[tokio::test]
async fn a_11_a_session_that_was_ended_is_refused_at_once() {
    let world = World::new().await;
    let page = log_in(&world).await;
    let feed = world
        .raw(world.tcp(), on(&page, from_page("GET", "/api/feed", None), false))
        .await;
    assert_eq!(feed.status(), 200);
    let ended = world
        .send_tcp(on(&page, from_page("DELETE", "/api/login", None), true))
        .await;
    assert_eq!(ended.status, 204);
    world
        .send_tcp(on(&page, from_page("GET", "/api/status", None), false))
        .await
        .refused(401, "unauthenticated");
    let rest = tokio::time::timeout(crate::world::PATIENCE, Reply::of(feed))
        .await
        .unwrap();
    assert!(rest.text.contains("logged_out"), "{}", rest.text);
}

#[tokio::test]
async fn a_70_guessed_codes_are_slowed_down() {
    let world = World::new().await;
    let guess = || from_page("POST", "/api/login", Some(json!({"code": "guess"})));
    for _ in 0..10 {
        world.send_tcp(guess()).await.refused(401, "wrong_code");
    }
    let slowed = world.send_tcp(guess()).await;
    slowed.refused(429, "too_many_logins");
    assert!(slowed.headers.contains_key(header::RETRY_AFTER));
}

#[tokio::test]
async fn a_60_codes_and_page_tokens_are_never_kept_for_a_repetition() {
    let world = World::new().await;
    let keyed = |mut request: Request<Body>| {
        request
            .headers_mut()
            .insert("idempotency-key", "the-same".parse().unwrap());
        request
    };
    let ask = || keyed(request("POST", "/api/login/code", None));
    let first = world.send(ask()).await.json()["code"].clone();
    let second = world.send(ask()).await.json()["code"].clone();
    assert_ne!(first, second, "a code is given once");
    let exchange = || keyed(from_page("POST", "/api/login", Some(json!({"code": first}))));
    let begun = world.send_tcp(exchange()).await;
    assert_eq!(begun.status, 200);
    world.send_tcp(exchange()).await.refused(401, "wrong_code");
    let secrets = [
        first.as_str().unwrap().to_owned(),
        second.as_str().unwrap().to_owned(),
        begun.json()["page_token"].as_str().unwrap().to_owned(),
        cookie_of(&begun).split_once('=').unwrap().1.to_owned(),
    ];
    let home = world.folder.path().join("home");
    let mut files = 0;
    for entry in std::fs::read_dir(&home).unwrap() {
        let path = entry.unwrap().path();
        if !path.is_file() || path.ends_with("ballast") {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        for secret in &secrets {
            let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!found, "{}", path.display());
        }
        files += 1;
    }
    assert!(files >= 2, "the database and the sessions were looked at");
}

#[tokio::test]
async fn a_session_and_its_page_go_on_after_a_restart() {
    let world = World::new().await;
    let (page, gone) = (log_in(&world).await, log_in(&world).await);
    let ended = world
        .send_tcp(on(&gone, from_page("DELETE", "/api/login", None), true))
        .await;
    assert_eq!(ended.status, 204);
    let unused = code(&world).await;

    let world = world.reopen().await;
    let read = || from_page("GET", "/api/status", None);
    assert_eq!(world.send_tcp(on(&page, read(), false)).await.status, 200);
    let create = || from_page("POST", "/api/work-units", Some(json!({"chunk": "one"})));
    world
        .send_tcp(on(&page, create(), false))
        .await
        .refused(403, "page_token_missing");
    assert_eq!(world.send_tcp(on(&page, create(), true)).await.status, 201);
    world
        .send_tcp(on(&gone, read(), false))
        .await
        .refused(401, "unauthenticated");
    world
        .send_tcp(from_page("POST", "/api/login", Some(json!({"code": unused}))))
        .await
        .refused(401, "wrong_code");
}

#[tokio::test]
async fn a_11_a_feed_that_still_catches_up_ends_with_its_session_too() {
    let world = World::new().await;
    world.post("/api/work-units", json!({"chunk": "one"})).await;
    for priority in 1..200 {
        let changed = world
            .patch("/api/work-units/one", json!({"priority": priority}))
            .await;
        assert_eq!(changed.status, 200);
    }
    let page = log_in(&world).await;
    let ask = from_page("GET", "/api/feed?after=0", None);
    // It takes nothing yet, so all of the history is still before it.
    let feed = world.raw(world.tcp(), on(&page, ask, false)).await;
    let ended = world
        .send_tcp(on(&page, from_page("DELETE", "/api/login", None), true))
        .await;
    assert_eq!(ended.status, 204);
    let rest = tokio::time::timeout(crate::world::PATIENCE, Reply::of(feed))
        .await
        .unwrap();
    assert!(rest.text.contains("logged_out"), "{}", rest.text);
    let frames = rest.text.matches("work_unit_update").count();
    assert!(frames < 100, "{frames} frames after the end");
}

#[tokio::test]
async fn an_old_cookie_keeps_nobody_from_logging_in() {
    let world = World::new().await;
    let old = Page {
        cookie: "partita-7777=ended".to_owned(),
        token: "f".repeat(64),
    };
    let code = code(&world).await;
    let exchange = from_page("POST", "/api/login", Some(json!({"code": code})));
    let begun = world.send_tcp(on(&old, exchange, false)).await;
    assert_eq!(begun.status, 200, "{begun:?}");
}
