//! Owns: the guard of one task. It starts what it is told, one after another, and ends all of it.

use super::wire::{KILL, Order, Report, TERMINATE, receive};
use crate::process::table::{signal, wait_for_any};
use crate::process::{Table, children_of};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, Signal, WaitOptions, WaitStatus, getpid, getrlimit, pidfd_open,
    set_child_subreaper, setrlimit, setsid, wait,
};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// How long the agent may take to end once the daemon is gone.
const ORPHAN_GRACE: Duration = Duration::from_millis(500);

/// Runs until the control socket, its standard input, is let go of.
///
/// The guard sets no death signal for itself: it must outlive the daemon by the moment it takes to end the others.
pub(super) fn guard() -> ExitCode {
    match hold() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => {
            end_all();
            ExitCode::FAILURE
        }
    }
}

fn hold() -> io::Result<()> {
    // Refused only for one that leads a session already.
    let _leads = setsid();
    set_child_subreaper(Some(getpid()))?;
    let mut control = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    while let Some((order, fds)) = receive(&control)? {
        let report = serve(&order, fds, &mut control);
        let mut line = serde_json::to_vec(&report)?;
        line.push(b'\n');
        control.write_all(&line)?;
    }
    Ok(())
}

fn serve(order: &Order, fds: [OwnedFd; 3], control: &mut UnixStream) -> Report {
    limit(Resource::Core, 0);
    limit(Resource::Nofile, order.files_max);
    if let Some(processes_max) = order.processes_max {
        limit(Resource::Nproc, processes_max);
    }
    let started = start(order, fds).and_then(|child| watch(&child, order, control));
    end_all();
    match started {
        Ok(WaitEnd::Status(status)) => report(status, !order.wrapper.is_empty()),
        // The only child that `end_all` could have reaped: killed, then.
        Ok(WaitEnd::Killed) => Report::Signal(Signal::KILL.as_raw()),
        Err(error) => Report::Failed(error.to_string()),
    }
}

/// Lowers a limit; one that is lower already stays.
fn limit(resource: Resource, most: u64) {
    let now = getrlimit(resource);
    let most = now.maximum.map_or(most, |maximum| maximum.min(most));
    let _lowered = setrlimit(
        resource,
        Rlimit {
            current: Some(most),
            maximum: Some(most),
        },
    );
}

fn start(order: &Order, [input, output, error]: [OwnedFd; 3]) -> io::Result<Child> {
    let mut line = order.wrapper.clone();
    line.extend(order.entry.iter().cloned());
    if let Some(launch) = &order.launch {
        let ours = std::env::current_exe()?.to_string_lossy().into_owned();
        line.extend([
            ours,
            super::SHIM_ARGUMENT.to_owned(),
            "launch".to_owned(),
            serde_json::to_string(launch)?,
        ]);
    }
    line.extend(order.program.iter().cloned());
    let (program, arguments) = line
        .split_first()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "nothing to start"))?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(order.environment.iter().map(|(name, value)| (name, value)));
    command
        .current_dir(&order.folder)
        .stdin(Stdio::from(input))
        .stdout(Stdio::from(output))
        .stderr(Stdio::from(error));
    if !order.wrapper.is_empty() {
        // The launch stage makes its own session, which a group leader could not.
        command.process_group(0);
    }
    command
        .spawn()
        .map_err(|wrong| io::Error::new(wrong.kind(), format!("{program}: {wrong}")))
}

enum WaitEnd {
    Status(WaitStatus),
    Killed,
}

