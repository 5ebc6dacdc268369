//! Owns: the logins in use. A login that one task renews reaches the account and the homes of all other tasks under
//! way at once; of several tasks that would start with a login about to run out, one starts and renews it first.
//!
//! A provider takes a refresh token once: who comes with a spent one may lose the login for everybody. The agents'
//! programs do not ask us before they renew, so what can be done is to leave them no reason to renew at the same time.
//!
//! Nothing here has to survive a crash: files are the truth, and what an earlier life left in homes is taken back first.

use super::synced::{Holder, Synced};
use super::watch::Watch;
use engine::ports::Clock;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{sleep, timeout};

/// From how long before its end on a login may be renewed by an agent that starts: the earliest known agent does so
/// five minutes before.
const MARGIN_MS: u64 = 10 * 60 * 1000;
/// How long one task may keep others from starting.
const TURN_MAX: Duration = Duration::from_secs(60);
/// How long a task waits for others. It then starts all the same, as it would have without waiting.
const WAIT_MAX: Duration = Duration::from_secs(300);
/// Between two comparisons, so that an agent that writes all the time does not keep the daemon busy.
const PAUSE: Duration = Duration::from_millis(50);

/// Every account in use.
pub(crate) struct Logins {
    accounts: Mutex<BTreeMap<PathBuf, Arc<Account>>>,
    clock: Arc<dyn Clock>,
}

/// One account in use.
struct Account {
    synced: Synced,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Held by the task that may start with a login about to run out.
    turn: Arc<Semaphore>,
    /// Told when the account's files may have changed.
    renewed: Notify,
    /// Told when homes came or went.
    moved: Notify,
}

#[derive(Default)]
struct State {
    live: Vec<Holder>,
    is_watched: bool,
}

/// A task that uses an account. The account forgets it when this is dropped.
pub(crate) struct Member {
    account: Arc<Account>,
    holder: Holder,
}

/// The right to start with a login about to run out. Given back when dropped, or after a while.
pub(crate) struct Turn {
    _held: oneshot::Sender<()>,
}

impl Logins {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            accounts: Mutex::default(),
            clock,
        }
    }

    /// Puts the login into a home and keeps it alike from then on. `earlier` finds the homes that earlier tasks may
    /// have left a renewed login in; it is asked when an account is used for the first time. Blocks; called within the
    /// runtime.
    pub(crate) fn join(
        &self,
        synced: Synced,
        holder: Holder,
        earlier: impl FnOnce() -> Vec<Holder>,
    ) -> io::Result<Member> {
        let account = {
            let mut accounts = whole(&self.accounts);
            if let Some(account) = accounts.get(synced.account()) {
                Arc::clone(account)
            } else {
                synced.take_back(&earlier())?;
                let account = Arc::new(Account::new(synced, Arc::clone(&self.clock)));
                accounts.insert(account.synced.account().to_owned(), Arc::clone(&account));
                account
            }
        };
        // Known before it is filled: a login renewed in between reaches it.
        let member = Member {
            account: Arc::clone(&account),
            holder,
        };
        account.synced.prepare(&member.holder)?;
        account.add(member.holder.clone());
        // Once more, now that whoever renews it knows this home.
        account.exchange()?;
        Ok(member)
    }
}

impl Account {
    fn new(synced: Synced, clock: Arc<dyn Clock>) -> Self {
        Self {
            synced,
            clock,
            state: Mutex::default(),
            turn: Arc::new(Semaphore::new(1)),
            renewed: Notify::new(),
            moved: Notify::new(),
        }
    }

    fn add(self: &Arc<Self>, holder: Holder) {
        let mut state = whole(&self.state);
        state.live.push(holder);
        if !state.is_watched {
            state.is_watched = true;
            tokio::spawn(Arc::clone(self).keep_alike());
        }
        drop(state);
        self.moved.notify_one();
    }

