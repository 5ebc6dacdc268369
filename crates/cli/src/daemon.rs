//! The daemon as a process: started by re-executing this binary, found by its lock, ended by a signal.
//!
//! Owns: the life of the process. Leaves out: what it is made of (`wiring`).

use crate::error::{CliError, Explain, Result};
use crate::exit::Exit;
use crate::home::Home;
use crate::lock::{self, Holder};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long a daemon may take until it answers. Recovery of a large history is part of it.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How often a stopping daemon is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The word with which a daemon says that it answers.
pub(crate) const READY: &str = "ready";

/// How many heaps the system's allocator keeps.
const ARENAS: &str = "MALLOC_ARENA_MAX";

/// Starts a daemon and waits until it answers.
pub(crate) fn start(home: &Home, port: Option<u16>) -> Result<()> {
    home.make()?;
    if let Holder::Daemon(pid) = lock::holder(home)? {
        return Err(running_already(home, pid));
    }
    let log = open_log(home)?;
    let executable = std::env::current_exe().explain("cannot find this program's own file")?;
    let mut command = Command::new(executable);
    command.arg("__daemon").arg("--home").arg(&home.path);
    if let Some(port) = port {
        command.arg("--port").arg(port.to_string());
    }
    // What one thread takes in, another writes and frees: with a heap for each thread, as glibc has it, a flood of
    // output leaves memory behind in all of them.
    if std::env::var_os(ARENAS).is_none() {
        command.env(ARENAS, "2");
    }
    // The daemon must not hold the folder of whoever happened to start it.
    command
        .current_dir(&home.path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::from(log));
    let mut child = command.spawn().explain("cannot start the daemon")?;
    await_ready(&mut child, home)
}

/// Starts a daemon unless one is running; two that start at once are one.
pub(crate) fn ensure(home: &Home) -> Result<()> {
    let started = match lock::holder(home)? {
        Holder::Nobody => start(home, None),
        Holder::Daemon(_) => Ok(()),
    };
    match started {
        Err(error) if error.code != "already_running" => Err(error),
        Ok(()) | Err(_) => await_socket(home),
    }
}

/// A daemon that somebody else has just started holds the home before it listens.
fn await_socket(home: &Home) -> Result<()> {
    let socket = home.socket()?;
    let until = Instant::now() + READY_WITHIN;
    while std::os::unix::net::UnixStream::connect(&socket).is_err() {
        if lock::holder(home)? == Holder::Nobody {
            return Err(not_running(home).hint(format!("the log says more: {}", home.log().display())));
        }
        if Instant::now() >= until {
            return Err(
                CliError::new(Exit::Daemon, "not_answering", "the daemon does not answer")
                    .because(format!("nobody listens on {}", socket.display()))
                    .hint("`partita stop` ends it; the next command starts it anew"),
            );
        }
        std::thread::park_timeout(LOOK_EVERY);
    }
    Ok(())
}

fn open_log(home: &Home) -> Result<File> {
    let path = home.log();
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&path)
        .explain(format!("cannot write the log {}", path.display()))
}

/// Waits for the word on the daemon's standard output: `ready`, or why not.
fn await_ready(child: &mut Child, home: &Home) -> Result<()> {
    let output = child
        .stdout
        .take()
        .expect("the daemon's standard output is a pipe");
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        // A pipe that breaks says what an empty line says.
        let _ = BufReader::new(output).read_line(&mut line);
        let _ = sender.send(line);
    });
    let line = receiver.recv_timeout(READY_WITHIN).unwrap_or_default();
    if line.trim_end() == READY {
        return Ok(());
    }
    let log = format!("the log says more: {}", home.log().display());
    if let Ok(told) = serde_json::from_str::<Told>(&line) {
        // A daemon that refuses to start ends by itself.
        let _ = child.wait();
        return Err(told.into_error(log));
    }
    let ended = child.try_wait().ok().flatten();
    let because = match ended {
        Some(status) => format!("it ended with {status} before it answered"),
        None => format!("it did not answer within {} seconds", READY_WITHIN.as_secs()),
    };
    Err(
        CliError::new(Exit::Daemon, "start_failed", "the daemon did not start")
            .because(because)
            .hint(log),
    )
}

/// Why a daemon did not start, as it tells whoever started it.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Told {
    exit: u8,
    code: String,
    what: String,
    because: Vec<String>,
    hints: Vec<String>,
}

impl Told {
    pub(crate) fn of(error: &CliError) -> Self {
        Self {
            exit: error.exit.code(),
            code: error.code.clone(),
            what: error.what.clone(),
            because: error.because.clone(),
            hints: error.hints.clone(),
        }
    }

