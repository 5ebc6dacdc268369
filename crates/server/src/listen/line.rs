//! One connection from its first byte to its last: how slowly it may speak, and how it is ended.

use crate::guard::Peer;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// A request's head is whole by then, or the connection ends.
const HEAD_TIMEOUT: Duration = Duration::from_secs(20);
/// No head is longer; more is answered with 431.
const HEAD_BYTES_MAX: usize = 32 * 1024;

/// Ends a connection from inside: a reader that does not read cannot be told anything else.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hangup(pub(crate) CancellationToken);

/// A connection that was let in.
pub(super) struct Line {
    pub(super) router: axum::Router,
    pub(super) peer: Peer,
    /// What is under way may end; nothing new is taken.
    pub(super) closing: CancellationToken,
    pub(super) _permit: OwnedSemaphorePermit,
}

impl Line {
    pub(super) async fn serve(self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
        let hangup = Hangup::default();
        let (router, peer, to_hang_up) = (self.router.clone(), self.peer.clone(), hangup.clone());
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
                () = self.closing.cancelled(), if !is_told => {
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
