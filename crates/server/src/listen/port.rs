//! The loopback port over a daemon's life: given at the start, opened and closed at its owner's request, opened again
//! after a restart. One task keeps it; routes send it what is asked.

use super::{BindError, Server, bind_tcp};
use crate::App;
use crate::guard::Token;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Requests that wait; each is answered within moments.
const ASKS_MAX: usize = 16;

/// A port that is taken is tried again so often, after this pause.
const AGAIN_MAX: u32 = 10;
const AGAIN_AFTER: Duration = Duration::from_millis(50);

/// Why the port is not as asked.
#[derive(Debug)]
pub(crate) enum PortRefused {
    /// It is open, with another number.
    Open(u16),
    /// The system does not give this number.
    Taken(u16, BindError),
    /// The end of its sessions could not be kept.
    NotKept(io::Error),
    /// Nobody listens anywhere, or the daemon is stopping.
    NotServing,
}

enum Ask {
    Open(Option<u16>, oneshot::Sender<Result<u16, PortRefused>>),
    Close(oneshot::Sender<Result<(), PortRefused>>),
}

/// The port, as routes know it.
pub(crate) struct Port {
    asks: mpsc::Sender<Ask>,
    /// Until somebody serves.
    keeper: Mutex<Option<mpsc::Receiver<Ask>>>,
    state: watch::Sender<Option<api::Port>>,
}

impl Default for Port {
    fn default() -> Self {
        let (asks, keeper) = mpsc::channel(ASKS_MAX);
        Self {
            asks,
            keeper: Mutex::new(Some(keeper)),
            state: watch::Sender::new(None),
        }
    }
}

impl Port {
    /// How it is.
    pub(crate) fn state(&self) -> Option<api::Port> {
        self.state.borrow().clone()
    }

    /// Opens it, with this number or with one that it finds; gives the number.
    pub(crate) async fn open(&self, number: Option<u16>) -> Result<u16, PortRefused> {
        self.ask(|answer| Ask::Open(number, answer)).await
    }

    /// Closes it and ends every session.
    pub(crate) async fn close(&self) -> Result<(), PortRefused> {
        self.ask(Ask::Close).await
    }

    async fn ask<T>(
        &self,
        ask: impl FnOnce(oneshot::Sender<Result<T, PortRefused>>) -> Ask,
    ) -> Result<T, PortRefused> {
        let (answer, answered) = oneshot::channel();
        // Without a server nobody takes it, and the queue would only fill.
        if self
            .keeper
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
        {
            return Err(PortRefused::NotServing);
        }
        let sent = self.asks.send(ask(answer)).await;
        sent.map_err(|_| PortRefused::NotServing)?;
        answered.await.unwrap_or(Err(PortRefused::NotServing))
    }

    fn is_open_at(&self, number: u16) {
        self.state.send_replace(Some(api::Port {
            number,
            is_open: true,
            detail: None,
        }));
    }
}

/// Where connections come in right now.
pub(super) struct OpenPort {
    pub(super) number: u16,
    pub(super) closing: CancellationToken,
    pub(super) accepting: JoinHandle<()>,
}

/// Keeps the port while a server serves.
pub(super) struct PortKeeper {
    app: App,
    asks: mpsc::Receiver<Ask>,
    open: Option<OpenPort>,
}

impl PortKeeper {
    /// None when another server keeps the port already.
    pub(super) fn of(app: &App) -> Option<Self> {
        let asks = app
            .port
            .keeper
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        asks.map(|asks| Self {
            app: app.clone(),
            asks,
            open: None,
        })
    }

    /// Serves what was given at the start. Sessions that belong to another port end.
    pub(super) async fn adopt(
        &mut self,
        server: &Arc<Server>,
        tcp: TcpListener,
        token: Token,
    ) -> io::Result<()> {
        let number = tcp.local_addr()?.port();
        if self.app.sessions.port().is_some_and(|port| port != number) {
            self.end_sessions().await;
        }
        self.serve(server, tcp, token)
    }

