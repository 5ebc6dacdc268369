//! Whoever comes with half of what is needed: a session that is over, a cookie without its page, a token of another daemon,
//! another user of this machine.

use crate::login::{Page, log_in};
use crate::world::{PATIENCE, PORT, TOKEN, World};
use axum::body::Body;
use axum::http::{HeaderValue, Request, header};
use cases::Case;
use server::{Peer, Route, Stance, Token, routes};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

const NOBODY: u32 = 65_534;
/// Where the program that this test starts as another user finds the socket.
const TARGET: &str = "PARTITA_TEST_SOCKET";

/// Routes that need an owner: not the page's own files, and not the door where a login begins.
fn guarded() -> Vec<Route> {
    let is_door = |route: &Route| route.path == "/api/login" && route.method == "POST";
    routes()
        .into_iter()
        .filter(|route| !route.is_of_page() && !is_door(route))
        .collect()
}

fn path_of(route: &Route) -> String {
    let id = "00000000-0000-0000-0000-000000000001";
    let path = route.path.replace("{id}", id).replace("{chat_id}", id);
    path.replace("{chunk}", "one")
        .replace("{name}", "review")
        .replace("{step}", "fold")
}

/// As a page of the daemon's own would ask.
fn to(route: &Route, path: &str) -> Request<Body> {
    Request::builder()
        .method(route.method)
        .uri(path)
        .header(header::HOST, format!("127.0.0.1:{PORT}"))
        .header(header::ORIGIN, format!("http://127.0.0.1:{PORT}"))
        .body(Body::empty())
        .unwrap()
}

fn with(route: &Route, name: &str, value: &str) -> Request<Body> {
    let mut request = to(route, &path_of(route));
    let name: header::HeaderName = name.parse().unwrap();
    request
        .headers_mut()
        .insert(name, HeaderValue::from_str(value).unwrap());
    request
}

fn with_page_token(mut request: Request<Body>, page: &Page) -> Request<Body> {
    let token = HeaderValue::from_str(&page.token).unwrap();
    request.headers_mut().insert(api::PAGE_TOKEN_HEADER, token);
    request
}

#[tokio::test]
async fn a_01_half_of_what_is_needed_opens_no_route() {
    let mut case = Case::open("A-01");
    let world = World::new().await;
    let page = log_in(&world).await;
    let before = world.position().await;
    let (name, value) = page.cookie.split_once('=').unwrap();
    let other_port = format!("partita-7778={value}");
    let cookies = [
        format!("{name}={}", &value[..value.len() - 1]),
        format!("{name}={}", "0".repeat(value.len())),
        format!("{name}={}", page.token),
        format!("{name}={TOKEN}"),
        format!("{name}="),
        other_port,
        // Of two of the same name nobody knows which is ours.
        format!("{name}=first; {}", page.cookie),
    ];
    for route in guarded() {
        for cookie in &cookies {
            case.tried();
            let asked = with_page_token(with(&route, "cookie", cookie), &page);
            world.send_tcp(asked).await.refused(401, "unauthenticated");
            case.hit();
        }
        case.tried_times(4);
        let alone = with_page_token(to(&route, &path_of(&route)), &page);
        world.send_tcp(alone).await.refused(401, "unauthenticated");
        for secret in [
            format!("token={TOKEN}"),
            format!("page_token={}&cookie={value}", page.token),
        ] {
            let asked = to(&route, &format!("{}?{secret}", path_of(&route)));
            world.send_tcp(asked).await.refused(401, "unauthenticated");
        }
        let in_other_header = with(&route, "x-api-key", TOKEN);
        world
            .send_tcp(in_other_header)
            .await
            .refused(401, "unauthenticated");
        case.hit_times(4);
        if route.method != "GET" {
            case.tried_times(2);
            let without = with(&route, "cookie", &page.cookie);
            world.send_tcp(without).await.refused(403, "page_token_missing");
            let mut wrong = with(&route, "cookie", &page.cookie);
            wrong
                .headers_mut()
                .insert(api::PAGE_TOKEN_HEADER, HeaderValue::from_str(value).unwrap());
            world.send_tcp(wrong).await.refused(403, "page_token_missing");
            case.hit_times(2);
        }
    }
    assert_eq!(world.position().await, before);
    case.pass(11 * 40);
}

#[tokio::test]
async fn a_01_another_daemons_token_opens_no_route() {
    let mut case = Case::open("A-01");
    let world = World::new().await;
    let (others, _) = Token::fresh().unwrap();
    let (_, known) = Token::fresh().unwrap();
    // The same port, another daemon's secret: as after a restart with a port of its own.
    let stance = Arc::new(Stance::of(([127, 0, 0, 1], PORT).into(), known));
    for route in guarded() {
        for token in [others.as_str(), TOKEN] {
            case.tried();
            let asked = with(&route, "authorization", &format!("Bearer {token}"));
            let response = world.raw(Peer::Tcp(Arc::clone(&stance)), asked).await;
            assert_eq!(response.status(), 401, "{route:?}");
            case.hit();
        }
    }
    case.pass(2 * 40);
}

