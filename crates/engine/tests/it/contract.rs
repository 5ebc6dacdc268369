//! The fakes keep what the ports promise.

use domain::Moment;
use engine::ports::{Clock, Store};
use engine::testkit::{Disk, FakeClock, Life, MemoryStore, contract};
use std::sync::Arc;

#[tokio::test(start_paused = true)]
async fn the_memory_store_keeps_the_contract() {
    contract::store(|| async {
        let clock: Arc<dyn Clock> = Arc::new(FakeClock::at(Moment::from_ms(0)));
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(
            &Arc::new(Disk::default()),
            &Life::default(),
            &clock,
        ));
        store
    })
    .await;
}
