//! Words of the rules and of the wire, one for one.

macro_rules! words {
    ($($to:ident / $of:ident: $domain:path = $api:path { $($variant:ident,)* })*) => {$(
        pub(crate) const fn $to(known: $domain) -> $api {
            use $domain as From;
            use $api as To;
            match known { $(From::$variant => To::$variant,)* }
        }

        pub(crate) const fn $of(word: $api) -> $domain {
            use $domain as To;
            use $api as From;
            match word { $(From::$variant => To::$variant,)* }
        }
    )*};
}

words! {
    phase / phase_of: domain::UnitPhase = api::UnitPhase { Goal, Plan, Implement, Complete, }
    status / status_of: domain::UnitStatus = api::UnitStatus { Ready, Running, Blocked, NeedsAttention, Done, }
    size / size_of: domain::Size = api::Size { Small, Medium, Large, }
    run_status / run_status_of: store::RunStatus = api::RunStatus { Running, Completed, Failed, Cancelled, }
}

/// What a person answered.
pub(crate) const fn choice_of(word: api::Choice) -> domain::Choice {
    match word {
        api::Choice::Retry => domain::Choice::Retry,
        api::Choice::Skip => domain::Choice::Skip,
        api::Choice::Cancel => domain::Choice::Cancel,
        api::Choice::Approve => domain::Choice::Approve,
        api::Choice::Reject => domain::Choice::Reject,
        api::Choice::Dismiss => domain::Choice::Dismiss,
    }
}

/// What doing a step means.
pub(crate) const fn step_kind(kind: domain::StepKind) -> api::StepKind {
    match kind {
        domain::StepKind::Agent => api::StepKind::Agent,
        domain::StepKind::Command => api::StepKind::Command,
        domain::StepKind::Fold => api::StepKind::Fold,
        domain::StepKind::Merge => api::StepKind::Merge,
        domain::StepKind::Approval => api::StepKind::Approval,
    }
}
