//! The socket: closed to everybody else, and never where somebody else could have put something.

use crate::world::{World, write};
use api::Client;
use cases::Case;
use serde_json::json;
use server::{BindError, Listener, bind_tcp, bind_unix, serve};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn s3_06_the_socket_and_its_folder_are_closed_to_others() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("run/orchestrator.sock");
    let _listener = bind_unix(&socket).unwrap();
    assert_eq!(mode(&socket), 0o600);
    assert_eq!(mode(socket.parent().unwrap()), 0o700);
}

#[tokio::test]
async fn a_16_an_unsafe_folder_is_not_used() {
    let mut case = Case::open("A-16");
    let folder = tempfile::tempdir().unwrap();
    let refuses = |path: &Path| matches!(bind_unix(path), Err(BindError::UnsafeFolder { .. }));
    let open = folder.path().join("open");
    std::fs::create_dir(&open).unwrap();
    for mode in [0o770, 0o777, 0o755, 0o701, 0o720, 0o702, 0o1777, 0o2770] {
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(mode)).unwrap();
        case.tried();
        assert!(refuses(&open.join("s")), "{mode:o}");
        case.hit();
    }
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o700)).unwrap();
    let link = folder.path().join("link");
    symlink(&open, &link).unwrap();
    assert!(refuses(&link.join("s")), "a link to a safe folder");
    write(folder.path(), "file", "");
    assert!(bind_unix(&folder.path().join("file/s")).is_err());
    if rustix::process::geteuid().is_root() {
        let foreign = folder.path().join("foreign");
        std::fs::create_dir(&foreign).unwrap();
        std::fs::set_permissions(&foreign, std::fs::Permissions::from_mode(0o700)).unwrap();
        std::os::unix::fs::chown(&foreign, Some(4_711), None).unwrap();
        assert!(refuses(&foreign.join("s")), "another user's folder");
    }
    assert_eq!(std::fs::read_dir(&open).unwrap().count(), 0, "nothing was made");
    case.tried();
    case.hit();
    case.pass(9);
}

#[tokio::test]
async fn a_16_only_a_dead_socket_is_cleared_away() {
    let mut case = Case::open("A-16");
    case.tried_times(3);
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let socket = folder.path().join("s");
    write(folder.path(), "s", "precious");
    assert!(matches!(bind_unix(&socket), Err(BindError::InTheWay { .. })));
    assert_eq!(std::fs::read_to_string(&socket).unwrap(), "precious");
    std::fs::remove_file(&socket).unwrap();
    symlink(folder.path().join("elsewhere"), &socket).unwrap();
    assert!(matches!(bind_unix(&socket), Err(BindError::InTheWay { .. })));
    std::fs::remove_file(&socket).unwrap();
    drop(bind_unix(&socket).unwrap());
    assert!(bind_unix(&socket).is_ok(), "what a dead daemon left");
    if rustix::process::geteuid().is_root() {
        // Somebody else put a socket of theirs there, to be spoken to instead of us.
        std::os::unix::fs::chown(&socket, Some(4_711), None).unwrap();
        assert!(matches!(bind_unix(&socket), Err(BindError::InTheWay { .. })));
    }
    case.hit_times(3);
    case.pass(3);
}

#[tokio::test]
async fn a_02_only_loopback_is_listened_at() {
    for address in ["0.0.0.0:0", "[::]:0", "127.0.0.2:0", "192.168.1.1:0"] {
        let refused = bind_tcp(address.parse().unwrap()).await;
        assert!(matches!(refused, Err(BindError::NotLoopback(_))), "{address}");
    }
    let listener = bind_tcp("127.0.0.1:0".parse().unwrap()).await.unwrap();
    assert!(listener.local_addr().unwrap().ip().is_loopback());
}

