//! The program `partita`: commands, output, exit codes, and the only wiring of all rooms.
//!
//! Start reading at `commands/mod.rs` for what a person can ask, and at `wiring/mod.rs` for how the daemon is joined.

mod args;
mod client;
mod clock;
mod commands;
mod config;
mod context;
mod daemon;
mod error;
mod exit;
mod home;
mod lock;
mod output;
mod serve;
mod usage;
mod watch;
mod wiring;

use args::{Cli, Command};
use context::Context;
use error::{CliError, Explain, Result};
use exit::Exit;
use std::process::ExitCode;
use usage::Usage;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    // This program is also the guard of a task's processes and the scripted agent; both come before everything else.
    match arguments.next() {
        Some(first) if first == agents::SHIM_ARGUMENT => return agents::shim_main(arguments),
        Some(first) if first == agents::rehearsal::REHEARSAL_ARGUMENT => {
            return agents::rehearsal::rehearsal_main(arguments);
        }
        Some(_) | None => {}
    }
    let ended = match usage::read() {
        Usage::Asked(cli) => run(*cli),
        Usage::Words(text) => {
            output::raw(&text);
            Ok(Exit::Success)
        }
        Usage::Nothing(help) => {
            output::note(help);
            Ok(Exit::Usage)
        }
        Usage::Wrong(error) => Err(error),
    };
    match ended {
        Ok(exit) => exit.into(),
        Err(error) => {
            tell(&error, usage::wants_json());
            error.exit.into()
        }
    }
}

fn run(cli: Cli) -> Result {
    let is_daemon = matches!(cli.command, Command::Daemon { .. });
    let context = Context::new(&cli.global)?;
    let runtime = if is_daemon {
        tokio::runtime::Builder::new_multi_thread().enable_all().build()
    } else {
        tokio::runtime::Builder::new_current_thread().enable_all().build()
    };
    runtime
        .explain("cannot start the runtime")?
        .block_on(commands::carry_out(cli, context))
}

fn tell(error: &CliError, is_json: bool) {
    if is_json {
        output::json(&error.json());
    } else {
        let shown = output::safe(&error.shown());
        output::note(shown.replacen("error:", &output::Tone::Bad.paint("error:"), 1));
    }
}
