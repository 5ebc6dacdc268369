//! The words that stored forms and rows use for the small enums of the rules. A word that was written stays.

use domain::{
    Access, AttentionKind, Choice, FailureClass, Network, Role, Size, StepKind, Trigger, UnitPhase,
    UnitStatus,
};
use serde::{Deserialize, Serialize};

/// What rows call it.
pub(crate) trait Word {
    /// The word in the rows: the same as in the stored forms.
    fn word(self) -> &'static str;
}

macro_rules! words {
    ($($name:ident of $domain:ident { $($variant:ident = $word:literal,)* })*) => {$(
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub(crate) enum $name {
            $(#[serde(rename = $word)] $variant,)*
        }

        impl From<$domain> for $name {
            fn from(known: $domain) -> Self {
                match known { $($domain::$variant => Self::$variant,)* }
            }
        }

        impl From<$name> for $domain {
            fn from(word: $name) -> Self {
                match word { $($name::$variant => Self::$variant,)* }
            }
        }

        impl Word for $name {
            fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
    )*};
}

words! {
    AccessWord of Access { Read = "read", Write = "write", }
    AttentionWord of AttentionKind {
        Question = "question", Approval = "approval", Review = "review", Conflict = "conflict", Stuck = "stuck",
        Failure = "failure", Limit = "limit",
    }
    ChoiceWord of Choice {
        Retry = "retry", Skip = "skip", Cancel = "cancel", Approve = "approve", Reject = "reject",
        Dismiss = "dismiss",
    }
    FailureWord of FailureClass {
        Transient = "transient", Permanent = "permanent", Authentication = "authentication", Missing = "missing",
        Output = "output", Gate = "gate", Timeout = "timeout", Silence = "silence", NoSpace = "no_space",
        AccessViolated = "access_violated",
    }
    NetworkWord of Network { None = "none", Open = "open", }
    PhaseWord of UnitPhase { Goal = "GOAL", Plan = "PLAN", Implement = "IMPLEMENT", Complete = "COMPLETE", }
    RoleWord of Role { Work = "work", Gate = "gate", }
    SizeWord of Size { Small = "small", Medium = "medium", Large = "large", }
    StatusWord of UnitStatus {
        Ready = "READY", Running = "RUNNING", Blocked = "BLOCKED", NeedsAttention = "NEEDS_ATTENTION", Done = "DONE",
    }
    StepKindWord of StepKind {
        Agent = "agent", Command = "command", Fold = "fold", Merge = "merge", Approval = "approval",
    }
    TriggerWord of Trigger { AllSuccess = "all_success", AllDone = "all_done", OneSuccess = "one_success", }
}
