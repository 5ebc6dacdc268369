//! Flows as a list or a launcher shows them.

use super::run::read;
use flows::{Card, Listed, ListedInput, ListedStep, Origin};

pub(crate) fn flow(flow: Listed) -> Result<api::Flow, String> {
    let (card, error) = match flow.card {
        Ok(shown) => (Some(card(shown)?), None),
        Err(error) => (None, Some(error)),
    };
    Ok(api::Flow {
        name: flow.name,
        origin: match flow.origin {
            Origin::BuiltIn => api::FlowOrigin::BuiltIn,
            Origin::Project => api::FlowOrigin::Project,
        },
        file: flow.file,
        error,
        card,
    })
}

fn card(card: Card) -> Result<api::FlowCard, String> {
    Ok(api::FlowCard {
        category: card.category,
        summary: card.summary,
        version: card.version,
        sizes: card.sizes,
        inputs: card.inputs.into_iter().map(input).collect(),
        steps: card.steps.into_iter().map(step).collect::<Result<_, _>>()?,
    })
}

fn input(input: ListedInput) -> api::FlowInput {
    api::FlowInput {
        name: input.name,
        kind: input.kind,
        default: input.default,
        is_required: input.is_required,
        summary: input.summary,
    }
}

fn step(step: ListedStep) -> Result<api::FlowStep, String> {
    Ok(api::FlowStep {
        id: step.id,
        title: step.title,
        kind: read(&step.kind)?,
        needs: step.needs,
        each: step.each,
        when: step.when,
        is_writing: step.is_writing,
        is_skipped_when_fast: step.is_skipped_when_fast,
    })
}
