//! The HTTP side: routes, records of what was asked, and sending an answer the way its turn wants it sent.
//!
//! Owns the listener, the lock around the play, and the tricks with a connection: waiting, dropping it unanswered,
//! cutting a stream. Leaves out which turn it is (`play`) and how it is worded (`dialect`, `failure`).

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use std::{fs, io};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::answer::{Answer, Frame, since_epoch};
use crate::asked::Asked;
use crate::call::{self, NoTool};
use crate::dialect::Dialect;
use crate::failure::{self, Problem};
use crate::play::{Cue, Part, Play};
use crate::script::{Reply, Script, Turn};

/// A running server; it stops when dropped.
#[derive(Debug)]
pub struct ModelServer {
    address: SocketAddr,
    stage: Arc<Stage>,
    serving: JoinHandle<()>,
}

/// Where requests are written down, besides `/__state`.
#[derive(Debug, Clone, Default)]
pub struct Records {
    /// One JSON line for each request is appended here.
    pub log: Option<PathBuf>,
    /// Whole requests go here, a file each.
    pub bodies: Option<PathBuf>,
}

#[derive(Debug)]
struct Stage {
    play: Mutex<(Play, Vec<Value>)>,
    records: Records,
}

impl ModelServer {
    /// Starts on a port of 127.0.0.1; 0 takes any free one.
    pub async fn start(script: Script, port: u16, records: Records) -> io::Result<Self> {
        if let Some(folder) = &records.bodies {
            fs::create_dir_all(folder)?;
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let stage = Arc::new(Stage {
            play: Mutex::new((Play::of(script), Vec::new())),
            records,
        });
        let routes = Router::new()
            .route("/__state", get(show_state))
            .route("/__script", post(take_script))
            .fallback(serve)
            .with_state(Arc::clone(&stage));
        let serving = tokio::spawn(async move {
            axum::serve(listener, routes)
                .await
                .expect("serving ends only with its task");
        });
        Ok(Self {
            address,
            stage,
            serving,
        })
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Where agents are pointed to, without a path.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The cursors and the requests so far, as `GET /__state` gives them.
    pub fn state(&self) -> Value {
        self.stage.state()
    }

    /// Plays this script from its start and forgets the requests so far.
    pub fn play(&self, script: Script) {
        *self.stage.lock() = (Play::of(script), Vec::new());
    }

    /// Waits for ever: the server ends only by being dropped.
    pub async fn wait(&self) -> Infallible {
        std::future::pending().await
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Stage {
    fn lock(&self) -> MutexGuard<'_, (Play, Vec<Value>)> {
        self.play.lock().expect("nothing panics while it holds the play")
    }

    fn state(&self) -> Value {
        let (play, requests) = &*self.lock();
        let mut state = play.state();
        state["requests"] = json!(requests);
        state
    }

    /// Writes a request down. Records serve the reader of a failed test: losing one must not fail another.
    fn record(&self, seen: &Seen, what: Value) {
        let mut line = json!({"t_ms": since_epoch().as_millis() as u64, "method": seen.method.as_str(), "path": seen.uri.to_string()});
        for (key, value) in what.as_object().into_iter().flatten() {
            line[key] = value.clone();
        }
        let mut stage = self.lock();
        let number = stage.1.len();
        line["n"] = json!(number);
        if let Some(folder) = &self.records.bodies {
            let headers: Vec<_> = seen
                .headers
                .iter()
                .map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]))
                .collect();
            let whole = json!({"path": seen.uri.to_string(), "headers": headers, "body": seen.body});
            let _ = fs::write(folder.join(format!("{number:04}.json")), format!("{whole:#}"));
        }
        if let Some(log) = &self.records.log {
            let file = fs::OpenOptions::new().create(true).append(true).open(log);
            let _ = file.and_then(|mut file| io::Write::write_all(&mut file, format!("{line}\n").as_bytes()));
        }
        stage.1.push(line);
    }
}

/// A request, read to its end.
struct Seen {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Value,
}

async fn show_state(State(stage): State<Arc<Stage>>) -> Response {
    json_response(StatusCode::OK, &stage.state())
}

async fn take_script(State(stage): State<Arc<Stage>>, body: String) -> Response {
    match Script::parse(&body) {
        Ok(script) => {
            *stage.lock() = (Play::of(script), Vec::new());
            json_response(StatusCode::OK, &json!({"ok": true}))
        }
        Err(error) => json_response(StatusCode::BAD_REQUEST, &json!({"error": error.to_string()})),
    }
}

async fn serve(State(stage): State<Arc<Stage>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let Ok(bytes) = axum::body::to_bytes(body, usize::MAX).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| json!({"unparsed": bytes.len()}));
    let seen = Seen {
        method: head.method,
        uri: head.uri,
        headers: head.headers,
        body,
    };
    let path = seen.uri.path();
    match Dialect::at(path) {
        Some(dialect) if seen.method == Method::POST => answer(&stage, dialect, &seen).await,
        _ => {
            stage.record(&seen, json!({"aux": true}));
            json_response(StatusCode::OK, &beside(&stage, path, bytes.len()))
        }
    }
}