async fn speak(socket: &Path, words: &[u8]) -> String {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    stream.write_all(words).await.unwrap();
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(crate::world::PATIENCE, stream.read_to_end(&mut answer))
        .await
        .unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_02_raw_requests_meet_the_guard_too() {
    let world = World::new().await;
    let served = world.serve();
    let get =
        |head: &str| format!("GET /api/status HTTP/1.1\r\n{head}Connection: close\r\n\r\n").into_bytes();
    assert!(
        speak(&served.socket, &get("Host: localhost\r\n"))
            .await
            .starts_with("HTTP/1.1 200")
    );
    for head in [
        "Host: attacker.example\r\n",
        "Host: localhost\r\nHost: localhost\r\n",
        "Host:\r\n",
    ] {
        let answer = speak(&served.socket, &get(head)).await;
        assert!(
            answer.starts_with("HTTP/1.1 403") || answer.starts_with("HTTP/1.1 400"),
            "{head:?}: {answer}"
        );
    }
    let absolute =
        b"GET http://attacker.example/api/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert!(speak(&served.socket, absolute).await.starts_with("HTTP/1.1 403"));
    served.end().await;
}

#[tokio::test]
async fn a_70_a_long_head_is_431() {
    let world = World::new().await;
    let served = world.serve();
    let mut words = b"GET /api/status HTTP/1.1\r\nHost: localhost\r\nX-Long: ".to_vec();
    words.extend(std::iter::repeat_n(b'x', 64 * 1024));
    let mut stream = UnixStream::connect(&served.socket).await.unwrap();
    // The server may hang up before it has heard everything.
    let _ = stream.write_all(&words).await;
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 431");
    served.end().await;
}

#[tokio::test]
async fn s3_23_a_stop_ends_feeds_and_answers_what_is_under_way() {
    let world = World::new().await;
    let served = world.serve();
    let client = served.client();
    let mut feed = client.feed(api::FeedAsk {
        patience: Duration::ZERO,
        ..api::FeedAsk::default()
    });
    feed.open().await.unwrap();
    served.end().await;
    assert!(matches!(
        feed.next().await,
        Err(api::ClientError::NotRunning { .. })
    ));
}

#[tokio::test]
async fn s3_01_both_ways_lead_in() {
    let world = World::new().await;
    let socket = world.folder.path().join("run/orchestrator.sock");
    let tcp = bind_tcp("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = tcp.local_addr().unwrap();
    let (token, known) = server::Token::fresh().unwrap();
    let listeners = vec![
        Listener::Unix(bind_unix(&socket).unwrap()),
        Listener::Tcp(tcp, known),
    ];
    let task = tokio::spawn(serve(world.app.clone(), listeners, std::future::pending()));
    let over_socket = Client::over_socket(&socket).unwrap().status().await.unwrap();
    let over_tcp = Client::new(api::Endpoint {
        socket: "/nonexistent/s".into(),
        tcp: Some(api::Tcp { address, token }),
        timeout: None,
    });
    assert_eq!(over_tcp.unwrap().status().await.unwrap().pid, over_socket.pid);
    let stranger = Client::new(api::Endpoint {
        socket: "/nonexistent/s".into(),
        tcp: Some(api::Tcp {
            address,
            token: "wrong".to_owned(),
        }),
        timeout: None,
    });
    let error = stranger.unwrap().status().await.unwrap_err();
    assert_eq!(error.code(), Some("unauthenticated"));
    task.abort();
}

#[tokio::test]
async fn f_70_a_line_that_takes_nothing_is_cut_while_others_go_on() {
    let world = World::new().await;
    let served = world.serve();
    let mut stalled = UnixStream::connect(&served.socket).await.unwrap();
    let ask = b"GET /api/feed?topics=work_units HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stalled.write_all(ask).await.unwrap();
    let mut head = [0; 12];
    stalled.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    // From here on it takes nothing. Frames are long enough to fill whatever the system holds for it.
    let chunks: Vec<String> = (0..60)
        .map(|number| format!("{}-{number}", "x".repeat(90)))
        .collect();
    for chunk in &chunks {
        world.post("/api/work-units", json!({"chunk": chunk})).await;
    }
    world
        .post("/api/work-units", json!({"chunk": "one", "blocked_by": chunks}))
        .await;
    let mut priority = 0;
    let happen = async {
        while !world
            .get("/api/metrics")
            .await
            .text
            .contains("partita_feed_readers 0")
        {
            priority += 1;
            let changed = world
                .patch("/api/work-units/one", json!({"priority": priority}))
                .await;
            assert_eq!(changed.status, 200);
        }
    };
    tokio::time::timeout(crate::world::PATIENCE, happen)
        .await
        .expect("the stalled reader is let go");
    // Without the cut, the stop would wait for this line as long as it waits for any answer under way: ten seconds.
    let cut = tokio::time::timeout(Duration::from_secs(8), served.end()).await;
    cut.expect("the line was cut before");
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(crate::world::PATIENCE, stalled.read_to_end(&mut rest))
        .await
        .unwrap();
    assert!(rest.len() < 1024 * 1024, "nothing piled up for it");
}
