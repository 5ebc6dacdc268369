//! Starts a process of ours, with a clock and a cap, and waits for its end.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// A process to start, in plain words.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    pub(crate) argv: Vec<OsString>,
    pub(crate) dir: PathBuf,
    pub(crate) env: Vec<(OsString, OsString)>,
    pub(crate) stdin: Vec<u8>,
    pub(crate) limit: Duration,
    pub(crate) output_max: usize,
    pub(crate) is_cut: bool,
}

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

impl Ran {
    /// What it complained, as text; a death by signal has no words of its own.
    pub(crate) fn complaint(&self) -> String {
        let words = String::from_utf8_lossy(&self.stderr);
        match self.code {
            Some(_) => words.into_owned(),
            None => format!("{words}\ngit was killed"),
        }
    }
}

/// Why a process did not end by itself.
#[derive(Debug)]
pub(crate) enum Failure {
    TooLong,
    TooMuch,
    NotStarted(io::Error),
}

impl Start {
    /// Runs it in its own process group, with a clock and a cap.
    pub(crate) async fn run(self) -> Result<Ran, Failure> {
        let Some((program, args)) = self.argv.split_first() else {
            return Err(Failure::NotStarted(io::Error::other("an empty command")));
        };
        let mut command = Command::new(program);
        command
            .args(args)
            .env_clear()
            .envs(self.env)
            .current_dir(&self.dir)
            .stdin(if self.stdin.is_empty() {
                Stdio::null()
            } else {
                Stdio::piped()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(Failure::NotStarted)?;
        let group = Group::of(&child);
        let ended = timeout(
            self.limit,
            converse(&mut child, self.stdin, (self.output_max, self.is_cut)),
        )
        .await;
        match ended {
            Ok(Ok(ran)) => Ok(ran),
            Ok(Err(failure)) => {
                group.kill();
                let _ = child.wait().await;
                Err(failure)
            }
            Err(_) => {
                group.kill();
                let _ = child.wait().await;
                Err(Failure::TooLong)
            }
        }
    }
}

/// The process group of a child, which is alive as long as its leader is not waited for.
struct Group(Option<rustix::process::Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(rustix::process::Pid::from_raw))
    }

    fn kill(&self) {
        if let Some(group) = self.0 {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

async fn converse(child: &mut Child, stdin: Vec<u8>, cap: (usize, bool)) -> Result<Ran, Failure> {
    let (input, output, complaints) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let feed = async {
        if let Some(mut input) = input {
            // A command that ends early closes its end; its exit code tells.
            let _ = input.write_all(&stdin).await;
        }
    };
    let ((), stdout, stderr) = tokio::join!(feed, read(output, cap), read(complaints, cap));
    let status = child.wait().await.map_err(Failure::NotStarted)?;
    Ok(Ran {
        code: status.code(),
        stdout: stdout?,
        stderr: stderr?,
    })
}

async fn read(
    pipe: Option<impl AsyncRead + Unpin>,
    (most, is_cut): (usize, bool),
) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        let cap = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
        pipe.take(cap)
            .read_to_end(&mut bytes)
            .await
            .map_err(Failure::NotStarted)?;
    }
    if bytes.len() > most && is_cut {
        bytes.truncate(most);
    }
    if bytes.len() > most {
        Err(Failure::TooMuch)
    } else {
        Ok(bytes)
    }
}
