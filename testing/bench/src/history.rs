//! Histories of any length, made by the rules and kept through the store's own commits: nothing is put behind its back.

use crate::project::{self, CHAIN};
use crate::world::{input, new_id, now, runtime};
use anyhow::Context as _;
use domain::{
    BoardEvent, BoardInput, Duty, Ending, Event, Input, Moment, NewUnit, Phase, ProcessIdentity, ProjectId,
    Run, RunEvent, RunId, RunStarted, Size, StepState, Stream, UnitId, UnitPhase, Units, Usage, Value, begin,
    decide, decide_board, duties, follow,
};
use engine::ports::{Append, Batch, Compiled, Definitions as _, Store as _};
use flows::Library;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use store::{Home, Options, SqliteStore};

/// Streams in one batch, and batches that wait for the writer: as many as it takes to keep it busy.
const STREAMS: usize = 32;
const WAITING: usize = 8;

/// What happened before.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Past {
    /// So many events at least, of runs that ended well.
    pub(crate) events: usize,
    /// Runs of ten steps that ended well.
    pub(crate) finished: usize,
    /// Runs that were cancelled before anything began: a row in the list, little else.
    pub(crate) cancelled: usize,
    /// Runs in the middle of their fifth step, when the daemon died.
    pub(crate) unfinished: usize,
    /// Work units.
    pub(crate) units: usize,
}

impl Past {
    pub(crate) fn events(events: usize) -> Self {
        Self {
            events,
            ..Self::default()
        }
    }
}

/// How a run goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Course {
    Finished,
    Cancelled,
    /// Stops in the step of this number, while its task is under way.
    Halted(usize),
}

/// Makes a home with a past, and closes it.
pub(crate) fn make(home: &Path, project: &Path, past: Past) -> anyhow::Result<()> {
    runtime()?.block_on(async {
        let store = Arc::new(SqliteStore::open(&Home::at(home), &Options::default(), now())?);
        let compiled = Library::new().compile(Some(project), CHAIN, Size::Small, false)?;
        store.put_blob(compiled.bundle.clone()).await?;
        let id = ProjectId::from_bits(new_id());
        let mut keeping = Keeping::new(&store);
        keeping.stream(Stream::Board, board(id, project)?).await?;
        for number in 0..past.units {
            let (unit, events) = unit(number, id)?;
            keeping.stream(Stream::Unit(unit), events).await?;
        }
        let base = project::head(project)?;
        let course = Runs {
            project: id,
            compiled,
            base,
        };
        for _ in 0..past.cancelled {
            course.keep(&mut keeping, Course::Cancelled).await?;
        }
        let mut finished = 0;
        while finished < past.finished || keeping.events < past.events {
            course.keep(&mut keeping, Course::Finished).await?;
            finished += 1;
        }
        for _ in 0..past.unfinished {
            course.keep(&mut keeping, Course::Halted(4)).await?;
        }
        keeping.end().await?;
        store.close().await;
        anyhow::Ok(())
    })
}

fn board(project: ProjectId, path: &Path) -> anyhow::Result<Vec<Event>> {
    let input = BoardInput::AddProject {
        project,
        name: "measured".to_owned(),
        path: path.display().to_string(),
    };
    let events: Vec<BoardEvent> = decide_board(&domain::Board::default(), input, now())
        .map_err(|refusal| anyhow::anyhow!("{refusal}"))?;
    Ok(events.into_iter().map(Event::Board).collect())
}

/// Collects streams into batches, and keeps some batches waiting.
struct Keeping {
    store: Arc<SqliteStore>,
    next: Vec<Append>,
    waiting: VecDeque<tokio::task::JoinHandle<anyhow::Result<()>>>,
    events: usize,
}

impl Keeping {
    fn new(store: &Arc<SqliteStore>) -> Self {
        Self {
            store: Arc::clone(store),
            next: Vec::new(),
            waiting: VecDeque::new(),
            events: 0,
        }
    }

    /// A new stream, whole.
    async fn stream(&mut self, stream: Stream, events: Vec<Event>) -> anyhow::Result<()> {
        self.events += events.len();
        self.next.push(Append {
            stream,
            expected_seq: 0,
            events,
        });
        if self.next.len() >= STREAMS {
            self.send().await?;
        }
        Ok(())
    }

    async fn send(&mut self) -> anyhow::Result<()> {
        let batch = Batch {
            at: now(),
            appends: std::mem::take(&mut self.next),
            idempotency: None,
            wakes: Vec::new(),
        };
        let store = Arc::clone(&self.store);
        let kept = async move { store.commit(batch).await.map(drop).map_err(anyhow::Error::from) };
        self.waiting.push_back(tokio::spawn(kept));
        if self.waiting.len() >= WAITING {
            self.waiting.pop_front().context("a batch waits")?.await??;
        }
        Ok(())
    }

