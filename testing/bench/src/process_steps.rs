//! Durable steps of the whole daemon: a place, a sandboxed process and a checked end for each, over the API.

use crate::daemon::{Daemon, wait_until};
use crate::figure::{Figure, Target, Unit, percentile, sorted};
use crate::floor::{flush_ms, process_ms};
use crate::project::{CHAIN, CHAIN_STEPS, COMMANDS};
use crate::world::runtime;
use crate::{Bench, Measurement};
use anyhow::Context as _;
use api::{Answer, Choice, Client, NewRun, NewRunInput, PageAsk, RunId, RunStatus};
use std::time::Instant;
use tokio::runtime::Runtime;

pub(crate) const MEASUREMENT: Measurement = Measurement {
    name: "process-steps",
    summary: "steps a second and their turnaround in the whole daemon, with real processes",
    run,
};

const SLOTS: usize = 8;

fn run(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let rounds = bench.budget.pick(1, 2, 4);
    let runs = bench.budget.pick(1, 4, 8);
    let daemon = Daemon::new(bench, 1)?;
    daemon.slots(SLOTS)?;
    daemon.start()?;
    let asked = Asked {
        runtime: runtime()?,
        client: daemon.client()?,
        project: daemon.project().display().to_string(),
    };
    asked.trust()?;
    let mut figures = Vec::new();
    for (flow, word) in [(COMMANDS, "command"), (CHAIN, "scripted agent")] {
        let mut found = Vec::new();
        for _ in 0..rounds {
            let floor = Floor {
                process: process_ms(50)?,
                flush: flush_ms(&bench.scratch, 50)?,
            };
            let turns = asked.turnarounds(flow)?;
            let begun = Instant::now();
            asked.all(flow, runs)?;
            let steps_per_s = (runs * CHAIN_STEPS) as f64 / begun.elapsed().as_secs_f64();
            found.push((turns, steps_per_s, floor));
        }
        figures.extend(figures_of(word, &found));
    }
    drop(asked);
    daemon.stop()?;
    Ok(figures)
}

struct Floor {
    process: f64,
    flush: f64,
}

fn figures_of(word: &str, found: &[(Vec<f64>, f64, Floor)]) -> Vec<Figure> {
    let rates: Vec<(f64, f64)> = found
        .iter()
        .map(|(_, rate, floor)| (*rate, 1_000.0 / (floor.process + 2.0 * floor.flush)))
        .collect();
    let ours: Vec<f64> = rates.iter().map(|(rate, _)| *rate).collect();
    let rate = Figure::new(format!("steps of the daemon, {word}"), Unit::PerSecond, &ours)
        .against("a process and two flushes, one after the other", &rates);
    let turns = [("p50", 50), ("p95", 95)].into_iter().map(|(name, percent)| {
        let pairs: Vec<(f64, f64)> = found
            .iter()
            .map(|(turns, _, floor)| (percentile(turns, percent), floor.process + 2.0 * floor.flush))
            .collect();
        let ours: Vec<f64> = pairs.iter().map(|(turn, _)| *turn).collect();
        let figure = Figure::new(
            format!("turnaround of the daemon, {word}: {name}"),
            Unit::Ms,
            &ours,
        )
        .against("a process and two flushes", &pairs);
        if percent == 50 {
            figure.target(Target::FloorTimesAtMost(1.0))
        } else {
            figure
        }
    });
    std::iter::once(rate).chain(turns).collect()
}

/// The daemon, as it is asked.
struct Asked {
    runtime: Runtime,
    client: Client,
    project: String,
}

impl Asked {
    fn start(&self, flow: &str) -> anyhow::Result<RunId> {
        let new = NewRun {
            project_id: None,
            project_path: Some(self.project.clone()),
            flow: flow.to_owned(),
            input: NewRunInput {
                agent: Some("rehearsal".to_owned()),
                ..NewRunInput::default()
            },
        };
        Ok(self.runtime.block_on(self.client.start_run(&new))?.id)
    }

    fn is_done(&self, run: RunId) -> anyhow::Result<bool> {
        let shown = self.runtime.block_on(self.client.run(run))?;
        let status = shown.run.status;
        anyhow::ensure!(
            matches!(status, RunStatus::Running | RunStatus::Completed),
            "a run that is measured ended badly: {:?}",
            shown.run.reason
        );
        Ok(status == RunStatus::Completed)
    }

    /// A project's commands are trusted once.
    fn trust(&self) -> anyhow::Result<()> {
        let run = self.start(COMMANDS)?;
        let page = PageAsk::default();
        let asked = self.runtime.block_on(self.client.attention(&page))?.items;
        let item = asked
            .into_iter()
            .next()
            .context("a project's commands are asked about")?;
        let answer = Answer {
            choice: Choice::Approve,
            text: None,
            trusts: item.trusts,
        };
        self.runtime.block_on(self.client.answer(item.id, &answer))?;
        wait_until("the first run is done", || self.is_done(run))
    }

    fn all(&self, flow: &str, runs: usize) -> anyhow::Result<()> {
        let started: Vec<RunId> = (0..runs)
            .map(|_| self.start(flow))
            .collect::<anyhow::Result<_>>()?;
        for run in started {
            wait_until("a run that is measured is done", || self.is_done(run))?;
        }
        Ok(())
    }

    /// One run with the daemon to itself: from the end of each step's task to the beginning of the next one's.
    fn turnarounds(&self, flow: &str) -> anyhow::Result<Vec<f64>> {
        let run = self.start(flow)?;
        wait_until("a run alone is done", || self.is_done(run))?;
        let tasks = self.runtime.block_on(self.client.run(run))?.tasks;
        let mut lives = tasks
            .iter()
            .map(|task| {
                Some((
                    moment(task.started_at.as_deref())?,
                    moment(task.ended_at.as_deref())?,
                ))
            })
            .collect::<Option<Vec<_>>>()
            .context("every task of a run that is done began and ended")?;
        lives.sort_unstable();
        let turns: Vec<f64> = lives
            .windows(2)
            .map(|pair| pair[1].0.saturating_sub(pair[0].1) as f64)
            .collect();
        anyhow::ensure!(turns.len() + 1 == CHAIN_STEPS, "every step took one task");
        Ok(sorted(&turns))
    }
}

fn moment(text: Option<&str>) -> Option<u64> {
    store::moment(text?).map(domain::Moment::as_ms)
}