#[tokio::test]
async fn a_01_a_session_that_is_over_opens_no_route() {
    let mut case = Case::open("A-01");
    for over in [
        Duration::from_secs(12 * 60 * 60),
        Duration::from_secs(2 * 60 * 60),
    ] {
        let world = World::new().await;
        let page = log_in(&world).await;
        let status = Route {
            method: "GET",
            path: "/api/status".to_owned(),
        };
        let alive = world.send_tcp(with(&status, "cookie", &page.cookie)).await;
        assert_eq!(alive.status, 200);
        tokio::time::pause();
        tokio::time::advance(over).await;
        tokio::time::resume();
        for route in guarded() {
            case.tried();
            let asked = with_page_token(with(&route, "cookie", &page.cookie), &page);
            world.send_tcp(asked).await.refused(401, "unauthenticated");
            case.hit();
        }
    }
    case.pass(2 * 40);
}

#[tokio::test]
async fn a_05_a_foreign_page_uses_the_cookie_in_vain() {
    let mut case = Case::open("A-05");
    let world = World::new().await;
    let page = log_in(&world).await;
    let before = world.position().await;
    for route in guarded() {
        for origin in [
            "http://attacker.example",
            "null",
            "http://127.0.0.1:7778",
            "https://127.0.0.1:7777",
        ] {
            case.tried_times(2);
            let mut asked = with_page_token(with(&route, "cookie", &page.cookie), &page);
            let headers = asked.headers_mut();
            headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            world.send_tcp(asked).await.refused(403, "foreign_origin");
            let mut upgrade = with(&route, "cookie", &page.cookie);
            let headers = upgrade.headers_mut();
            headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert("sec-websocket-version", HeaderValue::from_static("13"));
            headers.insert(
                "sec-websocket-key",
                HeaderValue::from_static("AAAAAAAAAAAAAAAAAAAAAA=="),
            );
            world.send_tcp(upgrade).await.refused(403, "foreign_origin");
            case.hit_times(2);
        }
    }
    assert_eq!(world.position().await, before);
    case.pass(8 * 40);
}

/// Not a test of its own: what [`a_16_another_user_gets_no_answer`] starts as another user. Says how far it got.
#[test]
fn speaks_to_a_socket_when_told() {
    let Some(socket) = std::env::var_os(TARGET) else {
        return;
    };
    let answer = speak(Path::new(&socket)).unwrap_or_else(|error| format!("{:?}", error.kind()));
    println!("<<{answer}>>");
}

fn speak(socket: &Path) -> std::io::Result<String> {
    let mut stream = std::os::unix::net::UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /api/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// What a process of this user gets from the socket.
async fn as_user(program: PathBuf, uid: u32, socket: &Path) -> String {
    let mut command = Command::new(program);
    command
        .args([
            "--exact",
            "intruders::speaks_to_a_socket_when_told",
            "--nocapture",
        ])
        .env(TARGET, socket)
        .current_dir("/")
        .gid(uid)
        .uid(uid);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let answer = said.split_once("<<").and_then(|(_, rest)| rest.split_once(">>"));
    answer.unwrap_or_else(|| panic!("{output:?}")).0.to_owned()
}

fn open_to_all(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_16_another_user_gets_no_answer() {
    if !rustix::process::geteuid().is_root() {
        println!("only root can be somebody else");
        return;
    }
    let mut case = Case::open("A-16");
    let world = World::new().await;
    let served = world.serve();
    // The tests' own program may lie where others cannot come.
    let program = world.folder.path().join("somebody");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    open_to_all(&program, 0o755);
    open_to_all(world.folder.path(), 0o755);

    case.tried();
    let answer = as_user(program.clone(), NOBODY, &served.socket).await;
    assert_eq!(answer, "PermissionDenied", "the folder is closed");
    case.hit();
    // Somebody opens it after the start: then it matters who comes.
    open_to_all(served.socket.parent().unwrap(), 0o755);
    open_to_all(&served.socket, 0o666);
    case.tried();
    let answer = as_user(program.clone(), NOBODY, &served.socket).await;
    assert!(
        answer.starts_with("HTTP/1.1 403") && answer.contains("foreign_user"),
        "{answer}"
    );
    case.hit();
    let ours = as_user(program, 0, &served.socket).await;
    assert!(ours.starts_with("HTTP/1.1 200"), "{ours}");
    served.end().await;
    case.pass(2);
}
