//! Durable steps a second, and how soon a step follows the one before: engine and store in one process, with agents that
//! end at once.

use crate::figure::{Figure, Target, Unit, percentile, sorted};
use crate::floor::{Rows, flush_ms};
use crate::history::{self, Past};
use crate::project::{CHAIN, CHAIN_STEPS, WIDE};
use crate::round::ms;
use crate::world::{World, project_in, runtime};
use crate::{Bench, Measurement};
use std::path::Path;
use std::time::Instant;

pub(crate) const ENGINE: Measurement = Measurement {
    name: "steps",
    summary: "durable steps a second and their turnaround, in process, beside bare SQLite and a flush",
    run: engine,
};

pub(crate) const HISTORY: Measurement = Measurement {
    name: "history",
    summary: "what a step costs after a long history (with --long: a million events)",
    run: with_history,
};

/// Tasks under way at once, where many runs are.
const SLOTS: u32 = 64;

/// What a load came to.
struct Outcome {
    steps_per_s: f64,
    batches_per_s: f64,
    batches_per_step: f64,
    rows: Option<Rows>,
}

/// Which load.
#[derive(Clone, Copy)]
struct Load {
    flow: &'static str,
    runs: usize,
    steps: usize,
    slots: u32,
}

impl Load {
    fn chains(runs: usize) -> Self {
        Self {
            flow: CHAIN,
            runs,
            steps: runs * CHAIN_STEPS,
            slots: SLOTS,
        }
    }

    fn wide(steps: usize) -> Self {
        Self {
            flow: WIDE,
            runs: 1,
            steps,
            slots: u32::try_from(steps).unwrap_or(u32::MAX),
        }
    }
}

fn engine(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let rounds = bench.budget.pick(1, 3, 5);
    let chains = Load::chains(bench.budget.pick(2, 100, 200));
    let wide = Load::wide(bench.budget.pick(20, 2_000, 2_000));
    let mut figures = Vec::new();
    figures.extend(rate(bench, chains, rounds, "steps, many runs of 10")?);
    figures.extend(rate(
        bench,
        wide,
        rounds.div_ceil(2),
        "steps, one run of 2,000 at once",
    )?);
    figures.extend(turnaround(bench)?);
    Ok(figures)
}

fn rate(bench: &Bench, load: Load, rounds: usize, name: &str) -> anyhow::Result<Vec<Figure>> {
    let (mut steps, mut pairs, mut width) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let folder = tempfile::tempdir_in(&bench.scratch)?;
        let project = project_in(folder.path(), load.steps)?;
        let outcome = carry(&folder.path().join("home"), &project, load, true)?;
        let rows = outcome.rows.as_ref().expect("rows were asked for");
        let bare = rows.commit(&folder.path().join("bare.db"), load.slots as usize)?;
        steps.push(outcome.steps_per_s);
        pairs.push((outcome.batches_per_s, bare));
        width.push(outcome.batches_per_step);
    }
    let batches: Vec<f64> = pairs.iter().map(|(ours, _)| *ours).collect();
    Ok(vec![
        Figure::new(name, Unit::PerSecond, &steps).target(Target::AtLeast(3_000.0)),
        Figure::new(format!("{name}: commits"), Unit::PerSecond, &batches)
            .against("the same rows in bare SQLite", &pairs)
            .target(Target::FloorTimesAtLeast(0.5)),
        Figure::new(format!("{name}: commits a step"), Unit::Count, &width),
    ])
}

/// Carries a load; the rows that it left, where they are wanted.
fn carry(home: &Path, project: &Path, load: Load, with_rows: bool) -> anyhow::Result<Outcome> {
    let runtime = runtime()?;
    let (took, kept, database) = runtime.block_on(async {
        let world = World::open(home.to_owned(), project, load.slots).await?;
        for _ in 0..load.runs {
            world.start(load.flow).await?;
        }
        let before = world.kept.kept().len();
        let begun = Instant::now();
        world.agents.let_go();
        world.kept.ended(load.runs).await?;
        let took = begun.elapsed();
        let kept = world.kept.kept().split_off(before);
        let database = world.home.database();
        world.close().await;
        anyhow::Ok((took, kept, database))
    })?;
    let steps = load.steps as f64;
    Ok(Outcome {
        steps_per_s: steps / took.as_secs_f64(),
        batches_per_s: kept.len() as f64 / took.as_secs_f64(),
        batches_per_step: kept.len() as f64 / steps,
        rows: with_rows.then(|| Rows::read(&database, &kept)).transpose()?,
    })
}

