//! Owns: one task: its guard, one process after another until an answer does, and what is cleaned up behind them.

use super::clocks::{Clocks, Why};
use super::ending::{ended, failed, stopped};
use super::setup::{SetUp, set_up};
use super::sink::{Caps, Sink};
use super::talk::{REPAIRS_MAX, Talk, Talked};
use crate::account::{Member, Turn};
use crate::descriptor::End;
use crate::dialect::{Brief, DialectKind, Outcome, speak};
use crate::process::end_what_outlived;
use crate::sandbox::{Bounds, Containment, Policy, Program, Watched, order};
use crate::spawner::Guard;
use domain::{Ending, FailureClass, Name, ProcessIdentity, Usage};
use engine::ports::{AgentEnd, Clock, Later, Running, WorkOrder};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// What a task was prepared with.
pub(crate) struct Prepared {
    /// What is wanted.
    pub(crate) order: WorkOrder,
    /// How the agent is spoken to.
    pub(crate) kind: DialectKind,
    /// What the dialect knows.
    pub(crate) brief: Brief,
    /// The program and its own arguments; those of the dialect follow.
    pub(crate) program: Program,
    /// What it may touch.
    pub(crate) policy: Policy,
    /// What sees to that.
    pub(crate) bounds: Bounds,
    /// What its working copy needs first.
    pub(crate) setup: Option<SetUp>,
    /// How it is ended.
    pub(crate) end: End,
    /// Its account, as `agent/account`.
    pub(crate) account: Name,
    /// Its account, where that has files.
    pub(crate) login: Option<Member>,
    /// Gone when the task ends.
    pub(crate) temporary: Vec<PathBuf>,
    /// How much of what it says is kept.
    pub(crate) caps: Caps,
    /// How many may start at once.
    pub(crate) starts: Arc<Semaphore>,
    /// Tells the time.
    pub(crate) clock: Arc<dyn Clock>,
}

/// A task whose guard waits.
pub(crate) struct Task {
    /// What it was prepared with.
    pub(crate) prepared: Prepared,
    /// Its guard.
    pub(crate) guard: Guard,
    /// Who the guard is.
    pub(crate) process: ProcessIdentity,
}

impl Running for Task {
    fn finish(self: Box<Self>, stop: Later<'static, ()>) -> Later<'static, AgentEnd> {
        Box::pin(self.run(stop))
    }
}

impl Task {
    async fn run(mut self: Box<Self>, mut stop: Later<'static, ()>) -> AgentEnd {
        let order = &self.prepared.order;
        let transcripts = Arc::clone(&order.transcripts);
        let mut sink = Sink::new(transcripts, order.chat, order.task, self.prepared.caps);
        let watched = Watched::new(&self.prepared.policy, &self.prepared.bounds);

        let (prepared, guard) = (&self.prepared, &mut self.guard);
        let mut end = match set_up(prepared, guard, &self.process, (&mut sink, &mut stop)).await {
            Ok(()) => self.converse(&mut sink, &mut stop).await,
            Err(ending) => AgentEnd {
                ending,
                usage: Usage::default(),
            },
        };

        let Self {
            prepared,
            guard,
            process,
        } = *self;
        let has_seen_to_it = guard.end().await;
        // A namespace hides the guard from the agent, which could otherwise have had a hand in how the guard ended.
        let is_empty = has_seen_to_it && prepared.bounds.containment == Containment::Bubblewrap;
        let task = prepared.order.task;
        let cleaning = tokio::task::spawn_blocking(move || {
            if !is_empty {
                end_what_outlived(task, &process);
            }
            if let Some(Err(error)) = prepared.login.map(Member::leave) {
                tracing::warn!(%error, "a login was not taken back");
            }
            for folder in &prepared.temporary {
                crate::home::remove(folder);
            }
            watched.violated()
        });
        let violated = cleaning.await.unwrap_or_default();
        if let Some(first) = violated.first() {
            let reason = format!("it changed what it must not: {}", first.display());
            sink.note(reason.clone());
            end.ending = failed(FailureClass::AccessViolated, reason);
        }
        sink.finish();
        end
    }

