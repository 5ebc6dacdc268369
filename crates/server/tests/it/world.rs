//! A whole daemon but for its process: a real store in a folder of its own, the engine, agents that obey the test.

use crate::agents::Actors;
use crate::fleet::{OneBranch, TwoAgents};
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::Response;
use domain::Moment;
use engine::ports::{Clock, Entry, EntryKind, Later, Store, Transcripts as _};
use engine::testkit::{FakeClock, FakeWorkspaces, Git, Life};
use engine::{Config, Engine, Ports};
use serde_json::{Value as Json, json};
use server::{App, Daemon, Listener, Parts, Peer, Stance, Token, bind_unix, router, serve};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use store::{Home, Options, SqliteStore, TranscriptFiles, TranscriptLimits};
use tempfile::TempDir;
use tokio::sync::{OwnedMutexGuard, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// No wait of a test is longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// The token of the TCP side.
pub(crate) const TOKEN: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// Its port, as far as the guard knows.
pub(crate) const PORT: u16 = 7_777;

/// A flow with a fan-out of two, both at once.
const FLOW: &str = r#"
name = "try"
category = "analysis"
version = 1
summary = "Looks twice."

[size.small]
angles = [{ name = "left" }, { name = "right" }]

[size.medium]
angles = [{ name = "left" }, { name = "right" }]

[size.large]
angles = [{ name = "left" }, { name = "right" }]

[[step]]
id = "angles"
title = "Look from both sides"
kind = "agent"
each = "size.angles"
retry = { max = 0 }
prompt = "Look from the {{ item.name }}: {{ input.question }}"

[[step]]
id = "sum"
title = "Sum up"
kind = "agent"
needs = ["angles"]
retry = { max = 0 }
prompt = "Sum up: {{ input.question }}"
"#;

/// A flow that waits for a person first.
const ASKING: &str = r#"
name = "asking"
category = "analysis"
version = 1
summary = "Asks first."

[[step]]
id = "may"
title = "May it go on?"
kind = "approval"
"#;

pub(crate) struct World {
    pub(crate) folder: Arc<TempDir>,
    pub(crate) app: App,
    pub(crate) engine: Engine,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) gate: Arc<watch::Sender<bool>>,
    stance: Arc<Stance>,
    router: axum::Router,
    beside: Beside,
}

/// What a second server over the same engine needs.
#[derive(Clone)]
struct Beside {
    transcripts: Arc<TranscriptFiles>,
    pen: Pen,
    library: Arc<flows::Library>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Fn() -> u128 + Send + Sync>,
    home: PathBuf,
}

/// What transcripts are written with: while a test holds it, nothing is.
#[derive(Clone, Default)]
struct Pen(Arc<tokio::sync::Mutex<()>>);

impl Clock for Pen {
    fn now(&self) -> Moment {
        let _held = self.0.blocking_lock();
        Moment::from_ms(1_700_000_000_000)
    }

    fn sleep_until(&self, _until: Moment) -> Later<'static, ()> {
        Box::pin(std::future::pending())
    }
}

/// An answer, read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) async fn of(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Self {
            status: parts.status,
            headers: parts.headers,
            text,
        }
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The problem, which says all that a problem says.
    #[track_caller]
    pub(crate) fn problem(&self) -> api::Problem {
        assert_eq!(
            self.headers[header::CONTENT_TYPE],
            "application/problem+json",
            "{self:?}"
        );
        let problem: api::Problem = serde_json::from_str(&self.text).unwrap();
        assert_eq!(problem.status, self.status.as_u16());
        assert_eq!(problem.kind, format!("urn:partita:problem:{}", problem.code));
        assert!(
            !problem.title.is_empty() && !problem.detail.is_empty(),
            "{problem:?}"
        );
        problem
    }

    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) -> api::Problem {
        let problem = self.problem();
        assert_eq!(
            (problem.status, problem.code.as_str()),
            (status, code),
            "{problem:?}"
        );
        problem
    }
}

