//! Stores what a turn led to, and says what comes of it when that fails.

use super::turn::{Taken, Turn};
use super::{Keeper, Message};
use crate::faults::{Control, CrashPoint, is_off, reach};
use crate::ports::{Append, Batch, CommitError};
use crate::work::Report;
use crate::{EngineError, Health, board};
use domain::{Event, Moment, Phase, RunEvent, RunId, Stream};

/// How long to wait before a full disk is tried again.
const FULL_PAUSE_MS: u64 = 1_000;
/// So many conflicts in a row and whoever asked is told.
const CONFLICTS_MAX: u32 = 8;

impl Keeper {
    pub(super) async fn store_and_act(&mut self, turn: Turn) {
        let Turn {
            events,
            idempotency,
            taken,
            ending,
            wake,
            is_released,
        } = turn;
        if events.is_empty() {
            if is_released {
                self.note_released().await;
            }
            self.answer(taken).await;
            self.look_again_after(!ending.is_empty());
            return self.act();
        }
        let appended = u64::try_from(events.len()).expect("a turn is short");
        let news = self.news_for_the_board(&events);
        let at = self.shared.ports.clock.now();
        // However this life ends, what an ended run kept is let go of.
        let is_kept = matches!(self.run().phase(), Phase::Ended(_)) && !self.is_released;
        let is_kept = is_kept && !is_off(Control::ReleaseOwed);
        let wake = if is_kept { Some(at) } else { wake };
        let batch = Batch {
            at,
            appends: vec![Append {
                stream: Stream::Run(self.id),
                expected_seq: self.run().seq() - appended,
                events: events.into_iter().map(Event::Run).collect(),
            }],
            idempotency,
            wakes: self.news_of_wake(wake),
        };
        match self.shared.ports.store.commit(batch).await {
            Ok(committed) => {
                reach(CrashPoint::AfterCommit);
                self.conflicts = 0;
                self.kept_wake = Some(wake);
                self.shared.publish(committed.position);
                // No sign of health: on a full disk this may have had the ballast's room, which is for ends, not for
                // beginnings. Whether there is room again is asked apart.
                #[cfg(feature = "testkit")]
                (self.shared.probe.stored)(self.run());
                self.answer(taken).await;
                for message in news {
                    // The board outlives its keepers' messages; when it is gone, so is the daemon.
                    let _ = self.shared.to_board.send(message);
                }
                self.look_again_after(!ending.is_empty());
                self.act();
            }
            Err(error) => self.not_stored(error, taken).await,
        }
    }

    /// Nothing more is owed to a run that has ended.
    async fn note_released(&mut self) {
        let batch = Batch {
            at: self.shared.ports.clock.now(),
            appends: Vec::new(),
            idempotency: None,
            wakes: vec![(self.id, None)],
        };
        if let Err(error) = self.shared.ports.store.commit(batch).await {
            // The next life lets go of nothing, and says so again.
            tracing::debug!(run.id = %self.id, %error, "not noted that nothing of the run is kept");
        }
        self.kept_wake = None;
    }

    /// The wake to be written with a batch, where it is another than the store has.
    fn news_of_wake(&self, wake: Option<Moment>) -> Vec<(RunId, Option<Moment>)> {
        let is_kept = self.kept_wake == Some(wake);
        (!is_kept).then_some((self.id, wake)).into_iter().collect()
    }

    /// Slots of tasks that ended, and that nothing of the same batch has, are given back now that their ends are stored.
    fn look_again_after(&mut self, has_slots: bool) {
        if has_slots {
            self.again.push_back(Message::Look);
        }
    }

    /// Tells those who asked, and lets go those who wait for this.
    async fn answer(&self, taken: Vec<Taken>) {
        for taken in taken {
            match taken {
                Taken::Command { command, mut result } => {
                    reach(CrashPoint::AfterRequest);
                    if let (Err(_), Some(request)) = (&result, &command.idempotency)
                        && let Some(before) = self.shared.answered_before(request).await
                    {
                        result = Err(before);
                    }
                    // Whoever asked may have left.
                    let _ = command.answer.send(result);
                }
                Taken::Spawned {
                    go, is_to_go: true, ..
                } => {
                    // A receiver that is gone belongs to a task that ended meanwhile; its report is on the way.
                    let _ = go.send(());
                    reach(CrashPoint::AfterGo);
                }
                // Dropping `go` ends the process before it began.
                Taken::Spawned { is_to_go: false, .. } | Taken::Report(_) => {}
            }
        }
    }

    /// Nothing was stored: forget what was decided, and decide again on what must not be lost.
    async fn not_stored(&mut self, error: CommitError, taken: Vec<Taken>) {
        tracing::warn!(run.id = %self.id, %error, "not stored");
        self.run = None;
        self.kept_wake = None;
        self.is_checked = false;
        self.conflicts = match error {
            CommitError::Conflict(_) => self.conflicts + 1,
            _ => 0,
        };
        let is_answered = !matches!(error, CommitError::Conflict(_)) || self.conflicts > CONFLICTS_MAX;
        let why = EngineError::from(error.clone());
        let mut again = Vec::new();
        for taken in taken {
            match taken {
                Taken::Command { command, result } if is_answered => {
                    // Whoever asked may have left.
                    let _ = command.answer.send(result.and(Err(why.clone())));
                }
                Taken::Command { command, .. } => again.push(Message::Command(command)),
                Taken::Spawned {
                    task, process, go, ..
                } => again.push(Message::Report(Report::Spawned { task, process, go })),
                Taken::Report(report) => again.push(Message::Report(report)),
            }
        }
        again.push(Message::Look);
        for message in again.into_iter().rev() {
            self.again.push_front(message);
        }
        match error {
            CommitError::Full => {
                self.shared.set_health(Health::Full);
                let clock = &self.shared.ports.clock;
                clock.sleep_until(clock.now().plus_ms(FULL_PAUSE_MS)).await;
            }
            CommitError::Down(why) => {
                self.shared.set_health(Health::Down(why.clone()));
                self.refuse_everything(&why).await;
            }
            CommitError::Conflict(_) | CommitError::Repeated { .. } | CommitError::KeyReused => {}
        }
    }

    /// Only a new process helps; until it comes, nothing more is decided here, and whoever asks is told.
    async fn refuse_everything(&mut self, why: &str) {
        while let Some(message) = self.next_message().await {
            if let Message::Command(command) = message {
                // Whoever asked may have left.
                let _ = command.answer.send(Err(EngineError::Down(why.to_owned())));
            }
        }
        std::future::pending().await
    }

    /// What the board must be told once these events are stored, in the order in which it happened.
    fn news_for_the_board(&self, events: &[RunEvent]) -> Vec<board::Message> {
        let (run, Some(unit)) = (self.id, self.run().start().unit) else {
            return Vec::new();
        };
        let is_reopened = |event: &RunEvent| matches!(event, RunEvent::StepReopened { .. });
        let reopened = events.iter().any(is_reopened);
        let ended = events.iter().find_map(board::End::of);
        let reopened = reopened.then_some(board::Message::RunReopened { run, unit });
        let ended = ended.map(|end| board::Message::RunEnded { run, unit, end });
        [reopened, ended].into_iter().flatten().collect()
    }
}