/// Waits for the child's end, doing what the control socket says meanwhile. The tick reaps what was adopted.
fn watch(child: &Child, order: &Order, control: &mut UnixStream) -> io::Result<WaitEnd> {
    let is_wrapped = !order.wrapper.is_empty();
    let held = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    let mut orphaned: Option<Instant> = None;
    loop {
        if let Some(status) = reap(Some(child.id())) {
            return Ok(WaitEnd::Status(status));
        }
        if orphaned.is_some_and(|since| since.elapsed() >= ORPHAN_GRACE) {
            return Ok(WaitEnd::Killed);
        }
        let tick = if orphaned.is_some() {
            ORPHAN_GRACE
        } else {
            Duration::from_secs(1)
        };
        let tick = Timespec {
            tv_sec: tick.as_secs().cast_signed(),
            tv_nsec: i64::from(tick.subsec_nanos()),
        };
        let mut polled = [
            PollFd::new(&held, PollFlags::IN),
            PollFd::new(control, PollFlags::IN),
        ];
        // Once orphaned, the socket is ready for ever.
        let watched = if orphaned.is_some() {
            &mut polled[..1]
        } else {
            &mut polled[..]
        };
        match poll(watched, Some(&tick)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        if orphaned.is_some() || polled[1].revents().is_empty() {
            continue;
        }
        let mut word = [0_u8];
        match control.read(&mut word) {
            Ok(1) if word[0] == TERMINATE => terminate(child.id(), is_wrapped),
            Ok(1) if word[0] == KILL => return Ok(WaitEnd::Killed),
            Ok(1) => {}
            Ok(_) | Err(_) if order.is_left_alone => return reap_at_last(child.id()),
            Ok(_) | Err(_) => {
                orphaned = Some(Instant::now());
                terminate(child.id(), is_wrapped);
            }
        }
    }
}

/// Waits for the child, whoever else is there.
fn reap_at_last(child: u32) -> io::Result<WaitEnd> {
    loop {
        match wait(WaitOptions::empty())? {
            Some((pid, status)) if pid.as_raw_nonzero().get().unsigned_abs() == child => {
                return Ok(WaitEnd::Status(status));
            }
            Some(_) | None => {}
        }
    }
}

/// Asks the agent to end: itself, not the sandbox around it, which would end at once and take the agent with it.
fn terminate(child: u32, is_wrapped: bool) {
    let table = Table::look();
    let inner: Vec<u32> = if is_wrapped {
        children_of(&table, child)
            .into_iter()
            .flat_map(|first| children_of(&table, first))
            .collect()
    } else {
        Vec::new()
    };
    let asked = if inner.is_empty() { vec![child] } else { inner };
    for pid in asked {
        if let Some(seen) = table.0.get(&pid) {
            signal(pid, seen.start_ticks, Signal::TERM);
        }
    }
}

/// Kills everything below us until nothing is.
fn end_all() {
    let root = [std::process::id()].into();
    loop {
        let _reaped = reap(None);
        // Whatever lost its parent is our child: without children there is nobody, and all processes need not be looked at.
        if matches!(wait(WaitOptions::NOHANG), Err(rustix::io::Errno::CHILD)) {
            return;
        }
        let table = Table::look();
        let left = table.below(&root);
        if left.is_empty() {
            return;
        }
        // Stopped first: what does not run cannot start another while the list is worked off.
        for wanted in [Signal::STOP, Signal::KILL] {
            for pid in &left {
                signal(*pid, table.0[pid].start_ticks, wanted);
            }
        }
        wait_for_any(&left, 50);
    }
}

/// Takes note of every child that ended; gives back the status of the one asked for.
fn reap(wanted: Option<u32>) -> Option<WaitStatus> {
    let mut found = None;
    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
        if Some(pid.as_raw_nonzero().get().unsigned_abs()) == wanted {
            found = Some(status);
        }
    }
    found
}

/// A sandbox program passes a death by signal on as a code above 128. Codes that agents use themselves stay codes.
fn report(status: WaitStatus, is_wrapped: bool) -> Report {
    const SIGNALS: [i32; 11] = [1, 2, 3, 4, 6, 7, 8, 9, 11, 13, 15];
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) if is_wrapped && SIGNALS.contains(&(code - 128)) => Report::Signal(code - 128),
        (Some(code), _) => Report::Code(code),
        (None, Some(number)) => Report::Signal(number),
        (None, None) => Report::Failed("it ended in no way we know".to_owned()),
    }
}