    async fn end(mut self) -> anyhow::Result<()> {
        self.send().await?;
        for waiting in self.waiting {
            waiting.await??;
        }
        Ok(())
    }
}

/// Runs of the chain.
struct Runs {
    project: ProjectId,
    compiled: Compiled,
    base: String,
}

impl Runs {
    async fn keep(&self, keeping: &mut Keeping, course: Course) -> anyhow::Result<()> {
        let id = RunId::from_bits(new_id());
        let events = self.events(id, course)?.into_iter().map(Event::Run).collect();
        keeping.stream(Stream::Run(id), events).await
    }

    fn events(&self, id: RunId, course: Course) -> anyhow::Result<Vec<RunEvent>> {
        let started = RunStarted {
            project: self.project,
            unit: None,
            slug: engine::Engine::slug(id),
            flow: self.compiled.flow.clone(),
            plan: Arc::new(self.compiled.plan.clone()),
            input: input(),
            base: self.base.clone(),
        };
        let mut play = Play::new(id, begin(id, started, None))?;
        if course == Course::Cancelled {
            play.take(Input::Cancel {
                by: "bench".to_owned(),
            })?;
        }
        let mut steps = 0;
        while !matches!(play.run.phase(), Phase::Ended(_)) {
            let halts = matches!(course, Course::Halted(at) if at == steps);
            play.step(halts)?;
            steps += 1;
            if halts {
                break;
            }
        }
        Ok(play.events)
    }
}

/// A run and what happened to it.
struct Play {
    run: Run,
    events: Vec<RunEvent>,
    at: Moment,
}

impl Play {
    fn new(id: RunId, first: Vec<RunEvent>) -> anyhow::Result<Self> {
        let run = Run::replay(id, &first).context("a run begins with its start")?;
        let mut play = Self {
            run,
            events: first,
            at: now(),
        };
        play.remember(Vec::new());
        Ok(play)
    }

    fn remember(&mut self, mut events: Vec<RunEvent>) {
        loop {
            events.iter().for_each(|event| self.run.apply(event));
            self.events.append(&mut events);
            events = follow(&self.run);
            if events.is_empty() {
                return;
            }
        }
    }

    fn take(&mut self, input: Input) -> anyhow::Result<()> {
        let events = decide(&self.run, input, self.at).map_err(|refusal| anyhow::anyhow!("{refusal}"))?;
        self.remember(events);
        Ok(())
    }

    /// Does what is owed first: a step, or the report.
    fn step(&mut self, halts: bool) -> anyhow::Result<()> {
        let owed = duties(&self.run)
            .into_iter()
            .next()
            .context("a run that goes on owes something")?;
        let begin = match owed {
            Duty::Begin(begin) => begin,
            Duty::Report => {
                let report = "# Measured\n\nEverything was done.\n".to_owned();
                return self.take(Input::Reported { report });
            }
            other => anyhow::bail!("a chain of readers owes {other:?}"),
        };
        let prompt = Ok("Do your part. ".repeat(20));
        self.take(Input::Admitted {
            key: begin.key.clone(),
            prompt,
        })?;
        let Some(StepState::Working { task }) = self.run.step(&begin.key).map(|step| &step.state) else {
            anyhow::bail!("a step that was admitted is under way");
        };
        let task = *task;
        let process = ProcessIdentity {
            pid: 1,
            start_ticks: 0,
            boot_id: "an earlier one".to_owned(),
        };
        self.take(Input::TaskSpawned { task, process })?;
        if halts {
            return Ok(());
        }
        let ending = Ending::Completed {
            output: Value::from("It was done. ".repeat(20).as_str()),
            change: None,
        };
        self.take(Input::TaskEnded {
            task,
            ending,
            usage: Usage::default(),
        })
    }
}

/// A work unit that is moved by hand: nobody claims it.
fn unit(number: usize, project: ProjectId) -> anyhow::Result<(UnitId, Vec<Event>)> {
    let new = NewUnit {
        chunk: format!("unit-{number}"),
        phase: UnitPhase::default(),
        blocked_by: Vec::new(),
        priority: 0,
        project: Some(project),
        order: None,
    };
    let created = Units::default().create(new);
    let created = created.map_err(|refusal| anyhow::anyhow!("{refusal}"))?;
    Ok((UnitId::from_bits(new_id()), vec![Event::Unit(created)]))
}
