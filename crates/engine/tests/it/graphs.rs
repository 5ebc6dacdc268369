//! Runs of plans of any shape, under whatever arrives in whatever order: decided by functions alone, judged by their history.
//!
//! `PARTITA_SOAK` tries as many as are asked for before a release.

mod judge;

use crate::scene::{ask, plan};
use crate::sim::random_plan;
use cases::Case;
use domain::planted::{Bug, plant};
use domain::{
    Begin, Choice, Duty, Ending, FailureClass, FlowRef, Input, Merge, Moment, Name, Phase, Plan, PlanStep,
    ProcessIdentity, ProjectId, Run, RunEvent, RunId, RunStarted, StepKey, StepKind, TaskId, Usage, Value,
    begin, decide, duties, follow,
};
use engine::testkit::Rng;
use judge::{Hits, Judge};
use std::collections::BTreeSet;
use std::sync::Arc;

const RUN: RunId = RunId::from_bits(7);

fn sequences() -> u64 {
    if std::env::var_os("PARTITA_SOAK").is_some() {
        200_000
    } else {
        40_000
    }
}

/// A run on its way.
struct Tale {
    run: Run,
    plan: Arc<Plan>,
    now: Moment,
    judge: Judge,
    spawned: BTreeSet<TaskId>,
}

impl Tale {
    fn of(plan: Plan) -> Self {
        let plan = Arc::new(plan);
        let hash = "0".repeat(64);
        let started = RunStarted {
            project: ProjectId::from_bits(1),
            unit: None,
            slug: "calm-otter".to_owned(),
            flow: FlowRef {
                name: Name::from("any"),
                version: 1,
                hash,
            },
            plan: Arc::clone(&plan),
            input: ask(RUN, "any").input,
            base: "c0".to_owned(),
        };
        let events = begin(RUN, started, None);
        let run = Run::replay(RUN, &events).expect("a run begins with its start");
        let mut tale = Self {
            run,
            plan,
            now: Moment::from_ms(1_000_000),
            judge: Judge::default(),
            spawned: BTreeSet::new(),
        };
        tale.go_on();
        tale
    }

    /// What follows by itself.
    fn go_on(&mut self) {
        loop {
            let events = follow(&self.run);
            if events.is_empty() {
                break;
            }
            self.remember(&events);
        }
        if self.judge.is_cancelled && !self.judge.is_over {
            let stops: BTreeSet<TaskId> = (duties(&self.run).into_iter())
                .map(|duty| match duty {
                    Duty::Stop { task } => task,
                    other => panic!("a cancelled run owes {other:?}"),
                })
                .collect();
            assert_eq!(stops, self.judge.live, "a cancel reaches every task");
            assert!(!stops.is_empty(), "a cancelled run without tasks has ended");
        }
    }

    fn remember(&mut self, events: &[RunEvent]) {
        for event in events {
            self.judge.hear(&self.plan, event);
            self.run.apply(event);
        }
    }

    fn take(&mut self, input: Input) -> bool {
        let Ok(events) = decide(&self.run, input, self.now) else {
            return false;
        };
        self.remember(&events);
        self.go_on();
        true
    }

    /// Does something about what is owed, well or badly.
    fn serve(&mut self, rng: &mut Rng, duty: Duty, is_kind: bool) {
        let is_bad = !is_kind && rng.in_thousand(400);
        match duty {
            Duty::Begin(Begin { key, not_before, .. }) => {
                self.now = self.now.max(not_before.unwrap_or(self.now));
                let prompt = if is_bad && rng.in_thousand(100) {
                    Err("it cannot be rendered".to_owned())
                } else {
                    Ok("do it".to_owned())
                };
                self.take(Input::Admitted { key, prompt });
            }
            Duty::Work { task } if !self.spawned.contains(&task) && rng.in_thousand(700) => {
                self.spawned.insert(task);
                let process = ProcessIdentity {
                    pid: 1,
                    start_ticks: 1,
                    boot_id: "boot".to_owned(),
                };
                self.take(Input::TaskSpawned { task, process });
            }
            Duty::Work { task } => {
                let ending = if is_bad { bad(rng) } else { good(rng) };
                self.end(task, ending);
            }
            Duty::Stop { task } => {
                let ending = if is_bad { good(rng) } else { Ending::Cancelled };
                self.end(task, ending);
            }
            Duty::Merge { key, .. } => {
                let merge = if is_bad {
                    Merge::Conflict(vec!["a.txt".to_owned()])
                } else {
                    Merge::Done(None)
                };
                self.take(Input::Merged { key, merge });
            }
            Duty::Publish { to, .. } => {
                let input = if is_bad {
                    Input::PublishFailed {
                        reason: "moved".to_owned(),
                    }
                } else {
                    Input::Published { head: to }
                };
                self.take(input);
            }
            Duty::Report => {
                let report = "# Report".to_owned();
                self.take(Input::Reported { report });
            }
        }
    }

