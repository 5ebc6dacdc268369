//! Which runs do which units: claims them, tells units how their runs go, and catches up on what a crash or a full
//! disk left between.

use super::{BoardKeeper, End, Message, Unstored};
use crate::faults::{CrashPoint, reach};
use crate::start::{self, StartRun};
use crate::{EngineError, Health, keeper};
use domain::planted::{self, Bug};
use domain::{
    BoardEvent, BoardInput, Event, Name, Phase, Refusal, Run, RunEvent, RunId, RunInput, Stream, UnitEvent,
    UnitId, UnitInput, UnitStatus, WorkUnit, claimable, decide_board, decide_unit,
};
use std::sync::Arc;

impl BoardKeeper {
    /// Finds runs for units that are ready.
    pub(super) fn claim(&mut self) {
        if self.shared.is_draining() {
            return;
        }
        for id in claimable(&self.shared.board(), &self.units) {
            if !self.preparing.insert(id) {
                continue;
            }
            let unit = self.units.get(id).expect("only known units are claimable");
            self.prepare(unit.clone());
        }
    }

    fn prepare(&self, unit: WorkUnit) {
        let run = RunId::from_bits((self.shared.ports.ids)());
        let shared = Arc::clone(&self.shared);
        let agent = self.default_agent.clone();
        tokio::spawn(async move {
            let events = match ask_of(&unit, run, agent) {
                Ok(ask) => start::prepare(&shared, ask).await,
                Err(error) => Err(error),
            };
            // A board that is gone has no use for it.
            let _ = shared.to_board.send(Message::Prepared {
                unit: unit.id,
                run,
                events,
            });
        });
    }

    /// A claim is one batch over board, unit and run.
    pub(super) async fn start(
        &mut self,
        id: UnitId,
        run: RunId,
        events: &Result<Vec<RunEvent>, EngineError>,
    ) -> Result<(), Unstored> {
        let Some(unit) = self.units.get(id) else {
            return Ok(());
        };
        match events {
            Ok(events) => {
                let claimed = decide_unit(unit, UnitInput::Claimed { run }, None, false)?;
                let on_board = self.decide_claim(id, run)?;
                if planted::is(Bug::ClaimInTwo) {
                    self.store(vec![(Stream::Board, on_board.clone())], None).await?;
                }
                let on_board = if planted::is(Bug::ClaimInTwo) {
                    Vec::new()
                } else {
                    on_board
                };
                let batch = vec![
                    (Stream::Board, on_board),
                    (Stream::Unit(id), claimed.into_iter().map(Event::Unit).collect()),
                    (Stream::Run(run), events.iter().cloned().map(Event::Run).collect()),
                ];
                self.store(batch, None).await?;
                reach(CrashPoint::AfterClaim);
                self.shared.send(run, keeper::Message::Look);
                Ok(())
            }
            // Another try finds better times.
            Err(error @ EngineError::Full) => {
                self.shared.set_health(Health::Full);
                Err(error.clone().into())
            }
            Err(error @ (EngineError::Stopping | EngineError::Down(_))) => Err(error.clone().into()),
            Err(error) => {
                let stopped = UnitInput::Stopped {
                    reason: format!("no run could be started for it: {error}"),
                };
                let events = decide_unit(unit, stopped, None, false)?;
                let events = events.into_iter().map(Event::Unit).collect();
                self.store(vec![(Stream::Unit(id), events)], None).await
            }
        }
    }

    fn decide_claim(&self, unit: UnitId, run: RunId) -> Result<Vec<Event>, Refusal> {
        let input = BoardInput::Claim { unit, run };
        let events = decide_board(&self.shared.board(), input, self.shared.ports.clock.now())?;
        Ok(events.into_iter().map(Event::Board).collect())
    }

