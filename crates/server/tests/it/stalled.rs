//! Two readers that take nothing beside ten that do, while thousands of events happen: the ten lose nothing and are not
//! kept waiting, nobody who writes waits, what piles up has a bound, and who is let go is told why and where to go on.

use crate::websocket::{Port, next};
use crate::world::World;
use cases::Case;
use domain::UnitInput;
use futures::StreamExt;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

const HEALTHY: usize = 10;
/// Events of one commit.
const BATCH: u64 = 50;
/// Between two commits, so that what is asked for is a rate and not all that the machine can do.
const PACE: Duration = Duration::from_millis(10);
/// Who is let go has gone by then.
const GONE_WITHIN: Duration = Duration::from_secs(10);
/// So much may pile up, beside the moments that this test notes.
const GROWTH_MAX: u64 = 32 * 1024 * 1024;
/// More than the system holds for a reader that takes nothing, together with its queue.
const STALLED_BYTES_MAX: usize = 16 * 1024 * 1024;

fn events() -> u64 {
    if std::env::var_os("PARTITA_SOAK").is_some() {
        300_000
    } else {
        12_000
    }
}

/// What is in memory.
fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = text.split_whitespace().nth(1).unwrap().parse().unwrap();
    pages * 4_096
}

/// The position in a message, without reading the rest of it.
fn position(text: &str) -> u64 {
    let rest = &text[text.find("\"position\":").unwrap() + 11..];
    rest[..rest.find(',').unwrap()].parse().unwrap()
}

type Socket = WebSocketStream<TcpStream>;

/// Reads until the last event; gives when each came.
async fn follow(
    mut socket: Socket,
    (first, last): (u64, u64),
    seen: Arc<AtomicU64>,
    news: Arc<Notify>,
) -> Vec<Instant> {
    let mut came = Vec::new();
    let mut expected = first;
    while expected <= last {
        match socket.next().await.expect("it is not let go").unwrap() {
            Message::Text(text) if !text.contains("\"frame\":null") => {
                assert_eq!(position(&text), expected, "a gap or a double");
                came.push(Instant::now());
                seen.store(expected, Ordering::SeqCst);
                news.notify_one();
                expected += 1;
            }
            Message::Text(_) | Message::Ping(_) => {}
            other => panic!("after {}: {other:?}", expected - 1),
        }
    }
    came
}

/// Takes what is left of a stalled reader's line: its last place, its goodbye, and how much there was.
async fn drain(mut socket: Socket) -> (Option<u64>, Option<(u16, String)>, usize) {
    let (mut last, mut goodbye, mut bytes) = (None, None, 0);
    while let Some(Ok(message)) = socket.next().await {
        bytes += message.len();
        match message {
            Message::Text(text) if !text.contains("\"frame\":null") => {
                let found = position(&text);
                assert!(last.is_none_or(|last| last + 1 == found), "a gap before {found}");
                last = Some(found);
            }
            Message::Close(Some(frame)) => {
                goodbye = Some((frame.code.into(), frame.reason.to_string()));
            }
            _ => {}
        }
    }
    (last, goodbye, bytes)
}

pub(crate) async fn readers(world: &World) -> u64 {
    let metrics = world.get("/api/metrics").await.text;
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("partita_feed_readers "));
    line.unwrap().parse().unwrap()
}