    fn live(&self) -> Vec<Holder> {
        whole(&self.state).live.clone()
    }

    /// Makes the account and all homes alike.
    fn exchange(&self) -> io::Result<()> {
        self.synced.exchange(&self.live())
    }

    /// Compares whenever a file was written, until nobody uses the account.
    async fn keep_alike(self: Arc<Self>) {
        let watch = Watch::new().inspect_err(
            |error| tracing::warn!(%error, "logins are not watched, only looked at every second"),
        );
        let every = watch
            .as_ref()
            .map_or(Duration::from_secs(1), |_| Watch::LOOK_EVERY);
        let watch = watch.ok();
        loop {
            if let Some(watch) = &watch {
                self.watch_all(watch);
            }
            let account = Arc::clone(&self);
            match tokio::task::spawn_blocking(move || account.exchange()).await {
                Ok(Err(error)) => tracing::warn!(%error, "a login could not be compared"),
                Ok(Ok(())) => self.renewed.notify_waiters(),
                // The runtime ends.
                Err(_) => return,
            }
            sleep(PAUSE).await;
            tokio::select! {
                () = heard(watch.as_ref()) => {}
                () = self.moved.notified() => {}
                () = sleep(every) => {}
            }
            let mut state = whole(&self.state);
            if state.live.is_empty() {
                state.is_watched = false;
                return;
            }
        }
    }

    fn watch_all(&self, watch: &Watch) {
        let live = self.live();
        let homes = live.iter().map(|holder| holder.home.as_path());
        for root in homes.chain([self.synced.account()]) {
            for folder in self.synced.folders(root) {
                // An optional file's folder may be missing.
                if let Err(error) = watch.add(&folder)
                    && error.kind() != io::ErrorKind::NotFound
                {
                    tracing::debug!(folder = %folder.display(), %error, "not watched");
                }
            }
        }
    }

    /// Whether an agent that starts now may renew the login.
    fn is_due(&self) -> bool {
        let ends = self.synced.runs_out().unwrap_or_else(|error| {
            tracing::warn!(%error, "a login's end is not known");
            None
        });
        ends.is_some_and(|ends| ends <= self.clock.now().plus_ms(MARGIN_MS))
    }

    async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Option<T> {
        let account = Arc::clone(self);
        tokio::task::spawn_blocking(move || work(&account)).await.ok()
    }

    /// Whether the login is still about to run out, after taking what was renewed anywhere, and with it in every home.
    async fn is_still_due(self: &Arc<Self>) -> bool {
        let looked = self.blocking(|account| {
            if let Err(error) = account.exchange() {
                tracing::warn!(%error, "a login could not be compared");
            }
            account.is_due()
        });
        looked.await.unwrap_or_default()
    }

    async fn next_turn(self: &Arc<Self>) -> Option<Turn> {
        loop {
            let renewed = self.renewed.notified();
            tokio::pin!(renewed);
            // From here on nothing is missed.
            renewed.as_mut().enable();
            if !self.is_still_due().await {
                return None;
            }
            tokio::select! {
                permit = Arc::clone(&self.turn).acquire_owned() => {
                    // Whoever had it may have renewed the login as its last deed.
                    let is_due = self.is_still_due().await;
                    return permit.ok().filter(|_| is_due).map(Turn::new);
                }
                () = renewed => {}
            }
        }
    }
}

impl Member {
    /// Waits until this task may start: at once, unless the login is about to run out and another task is at it, which
    /// `on_wait` is told. What is returned is to be held until the agent has shown that its login does.
    pub(crate) async fn turn(&self, on_wait: impl FnOnce()) -> Option<Turn> {
        if !self.account.blocking(Account::is_due).await.unwrap_or_default() {
            return None;
        }
        if self.account.turn.available_permits() == 0 {
            on_wait();
        }
        let waited = timeout(WAIT_MAX, self.account.next_turn()).await;
        waited.unwrap_or_else(|_| {
            tracing::warn!("a task starts with a login about to run out: others took too long to renew it");
            None
        })
    }

