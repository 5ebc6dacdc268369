//! The shim alone, for this crate's tests. The program `partita` carries the same shim inside.

use std::process::ExitCode;

fn main() -> ExitCode {
    agents::shim_main(std::env::args_os().skip_while(|argument| argument != agents::SHIM_ARGUMENT).skip(1))
}
