//! Owns: one process under way: its pipes carried to its dialect and back, until all of it is gone.

use super::clocks::{Clocks, Phase, Why};
use super::ending;
use super::lines::{Line, Lines};
use super::sink::Sink;
use crate::account::Turn;
use crate::dialect::{Dialect, Outcome, Step, TurnEnd};
use crate::shim::wire::Report;
use crate::spawner::{Guard, Pipes};
use domain::Value;
use engine::faults::{Control, is_off};
use engine::ports::{Clock, EntryKind, Later, OutputCheck};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, sleep_until, timeout};

/// How often an answer that does not do is sent back.
pub(super) const REPAIRS_MAX: u32 = 2;
/// How much of standard error a dialect is shown at the end.
const STDERR_TAIL: usize = 16 << 10;
/// Lines waiting for a process that does not read. Prompts are one line; more than this is a process gone deaf.
const UNREAD_MAX: usize = 1024;
/// How long a start counts as one, at most.
const START_MAX: Duration = Duration::from_secs(10);
/// How long a pipe may stay open once everything of the process is gone: only a stranger can hold it then.
const PIPE_MAX: Duration = Duration::from_secs(1);

/// What a process is spoken to with.
pub(super) struct Talk<'a> {
    pub(super) dialect: Box<dyn Dialect>,
    pub(super) sink: &'a mut Sink,
    pub(super) check: &'a dyn OutputCheck,
    pub(super) clock: &'a dyn Clock,
    pub(super) clocks: Clocks,
    pub(super) repairs: u32,
    pub(super) session: Option<String>,
    pub(super) permit: Option<OwnedSemaphorePermit>,
    /// Given back when the agent has shown that its login does.
    pub(super) turn: Option<Turn>,
    pub(super) is_abandoned: bool,
    input: Option<mpsc::Sender<String>>,
    stopped: Option<Why>,
    output: Option<Result<Value, String>>,
    checked: Option<Arc<str>>,
    lines: Lines,
    stderr_tail: Vec<u8>,
}

/// How it went.
pub(super) struct Talked {
    /// How the dialect saw it.
    pub(super) end: TurnEnd,
    /// Why it was stopped, if it was.
    pub(super) stopped: Option<Why>,
    /// The checked output of the final message.
    pub(super) output: Option<Result<Value, String>>,
    /// Why it did not start.
    pub(super) not_started: Option<String>,
}

impl<'a> Talk<'a> {
    pub(super) fn new(
        dialect: Box<dyn Dialect>,
        sink: &'a mut Sink,
        check: &'a dyn OutputCheck,
        clock: &'a dyn Clock,
        clocks: Clocks,
    ) -> Self {
        Self {
            dialect,
            sink,
            check,
            clock,
            clocks,
            repairs: 0,
            session: None,
            permit: None,
            turn: None,
            is_abandoned: false,
            input: None,
            stopped: None,
            output: None,
            checked: None,
            lines: Lines::default(),
            stderr_tail: Vec::new(),
        }
    }

    /// Speaks until the process and everything it started are gone.
    pub(super) async fn run(
        &mut self,
        guard: &mut Guard,
        pipes: Pipes,
        stop: &mut Later<'static, ()>,
    ) -> Talked {
        let Pipes {
            input,
            mut output,
            mut error,
        } = pipes;
        let writer = input.map(|pipe| self.listen_to(pipe));
        let steps = self.dialect.open();
        self.follow(steps, guard);

        let (mut out, mut err) = (vec![0; 1 << 16], vec![0; 1 << 14]);
        let (mut is_out_open, mut is_err_open) = (true, true);
        let started = Instant::now();
        // Some once the process is gone: with its report, or without one.
        let mut gone: Option<Option<Report>> = None;
        let mut gone_at = started;
        while gone.is_none() || is_out_open || is_err_open {
            let start_end = started + START_MAX;
            let look = if gone.is_some() {
                gone_at + PIPE_MAX
            } else {
                self.clocks.next()
            };
            let look = if self.permit.is_some() {
                look.min(start_end)
            } else {
                look
            };
            tokio::select! {
                read = output.read(&mut out), if is_out_open => match read {
                    Ok(count @ 1..) => {
                        self.permit = None;
                        self.hear(&out[..count], guard);
                    }
                    Ok(_) | Err(_) => is_out_open = false,
                },
                read = error.read(&mut err), if is_err_open => match read {
                    Ok(count @ 1..) => self.hear_error(&err[..count]),
                    Ok(_) | Err(_) => is_err_open = false,
                },
                report = guard.report(), if gone.is_none() => {
                    gone = Some(report);
                    gone_at = Instant::now();
                }
                () = &mut *stop, if self.stopped.is_none() => self.stop(Why::Asked, guard),
                () = sleep_until(look) => {
                    if Instant::now() >= start_end {
                        self.permit = None;
                    }
                    if gone.is_some() && Instant::now() >= gone_at + PIPE_MAX {
                        break;
                    }
                    if gone.is_none() && self.look(guard) {
                        gone = Some(None);
                        gone_at = Instant::now();
                    }
                }
            }
        }
        if let Some(line) = self.lines.rest() {
            self.line(&line, guard);
        }
        self.input = None;
        if let Some(writer) = writer {
            writer.abort();
            let _aborted = timeout(PIPE_MAX, writer).await;
        }
        self.conclude(gone.flatten())
    }

