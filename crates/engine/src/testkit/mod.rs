//! The simulated world: a behaving fake of every port, and what they must all do alike.
//!
//! What survives the death of a daemon (the disk, processes, commits, definitions) is apart from the fakes of one
//! life, so that a test can let a daemon die at any moment and start the next one over the same [`Outside`].

mod agents;
mod clock;
pub mod contract;

mod definitions;
mod life;
mod probe;
mod rng;
mod store;
mod transcripts;
mod workspaces;

pub use agents::{FakeAgents, Machine, Process, Scene, Script};
pub use clock::FakeClock;
pub use definitions::{Book, FakeDefinitions};
pub use life::Life;
pub use probe::Probe;
pub use rng::Rng;
pub use store::{Disk, Fault, MemoryStore};
pub use transcripts::FakeTranscripts;
pub use workspaces::{FakeWorkspaces, Git};

use crate::Ports;
use crate::ports::Clock;
use domain::Moment;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Everything outside of a daemon that outlives it.
#[derive(Clone, Default)]
pub struct Outside {
    /// The history, as kept.
    pub disk: Arc<Disk>,
    /// The processes.
    pub machine: Arc<Machine>,
    /// The commits and branches.
    pub git: Arc<Git>,
    /// The definitions.
    pub book: Arc<Book>,
    ids: Arc<AtomicU64>,
}

impl Outside {
    /// The ports of one life of a daemon, over what outlives it. Must be called inside a runtime whose time is paused.
    #[must_use]
    pub fn ports(&self, life: &Life, now: Moment, script: Arc<dyn Script>) -> Ports {
        let clock: Arc<dyn Clock> = Arc::new(FakeClock::at(now));
        let ids = Arc::clone(&self.ids);
        Ports {
            store: Arc::new(MemoryStore::new(&self.disk, life, &clock)),
            agents: Arc::new(FakeAgents::new(&self.machine, &self.disk, life, &clock, script)),
            workspaces: Arc::new(FakeWorkspaces::new(&self.git, life, &clock)),
            definitions: Arc::new(FakeDefinitions::new(&self.book, life)),
            transcripts: Arc::new(FakeTranscripts::default()),
            clock,
            ids: Arc::new(move || {
                let number = ids.fetch_add(1, Ordering::Relaxed) + 1;
                u128::from(number) << 64 | u128::from(Rng::new(number).next())
            }),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// SHA-256 in hexadecimal.
fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
