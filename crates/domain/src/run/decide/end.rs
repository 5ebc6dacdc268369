//! How a run ends, and what it learns of its definition on the way.

use super::super::duties::is_ready_to_end;
use super::super::standing::Standings;
use super::super::{Run, RunEvent, StepState};
use super::active;
use crate::{Attention, AttentionId, AttentionKind, Choice, Refusal};

pub(super) fn on_reported(run: &Run, report: String) -> Result<Vec<RunEvent>, Refusal> {
    active(run)?;
    if !is_ready_to_end(run) {
        return Err(Refusal::NothingToDo);
    }
    let standings = Standings::of(run);
    let mut events: Vec<RunEvent> = run
        .steps
        .iter()
        .filter(|(_, step)| !step.state.is_final())
        .map(|(key, _)| RunEvent::StepCancelled { key: key.clone() })
        .collect();
    events.extend(
        run.attention
            .keys()
            .map(|id| RunEvent::AttentionWithdrawn { attention: *id }),
    );
    events.push(match standings.fatal() {
        None => RunEvent::Completed { report },
        Some(step) => {
            let why = run.instances(step).find_map(|(key, step)| match &step.state {
                StepState::Failed { reason } => Some(format!("step `{key}` failed: {reason}")),
                _ => None,
            });
            RunEvent::Failed {
                reason: why.unwrap_or_else(|| format!("step `{step}` failed")),
                report,
            }
        }
    });
    Ok(events)
}

pub(super) fn on_definition_found(run: &Run, hash: String) -> Result<Vec<RunEvent>, Refusal> {
    active(run)?;
    let flow = &run.start().flow;
    if hash == flow.hash {
        return Err(Refusal::NothingToDo);
    }
    let found = if hash.is_empty() {
        "is gone".to_owned()
    } else {
        "was changed".to_owned()
    };
    let item = Attention {
        id: AttentionId::of(run.id, run.attention_serial + 1),
        kind: AttentionKind::Review,
        key: None,
        title: format!(
            "flow `{}` {found} since run `{}` began",
            flow.name,
            run.start().slug
        ),
        body: "The run keeps to the definition that it began with.".to_owned(),
        choices: vec![Choice::Dismiss],
        trusts: None,
    };
    Ok(vec![
        RunEvent::DefinitionDrifted { found: hash },
        RunEvent::AttentionRaised(Box::new(item)),
    ])
}
