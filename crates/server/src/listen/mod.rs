//! Listens: the socket always, loopback TCP on request. Bounds how many connections there are and how slowly one may
//! speak, and ends in an orderly way.

mod bind;
mod task;

pub use bind::{BindError, bind_tcp, bind_unix};

use crate::guard::{Peer, Stance, Token};
use crate::{App, router};
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use task::is_of_a_task;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

/// Connections at once at most, of all listeners.
const CONNECTIONS_MAX: usize = 512;
/// A request's head is whole by then, or the connection ends.
const HEAD_TIMEOUT: Duration = Duration::from_secs(20);
/// No head is longer; more is answered with 431.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// Answers that are under way when the daemon stops get this long.
const GRACE: Duration = Duration::from_secs(10);
/// After a failed accept (no file descriptors left), the next one waits.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where requests come in.
pub enum Listener {
    /// The socket of the home.
    Unix(UnixListener),
    /// Loopback, for whoever has the token.
    Tcp(TcpListener, Token),
}

/// Ends a connection from inside: a reader that does not read cannot be told anything else.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hangup(pub(crate) CancellationToken);

struct Server {
    app: App,
    router: axum::Router,
    room: Arc<Semaphore>,
    stopping: CancellationToken,
    connections: TaskTracker,
}

/// Serves until `shutdown` is done, then lets what is under way end.
///
/// # Errors
/// When a listener does not know its own address.
pub async fn serve(app: App, listeners: Vec<Listener>, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    let server = Arc::new(Server {
        router: router(app.clone()),
        app,
        room: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
        stopping: CancellationToken::new(),
        connections: TaskTracker::new(),
    });
    for listener in listeners {
        match listener {
            Listener::Unix(listener) => {
                server
                    .connections
                    .spawn(Arc::clone(&server).accept_unix(listener));
            }
            Listener::Tcp(listener, token) => {
                let stance = Arc::new(Stance::of(listener.local_addr()?, token));
                server
                    .connections
                    .spawn(Arc::clone(&server).accept_tcp(listener, stance));
            }
        }
    }
    shutdown.await;
    server.app.stop();
    server.stopping.cancel();
    server.connections.close();
    if tokio::time::timeout(GRACE, server.connections.wait())
        .await
        .is_err()
    {
        tracing::warn!("connections were still open after the grace period");
    }
    Ok(())
}

impl Server {
    async fn accept_unix(self: Arc<Self>, listener: UnixListener) {
        while let Some(accepted) = self.until_stopped(listener.accept()).await {
            // Without the system's word on who it is, nobody comes in.
            match accepted.and_then(|(stream, _)| Ok((stream.peer_cred()?, stream))) {
                Ok((peer, _)) if is_of_a_task(peer.pid()) => {
                    tracing::warn!(
                        pid = peer.pid(),
                        "a task's process came to the socket and was turned away"
                    );
                }
                Ok((peer, stream)) => self.admit(stream, Peer::Unix { uid: peer.uid() }),
                Err(error) => pause_after(&error).await,
            }
        }
    }

    async fn accept_tcp(self: Arc<Self>, listener: TcpListener, stance: Arc<Stance>) {
        while let Some(accepted) = self.until_stopped(listener.accept()).await {
            match accepted {
                Ok((stream, _)) => {
                    let _ = stream.set_nodelay(true);
                    self.admit(stream, Peer::Tcp(Arc::clone(&stance)));
                }
                Err(error) => pause_after(&error).await,
            }
        }
    }

    async fn until_stopped<T>(&self, wait: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            () = self.stopping.cancelled() => None,
            done = wait => Some(done),
        }
    }

    fn admit(self: &Arc<Self>, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, peer: Peer) {
        match Arc::clone(&self.room).try_acquire_owned() {
            Ok(permit) => {
                self.connections
                    .spawn(Arc::clone(self).connection(stream, peer, permit));
            }
            Err(_) => {
                self.connections.spawn(turn_away(stream));
            }
        }
    }

    async fn connection(
        self: Arc<Self>,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        peer: Peer,
        _permit: OwnedSemaphorePermit,
    ) {
        let hangup = Hangup::default();
        let (router, to_hang_up) = (self.router.clone(), hangup.clone());
        let service = tower::service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer.clone());
            request.extensions_mut().insert(to_hang_up.clone());
            router.clone().oneshot(request.map(Body::new))
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let mut is_told = false;
        let ended = loop {
            tokio::select! {
                ended = connection.as_mut() => break ended,
                () = hangup.0.cancelled() => return,
                () = self.stopping.cancelled(), if !is_told => {
                    connection.as_mut().graceful_shutdown();
                    is_told = true;
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}

async fn pause_after(error: &io::Error) {
    tracing::warn!(%error, "cannot accept a connection");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

/// Full: says so in the fewest words, and only for a moment.
async fn turn_away(mut stream: impl AsyncWrite + Unpin) {
    const ANSWER: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\n\
        connection: close\r\n\r\n";
    let _ = tokio::time::timeout(Duration::from_secs(1), stream.write_all(ANSWER)).await;
}
