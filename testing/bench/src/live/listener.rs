//! A reader of the feed that looks at nothing but the stamps of the lines, so that it costs next to nothing itself; or
//! one that asks and never reads.

use anyhow::Context as _;
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

/// What a reader heard.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// How many lines.
    pub(super) lines: usize,
    /// How late each of them was, in milliseconds.
    pub(super) late_ms: Vec<f64>,
    /// How often the daemon closed the feed because it was not read fast enough.
    pub(super) closed: usize,
}

/// One of them.
pub(super) struct Listener {
    stream: UnixStream,
    reading: Option<JoinHandle<anyhow::Result<Heard>>>,
}

impl Listener {
    /// Asks for what agents say; one that is not healthy never reads.
    pub(super) fn open(socket: &Path, is_healthy: bool) -> anyhow::Result<Self> {
        let stream = ask(socket)?;
        let reading = if is_healthy {
            let mut own = stream.try_clone()?;
            let socket = socket.to_owned();
            Some(std::thread::spawn(move || read(&mut own, &socket)))
        } else {
            None
        };
        Ok(Self { stream, reading })
    }

    /// Hangs up once nothing more comes; what it heard, if it listened.
    pub(super) fn end(self) -> anyhow::Result<Option<Heard>> {
        let Some(reading) = self.reading else {
            return Ok(None);
        };
        let heard = reading
            .join()
            .map_err(|_| anyhow::anyhow!("a listener broke"))??;
        // The daemon may have hung up first.
        let _gone = self.stream.shutdown(Shutdown::Both);
        Ok(Some(heard))
    }
}

fn ask(socket: &Path) -> anyhow::Result<UnixStream> {
    let mut stream = UnixStream::connect(socket).context("the daemon's socket takes nobody")?;
    stream.write_all(
        b"GET /api/feed?topics=content HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n",
    )?;
    Ok(stream)
}

/// The first bytes of a stamp: `@` and sixteen digits, microseconds since 1970.
const STAMP: usize = 16;
/// After a closing and so much silence there is nothing more.
const SILENCE: Duration = Duration::from_secs(3);
/// As long as the tasks of a run may take to begin.
const FIRST: Duration = Duration::from_secs(170);

fn read(stream: &mut UnixStream, socket: &Path) -> anyhow::Result<Heard> {
    let (mut heard, mut rest) = (Heard::default(), Vec::new());
    let mut bytes = vec![0; 1 << 18];
    stream.set_read_timeout(Some(FIRST))?;
    loop {
        let Some(count) = taken(stream.read(&mut bytes))? else {
            return Ok(heard);
        };
        rest.extend_from_slice(&bytes[..count]);
        let closed = heard.closed;
        let seen = scan(&rest, &mut heard);
        rest.drain(..seen);
        if count == 0 || heard.closed > closed {
            // Closed by the daemon: what comes until the next reading is missed, and that is counted.
            *stream = ask(socket)?;
            stream.set_read_timeout(Some(SILENCE))?;
            rest.clear();
        }
        if heard.lines > 0 {
            stream.set_read_timeout(Some(SILENCE))?;
        }
    }
}

/// Nothing for a read that only took too long.
fn taken(read: std::io::Result<usize>) -> std::io::Result<Option<usize>> {
    use std::io::ErrorKind;
    match read {
        Ok(count) => Ok(Some(count)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(None),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(Some(0)),
        Err(error) => Err(error),
    }
}

/// Takes the stamps out of what came; how much of it is done with.
fn scan(bytes: &[u8], heard: &mut Heard) -> usize {
    let now_us = now_us();
    let mut at = 0;
    while let Some(found) = bytes[at..].iter().position(|byte| *byte == b'@') {
        let begin = at + found + 1;
        let Some(digits) = bytes.get(begin..begin + STAMP) else {
            return begin - 1;
        };
        at = begin;
        if digits.iter().all(u8::is_ascii_digit) {
            let stamp = digits
                .iter()
                .fold(0_u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
            heard.lines += 1;
            heard.late_ms.push(now_us.saturating_sub(stamp) as f64 / 1_000.0);
            at += STAMP;
        }
    }
    if bytes.windows(11).any(|window| window == b"slow_client") {
        heard.closed += 1;
    }
    bytes.len()
}

fn now_us() -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "lines are stamped by another process, in microseconds"
    )]
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
