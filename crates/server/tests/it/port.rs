//! The loopback port over real connections: opened and closed on request, open again after a restart, and the feed of a
//! page that came through it.

use crate::world::{PATIENCE, Served, World, request};
use axum::http::header;
use futures::StreamExt;
use serde_json::json;
use std::net::TcpListener;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

/// A browser that is logged in.
struct Browser {
    http: reqwest::Client,
    port: u16,
    cookie: String,
    token: String,
}

impl Browser {
    async fn log_in(served: &Served, port: u16) -> Self {
        let code = served.client().login_code().await.unwrap().code;
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let response = http
            .post(format!("http://127.0.0.1:{port}/api/login"))
            .json(&json!({"code": code}))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let token = response.json::<serde_json::Value>().await.unwrap()["page_token"].clone();
        Self {
            http,
            port,
            cookie,
            token: token.as_str().unwrap().to_owned(),
        }
    }

    fn ask(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        self.http
            .request(method.parse().unwrap(), url)
            .header("sec-fetch-site", "same-origin")
            .header("cookie", &self.cookie)
    }

    async fn status(&self) -> u16 {
        self.ask("GET", "/api/status")
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    }

    async fn log_out(&self) {
        let ask = self.ask("DELETE", "/api/login");
        let ended = ask
            .header(api::PAGE_TOKEN_HEADER, &self.token)
            .send()
            .await
            .unwrap();
        assert_eq!(ended.status(), 204);
    }

    async fn socket(&self, origin: &str) -> Result<WebSocketStream<TcpStream>, Box<Error>> {
        let url = format!("ws://127.0.0.1:{}/api/feed", self.port);
        let mut request = url.into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert(header::COOKIE, self.cookie.parse().unwrap());
        headers.insert(header::ORIGIN, origin.parse().unwrap());
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let connected = client_async(request, stream).await;
        connected.map(|(socket, _)| socket).map_err(Box::new)
    }
}

async fn open(served: &Served, number: Option<u16>) -> Result<u16, String> {
    let opened = served.client().open_port(&api::PortAsk { number }).await;
    opened
        .map(|port| port.number)
        .map_err(|error| error.code().unwrap_or_default().to_owned())
}

async fn shown(served: &Served) -> Option<api::Port> {
    served.client().status().await.unwrap().port
}

fn at(number: u16, is_open: bool) -> api::Port {
    api::Port {
        number,
        is_open,
        detail: None,
    }
}

/// Whether somebody listens.
fn answers(port: u16) -> bool {
    std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
}

#[tokio::test]
async fn s3_01_the_port_opens_on_request_over_the_socket_and_closes_again() {
    let world = World::new().await;
    let served = world.serve();
    assert_eq!(shown(&served).await, None, "nobody asked for it");
    let number = open(&served, None).await.unwrap();
    assert_eq!(shown(&served).await, Some(at(number, true)));
    assert_eq!(open(&served, None).await, Ok(number), "it is open already");
    assert_eq!(open(&served, Some(number)).await, Ok(number));
    let other = if number == 65_535 { number - 1 } else { number + 1 };
    assert_eq!(open(&served, Some(other)).await, Err("port_open".to_owned()));

    let browser = Browser::log_in(&served, number).await;
    assert_eq!(browser.status().await, 200);
    let page = browser
        .http
        .get(format!("http://127.0.0.1:{number}/"))
        .send()
        .await
        .unwrap();
    assert!(page.text().await.unwrap().contains("<title>Partita</title>"));
    // Nobody who comes by the port itself opens or closes anything.
    for method in ["POST", "DELETE"] {
        let ask = browser.ask(method, "/api/port").json(&json!({}));
        let refused = ask
            .header(api::PAGE_TOKEN_HEADER, &browser.token)
            .send()
            .await
            .unwrap();
        assert_eq!(refused.status(), 403);
        let problem: api::Problem = refused.json().await.unwrap();
        assert_eq!(problem.code, "socket_only");
    }

    served.client().close_port().await.unwrap();
    assert!(!answers(number));
    assert_eq!(shown(&served).await, None);
    assert_eq!(open(&served, Some(number)).await, Ok(number));
    assert_eq!(browser.status().await, 401, "its session ended with the port");
    served.client().close_port().await.unwrap();
    served.client().close_port().await.unwrap();

    let theirs = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = theirs.local_addr().unwrap().port();
    assert_eq!(open(&served, Some(taken)).await, Err("port_taken".to_owned()));
    assert_eq!(shown(&served).await, None);
    served.end().await;
}

#[tokio::test]
async fn a_01_with_the_token_the_port_is_not_changed_either() {
    let world = World::new().await;
    for (method, body) in [("POST", Some(json!({}))), ("DELETE", None)] {
        let mut ask = request(method, "/api/port", body);
        let headers = ask.headers_mut();
        headers.insert(header::HOST, "127.0.0.1:7777".parse().unwrap());
        let bearer = format!("Bearer {}", crate::world::TOKEN);
        headers.insert(header::AUTHORIZATION, bearer.parse().unwrap());
        world.send_tcp(ask).await.refused(403, "socket_only");
    }
    world
        .post("/api/port", json!({}))
        .await
        .refused(503, "not_serving");
}

