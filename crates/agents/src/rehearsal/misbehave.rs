//! The ways of being a bad process: noise, half messages, closed pipes, children left behind, signals ignored.

use super::act::{Next, Player};
use super::agent::Finish;
use super::child;
use super::detail::{Flood, Fork};
use super::script::Act;
use std::fs::File;
use std::io::{self, Write as _};
use std::process::{Command, Stdio};

impl Player<'_> {
    /// Does one of them.
    pub(super) fn misbehave(&mut self, act: &Act) -> Next {
        match act {
            Act::IgnoreTerm(true) => ignore_term()?,
            Act::Fork(fork) => self.fork(fork)?,
            Act::Flood(flood) => self.flood(flood)?,
            Act::Raw(text) => self.wire.raw(text.as_bytes())?,
            Act::RawHex(digits) => self.wire.raw(&bytes_of(digits))?,
            Act::Stderr(text) => io::stderr().write_all(text.as_bytes())?,
            Act::HalfJson(true) => self.wire.raw(br#"{"jsonrpc":"2.0","method":"session/upd"#)?,
            Act::CloseStdout(true) => close_stdout()?,
            Act::Cut(true) => {
                self.wire.raw(br#"{"jsonrpc":"2.0","method":"session/upd"#)?;
                close_stdout()?;
                return Ok(Some(Finish::Exit(1)));
            }
            Act::Kill(signal) => {
                if let Some(signal) = rustix::process::Signal::from_named_raw(*signal) {
                    rustix::process::kill_process(rustix::process::getpid(), signal)?;
                }
                // The signal may take a moment, or be one that ends nobody.
                return self.pause(1_000, true).map(|_| Some(Finish::Exit(70)));
            }
            _ => {}
        }
        Ok(None)
    }

    fn flood(&mut self, flood: &Flood) -> io::Result<()> {
        let line = usize::try_from(flood.line).unwrap_or(usize::MAX);
        let size = if line == 0 { 65_536 } else { line };
        let mut chunk = vec![b'x'; size.clamp(1, 1 << 24)];
        if line > 0
            && let Some(last) = chunk.last_mut()
        {
            *last = b'\n';
        }
        let mut left = flood.bytes;
        while left > 0 {
            let count = usize::try_from(left).map_or(chunk.len(), |left| left.min(chunk.len()));
            let piece = &chunk[..count];
            if flood.stderr {
                io::stderr().write_all(piece)?;
            } else if flood.says {
                self.say(&String::from_utf8_lossy(piece))?;
            } else {
                self.wire.raw(piece)?;
            }
            left -= u64::try_from(count).unwrap_or(left);
        }
        Ok(())
    }

    fn fork(&mut self, fork: &Fork) -> io::Result<()> {
        for _ in 0..fork.count.min(256) {
            let mut child = Command::new(std::env::current_exe()?);
            child.args(child::arguments(
                fork,
                fork.pids.as_deref().map(|path| self.path(path)).as_deref(),
            ));
            child.stdin(Stdio::null());
            if !fork.holds_pipes {
                child.stdout(Stdio::null()).stderr(Stdio::null());
            }
            let mut child = child.spawn()?;
            if fork.double {
                child.wait()?;
            }
        }
        Ok(())
    }
}

/// Puts a handler that does nothing where SIGTERM would end the process.
pub(super) fn ignore_term() -> io::Result<()> {
    let (ready, is_ready) = std::sync::mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let outcome = runtime.map(|runtime| {
            runtime.block_on(async {
                let mut terms = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
                ready.send(()).map_err(io::Error::other)?;
                while terms.recv().await.is_some() {}
                Ok::<(), io::Error>(())
            })
        });
        drop(outcome);
    });
    is_ready.recv().map_err(io::Error::other)
}

/// Gives up the pipe: whoever reads it meets its end.
fn close_stdout() -> io::Result<()> {
    let nowhere = File::options().write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdout(&nowhere)?;
    Ok(())
}

fn bytes_of(digits: &str) -> Vec<u8> {
    let digits: Vec<u32> = digits.chars().filter_map(|c| c.to_digit(16)).collect();
    digits
        .chunks_exact(2)
        .filter_map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok())
        .collect()
}
