//! The part of us that runs beside an agent: our own binary, executed again.
//!
//! A *guard* holds one task. It waits on its control socket until it is told what to start, so the daemon knows who
//! it is before anything runs; it adopts whatever the agent leaves behind; and when the daemon lets go of the socket,
//! on purpose or by dying, everything below it dies. A *launch* stage becomes the agent: it takes on what only a
//! process can do to itself (session, death signal, Landlock), then executes the program.
//!
//! Owns: the hidden first argument, both stages, and the words on the control socket.
//! Leaves out: what to start, with which limits (`harness`, `sandbox`).

#[cfg(target_os = "linux")]
mod guard;
#[cfg(target_os = "linux")]
mod landlock;
#[cfg(target_os = "linux")]
mod launch;
pub(crate) mod wire;

use std::ffi::OsString;
use std::process::ExitCode;

/// The first argument that makes our binary a shim.
pub const SHIM_ARGUMENT: &str = "__shim";

/// Runs the shim. `arguments` are those behind [`SHIM_ARGUMENT`]. The program calls this before anything else: before
/// threads, logs and argument parsing.
#[cfg(target_os = "linux")]
#[must_use]
pub fn shim_main(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    match arguments.next().as_deref().and_then(std::ffi::OsStr::to_str) {
        Some("guard") => guard::guard(),
        Some("launch") => launch::launch(arguments),
        Some(_) | None => ExitCode::from(64),
    }
}

/// There is no shim for this system yet: no task starts.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn shim_main(_arguments: impl Iterator<Item = OsString>) -> ExitCode {
    ExitCode::from(64)
}
