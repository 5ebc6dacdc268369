//! The socket as any program of the user can use it: one request, one answer, nothing that a client of ours would refuse to
//! send.

use crate::env::{PATIENCE, TestEnv};
use serde_json::Value as Json;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

pub(crate) fn socket(env: &TestEnv) -> PathBuf {
    let home = env.home().canonicalize().unwrap();
    api::socket_path(&home, Some(&env.path("run"))).unwrap()
}

/// Asks once, under a key if there is one; nothing when the daemon dies over it.
pub(crate) fn ask(
    env: &TestEnv,
    method: &str,
    path: &str,
    body: Option<&Json>,
    key: Option<&str>,
) -> Option<Answer> {
    let mut stream = UnixStream::connect(socket(env)).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    if let Some(key) = key {
        head.push_str(&format!("Idempotency-Key: {key}\r\n"));
    }
    let body = body.map(Json::to_string);
    if let Some(body) = &body {
        head.push_str(&format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        ));
    } else if method != "GET" {
        head.push_str("Content-Length: 0\r\n");
    }
    let request = format!("{head}\r\n{}", body.unwrap_or_default());
    // A daemon that dies now shows in what is read.
    let _ = stream.write_all(request.as_bytes());
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split_whitespace().nth(1)?.parse().ok()?;
    let is_chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    assert!(!is_chunked, "answers have a length: {head}");
    Some(Answer {
        status,
        body: body.to_owned(),
    })
}

/// Everything but letters, digits and a few signs is written as in a URL.
pub(crate) fn in_url(text: &str) -> String {
    text.bytes().fold(String::new(), |shown, byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => shown + &char::from(byte).to_string(),
        other => shown + &format!("%{other:02X}"),
    })
}
