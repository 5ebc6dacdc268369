//! Flows: which there are, what each is, and whether a file is one.

use crate::context::Context;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::output::{self, Table, Tone, safe_line};
use api::{Flow, FlowCard};

pub(crate) async fn carry_out(context: &Context, name: Option<String>) -> Result {
    match name {
        Some(name) => show(context, &name).await,
        None => list(context).await,
    }
}

async fn list(context: &Context) -> Result {
    let flows = context
        .daemon()?
        .flows_in(&context.project.display().to_string())
        .await?;
    if context.is_json {
        output::json(&flows);
        return Ok(Exit::Success);
    }
    let mut table = Table::of(&["FLOW", "CATEGORY", "FROM", "SUMMARY"]);
    for flow in &flows.items {
        let (category, summary) = match &flow.card {
            Some(card) => (card.category.clone(), card.summary.clone()),
            None => (
                "-".to_owned(),
                "cannot be used; see `partita flows NAME`".to_owned(),
            ),
        };
        let tone = if flow.error.is_some() {
            Tone::Bad
        } else {
            Tone::Strong
        };
        table.row([
            (flow.name.clone(), tone),
            (category, Tone::Plain),
            (flow.origin.word().to_owned(), Tone::Faint),
            (summary, Tone::Plain),
        ]);
    }
    table.print();
    Ok(Exit::Success)
}

async fn show(context: &Context, name: &str) -> Result {
    let flow = context
        .daemon()?
        .flow_in(name, &context.project.display().to_string())
        .await?;
    if context.is_json {
        output::json(&flow);
    } else if let Some(card) = &flow.card {
        print(&flow, card);
    }
    match &flow.error {
        None => Ok(Exit::Success),
        Some(shown) => Err(wrong(&flow.file, shown)),
    }
}

fn wrong(file: &str, shown: &str) -> CliError {
    CliError::new(Exit::Invalid, "invalid_flow", format!("{file} is no usable flow"))
        .because(output::safe(shown))
        .hint("`docs/flows.md` describes the format")
}

fn print(flow: &Flow, card: &FlowCard) {
    output::line(format!(
        "{}  version {}  {}",
        Tone::Strong.paint(&flow.name),
        card.version,
        card.category
    ));
    output::line(safe_line(&card.summary));
    if !card.inputs.is_empty() {
        output::line("inputs");
    }
    for input in &card.inputs {
        let default = input
            .default
            .as_ref()
            .map(|value| format!(", default {value}"))
            .unwrap_or_default();
        let required = if input.is_required { ", required" } else { "" };
        output::line(format!(
            "  {} ({}{required}{default})  {}",
            input.name,
            input.kind,
            safe_line(&input.summary)
        ));
    }
    output::line("steps");
    for step in &card.steps {
        let mut notes = vec![step.kind.word().to_owned()];
        notes.push(if step.is_writing {
            "writes".to_owned()
        } else {
            "reads".to_owned()
        });
        notes.extend(step.each.as_ref().map(|each| format!("for each of {each}")));
        notes.extend(step.when.as_ref().map(|when| format!("when {when}")));
        if !step.needs.is_empty() {
            notes.push(format!("after {}", step.needs.join(", ")));
        }
        output::line(format!(
            "  {}  {}  ({})",
            step.id,
            safe_line(&step.title),
            notes.join("; ")
        ));
    }
}
