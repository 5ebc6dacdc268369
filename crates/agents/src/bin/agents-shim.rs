//! The shim and the rehearsal agent alone, for this crate's tests. The program `partita` carries the same inside.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    match arguments.next() {
        Some(first) if first == agents::SHIM_ARGUMENT => agents::shim_main(arguments),
        Some(first) if first == agents::rehearsal::REHEARSAL_ARGUMENT => {
            agents::rehearsal::rehearsal_main(arguments)
        }
        Some(_) | None => ExitCode::from(64),
    }
}