/// One run at a time: nobody waits for a slot, and every commit has the disk to itself.
fn turnaround(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    const NAMES: [(&str, usize); 3] = [("p50", 50), ("p95", 95), ("p99", 99)];
    let rounds = bench.budget.pick(1, 3, 5);
    let runs = bench.budget.pick(1, 10, 30);
    let mut found = Vec::new();
    for _ in 0..rounds {
        let folder = tempfile::tempdir_in(&bench.scratch)?;
        let project = project_in(folder.path(), 1)?;
        found.push(one_by_one(folder.path(), &project, runs)?);
    }
    let figures = NAMES.iter().map(|(name, percent)| {
        let pairs: Vec<(f64, f64)> = found
            .iter()
            .map(|(turns, flush)| (percentile(turns, *percent), *flush))
            .collect();
        let ours: Vec<f64> = pairs.iter().map(|(ours, _)| *ours).collect();
        let figure = Figure::new(format!("step turnaround, one run: {name}"), Unit::Ms, &ours)
            .against("a flush of 4 KiB", &pairs);
        if *percent == 50 {
            // No process is started here, so that its share of the target is not there either.
            figure.target(Target::FloorTimesAtMost(2.0))
        } else {
            figure
        }
    });
    Ok(figures.collect())
}

/// The turnarounds of runs one after the other, sorted, and the flush that was measured between them.
fn one_by_one(folder: &Path, project: &Path, runs: usize) -> anyhow::Result<(Vec<f64>, f64)> {
    let runtime = runtime()?;
    runtime.block_on(async {
        let world = World::open(folder.join("home"), project, SLOTS).await?;
        world.agents.let_go();
        let mut flushes = Vec::new();
        for number in 1..=runs {
            // What slows the disk for a while slows both.
            flushes.push(tokio::task::block_in_place(|| flush_ms(folder, CHAIN_STEPS))?);
            world.start(CHAIN).await?;
            world.kept.ended(number).await?;
        }
        let turns: Vec<f64> = world.agents.turnarounds().into_iter().map(ms).collect();
        world.close().await;
        anyhow::ensure!(turns.len() >= runs, "every run gives turnarounds");
        Ok((sorted(&turns), percentile(&sorted(&flushes), 50)))
    })
}

/// The same load after a short and after a long history.
fn with_history(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let short = bench.budget.pick(100, 10_000, 10_000);
    let long = if bench.budget.is_long {
        1_000_000
    } else {
        bench.budget.pick(300, 50_000, 200_000)
    };
    let load = Load::chains(bench.budget.pick(2, 50, 100));
    let folder = tempfile::tempdir_in(&bench.scratch)?;
    let project = project_in(folder.path(), 1)?;
    let home = |events: usize| folder.path().join(format!("home-{events}"));
    for events in [short, long] {
        history::make(&home(events), &project, Past::events(events))?;
    }
    let mut pairs = Vec::new();
    for round in 0..bench.budget.pick(1, 3, 5) {
        let cost = |events| anyhow::Ok(1_000.0 / carry(&home(events), &project, load, false)?.steps_per_s);
        // In turns, so that neither always has the warmer machine.
        let pair = if round % 2 == 0 {
            let before = cost(short)?;
            (cost(long)?, before)
        } else {
            let after = cost(long)?;
            (after, cost(short)?)
        };
        pairs.push(pair);
    }
    let ours: Vec<f64> = pairs.iter().map(|(ours, _)| *ours).collect();
    let name = format!("cost of a step after {long} events");
    Ok(vec![
        Figure::new(name, Unit::Ms, &ours)
            .against(format!("the same after {short} events"), &pairs)
            .target(Target::FloorTimesAtMost(1.2)),
    ])
}
