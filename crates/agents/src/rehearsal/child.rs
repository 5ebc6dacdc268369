//! A child that the agent leaves behind: in a session of its own, through a middle process, deaf to SIGTERM, as told.

use super::detail::Fork;
use super::memory::append;
use super::misbehave::ignore_term;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

/// The argument behind which the agent is such a child.
pub(super) const CHILD_ARGUMENT: &str = "--child";

/// What a child is told. It is this same program, reached the way this process was.
pub(super) fn arguments(fork: &Fork, pids: Option<&Path>) -> Vec<OsString> {
    let mut arguments = way_here();
    arguments.push(CHILD_ARGUMENT.into());
    arguments.push(fork.seconds.to_string().into());
    for (is_so, word) in [
        (fork.double, "double"),
        (fork.setsid, "setsid"),
        (fork.ignore_term, "ignore-term"),
    ] {
        if is_so {
            arguments.push(word.into());
        }
    }
    if let Some(pids) = pids {
        let mut word = OsString::from("pids=");
        word.push(pids);
        arguments.push(word);
    }
    arguments
}

/// The arguments up to the one behind which a program is the agent; none where the program is nothing else.
fn way_here() -> Vec<OsString> {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match arguments
        .iter()
        .position(|argument| argument == super::REHEARSAL_ARGUMENT)
    {
        Some(position) => arguments[..=position].to_vec(),
        None => Vec::new(),
    }
}

/// Is the child: writes its number down, then lives for its time.
pub(super) fn child_main(args: &[OsString]) -> ExitCode {
    let has = |word: &str| args.iter().any(|argument| argument == word);
    // A leader of a group cannot begin a session, and says so by its exit code.
    if has("setsid") && rustix::process::setsid().is_err() {
        return ExitCode::FAILURE;
    }
    if has("double") {
        let mut rest = way_here();
        rest.push(CHILD_ARGUMENT.into());
        rest.extend(args.iter().filter(|argument| *argument != "double").cloned());
        let grandchild = std::env::current_exe().and_then(|program| Command::new(program).args(rest).spawn());
        return if grandchild.is_ok() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        };
    }
    if has("ignore-term") && ignore_term().is_err() {
        return ExitCode::FAILURE;
    }
    let pids = args.iter().find_map(|argument| {
        let bytes = std::os::unix::ffi::OsStrExt::as_bytes(argument.as_os_str()).strip_prefix(b"pids=")?;
        Some(PathBuf::from(
            <OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes),
        ))
    });
    if let Some(pids) = pids
        && append(&pids, &std::process::id().to_string()).is_err()
    {
        return ExitCode::FAILURE;
    }
    let seconds = args
        .first()
        .and_then(|seconds| seconds.to_str()?.parse().ok())
        .unwrap_or(60);
    let (_sender, silence) = sync_channel::<()>(0);
    match silence.recv_timeout(Duration::from_secs(seconds)) {
        Ok(()) | Err(_) => ExitCode::SUCCESS,
    }
}
