//! Live output of many tasks at once: what is lost, who waits for whom, how late it is heard, what it takes in memory.

mod listener;

use crate::daemon::{Daemon, wait_until};
use crate::figure::{Figure, Target, Unit, percentile, sorted};
use crate::project::WIDE;
use crate::world::runtime;
use crate::{Bench, Measurement};
use anyhow::Context as _;
use api::{NewRun, NewRunInput, RunDetail, RunStatus, Said};
use listener::{Heard, Listener};
use std::time::Instant;

pub(crate) const MEASUREMENT: Measurement = Measurement {
    name: "live",
    summary: "50 tasks that say 1,000 lines a second each, ten readers that listen and one that never reads",
    run,
};

const PER_SECOND: usize = 1_000;

/// How much is said to whom.
#[derive(Clone, Copy)]
struct Load {
    tasks: usize,
    lines: usize,
    healthy: usize,
    deaf: usize,
}

/// What came of it.
struct Outcome {
    /// Lines that are in no transcript.
    lost: f64,
    /// The longest that saying a line took, in milliseconds: on a busy machine mostly the wait for a processor.
    line_ms: f64,
    /// The longest that a task waited for room in its pipe, in milliseconds: the part of it that is the daemon's.
    blocked_ms: f64,
    /// How long all of it took beyond what the pace asks for, as a share.
    seconds: f64,
    heard: Vec<Heard>,
    memory_live: f64,
    memory_most: f64,
}

fn run(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let load = Load {
        tasks: bench.budget.pick(2, 50, 50),
        lines: bench.budget.pick(20, 3_000, 10_000),
        healthy: bench.budget.pick(1, 10, 10),
        deaf: 1,
    };
    let nobody = Load {
        healthy: 0,
        deaf: 0,
        ..load
    };
    let (mut alone, mut told) = (Vec::new(), Vec::new());
    for _ in 0..bench.budget.pick(1, 1, 3) {
        alone.push(carry(bench, nobody)?);
        told.push(carry(bench, load)?);
    }
    Ok(figures(load, &alone, &told))
}

fn figures(load: Load, alone: &[Outcome], told: &[Outcome]) -> Vec<Figure> {
    let values = |value: fn(&Outcome) -> f64| told.iter().map(value).collect::<Vec<f64>>();
    let pairs = |value: fn(&Outcome) -> f64| -> Vec<(f64, f64)> {
        told.iter().map(value).zip(alone.iter().map(value)).collect()
    };
    let rate = |outcome: &Outcome, load: Load| (load.tasks * load.lines) as f64 / outcome.seconds;
    let rates: Vec<(f64, f64)> = told
        .iter()
        .zip(alone)
        .map(|(told, alone)| (rate(told, load), rate(alone, load)))
        .collect();
    let ours: Vec<f64> = rates.iter().map(|(ours, _)| *ours).collect();
    let beside = "the same with nobody listening";
    let missing = |heard: &Heard| (load.tasks * load.lines).saturating_sub(heard.lines) as f64;
    let p99: Vec<f64> = told.iter().map(|outcome| late(outcome, 99)).collect();
    let p50: Vec<f64> = told.iter().map(|outcome| late(outcome, 50)).collect();
    let unheard: Vec<f64> = told
        .iter()
        .map(|outcome| outcome.heard.iter().map(missing).fold(0.0, f64::max))
        .collect();
    let closed: Vec<f64> = told
        .iter()
        .map(|outcome| outcome.heard.iter().map(|heard| heard.closed as f64).sum())
        .collect();
    vec![
        Figure::new(format!("lines of {} tasks", load.tasks), Unit::PerSecond, &ours).against(beside, &rates),
        Figure::new(
            "lines lost from transcripts",
            Unit::Count,
            &values(|outcome| outcome.lost),
        )
        .target(Target::AtMost(0.0)),
        Figure::new("lines that one listener missed live", Unit::Count, &unheard).target(Target::AtMost(0.0)),
        Figure::new("listeners closed as too slow", Unit::Count, &closed),
        Figure::new(
            "longest that a task was blocked by a full pipe",
            Unit::Ms,
            &values(|outcome| outcome.blocked_ms),
        )
        .target(Target::AtMost(100.0)),
        Figure::new(
            "longest that saying a line took",
            Unit::Ms,
            &values(|outcome| outcome.line_ms),
        )
        .against(beside, &pairs(|outcome| outcome.line_ms)),
        Figure::new("line heard after: p50", Unit::Ms, &p50),
        Figure::new("line heard after: p99", Unit::Ms, &p99),
        Figure::new(
            format!("memory with {} live tasks", load.tasks),
            Unit::Mib,
            &values(|o| o.memory_live),
        )
        .target(Target::AtMost(150.0)),
        Figure::new(
            "most memory under this load",
            Unit::Mib,
            &values(|outcome| outcome.memory_most),
        )
        .against(beside, &pairs(|outcome| outcome.memory_most)),
    ]
}

