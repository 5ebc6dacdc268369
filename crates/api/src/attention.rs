//! What waits for a person.

use crate::words::words;
use crate::{AttentionId, RunId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An item that waits, or waited, for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Attention {
    /// The item.
    pub id: AttentionId,
    /// The run that asks; null when no run does, but the daemon itself: then nothing can be answered.
    pub run_id: Option<RunId>,
    /// The step instance it is about, as `angles[2]`; null when it is about the whole run.
    pub step_key: Option<String>,
    /// Why a person is asked.
    pub kind: AttentionKind,
    /// One line.
    pub title: String,
    /// What a person needs to know to answer.
    pub body: String,
    /// What can be answered, the usual answer first; none when it disappears by itself once it is done.
    pub choices: Vec<Choice>,
    /// Hash over the commands that an approval trusts, exactly as `body` shows them.
    pub trusts: Option<String>,
    /// Whether it still waits.
    pub state: AttentionState,
    /// What was answered.
    pub answer: Option<Choice>,
    /// The same in the person's words.
    pub answer_text: Option<String>,
    /// Who answered.
    pub answered_by: Option<String>,
    /// Since when it waits (RFC 3339, UTC).
    pub raised_at: String,
    /// When it was answered or withdrawn.
    pub closed_at: Option<String>,
}

words! {
    /// Why a person is asked.
    AttentionKind {
        /// Something needs an answer.
        Question = "question",
        /// Something needs a yes.
        Approval = "approval",
        /// Something needs a look.
        Review = "review",
        /// Two changes do not fit together.
        Conflict = "conflict",
        /// Nothing moves.
        Stuck = "stuck",
        /// Something broke that a person can mend.
        Failure = "failure",
        /// A limit that nobody lifts.
        Limit = "limit",
    }
}

words! {
    /// Whether an item still waits.
    AttentionState {
        /// It does.
        Open = "open",
        /// Somebody answered.
        Answered = "answered",
        /// It no longer matters.
        Withdrawn = "withdrawn",
    }
}

words! {
    /// What can be answered.
    Choice {
        /// Do it again.
        Retry = "retry",
        /// Go on without it.
        Skip = "skip",
        /// Stop the run.
        Cancel = "cancel",
        /// Yes.
        Approve = "approve",
        /// No.
        Reject = "reject",
        /// Seen.
        Dismiss = "dismiss",
    }
}

/// A person's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// One of the item's choices.
    pub choice: Choice,
    /// The same in the person's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The `trusts` that the person was shown: an approval of commands is refused when it is another or left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusts: Option<String>,
}
