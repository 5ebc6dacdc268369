//! The guard, under every attack of the matrix, on every route that the router has.

use crate::world::{PORT, Reply, TOKEN, World};
use axum::body::Body;
use axum::http::{HeaderValue, Request, header};
use cases::Case;
use server::{Peer, Route, routes};

/// A request to a route, as its owner would make it over TCP.
fn to(route: &Route) -> axum::http::request::Builder {
    let path = route
        .path
        .replace("{chunk}", "one")
        .replace("{name}", "review")
        .replace("{step}", "fold");
    let id = "00000000-0000-0000-0000-000000000001";
    let path = path.replace("{id}", id).replace("{chat_id}", id);
    Request::builder()
        .method(route.method)
        .uri(path)
        .header(header::HOST, format!("127.0.0.1:{PORT}"))
        .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
}

fn with(route: &Route, name: header::HeaderName, value: Option<&str>) -> Request<Body> {
    let mut request = to(route).body(Body::empty()).unwrap();
    request.headers_mut().remove(&name);
    if let Some(value) = value {
        request
            .headers_mut()
            .insert(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    request
}

async fn world() -> World {
    let world = World::new().await;
    world
        .post("/api/work-units", serde_json::json!({"chunk": "one"}))
        .await;
    world
}

fn assert_sealed(reply: &Reply) {
    assert_eq!(reply.headers["x-content-type-options"], "nosniff");
    assert_eq!(reply.headers["referrer-policy"], "no-referrer");
    let policy = reply.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let has_cors = reply
        .headers
        .keys()
        .any(|name| name.as_str().starts_with("access-control-"));
    assert!(!has_cors, "{reply:?}");
}

#[tokio::test]
async fn a_07_every_route_of_the_router_is_behind_the_guard() {
    let mut case = Case::open("A-07");
    let routes = routes();
    assert!(routes.len() >= 40, "{}", routes.len());
    let world = world().await;
    let before = world.position().await;
    for route in &routes {
        // Nobody says by which way this came, so nothing may answer.
        let request = to(route).body(Body::empty()).unwrap();
        let response = tower::ServiceExt::oneshot(server::router(world.app.clone()), request)
            .await
            .unwrap();
        case.tried();
        Reply::of(response).await.refused(403, "unknown_peer");
        case.hit();
    }
    assert_eq!(world.position().await, before);
    case.pass(40);
}

#[tokio::test]
async fn a_01_without_the_token_nothing_is_answered() {
    let mut case = Case::open("A-01");
    let world = world().await;
    let before = world.position().await;
    let longer = format!("{TOKEN}0");
    let wrong = [
        None,
        Some(String::new()),
        Some("Bearer ".to_owned()),
        Some(format!("Bearer {}", "f".repeat(64))),
        Some(format!("Bearer {}", &TOKEN[..63])),
        Some(format!("Bearer {longer}")),
        Some(TOKEN.to_owned()),
        Some(format!("bearer {TOKEN}")),
        Some(format!("Basic {TOKEN}")),
        Some(format!("Bearer  {TOKEN}")),
    ];
    for route in routes() {
        for value in &wrong {
            let is_login = route.path == "/api/login" && route.method == "POST" && value.is_none();
            let reply = world
                .send_tcp(with(&route, header::AUTHORIZATION, value.as_deref()))
                .await;
            assert_sealed(&reply);
            if route.is_of_page() && value.is_none() {
                assert_eq!(reply.status, 200, "{route:?}");
                continue;
            }
            if is_login {
                // The one open door takes a code, and there is none here.
                reply.refused(415, "not_json");
                continue;
            }
            case.tried();
            let problem = reply.refused(401, "unauthenticated");
            assert!(!reply.text.contains(&TOKEN[..16]), "{problem:?}");
            case.hit();
        }
        let in_query = Request::builder()
            .method(route.method)
            .uri(format!(
                "/api/status?token={TOKEN}&access_token={TOKEN}&authorization=Bearer%20{TOKEN}"
            ))
            .header(header::HOST, format!("127.0.0.1:{PORT}"));
        world
            .send_tcp(in_query.body(Body::empty()).unwrap())
            .await
            .refused(401, "unauthenticated");
    }
    assert_eq!(world.position().await, before);
    let good = world.send_tcp(with(&routes()[0], header::ORIGIN, None)).await;
    assert_ne!(good.status, 401);
    case.pass(7 * 40);
}

#[tokio::test]
async fn a_02_a_foreign_host_is_refused_before_the_token_is_looked_at() {
    let mut case = Case::open("A-02");
    let world = world().await;
    let before = world.position().await;
    let foreign = [
        "attacker.example",
        "attacker.example:7777",
        "localhost.attacker.example",
        "localhost.attacker.example:7777",
        "127.0.0.1.nip.io",
        "127.0.0.1.nip.io:7777",
        "0.0.0.0",
        "0.0.0.0:7777",
        "",
        " ",
        "LOCALHOST.",
        "localhost.",
        "localhost.:7777",
        "LOCALHOST:7777",
        "Localhost:7777",
        "localhost",
        "127.0.0.1",
        "[::1]",
        "::1",
        "::1:7777",
        "[::1]:7778",
        "[::]:7777",
        "[::ffff:127.0.0.1]:7777",
        "[0:0:0:0:0:0:0:1]:7777",
        "user@127.0.0.1:7777",
        "127.0.0.1:7777@attacker.example",
        "user:pass@localhost:7777",
        "127.0.0.1:7778",
        "127.0.0.1:80",
        "127.0.0.1:07777",
        "127.0.0.1:7777.",
        "127.1:7777",
        "2130706433:7777",
        "0x7f000001:7777",
        "0177.0.0.1:7777",
        "127.0.0.2:7777",
        "partita",
        "partita:7777",
        "127.0.0.1:7777, attacker.example",
        "127.0.0.1:7777/",
        "null",
    ];
    assert!(foreign.len() >= 40);
    for route in routes() {
        for host in foreign {
            let mut request = with(&route, header::HOST, Some(host));
            request.headers_mut().remove(header::AUTHORIZATION);
            let reply = world.send_tcp(request).await;
            case.tried();
            reply.refused(403, "foreign_host");
            case.hit();
        }
        let absent = with(&route, header::HOST, None);
        world.send_tcp(absent).await.refused(403, "foreign_host");
        let mut two = with(&route, header::HOST, Some("127.0.0.1:7777"));
        two.headers_mut()
            .append(header::HOST, HeaderValue::from_static("attacker.example"));
        world.send_tcp(two).await.refused(403, "foreign_host");
        let mut absolute = with(&route, header::HOST, Some("127.0.0.1:7777"));
        *absolute.uri_mut() = format!("http://attacker.example{}", absolute.uri())
            .parse()
            .unwrap();
        world.send_tcp(absolute).await.refused(403, "foreign_host");
    }
    assert_eq!(world.position().await, before);
    for host in [
        "127.0.0.1:7777",
        "localhost:7777",
        "[::1]:7777",
        "partita.localhost:7777",
    ] {
        let route = Route {
            method: "GET",
            path: "/api/status".to_owned(),
        };
        assert_eq!(
            world
                .send_tcp(with(&route, header::HOST, Some(host)))
                .await
                .status,
            200,
            "{host}"
        );
    }
    case.pass(40 * 40);
}

#[tokio::test]
async fn a_02_the_socket_has_its_own_two_hosts() {
    let world = world().await;
    let uid = rustix::process::geteuid().as_raw();
    for (host, status) in [
        ("localhost", 200),
        ("partita", 200),
        ("127.0.0.1:7777", 403),
        ("attacker.example", 403),
    ] {
        let request = Request::get("/api/status")
            .header(header::HOST, host)
            .body(Body::empty())
            .unwrap();
        let reply = Reply::of(world.raw(Peer::Unix { uid }, request).await).await;
        assert_eq!(reply.status, status, "{host}");
    }
    let page = Request::get("/api/status")
        .header(header::HOST, "localhost")
        .header(header::ORIGIN, "http://localhost")
        .body(Body::empty())
        .unwrap();
    Reply::of(world.raw(Peer::Unix { uid }, page).await)
        .await
        .refused(403, "foreign_origin");
}

#[tokio::test]
async fn a_03_host_and_origin_that_agree_with_each_other_are_not_enough() {
    let mut case = Case::open("A-03");
    let world = world().await;
    for route in routes() {
        let mut request = with(&route, header::HOST, Some("attacker.example:7777"));
        let origin = HeaderValue::from_static("http://attacker.example:7777");
        request.headers_mut().insert(header::ORIGIN, origin);
        case.tried();
        world.send_tcp(request).await.refused(403, "foreign_host");
        case.hit();
    }
    case.pass(40);
}

#[tokio::test]
async fn a_04_a_foreign_origin_is_refused_on_every_route() {
    let mut case = Case::open("A-04");
    let world = world().await;
    let before = world.position().await;
    let foreign = [
        "null",
        "",
        "http://attacker.example",
        "https://127.0.0.1:7777",
        "http://127.0.0.1:7778",
        "http://127.0.0.1",
        "http://localhost",
        "http://127.0.0.1:7777/",
        "HTTP://127.0.0.1:7777",
        "http://127.0.0.1:7777.attacker.example",
        "file://",
        "http://user@127.0.0.1:7777",
    ];
    for route in routes() {
        for origin in foreign {
            let reply = world.send_tcp(with(&route, header::ORIGIN, Some(origin))).await;
            case.tried();
            reply.refused(403, "foreign_origin");
            assert_sealed(&reply);
            case.hit();
        }
    }
    assert_eq!(world.position().await, before);
    let status = Route {
        method: "GET",
        path: "/api/status".to_owned(),
    };
    let ours = world
        .send_tcp(with(&status, header::ORIGIN, Some("http://127.0.0.1:7777")))
        .await;
    assert_eq!(ours.status, 200);
    case.pass(10 * 40);
}

/// What a page of another site can make a browser send without asking anybody, to a route that changes something: all that a
/// browser says by itself, and what a program says that was made to follow a link.
fn shapes(route: &Route) -> Vec<(&'static str, Request<Body>)> {
    let from = |kind: &str, site: &str, origin: Option<&str>, body: &str| {
        let mut request = to(route)
            .header(header::CONTENT_TYPE, kind)
            .header("sec-fetch-site", site);
        if let Some(origin) = origin {
            request = request.header(header::ORIGIN, origin);
        }
        request.body(Body::from(body.to_owned())).unwrap()
    };
    let (json, attacker) = (r#"{"chunk": "two"}"#, Some("http://attacker.example"));
    let neighbour = Some("http://127.0.0.1:7778");
    vec![
        (
            "a form",
            from(
                "application/x-www-form-urlencoded",
                "cross-site",
                attacker,
                "chunk=two",
            ),
        ),
        (
            "a form of a page in a sandbox",
            from(
                "application/x-www-form-urlencoded",
                "cross-site",
                Some("null"),
                "chunk=two",
            ),
        ),
        (
            "a form with files",
            from("multipart/form-data; boundary=x", "cross-site", attacker, "--x--"),
        ),
        (
            "JSON called text",
            from("text/plain", "cross-site", attacker, json),
        ),
        (
            "a fetch without CORS",
            from("text/plain;charset=UTF-8", "cross-site", attacker, json),
        ),
        (
            "another port of this machine",
            from("application/json", "same-site", neighbour, json),
        ),
        (
            "an old browser's form",
            from("text/plain", "same-site", None, json),
        ),
        (
            "a navigation",
            from("application/x-www-form-urlencoded", "none", None, "chunk=two"),
        ),
        ("a beacon", from("application/json", "cross-site", None, json)),
    ]
}

#[tokio::test]
async fn a_06_another_site_changes_nothing() {
    let mut case = Case::open("A-06");
    let world = world().await;
    let before = world.position().await;
    let site = header::HeaderName::from_static("sec-fetch-site");
    for route in routes() {
        for value in ["cross-site", "same-site", "", "cross-site, same-origin"] {
            world
                .send_tcp(with(&route, site.clone(), Some(value)))
                .await
                .refused(403, "foreign_site");
        }
        if route.method == "GET" || route.method == "HEAD" {
            continue;
        }
        for (shape, request) in shapes(&route) {
            case.tried();
            let reply = world.send_tcp(request).await;
            assert!(
                matches!(reply.status.as_u16(), 403 | 415),
                "{route:?}, {shape}: {reply:?}"
            );
            case.hit();
        }
    }
    // A method in a header is no method.
    let overridden = Request::get("/api/work-units/one")
        .header(header::HOST, "127.0.0.1:7777")
        .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
        .header("x-http-method-override", "DELETE")
        .body(Body::empty())
        .unwrap();
    assert_eq!(world.send_tcp(overridden).await.status, 200);
    assert_eq!(world.position().await, before);
    assert_eq!(world.get("/api/work-units/one").await.status, 200);
    case.pass(8 * 15);
}

#[tokio::test]
async fn a_09_no_preflight_is_ever_answered_with_leave() {
    let mut case = Case::open("A-09");
    let world = world().await;
    for route in routes() {
        let preflight = |origin: &str, authorized: bool| {
            let options = Route {
                method: "OPTIONS",
                path: route.path.clone(),
            };
            let mut request = to(&options)
                .header(header::ORIGIN, origin)
                .header("access-control-request-method", route.method)
                .header("access-control-request-headers", "authorization,content-type")
                .body(Body::empty())
                .unwrap();
            if !authorized {
                request.headers_mut().remove(header::AUTHORIZATION);
            }
            request
        };
        let foreign = world.send_tcp(preflight("http://attacker.example", true)).await;
        assert_eq!(foreign.status, 403);
        let nobody = world.send_tcp(preflight("http://127.0.0.1:7777", false)).await;
        assert_eq!(nobody.status, 401);
        let ours = world.send_tcp(preflight("http://127.0.0.1:7777", true)).await;
        assert_eq!(ours.status, 405);
        case.tried_times(3);
        [foreign, nobody, ours].iter().for_each(assert_sealed);
        case.hit_times(3);
    }
    case.pass(3 * 40);
}

#[tokio::test]
async fn a_13_what_a_proxy_says_is_not_read() {
    let mut case = Case::open("A-13");
    let world = world().await;
    let claims = [
        ("x-forwarded-host", "127.0.0.1:7777"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "https"),
        ("forwarded", "for=127.0.0.1;host=127.0.0.1:7777"),
        ("x-real-ip", "127.0.0.1"),
        ("x-original-url", "/api/status"),
    ];
    for (name, value) in claims {
        let request = |host: &str, token: &str| {
            Request::get("/api/status")
                .header(header::HOST, host)
                .header(header::AUTHORIZATION, format!("Bearer {token}"))
                .header(name, value)
                .body(Body::empty())
                .unwrap()
        };
        world
            .send_tcp(request("attacker.example", TOKEN))
            .await
            .refused(403, "foreign_host");
        world
            .send_tcp(request("127.0.0.1:7777", "wrong"))
            .await
            .refused(401, "unauthenticated");
        let plain = world.send_tcp(request("127.0.0.1:7777", TOKEN)).await;
        assert_eq!(plain.status, 200);
        case.tried();
        case.hit();
    }
    case.pass(6);
}

#[tokio::test]
async fn a_16_another_user_is_refused_on_every_route() {
    let mut case = Case::open("A-16");
    let world = world().await;
    let before = world.position().await;
    let other = rustix::process::geteuid().as_raw() + 1;
    for route in routes() {
        let mut request = to(&route).body(Body::empty()).unwrap();
        request
            .headers_mut()
            .insert(header::HOST, HeaderValue::from_static("localhost"));
        let reply = Reply::of(world.raw(Peer::Unix { uid: other }, request).await).await;
        case.tried();
        reply.refused(403, "foreign_user");
        case.hit();
    }
    assert_eq!(world.position().await, before);
    case.pass(40);
}
