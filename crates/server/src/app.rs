//! What every route has at hand.

use crate::feed::Hub;
use crate::guard::{Logins, Sessions};
use crate::listen::Port;
use crate::ports::{Fleet, Projects};
use crate::room::Room;
use domain::Moment;
use engine::Engine;
use engine::ports::{Clock, Store, StoreError};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use store::{Reader, TranscriptFiles};
use tokio::sync::watch;

/// The file of the home in which the page's port and its sessions outlive the daemon.
const PAGES: &str = "page.json";

/// What the server is made of.
pub struct Parts {
    /// Does what is asked.
    pub engine: Engine,
    /// Knows what happened.
    pub reader: Reader,
    /// Remembers answers.
    pub store: Arc<dyn Store>,
    /// Knows what agents say.
    pub transcripts: Arc<TranscriptFiles>,
    /// Knows flows.
    pub library: Arc<flows::Library>,
    /// Shows repositories.
    pub projects: Arc<dyn Projects>,
    /// Knows agents.
    pub fleet: Arc<dyn Fleet>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes ids that nobody made before, growing with time.
    pub ids: Arc<dyn Fn() -> u128 + Send + Sync>,
    /// The process.
    pub daemon: Daemon,
}

/// The process as its clients know it.
#[derive(Clone, Debug)]
pub struct Daemon {
    /// Its id.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// Where it keeps everything.
    pub home: PathBuf,
    /// Since when it runs.
    pub started_at: Moment,
}

type Turns = BTreeMap<String, Arc<tokio::sync::Mutex<()>>>;

/// The server's state. Clones are the same server.
#[derive(Clone)]
pub struct App {
    pub(crate) parts: Arc<Parts>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) logins: Arc<Logins>,
    pub(crate) port: Arc<Port>,
    pub(crate) room: Room,
    pub(crate) stopping: watch::Sender<bool>,
    turns: Arc<Mutex<Turns>>,
}

impl App {
    /// Must be called inside a runtime: from here on the feed follows the history.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub async fn new(parts: Parts) -> Result<Self, StoreError> {
        let hub = Hub::follow(&parts).await?;
        Ok(Self {
            sessions: Arc::new(Sessions::open(parts.daemon.home.join(PAGES), parts.clock.now())),
            room: Room::follow(&parts),
            parts: Arc::new(parts),
            hub,
            logins: Arc::default(),
            port: Arc::default(),
            stopping: watch::Sender::new(false),
            turns: Arc::default(),
        })
    }

    /// Ends every feed, so that nothing keeps a listener from ending.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    pub(crate) fn now(&self) -> Moment {
        self.parts.clock.now()
    }

    pub(crate) fn id(&self) -> u128 {
        (self.parts.ids)()
    }

    /// The turn of a repeated request: the same key waits for the one before it.
    pub(crate) fn turn(&self, key: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(turns.entry(key.to_owned()).or_default())
    }
}
