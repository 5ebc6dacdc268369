//! What waits for a person although no run asks: room on the disk of the daemon. It cannot be an event, for there is no
//! room to keep one.
//!
//! Owns: since when there is none, and the words.

use crate::app::Parts;
use domain::Moment;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use store::iso;

/// Always the same: there is one such thing at most.
const ID: api::AttentionId = api::AttentionId::from_bits(0x6e6f_7370_6163_8000_8000_0000_0000_0001);

/// Since when the disk is full; none while there is room.
#[derive(Clone, Debug, Default)]
pub(crate) struct Room(Arc<Mutex<Option<Moment>>>);

impl Room {
    /// Must be called inside a runtime: from here on it follows how the engine is.
    pub(crate) fn follow(parts: &Parts) -> Self {
        let room = Self::default();
        let (noted, clock) = (room.clone(), Arc::clone(&parts.clock));
        let mut health = parts.engine.health();
        tokio::spawn(async move {
            loop {
                let is_full = *health.borrow_and_update() == engine::Health::Full;
                noted.note(is_full.then(|| clock.now()));
                if health.changed().await.is_err() {
                    return;
                }
            }
        });
        room
    }

    fn note(&self, since: Option<Moment>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    /// The item, while there is no room.
    pub(crate) fn wanted(&self, home: &Path) -> Option<api::Attention> {
        let since = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Some(api::Attention {
            id: ID,
            run_id: None,
            step_key: None,
            kind: api::AttentionKind::Failure,
            title: "no space left on the daemon's disk".to_owned(),
            body: format!(
                "Nothing new starts; what was under way is kept.\nMake room on the disk of {}: work goes on by \
                 itself, and this disappears.",
                home.display()
            ),
            choices: Vec::new(),
            trusts: None,
            state: api::AttentionState::Open,
            answer: None,
            answer_text: None,
            answered_by: None,
            raised_at: iso(since?),
            closed_at: None,
        })
    }
}

/// Whether this is the item's id.
pub(crate) fn is_room(id: api::AttentionId) -> bool {
    id == ID
}
