//! The daemon from its first breath to its last: locked, joined, listening, told to stop, drained.

use crate::context::Context;
use crate::daemon::{self, READY, Told};
use crate::error::{CliError, Explain, Result};
use crate::exit::Exit;
use crate::lock::Lock;
use crate::wiring::{self, Joined};
use engine::Health;
use engine::faults::{CrashPoint, reach};
use server::{Listener, Token, bind_tcp, bind_unix, serve};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use store::Redactor;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::fmt::MakeWriter;

/// How long what is under way may take to end when the daemon is told to stop.
const DRAIN_WITHIN: Duration = Duration::from_secs(8);

/// Runs the daemon in this process, which somebody started for it.
pub(crate) async fn run(context: &Context, port: Option<u16>) -> Result {
    daemon::detach()?;
    let redactor = Redactor::default();
    start_log(&redactor);
    match live(context, port, &redactor).await {
        Ok(exit) => Ok(exit),
        Err(error) => {
            tracing::error!(error = %error.shown(), "the daemon does not start");
            let told = serde_json::to_string(&Told::of(&error)).unwrap_or_default();
            daemon::tell_starter(&told)?;
            Err(error)
        }
    }
}

/// The log is this process's standard error, which its starter pointed at the file.
fn start_log(redactor: &Redactor) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("PARTITA_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Log(redactor.clone()))
        .with_ansi(false)
        .init();
}

/// The log, without secrets.
struct Log(Redactor);

impl<'a> MakeWriter<'a> for Log {
    type Writer = LogLine<'a>;

    fn make_writer(&'a self) -> LogLine<'a> {
        LogLine(&self.0)
    }
}

/// One line of the log: it comes in one piece, so no secret is cut in two.
struct LogLine<'a>(&'a Redactor);

impl Write for LogLine<'_> {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(line).into_owned();
        // A log that cannot be written, as on a full disk, stops nobody; told of it, the writer of lines would complain
        // to the same file and panic.
        let _unwritten = std::io::stderr().write_all(self.0.clean(text).as_bytes());
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let _unwritten = std::io::stderr().flush();
        Ok(())
    }
}

async fn live(context: &Context, port: Option<u16>, redactor: &Redactor) -> Result {
    let home = &context.home;
    home.make()?;
    let lock = Lock::take(home)?;
    reach(CrashPoint::AfterLock);
    // From here on a signal is a wish to end well, and kept until somebody listens to it.
    let signals = Signals::listen()?;
    tracing::info!(pid = std::process::id(), home = %home.path.display(), "started");
    let Joined { app, engine, store } =
        wiring::join(home, &context.folders, &context.config()?, redactor).await?;
    reach(CrashPoint::BeforeSocket);
    let socket = home.socket()?;
    let cannot_listen = |error: &dyn std::fmt::Display| {
        CliError::new(Exit::Daemon, "cannot_listen", "the daemon cannot listen").because(error)
    };
    let mut listeners = vec![Listener::Unix(bind_unix(&socket).map_err(|error| {
        cannot_listen(&error).hint("mend that, or choose another home with --home or PARTITA_HOME")
    })?)];
    // The token of an earlier life opens nothing any more.
    remove(&home.token());
    if let Some(port) = port {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let tcp = bind_tcp(address)
            .await
            .map_err(|error| cannot_listen(&error).hint("choose another port"))?;
        let (secret, token) = Token::fresh().explain("the system gives no randomness")?;
        redactor.add(&secret);
        let path = home.token();
        write_private(&path, &secret).explain(format!("cannot write {}", path.display()))?;
        listeners.push(Listener::Tcp(tcp, token));
    }
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(serve(app.clone(), listeners, async move {
        // A sender that is gone says the same.
        let _ = stopped.await;
    }));
    // Somebody may ask by now; and what cannot listen has begun nothing.
    engine.begin();
    daemon::tell_starter(READY)?;
    let exit = wait_for_the_end(&engine, signals).await;
    tracing::info!("stopping");
    if tokio::time::timeout(DRAIN_WITHIN, engine.drain()).await.is_err() {
        tracing::warn!("not everything under way ended in time; its guards end it");
    }
    reach(CrashPoint::AfterDrain);
    app.stop();
    let _ = stop.send(());
    match serving.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "the server ended badly"),
        Err(error) => tracing::error!(%error, "the server broke"),
    }
    store.close().await;
    reach(CrashPoint::BeforeUnlock);
    if lock.is_ours() {
        remove(&socket);
        remove(&home.token());
    }
    tracing::info!("stopped");
    lock.remove();
    Ok(exit)
}

/// The signals that end a daemon gently.
struct Signals {
    term: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> Result<Self> {
        let listen = |kind: SignalKind| signal(kind).explain("cannot listen for signals");
        Ok(Self {
            term: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }
}

/// A signal ends the daemon gently; a store that is down ends it at once, for the next to read what the disk holds.
async fn wait_for_the_end(engine: &engine::Engine, mut signals: Signals) -> Exit {
    let mut health = engine.health();
    let is_down = health.wait_for(|health| matches!(health, Health::Down(_)));
    tokio::select! {
        biased;
        _ = signals.term.recv() => Exit::Success,
        _ = signals.interrupt.recv() => Exit::Success,
        _ = signals.hangup.recv() => Exit::Success,
        down = is_down => {
            let why = down.map(|health| format!("{:?}", *health)).unwrap_or_default();
            tracing::error!(why, "the store is down; the next start reads what the disk holds");
            std::process::abort();
        }
    }
}

fn write_private(path: &std::path::Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        // A file that is there already would keep the mode that somebody gave it.
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}

fn remove(path: &std::path::Path) {
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, path = %path.display(), "stays behind");
    }
}
