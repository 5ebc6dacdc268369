//! What waits for a person.

use crate::{AttentionId, StepKey};

/// Why a person is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttentionKind {
    /// Something needs an answer.
    Question,
    /// Something needs a yes.
    Approval,
    /// Something needs a look.
    Review,
    /// Two changes do not fit together.
    Conflict,
    /// Nothing moves.
    Stuck,
    /// Something broke that a person can mend.
    Failure,
    /// A limit that nobody lifts.
    Limit,
}

/// An open item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attention {
    /// Its id.
    pub id: AttentionId,
    /// Why a person is asked.
    pub kind: AttentionKind,
    /// The step instance it is about; none when it is about the whole run.
    pub key: Option<StepKey>,
    /// One line.
    pub title: String,
    /// What a person needs to know to answer.
    pub body: String,
    /// What can be answered, the usual answer first.
    pub choices: Vec<Choice>,
    /// Hash of the commands that approving this trusts: for this run by the answer, for all later ones by the board.
    pub trusts: Option<String>,
}

/// An answer that an item accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Choice {
    /// Do it again.
    Retry,
    /// Go on without it.
    Skip,
    /// Stop the run.
    Cancel,
    /// Yes.
    Approve,
    /// No.
    Reject,
    /// Seen.
    Dismiss,
}

impl Choice {
    /// The word for it, on the wire and in the store.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Skip => "skip",
            Self::Cancel => "cancel",
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Dismiss => "dismiss",
        }
    }

    /// The choice of that word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        [
            Self::Retry,
            Self::Skip,
            Self::Cancel,
            Self::Approve,
            Self::Reject,
            Self::Dismiss,
        ]
        .into_iter()
        .find(|choice| choice.word() == word)
    }
}