/// What is answered besides the model's own words: token counts, model lists, and nothing to telemetry and the like.
fn beside(stage: &Stage, path: &str, length: usize) -> Value {
    if path.ends_with("/count_tokens") || path.ends_with(":countTokens") {
        let tokens = length.div_ceil(4);
        return json!({"input_tokens": tokens, "totalTokens": tokens});
    }
    let Some((_, rest)) = path.rsplit_once("/models") else {
        return json!({});
    };
    let scripted = stage
        .lock()
        .0
        .script
        .model
        .clone()
        .unwrap_or_else(|| "scripted-1".to_owned());
    let id = rest.strip_prefix('/').filter(|id| !id.is_empty());
    let name = id.map_or(scripted.as_str(), |id| id);
    let model = json!({"id": name, "object": "model", "type": "model", "display_name": name, "created": 0, "owned_by": "scripted"});
    if id.is_some() {
        return model;
    }
    let of_google = path
        .contains("/v1beta")
        .then(|| json!({"name": format!("models/{name}"), "displayName": name}));
    // codex reads `models` as another list of its own: empty says that nothing is known about them.
    json!({"object": "list", "data": [model], "has_more": false, "models": Vec::from_iter(of_google)})
}

async fn answer(stage: &Stage, dialect: Dialect, seen: &Seen) -> Response {
    let asked = dialect.read(seen.uri.path(), &seen.body);
    let (Cue { turn, part }, script) = {
        let mut stage = stage.lock();
        (stage.0.cue(&asked), stage.0.script.clone())
    };
    stage.record(seen, described(dialect, &asked, &part));
    match &turn.reply {
        Reply::Hang(pause) => {
            tokio::time::sleep(*pause).await;
            dropped()
        }
        Reply::Fail(failure) => problem_response(failure::failed(dialect, failure)),
        Reply::Limit(limit) => problem_response(failure::limited(dialect, *limit, since_epoch().as_secs())),
        Reply::Say { text, calls } => {
            let answer = worded(text, calls, &turn, &asked, &script);
            match asked.is_streamed {
                true => streamed(dialect.frames(&answer), &turn),
                false => json_response(StatusCode::OK, &dialect.whole(&answer)),
            }
        }
    }
}

fn worded(text: &str, calls: &[crate::script::Call], turn: &Turn, asked: &Asked, script: &Script) -> Answer {
    let folder = script.workspace.clone().or_else(|| asked.folder());
    let (mut text, mut fitted) = (text.to_owned(), Vec::new());
    for call in calls {
        match call::fit(call, &asked.tools, folder.as_deref()) {
            Ok(call) => fitted.push(call),
            Err(NoTool(kind)) => text.push_str(&format!("NO-TOOL {kind}")),
        }
    }
    let model = script.model.clone().or_else(|| asked.model.clone());
    Answer {
        model: model.unwrap_or_else(|| "scripted-1".to_owned()),
        text,
        calls: fitted,
        tokens: turn.usage.or(script.usage),
    }
}

fn described(dialect: Dialect, asked: &Asked, part: &Part) -> Value {
    let (conversation, instance, turn) = match part {
        Part::Aux => (None, None, None),
        Part::Shared { index } => (None, None, *index),
        Part::Conversation {
            position,
            instance,
            index,
        } => (Some(*position), Some(instance), *index),
    };
    let last: String = asked
        .messages
        .last()
        .map(|message| message.text.chars().take(1500).collect())
        .unwrap_or_default();
    json!({
        "api": dialect.name(),
        "aux": *part == Part::Aux,
        "conversation": conversation,
        "instance": instance,
        "turn": turn,
        "model": asked.model,
        "stream": asked.is_streamed,
        "folder": asked.folder(),
        "tools": asked.tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(),
        "items": asked.messages.len(),
        "last": last,
    })
}

fn streamed(frames: Vec<Frame>, turn: &Turn) -> Response {
    let (delay, cut_after) = (turn.delay, turn.cut_after);
    let kept = cut_after.unwrap_or(frames.len());
    let sent = stream::iter(frames.into_iter().take(kept)).then(move |frame| async move {
        tokio::time::sleep(delay).await;
        Ok(Bytes::from(frame.wire()))
    });
    let cut = stream::iter(cut_after).then(|_| async {
        // An error at once would throw away what is not flushed yet; a pause lets it out.
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(io::Error::other("scripted cut"))
    });
    let content = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (content, Body::from_stream(sent.chain(cut))).into_response()
}

/// Closes the connection without a byte: a body that fails at once takes the unsent head with it.
fn dropped() -> Response {
    Body::from_stream(stream::iter([Err::<Bytes, _>(io::Error::other("scripted hang"))])).into_response()
}

fn problem_response(problem: Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = json_response(status, &problem.body);
    for (name, value) in problem.headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn json_response(status: StatusCode, body: &Value) -> Response {
    (
        status,
        [(header::CONTENT_TYPE, "application/json")],
        body.to_string(),
    )
        .into_response()
}