    fn end(&mut self, task: TaskId, ending: Ending) {
        let usage = Usage::default();
        self.take(Input::TaskEnded { task, ending, usage });
    }

    /// Somebody wants something, which may make sense or not.
    fn wish(&mut self, rng: &mut Rng) {
        let by = || "ada".to_owned();
        let keys: Vec<StepKey> = self.run.steps().keys().cloned().collect();
        let key = (!keys.is_empty()).then(|| rng.one_of(&keys).clone());
        let wish = match (rng.below(20), key) {
            (0, _) => Input::Cancel { by: by() },
            (1..=3, _) => Input::Pause { by: by() },
            (4..=6, _) => Input::Resume { by: by() },
            (7..=9, key) => Input::Retry { key, by: by() },
            (10..=12, Some(key)) => Input::Skip { key, by: by() },
            (13..=14, Some(key)) => Input::Admitted {
                key,
                prompt: Ok("out of turn".to_owned()),
            },
            _ => return self.answer(rng, false),
        };
        self.take(wish);
    }

    fn answer(&mut self, rng: &mut Rng, is_kind: bool) {
        let Some(item) = self.run.attention().values().next() else {
            return;
        };
        let choice = if is_kind {
            // The kind answer ends the question for good.
            let is_good =
                |choice: &&Choice| matches!(choice, Choice::Approve | Choice::Skip | Choice::Dismiss);
            let good = item.choices.iter().find(is_good);
            *good.unwrap_or(&item.choices[0])
        } else {
            *rng.one_of(&item.choices)
        };
        let attention = item.id;
        self.take(Input::Answered {
            attention,
            choice,
            text: String::new(),
            by: "ada".to_owned(),
        });
    }

    fn is_over(&self) -> bool {
        matches!(self.run.phase(), Phase::Ended(_))
    }

    /// From here on everybody does well: the run has to end.
    fn end_well(&mut self, rng: &mut Rng) {
        let most = 200 + 40 * self.run.steps().len().max(self.plan.steps.len());
        for _ in 0..most {
            if self.is_over() {
                return;
            }
            if self.run.is_paused() {
                self.take(Input::Resume { by: "ada".to_owned() });
            }
            let owed = duties(&self.run);
            match owed.into_iter().next() {
                Some(duty) => self.serve(rng, duty, true),
                None => self.answer(rng, true),
            }
        }
        panic!(
            "it does not end: {:?} {:?}",
            duties(&self.run),
            self.run.attention()
        );
    }
}

fn good(rng: &mut Rng) -> Ending {
    let items = Value::map([("items", Value::List(vec![Value::Int(1), Value::Int(2)]))]);
    let output = if rng.in_thousand(500) {
        items
    } else {
        Value::from("done")
    };
    Ending::Completed { output, change: None }
}

fn bad(rng: &mut Rng) -> Ending {
    let reason = "so it went".to_owned();
    let class = *rng.one_of(&[
        FailureClass::Transient,
        FailureClass::Permanent,
        FailureClass::Authentication,
        FailureClass::Missing,
        FailureClass::Output,
        FailureClass::Gate,
        FailureClass::Timeout,
    ]);
    match rng.below(4) {
        0 => Ending::Interrupted { reason },
        1 => Ending::Parked {
            account: Name::from("ada/default"),
            until: None,
            reason,
        },
        _ => Ending::Failed { class, reason },
    }
}

