//! Starts a process of ours, with a clock and a cap, and waits for its end.

use rustix::process::{Pid, Signal, kill_process_group};
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};
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
        let mut group = Group::of(command.spawn().map_err(Failure::NotStarted)?);
        let ended = timeout(
            self.limit,
            converse(&mut group.leader, self.stdin, (self.output_max, self.is_cut)),
        )
        .await;
        match ended {
            Ok(Ok(ran)) => Ok(ran),
            Ok(Err(failure)) => {
                group.kill();
                let _ = group.leader.wait().await;
                Err(failure)
            }
            Err(_) => {
                group.kill();
                let _ = group.leader.wait().await;
                Err(Failure::TooLong)
            }
        }
    }
}

/// How long a caller that is dropped is held for a killed process to be gone. A disk that does not answer keeps it longer.
const DEATH_MAX: Duration = Duration::from_secs(1);

/// A process and its group, whose number is nobody else's as long as its leader is not waited for. Dropped in the middle,
/// it is killed and gone: whoever clears up after it finds nothing that is still being written.
struct Group {
    leader: Child,
    id: Option<Pid>,
}

impl Group {
    fn of(leader: Child) -> Self {
        let id = leader.id().and_then(|id| i32::try_from(id).ok());
        Self {
            leader,
            id: id.and_then(Pid::from_raw),
        }
    }

    fn kill(&self) {
        if let Some(group) = self.id {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    fn is_over(&mut self) -> bool {
        !matches!(self.leader.try_wait(), Ok(None))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.is_over() {
            return;
        }
        self.kill();
        let killed = Instant::now();
        while !self.is_over() && killed.elapsed() < DEATH_MAX {
            std::thread::park_timeout(Duration::from_millis(1));
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn is_alive(pid: &str) -> bool {
        let stat = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat")).unwrap_or_default();
        let state = stat.rsplit_once(") ").map(|(_, rest)| rest.as_bytes()[0]);
        state.is_some_and(|state| state != b'Z')
    }

    #[tokio::test]
    async fn whoever_gives_up_a_process_waits_for_its_end() {
        let ground = tempfile::tempdir().unwrap();
        let script = "sleep 1000 & echo $$ $! > new && mv new pids; wait";
        let start = Start {
            argv: ["sh", "-c", script].map(OsString::from).into(),
            dir: ground.path().to_owned(),
            env: vec![("PATH".into(), std::env::var_os("PATH").unwrap())],
            stdin: Vec::new(),
            limit: Duration::from_secs(60),
            output_max: 1_000,
            is_cut: false,
        };
        let mut running = Box::pin(start.run());
        let pids = loop {
            tokio::select! {
                biased;
                _ = &mut running => panic!("it ended by itself"),
                () = tokio::task::yield_now() => {}
            }
            if let Ok(pids) = std::fs::read_to_string(ground.path().join("pids")) {
                break pids;
            }
        };
        let (leader, other) = pids.trim().split_once(' ').unwrap();
        drop(running);
        assert!(!is_alive(leader));
        // Killed in the same moment; it goes when the system gets to it.
        let since = Instant::now();
        while is_alive(other) {
            assert!(since.elapsed() < Duration::from_secs(20), "{other} lives");
            tokio::task::yield_now().await;
        }
    }
}
