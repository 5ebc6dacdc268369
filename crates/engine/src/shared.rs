//! What the keepers share: the ports, the board in memory, the way to each keeper, and the news.

use crate::faults::{Control, CrashPoint, is_off, reach};
use crate::keeper::{self, Message};
use crate::ports::{Agents, Clock, Definitions, Store, Transcripts, Workspaces};
use crate::ports::{CommitError, Idempotency};
use crate::wakes::Wakes;
use crate::work::Report;
use crate::{EngineError, Health, board};
use domain::{
    Admission, Board, Moment, Name, RunId, StepKey, Want, admit, admit_beside, board_wake, rest_until,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
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
    /// Runs that may have left processes behind in an earlier life: until none is left, nothing begins.
    recovering: Mutex<BTreeSet<RunId>>,
    /// Whether anything may begin at all: not before whoever opened the engine says so.
    is_begun: AtomicBool,
    pub(crate) to_board: mpsc::UnboundedSender<board::Message>,
    pub(crate) wakes: Wakes,
    /// Told when the board's next moment may have moved.
    pub(crate) board_moved: Notify,
    pub(crate) position: watch::Sender<u64>,
    pub(crate) health: watch::Sender<Health>,
    #[cfg(feature = "testkit")]
    pub(crate) probe: crate::testkit::Probe,
}

/// What a run got.
pub(crate) struct Settled {
    /// Step instances that have a slot now.
    pub(crate) granted: Vec<StepKey>,
    /// When what it wants could begin at the earliest; none when some of it could now.
    pub(crate) rest_until: Option<Moment>,
}

#[derive(Default)]
struct Keepers {
    by_run: BTreeMap<RunId, mpsc::UnboundedSender<Message>>,
    is_draining: bool,
    /// How often a run's keeper broke.
    losses: BTreeMap<RunId, u32>,
    /// Told when a keeper has gone.
    gone: Arc<Notify>,
}

/// Tells that something broke that the daemon cannot be without.
struct Vital {
    shared: Arc<Shared>,
    what: &'static str,
}

impl Drop for Vital {
    fn drop(&mut self) {
        if std::thread::panicking() && !is_off(Control::BrokenTold) {
            self.shared
                .set_health(Health::Down(format!("{} broke", self.what)));
        }
    }
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
            recovering: Mutex::default(),
            is_begun: AtomicBool::new(false),
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

    /// A keeper that broke is gone, with what was sent to it. How often that happened to the run.
    pub(crate) fn lost(&self, run: RunId) -> u32 {
        let mut keepers = lock(&self.keepers);
        keepers.by_run.remove(&run);
        keepers.gone.notify_waiters();
        let losses = keepers.losses.entry(run).or_default();
        *losses += 1;
        *losses
    }

    /// Does what the daemon cannot be without. Should it break, the daemon ends whole.
    pub(crate) fn spawn_vital(
        self: &Arc<Self>,
        what: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        let vital = Vital {
            shared: Arc::clone(self),
            what,
        };
        tokio::spawn(async move {
            let _vital = vital;
            work.await;
        });
    }

    /// How many runs are in memory.
    pub(crate) fn keepers(&self) -> usize {
        lock(&self.keepers).by_run.len()
    }

    pub(crate) fn is_draining(&self) -> bool {
        lock(&self.keepers).is_draining
    }

    /// Stops everything that is under way and starts nothing new; done when no keeper is left, or when the store can
    /// take no more.
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
        let mut health = self.health.subscribe();
        loop {
            let next = gone.notified();
            tokio::pin!(next);
            next.as_mut().enable();
            if self.keepers() == 0 {
                return;
            }
            tokio::select! {
                biased;
                () = next => {}
                _ = health.wait_for(|health| matches!(health, Health::Down(_))) => return,
            }
        }
    }

    /// A run says anew what holds its slots, what is ending and what it wants to begin, and the free slots are given
    /// away.
    pub(crate) fn settle(
        self: &Arc<Self>,
        run: RunId,
        held: &BTreeSet<StepKey>,
        ending: &BTreeSet<StepKey>,
        wants: Vec<Want>,
    ) -> Settled {
        let now = self.ports.clock.now();
        let mut board = self.board();
        let mut granted = board.settle(run, held, wants.iter().cloned(), now);
        board.keep_ending(run, ending);
        let admissions = self.admit(&mut board, |board, now| admit_beside(board, run, now));
        let rest_until = rest_until(&board, &wants, now);
        drop(board);
        let (own, others): (Vec<_>, Vec<_>) =
            admissions.into_iter().partition(|admission| admission.run == run);
        self.tell(others);
        self.board_moved.notify_one();
        granted.extend(own.into_iter().map(|admission| admission.key));
        Settled { granted, rest_until }
    }

    /// Lets tasks begin.
    pub(crate) fn begin(self: &Arc<Self>) {
        self.is_begun.store(true, Ordering::SeqCst);
        self.dispatch();
    }

    /// Gives the free slots away.
    pub(crate) fn dispatch(self: &Arc<Self>) {
        let admissions = {
            let mut board = self.board();
            self.admit(&mut board, admit)
        };
        self.tell(admissions);
        self.board_moved.notify_one();
    }

    fn admit(
        &self,
        board: &mut Board,
        rule: impl FnOnce(&Board, Moment) -> Vec<Admission>,
    ) -> Vec<Admission> {
        let is_good = *self.health.borrow() == Health::Good;
        let is_recovering = !lock(&self.recovering).is_empty() && !is_off(Control::RecoveredFirst);
        let is_begun = self.is_begun.load(Ordering::SeqCst);
        if self.is_draining() || !is_begun || !is_good || is_recovering {
            return Vec::new();
        }
        let admissions = rule(board, self.ports.clock.now());
        admissions.iter().for_each(|admission| board.take(admission));
        admissions
    }

    fn tell(self: &Arc<Self>, admissions: Vec<Admission>) {
        let runs: BTreeSet<RunId> = admissions.iter().map(|admission| admission.run).collect();
        runs.into_iter().for_each(|run| self.send(run, Message::Look));
    }

    /// Nothing begins until all of these were looked at and nothing of an earlier life is left of them.
    pub(crate) fn recover_first(&self, runs: impl IntoIterator<Item = RunId>) {
        lock(&self.recovering).extend(runs);
    }

    /// Nothing of an earlier life is left of this run.
    pub(crate) fn recovered(self: &Arc<Self>, run: RunId) {
        let is_last = {
            let mut recovering = lock(&self.recovering);
            recovering.remove(&run) && recovering.is_empty()
        };
        if is_last {
            reach(CrashPoint::BeforeDispatch);
            self.dispatch();
        }
    }

    /// What a request that was refused now was answered the first time, if there was one.
    pub(crate) async fn answered_before(&self, request: &Idempotency) -> Option<EngineError> {
        let now = self.ports.clock.now();
        match self.ports.store.answered(request.key.clone(), now).await {
            Ok(None) => None,
            Ok(Some(first)) if first.body_hash == request.body_hash => {
                Some(CommitError::Repeated { answer: first.answer }.into())
            }
            Ok(Some(_)) => Some(CommitError::KeyReused.into()),
            // A refusal that may be the wrong answer is worse than none.
            Err(error) => Some(error.into()),
        }
    }

    /// When the board wants to be told the time.
    pub(crate) fn board_wake(&self) -> Option<Moment> {
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
