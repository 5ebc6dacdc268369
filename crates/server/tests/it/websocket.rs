//! The feed over a WebSocket, on a real TCP port.

use crate::feed::Dice;
use crate::world::{PATIENCE, World};
use axum::http::{StatusCode, header};
use cases::Case;
use futures::StreamExt;
use serde_json::{Value as Json, json};
use server::{Listener, Token, bind_tcp, serve};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

pub(crate) struct Port {
    pub(crate) address: SocketAddr,
    token: String,
    task: JoinHandle<std::io::Result<()>>,
}

impl Port {
    pub(crate) async fn open(world: &World) -> Self {
        let listener = bind_tcp("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (token, known) = Token::fresh().unwrap();
        let listeners = vec![Listener::Tcp(listener, known)];
        let task = tokio::spawn(serve(world.app.clone(), listeners, std::future::pending()));
        Self { address, token, task }
    }

    pub(crate) fn request(&self, query: &str) -> Request {
        let url = format!("ws://{}/api/feed?{query}", self.address);
        let mut request = url.into_client_request().unwrap();
        let bearer = format!("Bearer {}", self.token);
        request
            .headers_mut()
            .insert(header::AUTHORIZATION, bearer.parse().unwrap());
        request
    }

    /// A reader for whom the system holds little.
    pub(crate) async fn connect_small(&self, request: Request) -> WebSocketStream<TcpStream> {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        let stream = socket.connect(self.address).await.unwrap();
        client_async(request, stream).await.unwrap().0
    }

    pub(crate) async fn connect(&self, request: Request) -> Result<WebSocketStream<TcpStream>, Box<Error>> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        client_async(request, stream)
            .await
            .map(|(socket, _)| socket)
            .map_err(Box::new)
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) async fn next(socket: &mut WebSocketStream<TcpStream>) -> Json {
    loop {
        let message = tokio::time::timeout(PATIENCE, socket.next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        if let Message::Text(text) = message {
            let json: Json = serde_json::from_str(&text).unwrap();
            if !json["frame"].is_null() {
                return json;
            }
        }
    }
}

#[tokio::test]
async fn f_71_a_websocket_says_the_same_and_resumes() {
    let world = World::new().await;
    let port = Port::open(&world).await;
    let mut socket = port.connect(port.request("after=0")).await.unwrap();
    for number in 0..5 {
        world
            .post("/api/work-units", json!({"chunk": format!("u{number}")}))
            .await;
    }
    let first = next(&mut socket).await;
    assert_eq!(
        (&first["id"], &first["frame"]["chunk"]),
        (&json!("1"), &json!("u0"))
    );
    drop(socket);
    let mut socket = port.connect(port.request("after=1")).await.unwrap();
    for number in 1..5 {
        let told = next(&mut socket).await;
        assert_eq!(told["frame"]["chunk"], format!("u{number}"));
    }
}

/// What happens while somebody reads: units that change, and runs with several frames for one event.
async fn live(world: &World) {
    for number in 0..60 {
        let chunk = format!("u{number}");
        world.post("/api/work-units", json!({"chunk": chunk})).await;
        if number % 20 == 0 {
            let run = world.run("try", "quick").await;
            world.until_status(&run, "completed").await;
        }
    }
    world.post("/api/work-units", json!({"chunk": "last"})).await;
}

#[tokio::test]
async fn f_71_a_websocket_that_is_dropped_a_thousand_times_has_the_whole_log() {
    let mut case = Case::open("F-71");
    let world = World::new().await;
    let port = Port::open(&world).await;
    let (mut dice, mut drops) = (Dice(72), 0);
    let topics = "topics=work_units,runs,attention";
    let read = async |dice: &mut Dice, drops: &mut u64| {
        let (mut log, mut cursor) = (Vec::new(), "0".to_owned());
        loop {
            let query = format!("{topics}&after={cursor}");
            let mut socket = port.connect(port.request(&query)).await.unwrap();
            for _ in 0..=dice.roll(6) {
                let told = next(&mut socket).await;
                cursor = told["id"].as_str().unwrap().to_owned();
                let is_last = told["frame"]["chunk"] == "last";
                log.push(told);
                if is_last {
                    return log;
                }
            }
            // Dropped without a word, with whatever is on its way.
            drop(socket);
            *drops += 1;
        }
    };
    // The first log is read while it is made, all others once it is whole.
    let ((), first) = tokio::join!(live(&world), read(&mut dice, &mut drops));
    let stored = world.store.reader().events_after(0, 10_000).await.unwrap();
    let told: BTreeSet<u64> = first
        .iter()
        .filter_map(|told| told["frame"]["position"].as_u64())
        .collect();
    let silent = stored.iter().filter(|event| !told.contains(&event.position));
    for event in silent {
        let is_untold = matches!(&event.event, domain::Event::Board(_) | domain::Event::Run(_));
        assert!(is_untold, "{event:?} is not in the log");
    }
    let mut whole = port
        .connect(port.request(&format!("{topics}&after=0")))
        .await
        .unwrap();
    for told in &first {
        assert_eq!(
            next(&mut whole).await,
            *told,
            "the log of a reader that was never dropped"
        );
    }
    let mut logs = 0;
    while drops < 1_000 {
        assert_eq!(read(&mut dice, &mut drops).await, first);
        logs += 1;
    }
    println!("F-71: {drops} drops over {logs} logs of {} frames", first.len());
    case.tried_times(drops);
    case.hit_times(drops);
    case.pass(1_000);
}

#[tokio::test]
async fn a_04_an_upgrade_meets_the_guard() {
    let mut case = Case::open("A-04");
    let world = World::new().await;
    let port = Port::open(&world).await;
    let refused = |error: Box<Error>| match *error {
        Error::Http(response) => response.status(),
        other => panic!("{other:?}"),
    };
    let own = format!("http://{}", port.address);
    let other_port = format!("http://127.0.0.1:{}", port.address.port() ^ 1);
    let secure = own.replace("http", "https");
    for origin in [
        "null",
        "http://attacker.example",
        &other_port,
        &secure,
        "",
        "http://localhost",
        "http://127.0.0.1",
        "ws://attacker.example",
        "file://",
        &format!("{own}.attacker.example"),
    ] {
        let mut request = port.request("");
        request
            .headers_mut()
            .insert(header::ORIGIN, origin.parse().unwrap());
        assert_eq!(
            refused(port.connect(request).await.unwrap_err()),
            StatusCode::FORBIDDEN,
            "{origin}"
        );
        case.tried();
        case.hit();
    }
    let mut nobody = port.request("");
    nobody.headers_mut().remove(header::AUTHORIZATION);
    assert_eq!(
        refused(port.connect(nobody).await.unwrap_err()),
        StatusCode::UNAUTHORIZED
    );
    let mut foreign = port.request("");
    foreign
        .headers_mut()
        .insert(header::HOST, "attacker.example".parse().unwrap());
    assert_eq!(
        refused(port.connect(foreign).await.unwrap_err()),
        StatusCode::FORBIDDEN
    );
    let in_query = format!("token={}", port.token);
    let mut query = port.request(&in_query);
    query.headers_mut().remove(header::AUTHORIZATION);
    assert_eq!(
        refused(port.connect(query).await.unwrap_err()),
        StatusCode::UNAUTHORIZED
    );
    let mut page = port.request("");
    page.headers_mut().insert(header::ORIGIN, own.parse().unwrap());
    assert!(port.connect(page).await.is_ok());
    assert!(
        port.connect(port.request("")).await.is_ok(),
        "a program without an origin has the token"
    );
    case.pass(10);
}

#[tokio::test]
async fn a_70_a_reader_that_talks_is_cut_off() {
    use futures::SinkExt;
    let world = World::new().await;
    let port = Port::open(&world).await;
    let mut socket = port.connect(port.request("")).await.unwrap();
    for _ in 0..100 {
        if socket.send(Message::text("x")).await.is_err() {
            break;
        }
    }
    let closed = loop {
        match tokio::time::timeout(PATIENCE, socket.next()).await.unwrap() {
            Some(Ok(Message::Close(Some(frame)))) => break frame.reason.to_string(),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => break "gone".to_owned(),
        }
    };
    assert!(
        matches!(closed.as_str(), "too_many_messages" | "gone"),
        "{closed}"
    );
}

#[tokio::test]
async fn s3_23_a_stop_says_goodbye() {
    let world = World::new().await;
    let port = Port::open(&world).await;
    let mut socket = port.connect(port.request("")).await.unwrap();
    world.app.stop();
    let closed = loop {
        let message = tokio::time::timeout(PATIENCE, socket.next()).await.unwrap();
        if let Message::Close(Some(frame)) = message.unwrap().unwrap() {
            break frame;
        }
    };
    assert_eq!(u16::from(closed.code), 1001);
    assert!(closed.reason.starts_with("stopping"), "{}", closed.reason);
}
