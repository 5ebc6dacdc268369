//! What this room needs of the sandbox: run one of our commands where a task's files are, bounded like the task was.

use engine::ports::Later;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// A command of ours that touches what an agent made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Absolute program and its arguments.
    pub argv: Vec<OsString>,
    /// Where it runs.
    pub dir: PathBuf,
    /// Everything it may read besides the system's own folders.
    pub readable: Vec<PathBuf>,
    /// Everything it may write; some lie inside readable folders.
    pub writable: Vec<PathBuf>,
    /// The whole environment.
    pub env: Vec<(OsString, OsString)>,
    /// What it reads from its standard input.
    pub stdin: Vec<u8>,
    /// How long it may take.
    pub limit: Duration,
    /// How many bytes of each output are kept; more is a failure.
    pub output_max: usize,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// What it wrote.
    pub stdout: Vec<u8>,
    /// What it complained.
    pub stderr: Vec<u8>,
}

/// Why it did not run to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfinedError {
    /// It took longer than it may, and was ended.
    TooLong,
    /// It wrote more than it may, and was ended.
    TooMuch,
    /// The sandbox or the program could not be started; for people.
    NotStarted(String),
}

/// Runs commands inside the sandbox: no network, and no more of the disk than the order names.
pub trait Confined: Send + Sync {
    /// Runs it to its end. Nothing of it is alive afterwards.
    fn run(&self, order: Order) -> Later<'_, Result<Outcome, ConfinedError>>;
}

/// Confines nothing. For tests only: the wiring gives the sandbox of the room `agents`.
#[cfg(any(test, feature = "testkit"))]
#[derive(Clone, Copy, Debug, Default)]
pub struct Direct;

#[cfg(any(test, feature = "testkit"))]
impl Confined for Direct {
    fn run(&self, order: Order) -> Later<'_, Result<Outcome, ConfinedError>> {
        use crate::process::{Failure, Ran, Start};
        Box::pin(async move {
            let start = Start {
                argv: order.argv,
                dir: order.dir,
                env: order.env,
                stdin: order.stdin,
                limit: order.limit,
                output_max: order.output_max,
                is_cut: false,
            };
            match start.run().await {
                Ok(Ran { code, stdout, stderr }) => Ok(Outcome { code, stdout, stderr }),
                Err(Failure::TooLong) => Err(ConfinedError::TooLong),
                Err(Failure::TooMuch) => Err(ConfinedError::TooMuch),
                Err(Failure::NotStarted(error)) => Err(ConfinedError::NotStarted(error.to_string())),
            }
        })
    }
}
