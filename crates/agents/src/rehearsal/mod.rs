//! The rehearsal agent: speaks the Agent Client Protocol like a real one, does what a script says, and can misbehave
//! in every way that real ones do. For `demo`, and for tests.
//!
//! Owns: the script language, the agent's side of the protocol, the demo's script and sample project.
//! Leaves out: containing it. It does its own file work and runs its own commands, whatever becomes of it.

mod act;
mod agent;
mod child;
mod detail;
mod evidence;
mod hostile;
mod lines;
mod memory;
mod misbehave;
mod sample;
mod script;
#[cfg(test)]
mod tests;
mod wire;
mod work;

pub use sample::{SampleFile, sample};

use agent::Agent;
use memory::Memory;
use script::Script;
use std::ffi::OsString;
use std::io::{self, BufReader, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use wire::Wire;

/// The argument behind which a program is the rehearsal agent.
pub const REHEARSAL_ARGUMENT: &str = "__rehearsal";
/// Names a file with a script.
pub const SCRIPT_VARIABLE: &str = "PARTITA_REHEARSAL";
/// The script for the demo: reviews, investigates and mends the sample.
const DEMO: &str = include_str!("demo.toml");

/// Is the agent, until its client has no more to say or its script ends it. `args` are those behind
/// [`REHEARSAL_ARGUMENT`]: `--script FILE`, else the file that [`SCRIPT_VARIABLE`] names, else the demo's script. A
/// fenced `rehearsal` block in a prompt goes before all of them.
pub fn rehearsal_main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    if args.first().is_some_and(|first| first == child::CHILD_ARGUMENT) {
        return child::child_main(&args[1..]);
    }
    match script_of(&args) {
        Ok(script) => {
            let input: Option<Box<dyn io::BufRead + Send>> = if script.is_deaf {
                None
            } else {
                Some(Box::new(BufReader::new(io::stdin())))
            };
            let home = std::env::var_os("HOME").map(PathBuf::from);
            let wire = Wire::new(input, Box::new(io::stdout()));
            let code = Agent::new(script, wire, Memory::in_home(home.clone()), home).serve();
            ExitCode::from(code)
        }
        Err(error) => {
            // Nobody is left to tell when even this fails.
            drop(writeln!(io::stderr(), "rehearsal: {error}"));
            ExitCode::from(2)
        }
    }
}

fn script_of(args: &[OsString]) -> Result<Script, String> {
    let named = match args {
        [] => std::env::var_os(SCRIPT_VARIABLE),
        [flag, file] if flag == "--script" => Some(file.clone()),
        _ => return Err("usage: --script FILE".to_owned()),
    };
    let text = match named {
        Some(file) => {
            std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.to_string_lossy()))?
        }
        None => DEMO.to_owned(),
    };
    Script::parse(&text)
}
