//! Completions for a shell, from the same words as the command line.

use crate::args::Cli;
use crate::error::Result;
use crate::exit::Exit;
use crate::output;
use clap::CommandFactory;

pub(crate) fn carry_out(shell: clap_complete::Shell) -> Result {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "partita", &mut text);
    output::raw(&String::from_utf8_lossy(&text));
    Ok(Exit::Success)
}
