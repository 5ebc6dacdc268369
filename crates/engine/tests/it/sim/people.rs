//! What people do in a world: ask for runs and units, change their minds, answer what they are asked.

use super::plan::AGENTS;
use domain::{
    Choice, Input, Moment, Name, NewUnit, ProjectId, RunId, RunInput, Size, UnitId, UnitOrder, UnitPhase,
};
use engine::StartRun;
use engine::ports::Idempotency;
use engine::testkit::Rng;
use std::collections::BTreeMap;

pub(super) const PROJECT: ProjectId = ProjectId::from_bits(1);

/// Something that somebody will do.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Deed {
    Project,
    Slots(u32),
    Run(RunId, String),
    Unit(UnitId, Box<NewUnit>),
    Cancel(usize),
    Pause(usize),
    Retry(usize),
    Skip(usize, u64),
    Priority(usize, i64),
    Blockers(usize, Vec<usize>),
    Rename(usize),
    RetryUnit(usize),
    Delete(usize),
    Drain,
    Definition(usize),
    MoveBranch(usize),
    SpoilMerge(usize),
    Die,
}

impl Deed {
    /// Whether it is asked for again until it is done.
    pub(super) const fn is_owed(&self) -> bool {
        matches!(
            self,
            Self::Project | Self::Slots(_) | Self::Run(..) | Self::Unit(..)
        )
    }
}

/// What a person holds on to: the same request again has the same key.
pub(super) fn request(name: String) -> Idempotency {
    Idempotency {
        body_hash: name.clone(),
        key: name,
        answer: "done".to_owned(),
    }
}

pub(super) fn start(run: RunId, flow: &str) -> StartRun {
    let is_even = run.bits().is_multiple_of(2);
    StartRun {
        run,
        project: PROJECT,
        flow: Name::from(flow),
        input: RunInput {
            question: "why".to_owned(),
            size: Size::Small,
            fast: is_even,
            agent: Name::from(AGENTS[usize::from(is_even)]),
            model: None,
            extra: BTreeMap::new(),
        },
        unit: None,
    }
}

pub(super) fn unit(rng: &mut Rng, index: usize, flow: String) -> NewUnit {
    let before: Vec<usize> = (0..index).filter(|_| rng.in_thousand(400)).collect();
    let order = UnitOrder {
        flow: Name::from(flow),
        question: "what".to_owned(),
        size: Size::Small,
        fast: rng.in_thousand(500),
        agent: Some(Name::from(*rng.one_of(&AGENTS))),
        model: None,
        extra: BTreeMap::new(),
    };
    NewUnit {
        chunk: chunk(index),
        phase: UnitPhase::Implement,
        blocked_by: before.into_iter().map(chunk).collect(),
        priority: i64::try_from(rng.below(3)).unwrap(),
        project: Some(PROJECT),
        order: Some(order),
    }
}

pub(super) fn chunk(index: usize) -> String {
    format!("unit-{index}")
}

/// Random deeds of the first minutes.
pub(super) fn whims(
    rng: &mut Rng,
    begin: Moment,
    runs: usize,
    units: usize,
    with_cancels: bool,
) -> Vec<(Moment, Deed)> {
    let count = rng.below(7);
    let mut deeds = Vec::new();
    for _ in 0..count {
        let at = begin.plus_ms(rng.below(90_000));
        let run = usize::try_from(rng.below(runs.max(1) as u64)).unwrap();
        let unit = usize::try_from(rng.below(units.max(1) as u64)).unwrap();
        let deed = match rng.below(20) {
            0 | 1 if with_cancels => Deed::Cancel(run),
            2 | 3 => Deed::Pause(run),
            4..=6 => Deed::Retry(run),
            7 | 8 => Deed::Skip(run, rng.next()),
            9 => Deed::Priority(unit, 9),
            10 => Deed::Blockers(unit, (0..units).filter(|_| rng.in_thousand(400)).collect()),
            11 => Deed::Rename(unit),
            12 | 13 => Deed::RetryUnit(unit),
            14 => Deed::Delete(unit),
            15 => Deed::Drain,
            16 => Deed::Definition(run),
            17 => Deed::MoveBranch(run),
            18 => Deed::SpoilMerge(run),
            _ => Deed::Die,
        };
        deeds.push((at, deed));
    }
    deeds
}

/// What a person answers. Those who were asked often enough bring it to an end.
pub(super) fn answer(rng: &mut Rng, choices: &[Choice], asked_before: u32) -> Choice {
    let ends = [Choice::Skip, Choice::Approve, Choice::Cancel];
    if asked_before >= 4
        && let Some(end) = ends.into_iter().find(|end| choices.contains(end))
    {
        return end;
    }
    match rng.below(10) {
        0 => *choices.last().expect("every question can be answered"),
        1 | 2 => *rng.one_of(choices),
        _ => choices[0],
    }
}

pub(super) fn wish(deed: &Deed, steps: &[domain::StepKey]) -> Option<(&'static str, Input)> {
    let by = "sam".to_owned();
    Some(match deed {
        Deed::Cancel(_) => ("cancel", Input::Cancel { by }),
        Deed::Pause(_) => ("pause", Input::Pause { by }),
        Deed::Retry(_) => ("retry", Input::Retry { key: None, by }),
        Deed::Skip(_, which) if !steps.is_empty() => {
            let which = usize::try_from(*which % steps.len() as u64).unwrap();
            (
                "skip",
                Input::Skip {
                    key: steps[which].clone(),
                    by,
                },
            )
        }
        _ => return None,
    })
}