/// A run of this plan, in which so many things go any way; gives what it met.
fn play(rng: &mut Rng, plan: Plan, turns: u64) -> Hits {
    let mut tale = Tale::of(plan);
    for _ in 0..turns {
        tale.now = tale.now.plus_ms(rng.below(2_000));
        let owed = duties(&tale.run);
        if owed.is_empty() || rng.in_thousand(150) {
            tale.wish(rng);
        } else {
            let duty = rng.one_of(&owed).clone();
            tale.serve(rng, duty, false);
        }
    }
    tale.end_well(rng);
    // What comes late changes nothing.
    let tasks: Vec<TaskId> = tale.run.tasks().keys().copied().collect();
    let over = tale.run.clone();
    for task in tasks {
        tale.end(task, good(rng));
    }
    assert_eq!(tale.run, over, "a late report is refused");
    tale.judge.hits
}

#[test]
fn f_78_graphs_of_any_shape_go_in_order_and_end() {
    let _nothing_planted = crate::sim::PLANTING.read().unwrap();
    let mut case = Case::open("F-78");
    let seeds = match std::env::var("SIM_SEED") {
        Ok(seed) => seed.parse().unwrap()..=seed.parse().unwrap(),
        Err(_) => 1..=sequences(),
    };
    let mut hits = Hits::new();
    for seed in seeds.clone() {
        case.tried();
        let played = std::panic::catch_unwind(|| {
            let mut rng = Rng::new(seed);
            let plan = random_plan(&mut rng);
            let turns = rng.below(60);
            play(&mut rng, plan, turns)
        });
        let played = played.unwrap_or_else(|_| panic!("SIM_SEED={seed}"));
        for (what, times) in played {
            *hits.entry(what).or_default() += times;
        }
        case.hit();
    }
    println!("F-78: {} sequences, {hits:?}", seeds.clone().count());
    if seeds.clone().count() > 1 {
        for what in [
            "begun",
            "parent",
            "skipped",
            "step failed",
            "reopened",
            "cancelled",
        ] {
            assert!(hits.contains_key(what), "it never happened: {what}");
        }
        case.pass(sequences());
    }
}

/// The judge notices mistakes that somebody might make.
#[test]
fn f_78_the_judge_notices_what_goes_out_of_order() {
    let _alone = crate::sim::PLANTING.write().unwrap();
    let mut case = Case::open("F-78");
    for bug in [Bug::FailuresForgiven, Bug::NoStopOnCancel, Bug::CancelledAlive] {
        case.tried();
        plant(Some(bug));
        let is_noticed = (1..=2_000).any(|seed| {
            let played = std::panic::catch_unwind(|| {
                let mut rng = Rng::new(seed);
                let plan = random_plan(&mut rng);
                let turns = rng.below(60);
                play(&mut rng, plan, turns)
            });
            played.is_err()
        });
        plant(None);
        assert!(is_noticed, "{bug:?}");
        case.hit();
    }
    case.pass(3);
}

/// A step that needs these.
fn step(id: &str, needs: impl IntoIterator<Item = String>) -> PlanStep {
    let mut step = PlanStep::new(id, StepKind::Agent);
    step.needs = needs.into_iter().map(Name::from).collect();
    step
}

#[test]
fn f_78_chains_diamonds_and_ten_thousand_steps() {
    let _nothing_planted = crate::sim::PLANTING.read().unwrap();
    let mut case = Case::open("F-78");
    let chain = (0..200).map(|at| step(&format!("s{at}"), (at > 0).then(|| format!("s{}", at - 1))));
    let wide = (0..60).map(|at| step(&format!("w{at}"), ["top".to_owned()]));
    let bottom = step("bottom", (0..60).map(|at| format!("w{at}")));
    let diamond = [step("top", [])].into_iter().chain(wide).chain([bottom]);
    for shape in [plan(chain), plan(diamond)] {
        for seed in 0..5 {
            case.tried();
            play(&mut Rng::new(seed), shape.clone(), 40);
            case.hit();
        }
    }
    // Ten thousand at once: what one of them costs may not grow with how many there are.
    let mut many = PlanStep::new("many", StepKind::Agent);
    many.each = Some(domain::Expression::parse("size.angles").unwrap());
    let items = (0..10_000).map(Value::Int).collect();
    let size = [("angles".to_owned(), Value::List(items))].into();
    let mut tale = Tale::of(Plan {
        steps: vec![many],
        size,
    });
    case.tried();
    assert_eq!(duties(&tale.run).len(), 10_000);
    tale.take(Input::Cancel { by: "ada".to_owned() });
    assert!(tale.is_over(), "nothing was under way");
    assert_eq!(tale.judge.instances.len(), 10_000);
    case.hit();
    case.pass(11);
}