    /// Opens what was open in an earlier life. When somebody else has it by now, the daemon lives without, and no session
    /// holds any more: whoever listens there is given their cookies.
    pub(super) async fn reopen(&mut self, server: &Arc<Server>) -> io::Result<()> {
        let Some(number) = self.app.sessions.port() else {
            return Ok(());
        };
        match bind_again(number).await {
            Ok(tcp) => self.serve(server, tcp, nobodys_token()?),
            Err(error) => {
                tracing::warn!(%error, "the page's port is not opened again, and its sessions have ended");
                self.end_sessions().await;
                self.app.port.state.send_replace(Some(api::Port {
                    number,
                    is_open: false,
                    detail: Some(error.to_string()),
                }));
                Ok(())
            }
        }
    }

    /// Does what is asked, until the server stops.
    pub(super) async fn run(mut self, server: Arc<Server>) {
        while let Some(Some(ask)) = server.until_stopped(self.asks.recv()).await {
            // Whoever asked and left needs no answer.
            match ask {
                Ask::Open(number, answer) => drop(answer.send(self.open(&server, number).await)),
                Ask::Close(answer) => drop(answer.send(self.close().await)),
            }
        }
    }

    async fn open(&mut self, server: &Arc<Server>, number: Option<u16>) -> Result<u16, PortRefused> {
        if let Some(open) = &self.open {
            return match number {
                Some(number) if number != open.number => Err(PortRefused::Open(open.number)),
                Some(_) | None => Ok(open.number),
            };
        }
        let tcp = match number {
            Some(number) => bind(number)
                .await
                .map_err(|error| PortRefused::Taken(number, error))?,
            None => self.any().await.map_err(|error| PortRefused::Taken(0, error))?,
        };
        let system = |source| PortRefused::Taken(number.unwrap_or(0), at_loopback(source));
        let number = tcp.local_addr().map_err(system)?.port();
        self.app.sessions.belong_to(number);
        if let Err(error) = self.app.sessions.keep(self.app.now()).await {
            tracing::warn!(%error, "the page's port is not opened again after a restart");
        }
        let token = nobodys_token().map_err(system)?;
        self.serve(server, tcp, token).map_err(system)?;
        Ok(number)
    }

    /// The port of an earlier time if it is free, else any.
    async fn any(&self) -> Result<TcpListener, BindError> {
        let before = self.app.port.state().map(|port| port.number);
        if let Some(before) = before
            && let Ok(tcp) = bind(before).await
        {
            return Ok(tcp);
        }
        bind(0).await
    }

    fn serve(&mut self, server: &Arc<Server>, tcp: TcpListener, token: Token) -> io::Result<()> {
        let open = server.listen(tcp, token)?;
        self.app.port.is_open_at(open.number);
        self.open = Some(open);
        Ok(())
    }

    async fn close(&mut self) -> Result<(), PortRefused> {
        self.app.sessions.give_up();
        self.app.port.state.send_replace(None);
        if let Some(open) = self.open.take() {
            open.closing.cancel();
            // The number is free once the listener is gone.
            if let Err(error) = open.accepting.await {
                tracing::warn!(%error, "the port's listener broke");
            }
            tracing::info!(port = open.number, "closed at its owner's request");
        }
        let kept = self.app.sessions.keep_or_forget(self.app.now()).await;
        kept.map_err(PortRefused::NotKept)
    }

    async fn end_sessions(&self) {
        self.app.sessions.give_up();
        if let Err(error) = self.app.sessions.keep_or_forget(self.app.now()).await {
            tracing::error!(%error, "the end of the page's sessions is not kept; a restart may bring them back");
        }
    }
}

async fn bind(number: u16) -> Result<TcpListener, BindError> {
    bind_tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, number))).await
}

/// A daemon that was killed a moment ago may hold its port for another moment, its lock being free already.
async fn bind_again(number: u16) -> Result<TcpListener, BindError> {
    let mut bound = bind(number).await;
    for _ in 0..AGAIN_MAX {
        if !matches!(&bound, Err(BindError::System { source, .. }) if source.kind() == io::ErrorKind::AddrInUse)
        {
            break;
        }
        tokio::time::sleep(AGAIN_AFTER).await;
        bound = bind(number).await;
    }
    bound
}

fn at_loopback(source: io::Error) -> BindError {
    BindError::System {
        at: Ipv4Addr::LOCALHOST.to_string(),
        source,
    }
}

/// A port that was opened for browsers has no token that anybody knows: they log in.
fn nobodys_token() -> io::Result<Token> {
    Token::fresh().map(|(_, token)| token)
}
