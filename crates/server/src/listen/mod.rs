//! Listens: the socket always, loopback TCP on request. Bounds how many connections there are and how slowly one may
//! speak, and ends in an orderly way.

mod bind;
mod line;
mod port;
mod task;

pub use bind::{BindError, bind_tcp, bind_unix};
pub(crate) use port::{Port, PortRefused};

use crate::guard::{Peer, Stance, Token};
use crate::{App, router};
pub(crate) use line::Hangup;
use line::Line;
use port::{OpenPort, PortKeeper};
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use task::is_of_a_task;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections at once at most, of all listeners.
const CONNECTIONS_MAX: usize = 512;
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

struct Server {
    app: App,
    router: axum::Router,
    room: Arc<Semaphore>,
    stopping: CancellationToken,
    connections: TaskTracker,
}

/// Serves until `shutdown` is done, then lets what is under way end. Unless a TCP listener is given, the port that an
/// earlier daemon had open for pages is opened again.
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
    let (mut sockets, mut ports) = (Vec::new(), Vec::new());
    for listener in listeners {
        match listener {
            Listener::Unix(listener) => sockets.push(listener),
            Listener::Tcp(listener, token) => ports.push((listener, token)),
        }
    }
    // Whoever asks over the socket finds the port as it is going to be.
    server.open_ports(ports).await?;
    for socket in sockets {
        server.connections.spawn(Arc::clone(&server).accept_unix(socket));
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
    async fn open_ports(self: &Arc<Self>, given: Vec<(TcpListener, Token)>) -> io::Result<()> {
        let Some(mut keeper) = PortKeeper::of(&self.app) else {
            // Another server of the same state keeps the port; what was given here is served all the same.
            for (listener, token) in given {
                self.listen(listener, token)?;
            }
            return Ok(());
        };
        if given.is_empty() {
            keeper.reopen(self).await?;
        }
        for (listener, token) in given {
            keeper.adopt(self, listener, token).await?;
        }
        self.connections.spawn(keeper.run(Arc::clone(self)));
        Ok(())
    }

    fn listen(self: &Arc<Self>, listener: TcpListener, token: Token) -> io::Result<OpenPort> {
        let address = listener.local_addr()?;
        let closing = self.stopping.child_token();
        let stance = Arc::new(Stance::of(address, token));
        let accept = Arc::clone(self).accept_tcp(listener, stance, closing.clone());
        tracing::info!(%address, "listening");
        Ok(OpenPort {
            number: address.port(),
            closing,
            accepting: self.connections.spawn(accept),
        })
    }

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
                Ok((peer, stream)) => {
                    self.admit(stream, Peer::Unix { uid: peer.uid() }, self.stopping.clone());
                }
                Err(error) => pause_after(&error).await,
            }
        }
    }

    async fn accept_tcp(
        self: Arc<Self>,
        listener: TcpListener,
        stance: Arc<Stance>,
        closing: CancellationToken,
    ) {
        while let Some(accepted) = closing.run_until_cancelled(listener.accept()).await {
            match accepted {
                Ok((stream, _)) => {
                    let _ = stream.set_nodelay(true);
                    self.admit(stream, Peer::Tcp(Arc::clone(&stance)), closing.clone());
                }
                Err(error) => pause_after(&error).await,
            }
        }
    }

    async fn until_stopped<T>(&self, wait: impl Future<Output = T>) -> Option<T> {
        self.stopping.run_until_cancelled(wait).await
    }

    fn admit(
        self: &Arc<Self>,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        peer: Peer,
        closing: CancellationToken,
    ) {
        match Arc::clone(&self.room).try_acquire_owned() {
            Ok(permit) => {
                let line = Line {
                    router: self.router.clone(),
                    peer,
                    closing,
                    _permit: permit,
                };
                self.connections.spawn(line.serve(stream));
            }
            Err(_) => {
                self.connections.spawn(turn_away(stream));
            }
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
