//! Who came first: whoever is told that a question or a run is closed is told by what.

use crate::App;
use domain::{AttentionId, Event, RunEvent, RunId, Stream};

/// What closed the question, or what ended the run; none where nothing did, or where the history cannot be read.
pub(super) async fn winner(app: &App, run: RunId, asked: Option<AttentionId>) -> Option<String> {
    let recorded = app.parts.reader.load(Stream::Run(run), 0).await.ok()?;
    let events: Vec<&RunEvent> = recorded
        .iter()
        .filter_map(|recorded| match &recorded.event {
            Event::Run(event) => Some(event),
            Event::Unit(_) | Event::Board(_) => None,
        })
        .collect();
    let answer = |wanted: AttentionId| {
        let said = events.iter().find_map(|event| answered(event, Some(wanted)))?;
        Some(format!("it was {said}"))
    };
    let end = || {
        let how = events.iter().rev().find_map(|event| ended(event))?;
        let said = events.iter().rev().find_map(|event| answered(event, None));
        Some(said.map_or_else(
            || how.clone(),
            |said| format!("{how}; its last question was {said}"),
        ))
    };
    asked.and_then(answer).or_else(end)
}

fn answered(event: &RunEvent, wanted: Option<AttentionId>) -> Option<String> {
    match event {
        RunEvent::AttentionAnswered {
            attention,
            choice,
            by,
            ..
        } if wanted.is_none_or(|wanted| wanted == *attention) => {
            Some(format!("answered `{}` by the {by}", choice.word()))
        }
        _ => None,
    }
}

fn ended(event: &RunEvent) -> Option<String> {
    match event {
        RunEvent::CancelRequested { by } => Some(format!("the run was cancelled by the {by}")),
        RunEvent::Completed { .. } => Some("the run has completed".to_owned()),
        RunEvent::Failed { reason, .. } => Some(format!("the run has failed: {reason}")),
        _ => None,
    }
}
