//! What an agent that asks is answered. One rule for all dialects.

use domain::Access;
use engine::faults::{Control, is_off};

/// What an agent wants to be allowed, as far as its dialect can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Reading and searching.
    Read,
    /// Changing, moving or deleting files.
    Edit,
    /// Running a command.
    Execute,
    /// Fetching from elsewhere.
    Fetch,
    /// Leaving its mode.
    SwitchMode,
    /// Anything else, questions to a person among it.
    Other,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Whether it may.
    pub(super) is_allowed: bool,
    /// The rule that decided, for the transcript and for the agent.
    pub(super) rule: &'static str,
}

/// Decides. Only what a sandbox bounds is ever allowed, and only once.
pub(super) fn judge(access: Access, is_sandboxed: bool, wish: Wish) -> Verdict {
    match (wish, access, is_sandboxed) {
        (Wish::SwitchMode, _, _) => no("the mode is not the agent's to change"),
        (Wish::Other, _, _) => no("nothing is known about this kind of request"),
        (_, _, false) => no("no sandbox bounds what this may touch"),
        (Wish::Read, _, true) => yes("reading is bounded by the sandbox"),
        (Wish::Edit | Wish::Execute | Wish::Fetch, Access::Read, true)
            if !is_off(Control::QuestionsDenied) =>
        {
            no("this task may only read")
        }
        (Wish::Edit | Wish::Execute | Wish::Fetch, Access::Read | Access::Write, true) => {
            yes("bounded by the sandbox, once")
        }
    }
}

const fn yes(rule: &'static str) -> Verdict {
    Verdict {
        is_allowed: true,
        rule,
    }
}

const fn no(rule: &'static str) -> Verdict {
    Verdict {
        is_allowed: false,
        rule,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_may_read_and_nothing_else() {
        for wish in [
            Wish::Edit,
            Wish::Execute,
            Wish::Fetch,
            Wish::SwitchMode,
            Wish::Other,
        ] {
            assert!(!judge(Access::Read, true, wish).is_allowed, "{wish:?}");
        }
        assert!(judge(Access::Read, true, Wish::Read).is_allowed);
    }

    #[test]
    fn a_writer_may_do_what_the_sandbox_bounds_and_never_leaves_its_mode() {
        for wish in [Wish::Edit, Wish::Execute, Wish::Fetch, Wish::Read] {
            assert!(judge(Access::Write, true, wish).is_allowed, "{wish:?}");
            assert!(!judge(Access::Write, false, wish).is_allowed, "{wish:?}");
        }
        assert!(!judge(Access::Write, true, Wish::SwitchMode).is_allowed);
        assert!(!judge(Access::Write, true, Wish::Other).is_allowed);
    }
}
