//! The agent's two pipes: messages of the protocol out, messages in, and waits that hear a cancel.

use serde_json::{Value as Json, json};
use std::collections::VecDeque;
use std::io::{self, BufRead, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

/// What a wait heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Nothing: the time is over.
    Nothing,
    /// That the turn shall end.
    Cancel,
    /// That nobody speaks any more.
    End,
}

/// The pipes.
pub(super) struct Wire {
    out: Box<dyn Write>,
    input: Option<Receiver<Json>>,
    /// What came while something else was waited for.
    later: VecDeque<Json>,
    next_id: u64,
}

impl Wire {
    /// Reads `input` on a thread of its own, where there is one to read.
    pub(super) fn new(input: Option<Box<dyn BufRead + Send>>, out: Box<dyn Write>) -> Self {
        let input = input.map(|input| {
            let (sender, receiver) = sync_channel(64);
            std::thread::spawn(move || {
                for line in input.lines().map_while(Result::ok) {
                    let Ok(message) = serde_json::from_str(&line) else {
                        continue;
                    };
                    if sender.send(message).is_err() {
                        return;
                    }
                }
            });
            receiver
        });
        Self {
            out,
            input,
            later: VecDeque::new(),
            next_id: 0,
        }
    }

    /// Writes bytes as they are.
    pub(super) fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.out.flush()
    }

    pub(super) fn send(&mut self, message: &Json) -> io::Result<()> {
        self.raw(format!("{message}\n").as_bytes())
    }

    /// Sends a request and waits for its answer, five minutes at most; none when it is cancelled or over.
    pub(super) fn request(&mut self, method: &str, params: &Json) -> io::Result<Option<Json>> {
        let id = self.next_id;
        self.next_id += 1;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))?;
        let until = Instant::now() + Duration::from_secs(300);
        let Some(input) = &self.input else { return Ok(None) };
        while let Ok(message) = input.recv_timeout(until.saturating_duration_since(Instant::now())) {
            if message.get("method").is_none() && message.get("id").and_then(Json::as_u64) == Some(id) {
                return Ok(Some(message));
            }
            let is_cancel = message.get("method").and_then(Json::as_str) == Some("session/cancel");
            self.later.push_back(message);
            if is_cancel {
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// The next message; none when there will be no more.
    pub(super) fn next(&mut self) -> Option<Json> {
        self.later
            .pop_front()
            .or_else(|| self.input.as_ref()?.recv().ok())
    }

    /// Waits, hearing a cancel. A deaf wait hears nothing.
    pub(super) fn wait(&mut self, time: Duration, is_deaf: bool) -> Heard {
        if !is_deaf && self.has_cancel() {
            return Heard::Cancel;
        }
        let until = Instant::now() + time;
        let Some(input) = self.input.as_ref().filter(|_| !is_deaf) else {
            // Nobody speaks, or nobody is heard: an empty channel is a wait with a limit.
            let (_sender, silence) = sync_channel::<()>(0);
            return match silence.recv_timeout(time) {
                Ok(()) | Err(_) => Heard::Nothing,
            };
        };
        loop {
            match input.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(message) => self.later.push_back(message),
                Err(RecvTimeoutError::Timeout) => return Heard::Nothing,
                Err(RecvTimeoutError::Disconnected) => return Heard::End,
            }
            if self
                .later
                .back()
                .and_then(|message| message.get("method")?.as_str())
                == Some("session/cancel")
            {
                return Heard::Cancel;
            }
        }
    }

    /// Forgets cancels that came for a turn that is over.
    pub(super) fn forget_cancels(&mut self) {
        self.later
            .retain(|message| message.get("method").and_then(Json::as_str) != Some("session/cancel"));
    }

    fn has_cancel(&self) -> bool {
        self.later
            .iter()
            .any(|message| message.get("method").and_then(Json::as_str) == Some("session/cancel"))
    }
}