    /// The batch that finishes a unit unblocks its dependents.
    pub(super) async fn run_ended(&mut self, id: UnitId, run: RunId, end: &End) -> Result<(), Unstored> {
        if self.shared.board().claims.get(&id) != Some(&run) {
            return Ok(());
        }
        let released = vec![Event::Board(BoardEvent::ClaimReleased { unit: id })];
        let mut changes = vec![(Stream::Board, released)];
        if let Some(unit) = self.units.get(id) {
            let input = match end {
                End::Completed => UnitInput::Finished,
                End::Stopped(reason) => UnitInput::Stopped {
                    reason: reason.clone(),
                },
            };
            if let Ok(events) = decide_unit(unit, input, None, true) {
                let mut after = unit.clone();
                events.iter().for_each(|event| after.apply(event));
                changes.push((Stream::Unit(id), events.into_iter().map(Event::Unit).collect()));
                let unblocked = self.unblocked(&after);
                if planted::is(Bug::UnblockedLater) {
                    self.store(changes, None).await?;
                    return self.store(unblocked, None).await;
                }
                changes.extend(unblocked);
            }
        }
        self.store(changes, None).await
    }

    /// A unit whose run goes on is claimed by it again, unless somebody decided otherwise meanwhile.
    pub(super) async fn run_reopened(&mut self, id: UnitId, run: RunId) -> Result<(), Unstored> {
        let Some(unit) = self.units.get(id).filter(|unit| unit.run == Some(run)) else {
            return Ok(());
        };
        let mut after = unit.clone();
        let mut events = Vec::new();
        if after.status == UnitStatus::NeedsAttention {
            events.push(UnitEvent::StatusChanged {
                from: after.status,
                to: UnitStatus::Ready,
                reason: "its run goes on".to_owned(),
                forced: false,
            });
            events.iter().for_each(|event| after.apply(event));
        }
        let claimed = decide_unit(&after, UnitInput::Claimed { run }, None, false);
        let (Ok(claimed), Ok(on_board)) = (claimed, self.decide_claim(id, run)) else {
            return Ok(());
        };
        events.extend(claimed);
        let changes = vec![
            (Stream::Board, on_board),
            (Stream::Unit(id), events.into_iter().map(Event::Unit).collect()),
        ];
        self.store(changes, None).await
    }

    /// Units that were not told how their run went: a crash or a full disk lies between.
    pub(super) async fn catch_up(&mut self) {
        let claims = self.shared.board().claims.clone();
        let is_stopped = |unit: &&WorkUnit| unit.status == UnitStatus::NeedsAttention;
        let stopped = self.units.by_id().values().filter(is_stopped);
        let stopped: Vec<_> = stopped.filter_map(|unit| Some((unit.id, unit.run?))).collect();
        self.is_behind = false;
        for (unit, run) in claims.into_iter().chain(stopped) {
            if let Err(error) = self.tell_again(unit, run).await {
                self.note_behind(unit, Err(error));
            }
        }
    }

    async fn tell_again(&mut self, unit: UnitId, run: RunId) -> Result<(), EngineError> {
        let recorded = self.shared.ports.store.load(Stream::Run(run), 0).await?;
        let events: Vec<RunEvent> = recorded
            .into_iter()
            .filter_map(|recorded| match recorded.event {
                Event::Run(event) => Some(event),
                Event::Unit(_) | Event::Board(_) => None,
            })
            .collect();
        let Some(known) = Run::replay(run, &events) else {
            return Ok(());
        };
        let is_claimed = self.shared.board().claims.contains_key(&unit);
        let end = match known.phase() {
            Phase::Active | Phase::Cancelling => None,
            Phase::Ended(_) => events.iter().rev().find_map(End::of),
        };
        if !is_claimed && !matches!(end, Some(End::Stopped(_))) {
            let reopened = Message::RunReopened { run, unit };
            Box::pin(self.take(reopened)).await;
        }
        if let Some(end) = end {
            Box::pin(self.take(Message::RunEnded { run, unit, end })).await;
        }
        Ok(())
    }
}

/// What a unit's order asks for.
fn ask_of(unit: &WorkUnit, run: RunId, default_agent: Option<Name>) -> Result<StartRun, EngineError> {
    let order = unit
        .order
        .clone()
        .expect("only units with an order are claimable");
    let project = unit.project.ok_or(Refusal::UnknownProject)?;
    let missing =
        || crate::ports::BeginError::Missing("no agent was chosen and there is no default".to_owned());
    let input = RunInput {
        question: order.question,
        size: order.size,
        fast: order.fast,
        agent: order.agent.or(default_agent).ok_or_else(missing)?,
        model: order.model,
        extra: order.extra,
    };
    Ok(StartRun {
        run,
        project,
        flow: order.flow,
        input,
        unit: Some(unit.id),
    })
}
