//! Owns: the one long-lived thread that starts every process, and the guards it gives out. Death signals follow the
//! thread that started a process, so that thread must live as long as the daemon.

use crate::process::{MARKER, identify};
use crate::shim::SHIM_ARGUMENT;
use crate::shim::wire::{KILL, Order, Report, TERMINATE, frame, send_with};
use domain::ProcessIdentity;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tokio::sync::oneshot;

struct Job {
    mark: String,
    answer: oneshot::Sender<io::Result<(Child, std::os::unix::net::UnixStream)>>,
}

/// Starts guards.
pub(crate) struct Spawner {
    jobs: mpsc::Sender<Job>,
    shim: PathBuf,
}

impl Spawner {
    /// A spawner whose guards are this program. Its thread ends with it.
    pub(crate) fn new(shim: PathBuf) -> io::Result<Self> {
        let (jobs, ordered) = mpsc::channel::<Job>();
        let program = shim.clone();
        std::thread::Builder::new()
            .name("spawner".to_owned())
            .spawn(move || {
                for job in ordered {
                    // Nobody waiting for it any more lets go of the guard, which ends it.
                    let _unwanted = job.answer.send(start(&program, &job.mark));
                }
            })?;
        Ok(Self { jobs, shim })
    }

    /// The program that its guards are.
    pub(crate) fn shim(&self) -> &Path {
        &self.shim
    }

    /// Starts a guard and learns who it is. It does nothing until it gets an order.
    pub(crate) async fn guard(&self, mark: String) -> io::Result<Guard> {
        let (answer, answered) = oneshot::channel();
        let gone = || io::Error::other("the spawner has ended");
        self.jobs.send(Job { mark, answer }).map_err(|_| gone())?;
        let (child, control) = answered.await.map_err(|_| gone())??;
        control.set_nonblocking(true)?;
        // Made before anything can fail, so that the child is always waited for.
        let mut guard = Guard {
            identity: None,
            child: Some(child),
            control: None,
            heard: Vec::new(),
        };
        guard.control = Some(UnixStream::from_std(control)?);
        guard.identity = guard
            .child
            .as_ref()
            .map(|child| identify(child.id()))
            .transpose()?;
        Ok(guard)
    }
}

fn start(shim: &Path, mark: &str) -> io::Result<(Child, std::os::unix::net::UnixStream)> {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    let child = Command::new(shim)
        .args([SHIM_ARGUMENT, "guard"])
        .env_clear()
        .env(MARKER, mark)
        .current_dir("/")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    Ok((child, ours))
}

/// Room in the pipe of an agent's words, in bytes: more than a second of a thousand lines of a build, so that an agent goes
/// on while all processors are busy with others. The system's own 64 KiB hold a third of that.
const ROOM: usize = 256 * 1024;

/// A pipe with [`ROOM`], or with the usual one where the system grants no more to this user.
fn roomy_pipe() -> io::Result<(io::PipeReader, io::PipeWriter)> {
    let (ours, theirs) = io::pipe()?;
    let _granted = rustix::pipe::fcntl_setpipe_size(&theirs, ROOM);
    Ok((ours, theirs))
}

/// A guard: letting go of it ends it and all that it started.
pub(crate) struct Guard {
    identity: Option<ProcessIdentity>,
    child: Option<Child>,
    control: Option<UnixStream>,
    heard: Vec<u8>,
}

/// Our ends of the pipes of what was started.
pub(crate) struct Pipes {
    /// Its standard input; none where it got nothing to read.
    pub(crate) input: Option<pipe::Sender>,
    /// Its standard output.
    pub(crate) output: pipe::Receiver,
    /// Its standard error.
    pub(crate) error: pipe::Receiver,
}

impl Guard {
    /// Who it is.
    pub(crate) fn identity(&self) -> io::Result<ProcessIdentity> {
        self.identity
            .clone()
            .ok_or_else(|| io::Error::other("a guard nobody knows"))
    }

    /// Lets it start what the order says. May be asked again once a report came.
    pub(crate) async fn start(&mut self, order: &Order, is_spoken_to: bool) -> io::Result<Pipes> {
        let control = self
            .control
            .as_mut()
            .ok_or_else(|| io::Error::other("the guard was let go of"))?;
        let (output, output_end) = roomy_pipe()?;
        let (error, error_end) = io::pipe()?;
        let (input_end, input) = if is_spoken_to {
            let (theirs, ours) = io::pipe()?;
            (OwnedFd::from(theirs), Some(ours))
        } else {
            (OwnedFd::from(std::fs::File::open("/dev/null")?), None)
        };
        let bytes = frame(order)?;
        let fds = [input_end.as_fd(), output_end.as_fd(), error_end.as_fd()];
        let sent = loop {
            control.writable().await?;
            match control.try_io(Interest::WRITABLE, || send_with(&*control, &bytes, fds)) {
                Err(wait) if wait.kind() == io::ErrorKind::WouldBlock => {}
                sent => break sent?,
            }
        };
        control.write_all(&bytes[sent..]).await?;
        Ok(Pipes {
            input: input
                .map(|ours| pipe::Sender::from_owned_fd(ours.into()))
                .transpose()?,
            output: pipe::Receiver::from_owned_fd(output.into())?,
            error: pipe::Receiver::from_owned_fd(error.into())?,
        })
    }

    /// Waits for the report on what was started. None when the guard itself is gone. May be dropped and asked again.
    pub(crate) async fn report(&mut self) -> Option<Report> {
        let control = self.control.as_ref()?;
        loop {
            if let Some(end) = self.heard.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.heard.drain(..=end).collect();
                return serde_json::from_slice(&line).ok();
            }
            let mut part = [0; 512];
            control.readable().await.ok()?;
            match control.try_read(&mut part) {
                Ok(0) => return None,
                Ok(count) => self.heard.extend_from_slice(&part[..count]),
                Err(wait) if wait.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return None,
            }
        }
    }

    /// Asks what was started to end.
    pub(crate) fn terminate(&self) {
        self.say(TERMINATE);
    }

    /// Kills what was started and everything it started.
    pub(crate) fn kill(&self) {
        self.say(KILL);
    }

    fn say(&self, word: u8) {
        // A guard that does not hear is gone, which was wanted.
        let _gone = self.control.as_ref().map(|control| control.try_write(&[word]));
    }

    /// Lets go of it and waits until it and everything below it are gone. What is under way gets half a second. Says
    /// whether it ended as a guard does that has seen to all of it, and was not killed.
    pub(crate) async fn end(mut self) -> bool {
        self.control = None;
        let child = self.child.take();
        let waited = tokio::task::spawn_blocking(move || child.map(|mut child| child.wait())).await;
        matches!(waited, Ok(Some(Ok(status))) if status.success())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.control = None;
        if let Some(mut child) = self.child.take() {
            // Nobody may be left to wait for it here, and unnoticed it would stay in the table for ever.
            let _notice = std::thread::Builder::new()
                .name("notice".to_owned())
                .spawn(move || child.wait());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_pipe_takes_what_nobody_reads_yet() {
        let (_ours, mut theirs) = roomy_pipe().unwrap();
        rustix::io::ioctl_fionbio(&theirs, true).unwrap();
        theirs.write_all(&[b'x'; ROOM]).unwrap();
        let full = theirs.write(b"x").unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
    }
}
