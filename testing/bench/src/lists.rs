//! How soon the server answers with a page of a long list, and the commands that people type all day.

use crate::daemon::Daemon;
use crate::figure::{Figure, Target, Unit, percentile, sorted};
use crate::floor::process_ms;
use crate::history::{self, Past};
use crate::round::{median_of, ms};
use crate::world::runtime;
use crate::{Bench, Measurement};
use anyhow::Context as _;
use api::{Client, PageAsk, RunFilter};
use std::future::Future;
use std::time::Instant;
use tokio::runtime::Runtime;

pub(crate) const MEASUREMENT: Measurement = Measurement {
    name: "lists",
    summary: "pages of runs and work units, first and deep; `partita status` and `partita ps`",
    run,
};

fn run(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let past = Past {
        cancelled: bench.budget.pick(20, 10_000, 100_000),
        finished: bench.budget.pick(1, 50, 500),
        units: bench.budget.pick(20, 2_000, 20_000),
        ..Past::default()
    };
    let mut figures = commands_of_an_empty_home(bench)?;
    let daemon = Daemon::new(bench, 1)?;
    std::fs::create_dir_all(daemon.home().parent().context("a home lies in a folder")?)?;
    history::make(&daemon.home(), daemon.project(), past)?;
    daemon.slots(8)?;
    daemon.start()?;
    figures.extend(lists(bench, &daemon, past)?);
    let after = format!(" with {} runs", past.cancelled + past.finished);
    figures.extend(commands(bench, &daemon, &after)?);
    daemon.stop()?;
    Ok(figures)
}

/// One way to ask.
#[derive(Clone)]
enum Ask {
    Projects,
    Runs(PageAsk),
    Units(PageAsk),
}

fn lists(bench: &Bench, daemon: &Daemon, past: Past) -> anyhow::Result<Vec<Figure>> {
    let times = bench.budget.pick(3, 100, 300);
    let rounds = bench.budget.pick(1, 3, 5);
    let asked = Asked {
        runtime: runtime()?,
        client: daemon.client()?,
    };
    let (runs, units) = (past.cancelled + past.finished, past.units);
    let first = PageAsk::default();
    let asks = [
        (format!("first page of {runs} runs"), Ask::Runs(first.clone())),
        (
            format!("deep page of {runs} runs"),
            Ask::Runs(asked.deep_run(runs)?),
        ),
        (format!("first page of {units} work units"), Ask::Units(first)),
        (
            format!("deep page of {units} work units"),
            Ask::Units(asked.deep_unit(units)?),
        ),
    ];
    let mut figures = Vec::new();
    for (name, ask) in asks {
        let mut found = Vec::new();
        for _ in 0..rounds {
            let floor = asked.times(&Ask::Projects, times)?;
            found.push((asked.times(&ask, times)?, floor));
        }
        for (word, percent) in [("p50", 50), ("p99", 99)] {
            let pairs: Vec<(f64, f64)> = found
                .iter()
                .map(|(ours, floor)| (percentile(ours, percent), percentile(floor, percent)))
                .collect();
            let ours: Vec<f64> = pairs.iter().map(|(ours, _)| *ours).collect();
            let figure = Figure::new(format!("{name}: {word}"), Unit::Ms, &ours)
                .against("a list of one", &pairs)
                .target(Target::AtMost(20.0));
            figures.push(figure);
        }
    }
    Ok(figures)
}

struct Asked {
    runtime: Runtime,
    client: Client,
}

impl Asked {
    fn times(&self, ask: &Ask, times: usize) -> anyhow::Result<Vec<f64>> {
        let taken = (0..times).map(|_| {
            let begun = Instant::now();
            self.runtime.block_on(self.once(ask))?;
            Ok(ms(begun.elapsed()))
        });
        Ok(sorted(&taken.collect::<anyhow::Result<Vec<_>>>()?))
    }

    async fn once(&self, ask: &Ask) -> anyhow::Result<usize> {
        Ok(match ask {
            Ask::Projects => self.client.projects().await?.items.len(),
            Ask::Runs(page) => self.client.runs(&RunFilter::default(), page).await?.items.len(),
            Ask::Units(page) => self.client.work_units(None, page).await?.items.len(),
        })
    }

    fn deep_run(&self, all: usize) -> anyhow::Result<PageAsk> {
        let next = async |page: PageAsk| Ok(self.client.runs(&RunFilter::default(), &page).await?.next);
        self.runtime.block_on(deep(all, next))
    }

    fn deep_unit(&self, all: usize) -> anyhow::Result<PageAsk> {
        let next = async |page: PageAsk| Ok(self.client.work_units(None, &page).await?.next);
        self.runtime.block_on(deep(all, next))
    }
}

/// The page after nine tenths of a list.
async fn deep<F>(all: usize, mut next: impl FnMut(PageAsk) -> F) -> anyhow::Result<PageAsk>
where
    F: Future<Output = anyhow::Result<Option<String>>>,
{
    let step = (all / 4).clamp(1, 500);
    let mut cursor = None;
    for _ in 0..(all * 9 / 10 / step).max(1) {
        let ask = PageAsk {
            cursor: cursor.take(),
            limit: Some(u32::try_from(step)?),
        };
        cursor = Some(
            next(ask)
                .await?
                .context("nine tenths of a list are not all of it")?,
        );
    }
    Ok(PageAsk { cursor, limit: None })
}

fn commands_of_an_empty_home(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let daemon = Daemon::new(bench, 1)?;
    daemon.slots(8)?;
    daemon.start()?;
    commands(bench, &daemon, "")
}

/// The wall time of commands, as a person feels them.
fn commands(bench: &Bench, daemon: &Daemon, after: &str) -> anyhow::Result<Vec<Figure>> {
    let times = bench.budget.pick(1, 15, 40);
    let mut figures = Vec::new();
    for words in [["status"], ["ps"]] {
        let mut pairs = Vec::new();
        for _ in 0..bench.budget.pick(1, 3, 5) {
            let floor = process_ms(times)?;
            pairs.push((median_of(times, || daemon.run(&words).map(drop))?, floor));
        }
        let ours: Vec<f64> = pairs.iter().map(|(ours, _)| *ours).collect();
        let figure = Figure::new(format!("`partita {}`{after}", words[0]), Unit::Ms, &ours)
            .against("start of a process", &pairs);
        let is_aimed_at = words[0] == "status";
        figures.push(if is_aimed_at {
            figure.target(Target::AtMost(15.0))
        } else {
            figure
        });
    }
    Ok(figures)
}