    fn into_error(self, log: String) -> CliError {
        let exits = [
            Exit::Failed,
            Exit::Usage,
            Exit::NotFound,
            Exit::Refused,
            Exit::Invalid,
            Exit::Machine,
        ];
        let exit = exits
            .into_iter()
            .find(|exit| exit.code() == self.exit)
            .unwrap_or(Exit::Daemon);
        let mut hints = self.hints;
        if hints.is_empty() {
            hints.push(log);
        }
        CliError {
            exit,
            what: self.what,
            because: self.because,
            hints,
            code: self.code,
        }
    }
}

fn running_already(home: &Home, pid: Option<u32>) -> CliError {
    let who = pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
    CliError::new(Exit::Daemon, "already_running", "a daemon is running already")
        .because(format!("{who} holds {}", home.path.display()))
        .hint("see it with `partita status`, end it with `partita stop`")
}

/// Ends the daemon: gently, and after `wait` firmly. Returns whether it had to be firm.
pub(crate) fn stop(home: &Home, wait: Duration) -> Result<bool> {
    let pid = match lock::holder(home)? {
        Holder::Daemon(Some(pid)) => pid,
        Holder::Daemon(None) => {
            return Err(
                CliError::new(Exit::Daemon, "starting", "the daemon is just starting")
                    .hint("try again in a moment"),
            );
        }
        Holder::Nobody => return Err(not_running(home)),
    };
    let leaving = Leaving::of(pid);
    signal(pid, rustix::process::Signal::TERM)?;
    if wait_until_free(home, wait)? {
        leaving.wait();
        return Ok(false);
    }
    // Still the same holder: the lock was never free in between, so the number is still its.
    signal(pid, rustix::process::Signal::KILL)?;
    if wait_until_free(home, Duration::from_secs(10))? {
        leaving.wait();
        return Ok(true);
    }
    Err(CliError::new(Exit::Daemon, "stuck", "the daemon does not end")
        .because(format!("process {pid} survived a kill; the kernel holds it"))
        .hint("look at what the disk or the file system is doing"))
}

/// What a client says where there is no daemon.
pub(crate) fn not_running(home: &Home) -> CliError {
    CliError::new(Exit::Daemon, "not_running", "no daemon is running")
        .because(format!("nobody holds {}", home.path.display()))
        .hint("start it with `partita start`")
}

fn signal(pid: u32, signal: rustix::process::Signal) -> Result<()> {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    let Some(pid) = pid else {
        return Err(
            CliError::new(Exit::Daemon, "bad_pid", "the PID file holds no process number")
                .hint("end the daemon by hand; the next command starts it anew"),
        );
    };
    match rustix::process::kill_process(pid, signal) {
        // Gone between our look and our signal: that is what was wanted.
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(std::io::Error::from(error))
            .explain(format!("cannot signal process {}", pid.as_raw_nonzero())),
    }
}

/// A process that is asked to leave. It lets go of its lock a moment before it is gone, and whoever was told that it
/// stopped may look for it in that moment.
#[cfg(target_os = "linux")]
struct Leaving(Option<std::os::fd::OwnedFd>);

#[cfg(target_os = "linux")]
impl Leaving {
    fn of(pid: u32) -> Self {
        let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
        Self(pid.and_then(|pid| rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok()))
    }

    fn wait(self) {
        let Some(process) = self.0 else {
            return;
        };
        let mut ends = [rustix::event::PollFd::new(&process, rustix::event::PollFlags::IN)];
        let limit = rustix::event::Timespec {
            tv_sec: 5,
            tv_nsec: 0,
        };
        // It holds nothing any more: one that takes longer has stopped all the same.
        let _ = rustix::event::poll(&mut ends, Some(&limit));
    }
}

/// Where processes cannot be watched, the lock has to do.
#[cfg(not(target_os = "linux"))]
struct Leaving;

#[cfg(not(target_os = "linux"))]
impl Leaving {
    fn of(_pid: u32) -> Self {
        Self
    }

    fn wait(self) {}
}

fn wait_until_free(home: &Home, wait: Duration) -> Result<bool> {
    let until = Instant::now() + wait;
    loop {
        if lock::holder(home)? == Holder::Nobody {
            return Ok(true);
        }
        if Instant::now() >= until {
            return Ok(false);
        }
        std::thread::park_timeout(LOOK_EVERY);
    }
}

/// Takes this process out of the terminal that started it: a session of its own, nothing inherited but the log.
pub(crate) fn detach() -> Result<()> {
    // A process that leads a session already is detached already.
    if let Err(error) = rustix::process::setsid()
        && error != rustix::io::Errno::PERM
    {
        return Err(std::io::Error::from(error)).explain("cannot leave the terminal");
    }
    Ok(())
}

/// Tells whoever started us, and lets go of the pipe.
pub(crate) fn tell_starter(line: &str) -> Result<()> {
    crate::output::raw(&format!("{line}\n"));
    let nothing = OpenOptions::new()
        .write(true)
        .open("/dev/null")
        .explain("cannot open /dev/null")?;
    rustix::stdio::dup2_stdout(&nothing)
        .map_err(std::io::Error::from)
        .explain("cannot let go of standard output")
}
