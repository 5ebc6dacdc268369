//! Events as frames. The same event gives the same number of frames to whoever reads it, now or later: a frame's
//! place depends on it.

use super::run;
use crate::show;
use api::{AttentionState, AttentionUpdate, Frame, WorkUnitUpdate};
use domain::{Event, Run, RunEvent, RunId, Stream, UnitEvent, UnitId, WorkUnit};
use engine::ports::{Recorded, StoreError};
use std::collections::BTreeMap;
use store::{Reader, iso};

/// Runs and units that are kept in memory; more are read again.
const KEPT_MAX: usize = 128;

/// Follows runs and units as their events go by.
pub(super) struct Translator {
    reader: Reader,
    runs: BTreeMap<RunId, Run>,
    units: BTreeMap<UnitId, WorkUnit>,
}

impl Translator {
    pub(super) const fn new(reader: Reader) -> Self {
        Self {
            reader,
            runs: BTreeMap::new(),
            units: BTreeMap::new(),
        }
    }

    /// The frames of an event. Events come in order, without gaps, from wherever the reader began.
    pub(super) async fn frames(&mut self, recorded: &Recorded) -> Result<Vec<Frame>, StoreError> {
        match (recorded.stream, &recorded.event) {
            (Stream::Run(id), Event::Run(event)) => self.of_run(id, event, recorded).await,
            (Stream::Unit(id), Event::Unit(event)) => self.of_unit(id, event, recorded).await,
            // What spans runs shows in them.
            (_, Event::Board(_) | Event::Run(_) | Event::Unit(_)) => Ok(Vec::new()),
        }
    }

    async fn of_run(&mut self, id: RunId, event: &RunEvent, at: &Recorded) -> Result<Vec<Frame>, StoreError> {
        let moment = run::When {
            position: at.position,
            at: iso(at.at),
        };
        if let RunEvent::Started(started) = event {
            let run = Run::started(id, started);
            let frame = run::started(&run, moment);
            self.keep(id, run);
            return Ok(vec![frame]);
        }
        let Some(mut run) = self.run_before(id, at.seq).await? else {
            return Ok(Vec::new());
        };
        let touched = run::touched(&run, event);
        let item = run::attention(&run, event);
        run.apply(event);
        let mut frames = Vec::new();
        if let Some((attention, state)) = item
            && let Some(frame) = self.attention(attention, state, at.position).await?
        {
            frames.push(frame);
        }
        frames.extend(
            touched
                .into_iter()
                .map(|touched| run::updated(&run, touched, &moment)),
        );
        if !run::is_over(&run) {
            self.keep(id, run);
        }
        Ok(frames)
    }

    fn keep(&mut self, id: RunId, run: Run) {
        if self.runs.len() >= KEPT_MAX {
            self.runs.clear();
        }
        self.runs.insert(id, run);
    }

    /// The run as it was before its event of that number.
    async fn run_before(&mut self, id: RunId, seq: u64) -> Result<Option<Run>, StoreError> {
        if let Some(run) = self.runs.remove(&id).filter(|run| run.seq() + 1 == seq) {
            return Ok(Some(run));
        }
        let recorded = self.reader.load(Stream::Run(id), 0).await?;
        let before = recorded.iter().filter(|recorded| recorded.seq < seq);
        let events = before.filter_map(|recorded| match &recorded.event {
            Event::Run(event) => Some(event),
            Event::Unit(_) | Event::Board(_) => None,
        });
        Ok(Run::replay(id, events))
    }

    /// The item as it was right after the event: later answers are told by their own events.
    async fn attention(
        &self,
        id: domain::AttentionId,
        state: AttentionState,
        position: u64,
    ) -> Result<Option<Frame>, StoreError> {
        let found = self
            .reader
            .attention(id)
            .await
            .map_err(|error| StoreError(error.to_string()))?;
        let Some(mut item) = found.map(show::attention).transpose().map_err(StoreError)? else {
            return Ok(None);
        };
        item.state = state;
        if state == AttentionState::Open {
            item.answer = None;
            item.answer_text = None;
            item.answered_by = None;
            item.closed_at = None;
        }
        Ok(Some(Frame::AttentionUpdate(AttentionUpdate { position, item })))
    }

    async fn of_unit(
        &mut self,
        id: UnitId,
        event: &UnitEvent,
        at: &Recorded,
    ) -> Result<Vec<Frame>, StoreError> {
        let unit = match event {
            UnitEvent::Created(created) => Some(WorkUnit::created(id, created, at.at)),
            UnitEvent::StatusChanged { .. }
            | UnitEvent::PhaseChanged { .. }
            | UnitEvent::BlockersChanged { .. }
            | UnitEvent::PriorityChanged { .. }
            | UnitEvent::Renamed { .. }
            | UnitEvent::RunAssigned { .. }
            | UnitEvent::Deleted => self.unit_before(id, at.seq).await?.map(|mut unit| {
                unit.apply(event);
                unit
            }),
        };
        let Some(unit) = unit else { return Ok(Vec::new()) };
        let frame = Frame::WorkUnitUpdate(WorkUnitUpdate {
            position: at.position,
            chunk: unit.chunk.clone(),
            id: show::id(id),
            phase: show::phase(unit.phase),
            status: show::status(unit.status),
            blocked_by: unit.blocked_by.clone(),
            priority: unit.priority,
            run_id: unit.run.map(show::id),
            deleted: unit.is_deleted,
            at: iso(at.at),
        });
        if self.units.len() >= KEPT_MAX {
            self.units.clear();
        }
        if !unit.is_deleted {
            self.units.insert(id, unit);
        }
        Ok(vec![frame])
    }

    async fn unit_before(&mut self, id: UnitId, seq: u64) -> Result<Option<WorkUnit>, StoreError> {
        if let Some(unit) = self.units.remove(&id).filter(|unit| unit.seq + 1 == seq) {
            return Ok(Some(unit));
        }
        let recorded = self.reader.load(Stream::Unit(id), 0).await?;
        let before = recorded.iter().filter(|recorded| recorded.seq < seq);
        let events = before.filter_map(|recorded| match &recorded.event {
            Event::Unit(event) => Some((event, recorded.at)),
            Event::Run(_) | Event::Board(_) => None,
        });
        Ok(WorkUnit::replay(id, events))
    }
}