#[tokio::test]
async fn a_page_goes_on_at_the_same_port_after_a_restart() {
    let world = World::new().await;
    let served = world.serve();
    let number = open(&served, None).await.unwrap();
    let browser = Browser::log_in(&served, number).await;
    served.end().await;
    assert!(!answers(number));

    let world = world.reopen().await;
    let served = world.serve();
    assert_eq!(shown(&served).await, Some(at(number, true)));
    assert_eq!(browser.status().await, 200, "without a login");
    browser.log_out().await;
    served.end().await;

    let world = world.reopen().await;
    let served = world.serve();
    assert_eq!(shown(&served).await, Some(at(number, true)));
    assert_eq!(browser.status().await, 401, "it logged out");
    served.client().close_port().await.unwrap();
    served.end().await;

    let world = world.reopen().await;
    let served = world.serve();
    assert_eq!(shown(&served).await, None, "it was closed");
    assert!(!answers(number));
    served.end().await;
}

#[tokio::test]
async fn a_port_that_another_program_has_by_now_is_given_up_with_its_sessions() {
    let world = World::new().await;
    let served = world.serve();
    let number = open(&served, None).await.unwrap();
    let browser = Browser::log_in(&served, number).await;
    served.end().await;
    let theirs = TcpListener::bind(("127.0.0.1", number)).unwrap();

    let world = world.reopen().await;
    let served = world.serve();
    let port = shown(&served).await.unwrap();
    assert_eq!((port.number, port.is_open), (number, false));
    let detail = port.detail.unwrap();
    assert!(
        detail.contains("in use") && detail.contains(&number.to_string()),
        "{detail}"
    );
    served.end().await;
    drop(theirs);

    // Whoever had the port was given the cookie by the page that is still open: it is worth nothing from then on.
    let world = world.reopen().await;
    let served = world.serve();
    assert_eq!(shown(&served).await, None, "nobody asked since");
    assert_eq!(open(&served, Some(number)).await, Ok(number));
    assert_eq!(browser.status().await, 401);
    served.end().await;
}

#[tokio::test]
async fn after_a_port_that_is_taken_another_one_opens() {
    let world = World::new().await;
    let served = world.serve();
    let number = open(&served, None).await.unwrap();
    let mut browser = Browser::log_in(&served, number).await;
    served.end().await;
    let _theirs = TcpListener::bind(("127.0.0.1", number)).unwrap();

    let world = world.reopen().await;
    let served = world.serve();
    let other = open(&served, None).await.unwrap();
    assert_ne!(other, number);
    assert_eq!(shown(&served).await, Some(at(other, true)));
    browser.cookie = browser.cookie.replace(&number.to_string(), &other.to_string());
    browser.port = other;
    assert_eq!(browser.status().await, 401, "sessions do not move along");
    served.end().await;
}

async fn read_until(response: &mut reqwest::Response, word: &str) -> String {
    let mut text = String::new();
    let read = async {
        while let Some(chunk) = response.chunk().await.unwrap() {
            text.push_str(&String::from_utf8_lossy(&chunk));
            if text.contains(word) {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, read).await.unwrap();
    assert!(text.contains(word), "{text}");
    text
}

#[tokio::test]
async fn a_11_feeds_of_a_page_come_with_its_cookie_and_end_with_its_session() {
    let world = World::new().await;
    let served = world.serve();
    let number = open(&served, None).await.unwrap();
    let browser = Browser::log_in(&served, number).await;
    // An `EventSource` sends a cookie and nothing else of its own.
    let mut events = browser
        .ask("GET", "/api/feed")
        .header("accept", "text/event-stream")
        .send()
        .await
        .unwrap();
    assert_eq!(events.status(), 200);
    assert_eq!(events.headers()[header::CONTENT_TYPE], "text/event-stream");
    read_until(&mut events, "event: hello").await;
    for origin in ["http://attacker.example", "http://127.0.0.1:3000", "null"] {
        let error = *browser.socket(origin).await.unwrap_err();
        assert!(
            matches!(&error, Error::Http(answer) if answer.status() == 403),
            "{error:?}"
        );
    }
    let mut socket = browser
        .socket(&format!("http://127.0.0.1:{number}"))
        .await
        .unwrap();
    world.post("/api/work-units", json!({"chunk": "one"})).await;
    read_until(&mut events, "work_unit_update").await;

    browser.log_out().await;
    read_until(&mut events, "logged_out").await;
    assert_eq!(close_code(&mut socket).await, 4401);
    served.end().await;
}

async fn close_code(socket: &mut WebSocketStream<TcpStream>) -> u16 {
    let read = async {
        loop {
            match socket.next().await.unwrap().unwrap() {
                Message::Close(frame) => return frame.unwrap().code.into(),
                Message::Text(_) | Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    };
    tokio::time::timeout(PATIENCE, read).await.unwrap()
}

#[tokio::test]
async fn a_11_feeds_end_with_the_port() {
    let world = World::new().await;
    let served = world.serve();
    let number = open(&served, None).await.unwrap();
    let browser = Browser::log_in(&served, number).await;
    let mut events = browser.ask("GET", "/api/feed").send().await.unwrap();
    read_until(&mut events, "event: hello").await;
    let mut socket = browser
        .socket(&format!("http://127.0.0.1:{number}"))
        .await
        .unwrap();
    served.client().close_port().await.unwrap();
    read_until(&mut events, "logged_out").await;
    assert_eq!(close_code(&mut socket).await, 4401);
    served.end().await;
}
