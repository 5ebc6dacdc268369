//! Owns: what a fresh working copy needs before a task writes in it: the project's own command, in the task's sandbox
//! and under its guard, but without its home. What it did not finish is done again.

use super::clocks::{Clocks, Why};
use super::ending::{failed, stopped};
use super::process::Prepared;
use super::sink::Sink;
use super::talk::{Talk, Talked};
use crate::dialect::{Brief, DialectKind, Outcome, speak};
use crate::sandbox::{Policy, Program, order};
use crate::spawner::Guard;
use domain::{Ending, FailureClass, ProcessIdentity, Value};
use engine::ports::{Later, OutputCheck};
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;

/// A setup that is owed.
pub(crate) struct SetUp {
    /// The shell and its environment; the command follows.
    pub(crate) program: Program,
    /// What it may touch.
    pub(crate) policy: Policy,
    /// The command.
    pub(crate) command: String,
    /// Until it is killed.
    pub(crate) timeout_ms: u64,
    /// Its own folder: home, temporary files, and the note that it was done.
    pub(crate) folder: PathBuf,
    /// Says for which working copy which command was done.
    pub(crate) mark: String,
}

/// The name of the note.
const DONE: &str = "done";

/// What the command prints is nobody's answer.
struct Unheard;

impl OutputCheck for Unheard {
    fn check(&self, message: &str) -> Result<Value, String> {
        Ok(Value::from(message))
    }
}

impl SetUp {
    /// Whether it was done for that working copy.
    pub(crate) fn is_done(&self) -> bool {
        std::fs::read_to_string(self.folder.join(DONE)).is_ok_and(|done| done == self.mark)
    }

    /// Makes its folders anew. The note of an earlier one goes first.
    pub(crate) fn prepare(&self) -> io::Result<()> {
        crate::home::remove(&self.folder);
        let temporary = &self.policy.temporary;
        let mut folders = self.policy.home.iter().chain([temporary]);
        folders.try_for_each(|folder| crate::account::private_folder(folder))?;
        crate::account::private_folder(&temporary.with_extension("empty"))
    }

    fn finish(&self) -> io::Result<()> {
        for folder in self.policy.home.iter().chain([&self.policy.temporary]) {
            crate::home::remove(folder);
        }
        crate::account::put(&self.folder, DONE, &self.mark)
    }
}

/// Sets the working copy up, unless it is. An error is how the task ends instead.
pub(super) async fn set_up(
    prepared: &Prepared,
    guard: &mut Guard,
    process: &ProcessIdentity,
    (sink, stop): (&mut Sink, &mut Later<'static, ()>),
) -> Result<(), Ending> {
    let Some(setup) = prepared.setup.as_ref().filter(|setup| !setup.is_done()) else {
        return Ok(());
    };
    let transient = |error: io::Error| {
        failed(
            FailureClass::Transient,
            format!("the setup cannot begin: {error}"),
        )
    };
    setup.prepare().map_err(transient)?;
    sink.note("the working copy is fresh: it is set up first");
    let brief = Brief {
        prompt: setup.command.clone(),
        ..prepared.brief.clone()
    };
    let dialect = speak(DialectKind::Command, brief);
    let mut program = setup.program.clone();
    program.line.extend(dialect.arguments());
    let wall = Instant::now() + Duration::from_millis(setup.timeout_ms);
    let clocks = Clocks::new(wall, setup.timeout_ms, prepared.end);
    let order = order(&setup.policy, &prepared.bounds, program, process.pid);
    let pipes = guard
        .start(&order, false)
        .await
        .map_err(|error| Ending::Interrupted {
            reason: format!("its guard is gone before the setup began: {error}"),
        })?;
    let mut talk = Talk::new(dialect, sink, &Unheard, &*prepared.clock, clocks);
    let talked = talk.run(guard, pipes, stop).await;
    judge(talked, setup.timeout_ms)?;
    setup.finish().map_err(transient)?;
    sink.note("the working copy is set up");
    Ok(())
}

fn judge(talked: Talked, timeout_ms: u64) -> Result<(), Ending> {
    let wrong = |what: &str| {
        Err(failed(
            FailureClass::Permanent,
            format!("the setup of its working copy failed: {what}"),
        ))
    };
    if let Some(what) = talked.not_started {
        return wrong(&what);
    }
    match talked.stopped {
        Some(Why::Asked) => return Err(stopped(&Why::Asked, (0, 0))),
        Some(Why::Late | Why::Silent) => {
            let reason = format!(
                "the setup of its working copy was not done after {} s",
                timeout_ms / 1000
            );
            return Err(failed(FailureClass::Timeout, reason));
        }
        None => {}
    }
    match talked.end.outcome {
        Outcome::Done => Ok(()),
        // Nobody saw a command end that gave no result.
        Outcome::Killed(reason) | Outcome::NoResult(reason) => Err(Ending::Interrupted { reason }),
        Outcome::Cancelled => Err(Ending::Interrupted {
            reason: "the setup stopped by itself".to_owned(),
        }),
        Outcome::Exited { code: _, reason }
        | Outcome::Transient(reason)
        | Outcome::Authentication(reason)
        | Outcome::Permanent(reason)
        | Outcome::ModeNotSet(reason)
        | Outcome::SessionLost(reason)
        | Outcome::Limited { until: _, reason } => wrong(&reason),
    }
}