/// A unit whose every change is a long frame, because it waits for many others.
async fn long_unit(world: &World) {
    let chunks: Vec<String> = (0..20)
        .map(|number| format!("{}-{number}", "x".repeat(90)))
        .collect();
    for chunk in &chunks {
        world.post("/api/work-units", json!({"chunk": chunk})).await;
    }
    let made = json!({"chunk": "one", "blocked_by": chunks});
    assert_eq!(world.post("/api/work-units", made).await.status, 201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_70_readers_that_take_nothing_cost_nobody_else_anything() {
    let mut case = Case::open("F-70");
    let world = World::new().await;
    long_unit(&world).await;
    let port = Port::open(&world).await;
    let (first, last) = (world.position().await + 1, world.position().await + events());
    let seen: Vec<Arc<AtomicU64>> = (0..HEALTHY)
        .map(|_| Arc::new(AtomicU64::new(first - 1)))
        .collect();
    let (mut healthy, news) = (Vec::new(), Arc::new(Notify::new()));
    for seen in &seen {
        let socket = port.connect(port.request("topics=work_units")).await.unwrap();
        let read = follow(socket, (first, last), Arc::clone(seen), Arc::clone(&news));
        healthy.push(tokio::spawn(read));
    }
    let never = port.connect_small(port.request("topics=work_units")).await;
    let late = port.connect_small(port.request("topics=work_units")).await;
    case.tried_times(2);
    while readers(&world).await < HEALTHY as u64 + 2 {
        tokio::task::yield_now().await;
    }
    let before = resident_bytes();
    let mut stalled = Some((never, late, Instant::now()));
    let mut letting_go = None;

    let (mut stored, mut slowest, mut held_back) = (Vec::new(), Duration::ZERO, 0);
    let began = Instant::now();
    let mut pace = tokio::time::interval(PACE);
    for batch in 0..events() / BATCH {
        pace.tick().await;
        let inputs = (0..BATCH).map(|number| UnitInput::SetPriority {
            priority: i64::try_from(batch * BATCH + number + 1).unwrap(),
        });
        let asked = Instant::now();
        let chunk = "one".to_owned();
        world
            .engine
            .change_unit(chunk, inputs.collect(), None)
            .await
            .unwrap();
        slowest = slowest.max(asked.elapsed());
        stored.extend(std::iter::repeat_n(
            Instant::now(),
            usize::try_from(BATCH).unwrap(),
        ));
        // The ten share this machine with everybody else's tests: what it cannot do is no finding.
        let stored_last = first + stored.len() as u64 - 1;
        while seen
            .iter()
            .any(|seen| stored_last - seen.load(Ordering::SeqCst) > 400)
        {
            held_back += 1;
            news.notified().await;
        }
        if batch % 10 == 0 && stalled.is_some() && readers(&world).await <= HEALTHY as u64 {
            let (never, late, since) = stalled.take().unwrap();
            assert!(
                since.elapsed() < GONE_WITHIN + began.elapsed(),
                "{:?}",
                since.elapsed()
            );
            // One of the two comes back in time to be told; the other does not until all is over.
            letting_go = Some((never, tokio::spawn(drain(late)), began.elapsed()));
        }
    }
    let rate = stored.len() as f64 / began.elapsed().as_secs_f64();
    // The ten are at most a few hundred events behind: what they note is known.
    let noted = (stored.len() * HEALTHY + stored.capacity()) * size_of::<Instant>();
    let growth = resident_bytes().saturating_sub(before + noted as u64);
    let (never, late, let_go_after) = letting_go.expect("both are let go while events happen");
    let mut delays = Vec::new();
    for reader in healthy {
        let came = reader.await.unwrap();
        assert_eq!(came.len(), stored.len());
        let pairs = came.iter().zip(&stored);
        delays.extend(pairs.map(|(came, stored)| came.saturating_duration_since(*stored)));
    }
    delays.sort_unstable();
    let p99 = delays[delays.len() * 99 / 100];
    println!(
        "F-70: {rate:.0} events/s to {HEALTHY} readers; delay p50 {:?} p99 {p99:?} max {:?}; slowest commit {slowest:?}; \
         memory +{} KiB; let go after {let_go_after:?}; held back {held_back} times",
        delays[delays.len() / 2],
        delays.last().unwrap(),
        growth / 1024,
    );
    assert!(let_go_after < GONE_WITHIN, "{let_go_after:?}");
    assert!(
        slowest < GONE_WITHIN,
        "nobody who writes waits for a reader: {slowest:?}"
    );
    assert!(growth < GROWTH_MAX, "{growth} bytes piled up");

    let (told, goodbye, bytes) = tokio::time::timeout(GONE_WITHIN, late).await.unwrap().unwrap();
    let told = told.expect("it had taken something");
    let resume = format!("slow_client: resume after {told}");
    assert_eq!(
        goodbye,
        Some((4408, resume)),
        "it is told why, and where to go on"
    );
    assert!(bytes < STALLED_BYTES_MAX, "{bytes}");
    case.hit();
    let mut again = port
        .connect(port.request(&format!("after={told}&topics=work_units")))
        .await
        .unwrap();
    assert_eq!(next(&mut again).await["frame"]["position"], told + 1);
    // The other's line ends, too, with what the system still held for it; whether it comes back in time for the goodbye is
    // its own matter.
    let (_, _, bytes) = tokio::time::timeout(GONE_WITHIN, drain(never)).await.unwrap();
    assert!(bytes < STALLED_BYTES_MAX, "{bytes}");
    case.hit();
    case.pass(2);
}
