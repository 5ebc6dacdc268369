//! Owns: what the end of a process means for its task.

use super::clocks::Why;
use crate::dialect::{DialectKind, Exit, Outcome};
use crate::shim::wire::Report;
use domain::{Ending, FailureClass, Name, Value};

/// How the process ended, for its dialect.
pub(super) fn exit(report: Option<&Report>, was_stopped: bool) -> Exit {
    match report {
        _ if was_stopped => Exit::Stopped,
        Some(Report::Code(code)) => Exit::Code(*code),
        Some(Report::Signal(signal)) => Exit::Signal(*signal),
        Some(Report::Failed(_)) | None => Exit::Unknown,
    }
}

/// The ending of a task that was stopped.
pub(super) fn stopped(why: &Why, limits_ms: (u64, u64)) -> Ending {
    let (timeout_ms, idle_ms) = limits_ms;
    match why {
        Why::Asked => Ending::Cancelled,
        Why::Late => failed(
            FailureClass::Timeout,
            format!("not done after {} s", timeout_ms / 1000),
        ),
        Why::Silent => failed(
            FailureClass::Silence,
            format!("nothing was heard for {} s", idle_ms / 1000),
        ),
    }
}

/// The ending of a task whose process ended; `output` is its checked output, or why it does not do.
pub(super) fn ended(
    outcome: Outcome,
    output: Option<Result<Value, String>>,
    account: &Name,
    kind: DialectKind,
) -> Ending {
    match outcome {
        Outcome::Done => match output {
            Some(Ok(output)) => Ending::Completed { output, change: None },
            Some(Err(wrong)) => failed(FailureClass::Output, wrong),
            None => failed(FailureClass::Output, "it ended without a result".to_owned()),
        },
        Outcome::Limited { until, reason } => Ending::Parked {
            account: account.clone(),
            until,
            reason,
        },
        Outcome::Transient(reason) => failed(FailureClass::Transient, reason),
        Outcome::Authentication(reason) => failed(FailureClass::Authentication, reason),
        Outcome::Permanent(reason) | Outcome::ModeNotSet(reason) => failed(FailureClass::Permanent, reason),
        Outcome::NoResult(reason) => failed(FailureClass::Output, reason),
        // A command that ran and said no has said it.
        Outcome::Exited { code: _, reason } if kind == DialectKind::Command => {
            failed(FailureClass::Permanent, reason)
        }
        // Another try may go better: most agents say nothing more when their provider fails them.
        Outcome::Exited { code: _, reason } => failed(FailureClass::Transient, reason),
        // Only a repair resumes here, and what it was to mend is lost with its session.
        Outcome::SessionLost(reason) => failed(FailureClass::Output, reason),
        Outcome::Killed(reason) => Ending::Interrupted { reason },
        Outcome::Cancelled => Ending::Interrupted {
            reason: "it stopped by itself".to_owned(),
        },
    }
}

pub(super) fn failed(class: FailureClass, reason: String) -> Ending {
    Ending::Failed { class, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f_37_three_ends_are_three_outcomes() {
        let name = Name::from("a/b");
        let done = || Some(Ok(Value::Text("x".to_owned())));
        assert!(matches!(
            ended(Outcome::Done, done(), &name, DialectKind::Acp),
            Ending::Completed { .. }
        ));
        assert!(matches!(
            ended(
                Outcome::NoResult("nothing".to_owned()),
                None,
                &name,
                DialectKind::Acp
            ),
            Ending::Failed {
                class: FailureClass::Output,
                ..
            }
        ));
        assert!(matches!(
            ended(Outcome::Killed("9".to_owned()), done(), &name, DialectKind::Acp),
            Ending::Interrupted { .. }
        ));
        assert!(matches!(
            ended(Outcome::Done, None, &name, DialectKind::Acp),
            Ending::Failed { .. }
        ));
    }
}
