//! What the keepers share: the ports, the board in memory, the way to each keeper, and the news.

use crate::keeper::{self, Message};
use crate::ports::{Agents, Clock, Definitions, Store, Transcripts, Workspaces};
use crate::wakes::Wakes;
use crate::work::Report;
use crate::{Health, board};
use domain::{Admission, Board, Name, RunId, Want, admit, board_wake};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::{Notify, mpsc, watch};

/// The world, as the engine meets it.
#[derive(Clone)]
pub struct Ports {
    /// Keeps what happened.
    pub store: Arc<dyn Store>,
    /// Does tasks.
    pub agents: Arc<dyn Agents>,
    /// Gives places.
    pub workspaces: Arc<dyn Workspaces>,
    /// Knows definitions.
    pub definitions: Arc<dyn Definitions>,
    /// Takes what agents say.
    pub transcripts: Arc<dyn Transcripts>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes ids that nobody made before, growing with time.
    pub ids: Arc<dyn Fn() -> u128 + Send + Sync>,
}

pub(crate) struct Shared {
    pub(crate) ports: Ports,
    board: Mutex<Board>,
    keepers: Mutex<Keepers>,
    pub(crate) to_board: mpsc::UnboundedSender<board::Message>,
    pub(crate) wakes: Wakes,
    /// Told when the board's next moment may have moved.
    pub(crate) board_moved: Notify,
    pub(crate) position: watch::Sender<u64>,
    pub(crate) health: watch::Sender<Health>,
    #[cfg(feature = "testkit")]
    pub(crate) probe: crate::testkit::Probe,
}

#[derive(Default)]
struct Keepers {
    by_run: BTreeMap<RunId, mpsc::UnboundedSender<Message>>,
    is_draining: bool,
    /// Told when a keeper has gone.
    gone: Arc<Notify>,
}

/// Only panics poison a lock, and a panic under one is a bug that ends the process's usefulness anyway.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn new(
        ports: Ports,
        board: Board,
        position: u64,
        to_board: mpsc::UnboundedSender<board::Message>,
    ) -> Self {
        Self {
            ports,
            board: Mutex::new(board),
            keepers: Mutex::default(),
            to_board,
            wakes: Wakes::default(),
            board_moved: Notify::new(),
            position: watch::Sender::new(position),
            health: watch::Sender::new(Health::Good),
            #[cfg(feature = "testkit")]
            probe: crate::testkit::Probe::default(),
        }
    }

    /// The board, for a moment. Never held across an await.
    pub(crate) fn board(&self) -> MutexGuard<'_, Board> {
        lock(&self.board)
    }

    /// Brings a message to a run's keeper, which is called into being when there is none.
    pub(crate) fn send(self: &Arc<Self>, run: RunId, message: Message) {
        let mut keepers = lock(&self.keepers);
        let message = match keepers.by_run.get(&run) {
            None => message,
            Some(keeper) => match keeper.send(message) {
                Ok(()) => return,
                Err(returned) => returned.0,
            },
        };
        if keepers.is_draining && !message.is_owed() {
            return message.refuse();
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "what is sent here is a wish or news of a task: bounded by both"
        )]
        let (sender, receiver) = mpsc::unbounded_channel();
        // The receiver is right here: this cannot fail.
        let _ = sender.send(message);
        keepers.by_run.insert(run, sender);
        drop(keepers);
        tokio::spawn(keeper::keep(Arc::clone(self), run, receiver));
    }

    /// Brings news of what is under way to its keeper.
    pub(crate) fn report(self: &Arc<Self>, run: RunId, report: Report) {
        #[cfg(feature = "testkit")]
        if let (Some(copy), true) = (report.copy(), (self.probe.doubles)()) {
            let shared = Arc::clone(self);
            tokio::spawn(async move {
                let clock = &shared.ports.clock;
                clock.sleep_until(clock.now().plus_ms(700)).await;
                shared.send(run, Message::Report(copy));
            });
        }
        self.send(run, Message::Report(report));
    }

    /// A keeper with nothing in hand leaves, unless a message came meanwhile.
    pub(crate) fn may_leave(&self, run: RunId, inbox: &mpsc::UnboundedReceiver<Message>) -> bool {
        let mut keepers = lock(&self.keepers);
        if !inbox.is_empty() {
            return false;
        }
        keepers.by_run.remove(&run);
        keepers.gone.notify_waiters();
        true
    }

    /// A keeper that broke is gone, with what was sent to it.
    pub(crate) fn lost(&self, run: RunId) {
        let mut keepers = lock(&self.keepers);
        keepers.by_run.remove(&run);
        keepers.gone.notify_waiters();
    }

    /// How many runs are in memory.
    pub(crate) fn keepers(&self) -> usize {
        lock(&self.keepers).by_run.len()
    }

    pub(crate) fn is_draining(&self) -> bool {
        lock(&self.keepers).is_draining
    }

    /// Stops everything that is under way and starts nothing new; done when no keeper is left.
    pub(crate) async fn drain(&self) {
        let gone = {
            let mut keepers = lock(&self.keepers);
            keepers.is_draining = true;
            for keeper in keepers.by_run.values() {
                // A keeper that has just left needs no telling.
                let _ = keeper.send(Message::Drain);
            }
            Arc::clone(&keepers.gone)
        };
        loop {
            let next = gone.notified();
            tokio::pin!(next);
            next.as_mut().enable();
            if self.keepers() == 0 {
                return;
            }
            next.await;
        }
    }

    /// Says anew what a run wants to begin, and gives the free slots away. Returns what the run itself got; other
    /// runs are told.
    pub(crate) fn want(self: &Arc<Self>, run: RunId, wants: Vec<Want>) -> Vec<Admission> {
        let mut board = self.board();
        board.set_wants(run, wants);
        let admissions = self.admit(&mut board);
        drop(board);
        let (own, others): (Vec<_>, Vec<_>) =
            admissions.into_iter().partition(|admission| admission.run == run);
        self.tell(others);
        self.board_moved.notify_one();
        own
    }

    /// Gives the free slots away.
    pub(crate) fn dispatch(self: &Arc<Self>) {
        let admissions = {
            let mut board = self.board();
            self.admit(&mut board)
        };
        self.tell(admissions);
        self.board_moved.notify_one();
    }

    fn admit(&self, board: &mut Board) -> Vec<Admission> {
        if self.is_draining() || *self.health.borrow() != Health::Good {
            return Vec::new();
        }
        let admissions = admit(board, self.ports.clock.now());
        admissions.iter().for_each(|admission| board.take(admission));
        admissions
    }

    fn tell(self: &Arc<Self>, admissions: Vec<Admission>) {
        for admission in admissions {
            self.send(admission.run, Message::Admitted(admission.key));
        }
    }

    /// When the board wants to be told the time.
    pub(crate) fn board_wake(&self) -> Option<domain::Moment> {
        board_wake(&self.board(), self.ports.clock.now())
    }

    pub(crate) fn account(&self, agent: &Name) -> Name {
        self.ports.agents.account(agent)
    }

    /// Events up to here can be read.
    pub(crate) fn publish(&self, position: u64) {
        self.position.send_if_modified(|known| {
            let is_news = position > *known;
            *known = position.max(*known);
            is_news
        });
    }

    pub(crate) fn set_health(self: &Arc<Self>, health: Health) {
        let is_news = self.health.send_if_modified(|known| {
            // Nothing heals a store that is down but a new process.
            let is_news = *known != health && !matches!(known, Health::Down(_));
            if is_news {
                known.clone_from(&health);
            }
            is_news
        });
        if is_news && health == Health::Good {
            self.dispatch();
        }
    }
}