    /// One process, and others for repairs where the dialect has one turn a process.
    async fn converse(&mut self, sink: &mut Sink, stop: &mut Later<'static, ()>) -> AgentEnd {
        let order = self.prepared.order.clone();
        let mut wall = Instant::now() + Duration::from_millis(order.timeout_ms);
        let mut brief = self.prepared.brief.clone();
        let mut usage = Usage::default();
        let mut repairs = 0;
        loop {
            let since = Instant::now();
            let turn = tokio::select! {
                turn = turn(&self.prepared, sink) => turn,
                () = &mut *stop => return AgentEnd { ending: stopped(&Why::Asked, (0, 0)), usage },
            };
            // Others' time is not its own.
            wall += since.elapsed();
            let dialect = speak(self.prepared.kind, brief.clone());
            let arguments = dialect.arguments();
            let clocks = Clocks::new(wall, order.idle_timeout_ms, self.prepared.end);
            let starts = Arc::clone(&self.prepared.starts);
            // A command is at work at once, and may never say a word: nobody waits for it to have started.
            let is_at_work = self.prepared.kind == DialectKind::Command;
            let permit = tokio::select! {
                biased;
                () = std::future::ready(()), if is_at_work => None,
                permit = starts.acquire_owned() => permit.ok(),
                () = &mut *stop => return AgentEnd { ending: stopped(&Why::Asked, (0, 0)), usage },
            };
            let mut talk = Talk::new(dialect, sink, &*order.check, &*self.prepared.clock, clocks);
            talk.repairs = repairs;
            talk.permit = permit;
            talk.turn = turn;
            talk.session.clone_from(&brief.resume);
            let started = start(&self.prepared, &mut self.guard, &self.process, arguments).await;
            let talked = match started {
                Ok(pipes) => talk.run(&mut self.guard, pipes, stop).await,
                Err(error) => {
                    let reason = format!("its guard is gone before it started: {error}");
                    return AgentEnd {
                        ending: Ending::Interrupted { reason },
                        usage,
                    };
                }
            };
            usage = usage.plus(talked.end.usage);
            repairs = talk.repairs;
            let session = talk.session.take();
            match (repair(&talked, repairs), session) {
                (Some(wrong), Some(session)) => {
                    repairs += 1;
                    brief.session_total = talked.end.session_total;
                    brief.resume = Some(session);
                    brief.prompt = wrong;
                }
                (Some(_) | None, _) => {
                    return AgentEnd {
                        ending: self.ending(talked),
                        usage,
                    };
                }
            }
        }
    }

    fn ending(&self, talked: Talked) -> Ending {
        let order = &self.prepared.order;
        if let Some(wrong) = talked.not_started {
            return failed(FailureClass::Missing, wrong);
        }
        match talked.stopped {
            Some(why) => stopped(&why, (order.timeout_ms, order.idle_timeout_ms)),
            None => ended(
                talked.end.outcome,
                talked.output,
                &self.prepared.account,
                self.prepared.kind,
            ),
        }
    }
}

/// What a new process would be asked to mend.
fn repair(talked: &Talked, repairs: u32) -> Option<String> {
    match &talked.output {
        Some(Err(wrong))
            if talked.stopped.is_none() && talked.end.outcome == Outcome::Done && repairs < REPAIRS_MAX =>
        {
            Some(wrong.clone())
        }
        Some(Ok(_) | Err(_)) | None => None,
    }
}

async fn start(
    prepared: &Prepared,
    guard: &mut Guard,
    process: &ProcessIdentity,
    arguments: Vec<String>,
) -> std::io::Result<crate::spawner::Pipes> {
    let mut program = prepared.program.clone();
    program.line.extend(arguments);
    let order = order(&prepared.policy, &prepared.bounds, program, process.pid);
    guard.start(&order, prepared.kind != DialectKind::Command).await
}

/// The right to start, where the login is about to run out. Where it is not, none is needed.
async fn turn(prepared: &Prepared, sink: &mut Sink) -> Option<Turn> {
    let login = prepared.login.as_ref()?;
    let account = &prepared.account;
    let waits = || {
        sink.note(format!(
            "it waits: another task is renewing the login of {account}"
        ))
    };
    login.turn(waits).await
}
