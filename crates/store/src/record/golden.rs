//! Golden files pin every stored form: what was written once is read for ever, and what is written today is known.
//!
//! With `PARTITA_GOLDEN=write` in the environment, files that are missing are written; none is ever changed.

use super::{Record, Spill, decode, encode};
use crate::blobs::Blobs;
use domain::{BoardEvent, Event, RunEvent, UnitEvent};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

#[path = "../../tests/store/common/history/mod.rs"]
mod history;

/// Makes, for each kind of stream, what today's stored form of each variant is called, and the list of all of them.
/// A new variant does not compile until it is here, and does not pass until the history has it and a golden file pins
/// it.
macro_rules! kinds {
    ($($of:ident: $event:ident { $($variant:ident = $kind:literal,)* })*) => {
        $(fn $of(event: &$event) -> &'static str {
            match event { $($event::$variant { .. } => $kind,)* }
        })*

        const KINDS: &[&str] = &[$($($kind,)*)*];
    };
}

kinds! {
    of_run: RunEvent {
        Started = "run.started",
        StepsPlanned = "run.steps_planned",
        StepsLeftOut = "run.steps_left_out",
        TaskOrdered = "run.task_ordered",
        TaskStarted = "run.task_started",
        TaskEnded = "run.task_ended",
        RetryScheduled = "run.retry_scheduled",
        AgentChanged = "run.agent_changed",
        StepCompleted = "run.step_completed",
        StepFailed = "run.step_failed",
        StepCancelled = "run.step_cancelled",
        StepSkipped = "run.step_skipped",
        StepReopened = "run.step_reopened",
        AttentionRaised = "run.attention_raised",
        AttentionAnswered = "run.attention_answered",
        AttentionWithdrawn = "run.attention_withdrawn",
        Paused = "run.paused",
        Resumed = "run.resumed",
        CancelRequested = "run.cancel_requested",
        LinePublished = "run.line_published",
        DefinitionDrifted = "run.definition_drifted",
        Completed = "run.completed",
        Failed = "run.failed",
        Cancelled = "run.cancelled",
    }
    of_unit: UnitEvent {
        Created = "unit.created",
        StatusChanged = "unit.status_changed",
        PhaseChanged = "unit.phase_changed",
        BlockersChanged = "unit.blockers_changed",
        PriorityChanged = "unit.priority_changed",
        Renamed = "unit.renamed",
        RunAssigned = "unit.run_assigned",
        Deleted = "unit.deleted",
    }
    of_board: BoardEvent {
        ProjectAdded = "board.project_added",
        ProjectRemoved = "board.project_removed",
        UnitClaimed = "board.unit_claimed",
        ClaimReleased = "board.claim_released",
        AccountLimited = "board.account_limited",
        AccountCleared = "board.account_cleared",
        SlotsChanged = "board.slots_changed",
        CommandsApproved = "board.commands_approved",
    }
}

fn kind(event: &Event) -> &'static str {
    match event {
        Event::Run(event) => of_run(event),
        Event::Unit(event) => of_unit(event),
        Event::Board(event) => of_board(event),
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The first event of each kind, and each ending of a task, under the name of its golden file.
fn samples() -> BTreeMap<String, Event> {
    let mut samples = BTreeMap::new();
    for event in history::everything()
        .into_iter()
        .flat_map(|batch| batch.appends)
        .flat_map(|append| append.events)
    {
        let mut name = kind(&event).to_owned();
        if let Event::Run(RunEvent::TaskEnded { ending, .. }) = &event {
            name = format!("{name}-{:?}", ending.state()).to_lowercase();
        }
        samples.entry(name).or_insert(event);
    }
    samples
}

fn shown(record: &Record) -> Json {
    let body: Json = serde_json::from_str(&record.body).unwrap();
    json!({"kind": record.kind, "version": record.version, "body": body})
}

#[test]
fn every_variant_is_in_the_history_under_the_name_that_is_written() {
    let events: Vec<Event> = samples().into_values().collect();
    for event in &events {
        assert_eq!(encode(event, &mut Spill::default()).kind, kind(event));
    }
    let kinds: BTreeSet<_> = events.iter().map(kind).collect();
    assert_eq!(
        kinds,
        KINDS.iter().copied().collect(),
        "a variant is missing from `tests/store/common/history`"
    );
}

#[test]
fn every_variant_is_pinned_by_a_golden_file() {
    let is_writing = std::env::var_os("PARTITA_GOLDEN").is_some_and(|value| value == "write");
    for (name, event) in samples() {
        let record = encode(&event, &mut Spill::default());
        let path = folder().join(format!("{name}.{}.json", record.version));
        let today = shown(&record);
        if is_writing && !path.exists() {
            fs::write(&path, serde_json::to_string_pretty(&today).unwrap() + "\n").unwrap();
        }
        let pinned = fs::read_to_string(&path).unwrap_or_else(|_| panic!("{} is missing", path.display()));
        assert_eq!(
            today,
            serde_json::from_str::<Json>(&pinned).unwrap(),
            "{} changed",
            path.display()
        );
    }
}

#[test]
fn every_form_that_was_ever_written_still_reads() {
    let home = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(home.path().to_owned()).unwrap();
    let samples = samples();
    for event in samples.values() {
        let mut spill = Spill::default();
        encode(event, &mut spill);
        spill
            .blobs
            .iter()
            .for_each(|blob| blobs.put_as(&blob.hash, &blob.bytes).unwrap());
    }
    for file in fs::read_dir(folder()).unwrap() {
        let path = file.unwrap().path();
        let form: Json = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let kind = form["kind"].as_str().unwrap();
        let version = u32::try_from(form["version"].as_u64().unwrap()).unwrap();
        let event = decode(kind, version, &form["body"].to_string(), &blobs).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let sample = name.strip_suffix(&format!(".{version}.json")).unwrap();
        assert_eq!(
            samples.get(sample),
            Some(&event),
            "{name} means something else today"
        );
    }
}

#[test]
fn a_newer_form_is_told() {
    let home = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(home.path().to_owned()).unwrap();
    assert!(decode("run.cancelled", 2, "{}", &blobs).is_err());
    assert!(decode("run.flew", 1, "{}", &blobs).is_err());
}