impl World {
    /// The agent whose frame this is says more, besides what it says by itself.
    pub(crate) fn say(&self, of: &Json, text: String) {
        let entry = Entry {
            chat: of["chat_id"].as_str().unwrap().parse().unwrap(),
            task: of["task_id"].as_str().unwrap().parse().unwrap(),
            kind: EntryKind::Text(text),
        };
        self.beside.transcripts.append(entry);
    }

    /// Nothing is written into a transcript while this lives.
    pub(crate) async fn hold_pen(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.beside.pen.0).lock_owned().await
    }

    pub(crate) async fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("partita-").tempdir().unwrap();
        let project = folder.path().join("project");
        std::fs::create_dir_all(project.join(".partita/flows")).unwrap();
        std::fs::write(project.join(".partita/flows/try.toml"), FLOW).unwrap();
        std::fs::write(project.join(".partita/flows/asking.toml"), ASKING).unwrap();
        Self::open(Arc::new(folder)).await
    }

    /// A daemon over what an earlier one left.
    async fn open(folder: Arc<TempDir>) -> Self {
        let now = Moment::from_ms(1_700_000_000_000);
        let clock: Arc<dyn Clock> = Arc::new(FakeClock::at(now));
        let home = Home::at(folder.path().join("home"));
        let store = Arc::new(SqliteStore::open(&home, &Options { ballast_bytes: 0 }, now).unwrap());
        let pen = Pen::default();
        let limits = TranscriptLimits::default();
        let transcripts = Arc::new(TranscriptFiles::open(&home, limits, Arc::new(pen.clone())).unwrap());
        let library = Arc::new(flows::Library::new());
        let (gate, opened) = watch::channel(false);
        static LAST: AtomicU64 = AtomicU64::new(0);
        let ids: Arc<dyn Fn() -> u128 + Send + Sync> =
            Arc::new(|| 1 << 96 | u128::from(LAST.fetch_add(1, Ordering::Relaxed) + 1));
        let ports = Ports {
            store: Arc::clone(&store) as Arc<dyn Store>,
            agents: Arc::new(Actors {
                gate: opened,
                transcripts: Arc::clone(&transcripts) as _,
            }),
            workspaces: Arc::new(FakeWorkspaces::new(
                &Arc::new(Git::default()),
                &Life::default(),
                &clock,
            )),
            definitions: Arc::clone(&library) as _,
            transcripts: Arc::clone(&transcripts) as _,
            clock: Arc::clone(&clock),
            ids: Arc::clone(&ids),
        };
        let engine = Engine::open(ports, Config::default()).await.unwrap();
        let beside = Beside {
            transcripts,
            pen,
            library,
            clock,
            ids,
            home: home.root().to_owned(),
        };
        Self::over(folder, engine, store, Arc::new(gate), beside).await
    }

    /// A second server over the same engine and store, as after a stop.
    pub(crate) async fn open_beside(&self) -> Self {
        let (folder, gate) = (Arc::clone(&self.folder), Arc::clone(&self.gate));
        Self::over(
            folder,
            self.engine.clone(),
            Arc::clone(&self.store),
            gate,
            self.beside.clone(),
        )
        .await
    }

    async fn over(
        folder: Arc<TempDir>,
        engine: Engine,
        store: Arc<SqliteStore>,
        gate: Arc<watch::Sender<bool>>,
        beside: Beside,
    ) -> Self {
        let Beside {
            transcripts,
            library,
            clock,
            ids,
            home,
            pen: _,
        } = beside.clone();
        let parts = Parts {
            engine: engine.clone(),
            reader: store.reader().clone(),
            store: Arc::clone(&store) as _,
            transcripts,
            library,
            projects: Arc::new(OneBranch),
            fleet: Arc::new(TwoAgents),
            clock,
            ids,
            daemon: Daemon {
                pid: 4_321,
                version: "1.2.3".to_owned(),
                home,
                started_at: Moment::from_ms(1_700_000_000_000),
            },
        };
        let app = App::new(parts).await.unwrap();
        let address = ([127, 0, 0, 1], PORT).into();
        let stance = Arc::new(Stance::of(address, Token::of(TOKEN)));
        Self {
            router: router(app.clone()),
            folder,
            app,
            engine,
            store,
            gate,
            stance,
            beside,
        }
    }

    /// A daemon over what this one left.
    pub(crate) async fn reopen(self) -> Self {
        self.store.close().await;
        let folder = Arc::clone(&self.folder);
        drop(self);
        Self::open(folder).await
    }

    pub(crate) fn project(&self) -> PathBuf {
        self.folder.path().join("project").canonicalize().unwrap()
    }

    /// The position of the last event: what is refused leaves it where it was.
    pub(crate) async fn position(&self) -> u64 {
        self.store.reader().position().await.unwrap()
    }

    /// Asks as a process of ours over the socket would.
    pub(crate) async fn send(&self, mut request: Request<Body>) -> Reply {
        request
            .headers_mut()
            .entry(header::HOST)
            .or_insert("localhost".parse().unwrap());
        let uid = rustix::process::geteuid().as_raw();
        Reply::of(self.raw(Peer::Unix { uid }, request).await).await
    }

    pub(crate) async fn raw(&self, peer: Peer, mut request: Request<Body>) -> Response {
        request.extensions_mut().insert(peer);
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// As a request that came in by TCP.
    pub(crate) fn tcp(&self) -> Peer {
        Peer::Tcp(Arc::clone(&self.stance))
    }

    pub(crate) async fn send_tcp(&self, request: Request<Body>) -> Reply {
        Reply::of(self.raw(self.tcp(), request).await).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(request("GET", path, None)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Json) -> Reply {
        self.send(request("POST", path, Some(body))).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Json) -> Reply {
        self.send(request("PATCH", path, Some(body))).await
    }

    pub(crate) async fn act(&self, path: &str) -> Reply {
        self.send(request("POST", path, None)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.send(request("DELETE", path, None)).await
    }

    /// Starts a run of the flow `try`, or another; gives its id.
    pub(crate) async fn run(&self, flow: &str, agent: &str) -> String {
        let path = self.project();
        let body = json!({"project_path": path, "flow": flow, "input": {"question": "why?", "agent": agent}});
        let reply = self.post("/api/runs", body).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        reply.json()["id"].as_str().unwrap().to_owned()
    }

    /// The run, once it is as wanted.
    pub(crate) async fn until(&self, run: &str, is_wanted: impl Fn(&Json) -> bool) -> Json {
        let mut positions = self.engine.positions();
        let wait = async {
            loop {
                let detail = self.get(&format!("/api/runs/{run}")).await.json();
                if is_wanted(&detail) {
                    return detail;
                }
                positions.changed().await.unwrap();
            }
        };
        tokio::time::timeout(PATIENCE, wait)
            .await
            .expect("the run comes to be as wanted")
    }

    pub(crate) async fn until_status(&self, run: &str, status: &str) -> Json {
        self.until(run, |detail| detail["status"] == status).await
    }

    /// Serves over a real socket.
    pub(crate) fn serve(&self) -> Served {
        let socket = self.folder.path().join("run/orchestrator.sock");
        let listener = bind_unix(&socket).unwrap();
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let task = tokio::spawn(serve(self.app.clone(), vec![Listener::Unix(listener)], stopped));
        Served { socket, stop, task }
    }
}

pub(crate) struct Served {
    pub(crate) socket: PathBuf,
    stop: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
}

impl Served {
    pub(crate) fn client(&self) -> api::Client {
        api::Client::over_socket(&self.socket).unwrap()
    }

    pub(crate) async fn end(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
    }
}

/// A request with a JSON body, or none.
pub(crate) fn request(method: &str, path: &str, body: Option<Json>) -> Request<Body> {
    let request = Request::builder().method(method).uri(path);
    match body {
        Some(body) => request
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string()))
            .unwrap(),
        None => request.body(Body::empty()).unwrap(),
    }
}

/// Leaves a file where the test wants one.
pub(crate) fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}