/// How late the listeners heard what they heard, all of them together.
fn late(outcome: &Outcome, percent: usize) -> f64 {
    let all: Vec<f64> = outcome
        .heard
        .iter()
        .flat_map(|heard| heard.late_ms.iter().copied())
        .collect();
    if all.is_empty() {
        f64::NAN
    } else {
        percentile(&sorted(&all), percent)
    }
}

fn carry(bench: &Bench, load: Load) -> anyhow::Result<Outcome> {
    let daemon = Daemon::new(bench, load.tasks)?;
    let go = daemon.shared().join("go");
    daemon.slots(load.tasks)?;
    daemon.script(&format!(
        "do = [{{ wait_for = {{ path = {:?}, timeout_ms = 120000 }} }}, {{ lines = {{ count = {}, per_second = {PER_SECOND} }} }}]\n",
        go.display().to_string(),
        load.lines
    ))?;
    daemon.start()?;
    let (runtime, client) = (runtime()?, daemon.client()?);
    let listeners = (0..load.healthy + load.deaf)
        .map(|number| Listener::open(&daemon.socket()?, number < load.healthy))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let new = NewRun {
        project_id: None,
        project_path: Some(daemon.project().display().to_string()),
        flow: WIDE.to_owned(),
        input: NewRunInput {
            agent: Some("rehearsal".to_owned()),
            ..NewRunInput::default()
        },
    };
    let run = runtime.block_on(client.start_run(&new))?.id;
    wait_until("all tasks are live", || {
        let live = runtime.block_on(client.live_tasks())?.items;
        Ok(live.iter().filter(|task| task.started_at.is_some()).count() == load.tasks)
    })?;
    let memory_live = daemon.memory("VmRSS")?;
    let begun = Instant::now();
    std::fs::write(&go, "")?;
    let mut done = None;
    wait_until("all lines are said", || {
        let shown = runtime.block_on(client.run(run))?;
        let is_over = shown.run.status != RunStatus::Running;
        done = Some(shown);
        Ok(is_over)
    })?;
    let seconds = begun.elapsed().as_secs_f64();
    let memory_most = daemon.memory("VmHWM")?;
    let shown = done.context("a run is shown")?;
    anyhow::ensure!(
        shown.run.status == RunStatus::Completed,
        "the run ended badly: {:?}",
        shown.run.reason
    );
    let (lines, longest_us, full_us) = runtime.block_on(read_transcripts(&client, &shown))?;
    let heard = listeners
        .into_iter()
        .map(Listener::end)
        .collect::<anyhow::Result<Vec<Option<Heard>>>>()?;
    daemon.stop()?;
    Ok(Outcome {
        lost: (load.tasks * load.lines).abs_diff(lines) as f64,
        line_ms: longest_us as f64 / 1_000.0,
        blocked_ms: full_us as f64 / 1_000.0,
        seconds,
        heard: heard.into_iter().flatten().collect(),
        memory_live,
        memory_most,
    })
}

/// How many of the lines are in the transcripts, the longest that a task says a line took, and that one took at a full
/// pipe.
async fn read_transcripts(client: &api::Client, run: &RunDetail) -> anyhow::Result<(usize, u64, u64)> {
    let (mut lines, mut longest, mut longest_full) = (0, 0, 0);
    for task in &run.tasks {
        let (mut after, mut text) = (0, String::new());
        loop {
            let page = client.transcript(task.id, after).await?;
            for entry in &page.entries {
                if let Said::Text { text: said } = &entry.said {
                    text.push_str(said);
                }
            }
            after = page.next;
            if page.is_whole || page.entries.is_empty() {
                break;
            }
        }
        lines += text.matches("a line of about").count();
        let (before, full) = text
            .rsplit_once(" microseconds at most, and at a full pipe ")
            .context("a task says how long a line took")?;
        let line = before.rsplit(' ').next().unwrap_or_default();
        longest = longest.max(line.parse::<u64>()?);
        longest_full = longest_full.max(full.lines().next().unwrap_or_default().parse::<u64>()?);
    }
    Ok((lines, longest, longest_full))
}
