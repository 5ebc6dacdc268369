//! How a run begins.

use super::super::{RunEvent, RunStarted};
use crate::{Attention, AttentionId, AttentionKind, Choice, RunId};

/// Commands that a run brought along and that nobody trusts yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untrusted {
    /// Hash over their canonical bytes.
    pub hash: String,
    /// As a person must see them.
    pub shown: String,
}

/// What happens when a run comes to be: it starts, and asks first when it brought commands that nobody trusts yet.
#[must_use]
pub fn begin(id: RunId, started: RunStarted, untrusted: Option<Untrusted>) -> Vec<RunEvent> {
    let approval = untrusted.map(|Untrusted { hash, shown }| {
        RunEvent::AttentionRaised(Box::new(Attention {
            id: AttentionId::of(id, 1),
            kind: AttentionKind::Approval,
            key: None,
            title: format!(
                "flow `{}` brings commands along that run in the sandbox",
                started.flow.name
            ),
            body: shown,
            choices: vec![Choice::Approve, Choice::Cancel],
            trusts: Some(hash),
        }))
    });
    [Some(RunEvent::Started(Box::new(started))), approval]
        .into_iter()
        .flatten()
        .collect()
}