    fn conclude(&mut self, report: Option<Report>) -> Talked {
        let was_stopped = matches!(
            self.clocks.phase,
            Phase::Interrupted | Phase::Terminating | Phase::Killed
        );
        let exit = ending::exit(report.as_ref(), was_stopped);
        let tail = String::from_utf8_lossy(&self.stderr_tail).into_owned();
        let end = self.dialect.on_end(exit, &tail, self.clock.now());
        if end.outcome == Outcome::Done && self.checked.as_deref() != Some(&*end.message) {
            self.output = Some(self.check.check(&end.message));
        }
        let not_started = match report {
            Some(Report::Failed(wrong)) => Some(wrong),
            Some(Report::Code(_) | Report::Signal(_)) | None => None,
        };
        Talked {
            end,
            stopped: self.stopped.take(),
            output: self.output.take(),
            not_started,
        }
    }

    /// Writes apart from reading, so that a process which does neither blocks nobody.
    fn listen_to(&mut self, mut pipe: pipe::Sender) -> tokio::task::JoinHandle<()> {
        let (sender, mut told) = mpsc::channel::<String>(UNREAD_MAX);
        self.input = Some(sender);
        tokio::spawn(async move {
            while let Some(mut text) = told.recv().await {
                text.push('\n');
                if pipe.write_all(text.as_bytes()).await.is_err() {
                    return;
                }
            }
        })
    }

    fn hear(&mut self, bytes: &[u8], guard: &Guard) {
        self.clocks.hear();
        for line in self.lines.feed(bytes) {
            self.line(&line, guard);
        }
    }

    fn line(&mut self, line: &Line, guard: &Guard) {
        if line.cut > 0 {
            self.sink
                .note(format!("a line was cut: {} bytes are left out", line.cut));
        }
        let steps = self.dialect.on_line(&line.text, self.clock.now());
        self.follow(steps, guard);
    }

    fn hear_error(&mut self, bytes: &[u8]) {
        self.clocks.hear();
        self.sink
            .take(EntryKind::Raw(String::from_utf8_lossy(bytes).into_owned()));
        self.stderr_tail.extend_from_slice(bytes);
        let spare = self.stderr_tail.len().saturating_sub(STDERR_TAIL);
        self.stderr_tail.drain(..spare);
    }

    fn follow(&mut self, steps: Vec<Step>, guard: &Guard) {
        for step in steps {
            match step {
                Step::Send(text) => self.send(text),
                Step::Entry(kind) => {
                    if shows_a_login(&kind) {
                        self.turn = None;
                    }
                    self.sink.take(kind);
                }
                Step::SessionId(id) => self.session = Some(id),
                Step::CloseStdin => self.input = None,
                Step::TurnEnded(end) => self.turn_ended(end, guard),
            }
        }
    }

    fn send(&mut self, text: String) {
        let Some(input) = &self.input else { return };
        if input.try_send(text).is_err() {
            self.input = None;
            self.sink.note("it does not read what it is told");
        }
    }

    fn turn_ended(&mut self, end: TurnEnd, guard: &Guard) {
        if self.stopped.is_some() {
            self.input = None;
            return self.terminate(guard);
        }
        if end.outcome == Outcome::Done {
            let checked = self.check.check(&end.message);
            if let Err(wrong) = &checked
                && self.repairs < REPAIRS_MAX
                && self.dialect.can_repair_in_process()
            {
                self.repairs += 1;
                let steps = self.dialect.repair(wrong);
                return self.follow(steps, guard);
            }
            self.output = Some(checked);
            self.checked = Some(end.message);
        }
        self.input = None;
        self.clocks.go(Phase::Closing);
    }

    /// Stops it: in its own way first, where it has one.
    fn stop(&mut self, why: Why, guard: &Guard) {
        self.stopped = Some(why);
        let steps = self.dialect.interrupt();
        let has_a_way = steps.iter().any(|step| matches!(step, Step::Send(_))) && self.input.is_some();
        if has_a_way && self.clocks.go(Phase::Interrupted) {
            self.follow(steps, guard);
        } else {
            self.terminate(guard);
        }
    }

    fn terminate(&mut self, guard: &Guard) {
        if self.clocks.go(Phase::Terminating) {
            guard.terminate();
        }
    }

    /// The time has come for something. True when even killing did not help.
    fn look(&mut self, guard: &Guard) -> bool {
        match self.clocks.phase {
            Phase::Working => {
                if let Some(why) = self.clocks.overdue() {
                    self.stop(why, guard);
                }
            }
            Phase::Interrupted | Phase::Closing if self.clocks.is_due() => self.terminate(guard),
            Phase::Terminating if self.clocks.is_due() && !is_off(Control::KillAfterGrace) => {
                self.clocks.go(Phase::Killed);
                guard.kill();
            }
            Phase::Killed if self.clocks.is_due() => {
                self.is_abandoned = true;
                return true;
            }
            Phase::Interrupted | Phase::Closing | Phase::Terminating | Phase::Killed => {}
        }
        false
    }
}

/// Whether only an agent whose provider answered it says that.
fn shows_a_login(kind: &EntryKind) -> bool {
    match kind {
        EntryKind::Text(_)
        | EntryKind::Thought(_)
        | EntryKind::Tool { .. }
        | EntryKind::Permission { .. } => true,
        EntryKind::Notice(_) | EntryKind::Raw(_) | EntryKind::Prompt(_) | EntryKind::MessageEnd => false,
    }
}
