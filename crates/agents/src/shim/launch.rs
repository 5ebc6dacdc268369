//! Owns: the last stage before the agent, which becomes it.

use super::wire::Launch;
use rustix::process::{Signal, getppid, set_parent_process_death_signal, setsid};
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

/// What nothing else exits with: the stage failed and nothing was started.
const FAILED: u8 = 125;

/// Takes its rules, then the program and its arguments; does not come back unless something is wrong.
pub(super) fn launch(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let wrong = become_it(&mut arguments);
    #[expect(
        clippy::print_stderr,
        reason = "standard error is the agent's, and this is why there is none"
    )]
    {
        eprintln!("partita: cannot start the program: {wrong}");
    }
    ExitCode::from(FAILED)
}

fn become_it(arguments: &mut impl Iterator<Item = OsString>) -> String {
    let launch = arguments
        .next()
        .and_then(|text| serde_json::from_str::<Launch>(text.to_str()?).ok());
    let (Some(launch), Some(program)) = (launch, arguments.next()) else {
        return "no order".to_owned();
    };
    // Refused only for one that leads a session already, as inside bubblewrap.
    let _leads = setsid();
    if let Some(guard) = launch.guard {
        if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
            return format!("no death signal: {error}");
        }
        // A guard that died before the line above sends no signal.
        if getppid().map(|pid| pid.as_raw_nonzero().get().unsigned_abs()) != Some(guard) {
            return "the guard is gone".to_owned();
        }
    }
    if let Some(rules) = &launch.rules
        && let Err(wrong) = super::landlock::restrict(rules)
    {
        return wrong;
    }
    if launch.is_scoped
        && let Err(wrong) = super::landlock::scope()
    {
        return wrong;
    }
    if launch.rules.is_some()
        && let Err(wrong) = drop_privileges()
    {
        return wrong;
    }
    Command::new(program).args(arguments).exec().to_string()
}

/// The superuser's privileges open what Landlock closes: the memory and environment of any process, for one. Given up
/// after the rules are in force, which also keeps the next program from getting them back.
fn drop_privileges() -> Result<(), String> {
    use rustix::thread::{
        CapabilitySet, CapabilitySets, remove_capability_from_bounding_set, set_capabilities,
    };
    for one in CapabilitySet::all().iter() {
        // Refused to ordinary users, who have nothing to give up, and for what this kernel does not know.
        let _refused = remove_capability_from_bounding_set(one);
    }
    let nothing = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, nothing).map_err(|error| format!("privileges cannot be given up: {error}"))
}
