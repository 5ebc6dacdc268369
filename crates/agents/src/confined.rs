//! Owns: short programs inside the sandbox: commits of a working copy, probes, questions for a version.

use crate::sandbox::{Bounds, Policy, Program, order};
use crate::shim::wire::Report;
use crate::spawner::{Pipes, Spawner};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::time::timeout;

/// How much a program may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Until it is killed.
    pub(crate) time: Duration,
    /// Bytes kept of each of its outputs; the rest is read and thrown away.
    pub(crate) output_max: usize,
}

/// What came of a program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code; none when it did not end by itself.
    pub code: Option<i32>,
    /// What it wrote, as far as it was kept.
    pub stdout: Vec<u8>,
    /// What it wrote to standard error, as far as it was kept.
    pub stderr: Vec<u8>,
    /// Whether more was written than was kept.
    pub is_cut: bool,
    /// Whether it took too long and was killed.
    pub is_late: bool,
}

/// A program to run, and within what.
pub(crate) struct Errand<'a> {
    /// What it is found by if we die.
    pub(crate) mark: &'a str,
    /// What it may touch.
    pub(crate) policy: &'a Policy,
    /// What sees to that.
    pub(crate) bounds: &'a Bounds,
    /// What is started.
    pub(crate) program: Program,
    /// What it reads.
    pub(crate) input: Option<Vec<u8>>,
    /// How much it may take.
    pub(crate) limits: Limits,
}

/// Runs a program to its end, and to the end of all that it started.
pub(crate) async fn run(spawner: &Spawner, errand: Errand<'_>) -> io::Result<Ended> {
    let Errand {
        mark,
        policy,
        bounds,
        program,
        input,
        limits,
    } = errand;
    let mut guard = spawner.guard(mark.to_owned()).await?;
    let order = order(policy, bounds, program, guard.identity()?.pid);
    let Pipes {
        input: writer,
        output,
        error,
    } = guard.start(&order, input.is_some()).await?;
    let feeding = feed(writer, input);
    let reading = futures::future::join3(
        feeding,
        read(output, limits.output_max),
        read(error, limits.output_max),
    );
    let work = async {
        // The report comes when everything is gone, and with it every writer.
        let (report, read) = futures::future::join(guard.report(), reading).await;
        (report, read)
    };
    let ended = match timeout(limits.time, work).await {
        Ok((report, (_, (stdout, cut_out), (stderr, cut_err)))) => {
            let code = code(report)?;
            Ended {
                code,
                stdout,
                stderr,
                is_cut: cut_out || cut_err,
                is_late: false,
            }
        }
        Err(_) => {
            guard.kill();
            let _gone = timeout(Duration::from_secs(10), guard.report()).await;
            Ended {
                is_late: true,
                ..Ended::default()
            }
        }
    };
    let _nothing_is_left = guard.end().await;
    Ok(ended)
}

fn code(report: Option<Report>) -> io::Result<Option<i32>> {
    match report {
        Some(Report::Code(code)) => Ok(Some(code)),
        Some(Report::Signal(_)) => Ok(None),
        Some(Report::Failed(wrong)) => Err(io::Error::other(wrong)),
        None => Err(io::Error::other("the guard is gone")),
    }
}

async fn feed(writer: Option<pipe::Sender>, input: Option<Vec<u8>>) {
    if let (Some(mut writer), Some(input)) = (writer, input) {
        // A program that does not read all of it has its reasons.
        let _unread = writer.write_all(&input).await;
    }
}

async fn read(mut from: pipe::Receiver, most: usize) -> (Vec<u8>, bool) {
    let mut kept = Vec::new();
    let mut is_cut = false;
    let mut part = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut part).await {
        let fits = count.min(most - kept.len());
        kept.extend_from_slice(&part[..fits]);
        is_cut |= fits < count;
    }
    (kept, is_cut)
}
