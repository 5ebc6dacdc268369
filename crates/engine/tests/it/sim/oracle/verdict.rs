//! What the end of a task says, and what it does not.

use domain::{Ending, FailureClass, Role, StepKey};

/// Whether a gate that ended like this has said something about the work.
pub(super) fn is_verdict(ending: &Ending) -> bool {
    use FailureClass::{AccessViolated, Gate, Output, Permanent};
    match ending {
        Ending::Completed { .. } => true,
        Ending::Failed { class, .. } => matches!(class, AccessViolated | Gate | Output | Permanent),
        Ending::Interrupted { .. } | Ending::Parked { .. } | Ending::Cancelled => false,
    }
}

/// How many failures count once a person is asked: about a full disk they are asked when the tries are used up, and the
/// one that led to the question is none of them.
pub(super) fn counted(
    key: &StepKey,
    last: Option<&(Role, Ending)>,
    failures: u32,
    max: u32,
) -> Result<u32, String> {
    match last.map(|(_, ending)| ending) {
        Some(Ending::Failed {
            class: FailureClass::NoSpace,
            ..
        }) if failures == max + 1 => Ok(max),
        Some(Ending::Failed {
            class: FailureClass::NoSpace,
            ..
        }) => Err(format!(
            "retries: a person is asked about {key} after {failures} tries of {}",
            max + 1
        )),
        _ => Ok(failures),
    }
}