    /// Takes back what the task renewed last. Nothing of it runs any more. Blocks.
    pub(crate) fn leave(self) -> io::Result<()> {
        self.account.synced.take_back(std::slice::from_ref(&self.holder))
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        whole(&self.account.state)
            .live
            .retain(|holder| *holder != self.holder);
        self.account.moved.notify_one();
    }
}

impl Turn {
    fn new(permit: OwnedSemaphorePermit) -> Self {
        let (held, dropped) = oneshot::channel::<()>();
        tokio::spawn(async move {
            let _given_back_or_late = timeout(TURN_MAX, dropped).await;
            drop(permit);
        });
        Self { _held: held }
    }
}

async fn heard(watch: Option<&Watch>) {
    let heard = match watch {
        Some(watch) => watch.heard().await,
        None => std::future::pending().await,
    };
    if let Err(error) = heard {
        tracing::warn!(%error, "logins are no longer watched");
        std::future::pending::<()>().await;
    }
}

/// What a panic left half done is a list of homes: each of them is whole.
fn whole<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::descriptor::LoginFile;
    use domain::Moment;
    use engine::ports::Later;
    use std::path::Path;
    use tokio::time::Instant;

    const NOW_S: u64 = 1_790_000_000;

    struct Still;

    impl Clock for Still {
        fn now(&self) -> Moment {
            Moment::from_ms(NOW_S * 1000)
        }
        fn sleep_until(&self, _until: Moment) -> Later<'static, ()> {
            Box::pin(std::future::pending())
        }
    }

    /// An account whose login ends then, and that many tasks that use it.
    async fn members(ground: &Path, ends_s: u64, count: usize) -> Vec<Member> {
        let account = ground.join("account");
        std::fs::create_dir(&account).unwrap();
        std::fs::write(account.join("key.json"), format!("{{\"ends\":{ends_s}}}")).unwrap();
        let file = LoginFile {
            path: "key.json".to_owned(),
            expiry: Some("ends".to_owned()),
            renewed: None,
            lasts_s: None,
            is_optional: false,
        };
        let logins = Logins::new(Arc::new(Still));
        let member = |number: usize| {
            let beside = ground.join(number.to_string());
            let home = beside.join("home");
            std::fs::create_dir_all(&home).unwrap();
            let synced = Synced::new(account.clone(), vec![file.clone()]);
            logins.join(synced, Holder { home, beside }, Vec::new).unwrap()
        };
        (0..count).map(member).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_neither_renews_nor_speaks_keeps_others_for_a_minute_only() {
        let ground = tempfile::tempdir().unwrap();
        let members = members(ground.path(), NOW_S + 599, 2).await;
        let begun = Instant::now();
        let _held = members[0].turn(|| panic!("nobody is before it")).await.unwrap();
        let mut has_waited = false;
        assert!(members[1].turn(|| has_waited = true).await.is_some());
        assert!(has_waited);
        assert_eq!(begun.elapsed().as_secs(), TURN_MAX.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_waits_for_many_others_five_minutes_at_most() {
        let ground = tempfile::tempdir().unwrap();
        let members = members(ground.path(), NOW_S - 5, 8).await;
        let begun = Instant::now();
        let turns = futures::future::join_all(members.iter().map(|member| member.turn(|| ()))).await;
        // One at once, then one a minute; who is left after five starts without.
        assert_eq!(turns.iter().flatten().count(), 5);
        assert_eq!(begun.elapsed().as_secs(), WAIT_MAX.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_a_login_that_is_not_about_to_run_out() {
        let ground = tempfile::tempdir().unwrap();
        let members = members(ground.path(), NOW_S + 601, 2).await;
        for member in &members {
            assert!(member.turn(|| panic!("nobody waits")).await.is_none());
        }
    }
}
