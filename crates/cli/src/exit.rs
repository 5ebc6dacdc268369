//! Exit codes, as documented in `docs/exit-codes.md`. Scripts depend on them: a number never changes its meaning.

use std::process::ExitCode;

/// What a command's exit code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Success,
    /// What was asked for ended badly: a run that failed, a check that found something.
    Failed,
    /// The command line is wrong, or leaves open what must be said.
    Usage,
    /// There is no daemon, or there is one already.
    Daemon,
    /// There is nothing of that name.
    NotFound,
    /// The rules say no.
    Refused,
    /// A definition or a file of input is wrong.
    Invalid,
    /// The machine lacks something: an agent, a login, a sandbox, room on the disk.
    Machine,
}

impl Exit {
    /// The number.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Daemon => 3,
            Self::NotFound => 4,
            Self::Refused => 5,
            Self::Invalid => 6,
            Self::Machine => 7,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
