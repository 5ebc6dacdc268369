//! Work units: created, listed, shown, moved, deleted, done again.

use crate::args::{UnitCreateArgs, WorkUnitCommand};
use crate::commands::run::{extra_inputs, size_of};
use crate::context::Context;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::output::{self, Table, Tone};
use api::{NewWorkUnit, UnitPhase, UnitStatus, WorkUnit, WorkUnitOrder, WorkUnitPatch};

pub(crate) async fn carry_out(context: &Context, command: WorkUnitCommand) -> Result {
    match command {
        WorkUnitCommand::Create(arguments) => create(context, *arguments).await,
        WorkUnitCommand::Status { chunk, status: None } => show_status(context, &chunk).await,
        WorkUnitCommand::Status {
            chunk,
            status: Some(status),
        } => set_status(context, &chunk, &status).await,
        WorkUnitCommand::List => list(context).await,
        WorkUnitCommand::Show { chunk } => show(context, &chunk).await,
        WorkUnitCommand::Delete { chunk } => delete(context, &chunk).await,
        WorkUnitCommand::Retry { chunk } => retry(context, &chunk).await,
    }
}

async fn create(context: &Context, arguments: UnitCreateArgs) -> Result {
    let phase: UnitPhase = word(&arguments.phase, "phase")?;
    let daemon = context.daemon()?;
    let (project_id, order) = match &arguments.flow {
        None => (None, None),
        Some(flow) => {
            let project = daemon.project(&context.project).await?;
            let ask = &arguments.ask;
            let order = WorkUnitOrder {
                flow: flow.clone(),
                question: ask.focus.clone().unwrap_or_default(),
                size: ask.size.map(size_of),
                fast: Some(ask.fast),
                agent: ask.agent.clone(),
                model: ask.model.clone(),
                extra: extra_inputs(ask)?,
            };
            (Some(project.id), Some(order))
        }
    };
    let unit = NewWorkUnit {
        chunk: arguments.chunk,
        phase: Some(phase),
        blocked_by: arguments.blocked_by,
        priority: Some(arguments.priority),
        project_id,
        order,
    };
    let unit = daemon.create_work_unit(&unit).await?;
    print(context, &unit);
    Ok(Exit::Success)
}

/// A word of a closed list, read as people type it.
fn word<T: std::str::FromStr<Err = api::NotAWord>>(text: &str, what: &str) -> Result<T> {
    text.to_ascii_uppercase()
        .replace('-', "_")
        .parse()
        .map_err(|error: api::NotAWord| {
            CliError::new(Exit::Usage, "bad_word", format!("`{text}` is no {what}"))
                .hint(format!("use one of {}", error.known.join(", ")))
        })
}

async fn show_status(context: &Context, chunk: &str) -> Result {
    let unit = context.daemon()?.work_unit(chunk).await?;
    if context.is_json {
        output::json(&unit);
    } else {
        output::line(format!(
            "{}  {}",
            unit.chunk,
            Tone::of_status(unit.status.word()).paint(unit.status.word())
        ));
    }
    Ok(Exit::Success)
}

async fn set_status(context: &Context, chunk: &str, status: &str) -> Result {
    let status: UnitStatus = word(status, "status")?;
    let patch = WorkUnitPatch {
        status: Some(status),
        ..WorkUnitPatch::default()
    };
    let unit = context.daemon()?.change_work_unit(chunk, &patch).await?;
    print(context, &unit);
    Ok(Exit::Success)
}

pub(crate) async fn list(context: &Context) -> Result {
    let units = context.daemon()?.all_units().await?;
    if context.is_json {
        output::json(&units);
        return Ok(Exit::Success);
    }
    if units.items.is_empty() {
        output::note("no work units; `partita work-unit create NAME` makes one");
        return Ok(Exit::Success);
    }
    let mut table = Table::of(&["CHUNK", "STATUS", "PHASE", "FLOW", "BLOCKED BY"]);
    for unit in &units.items {
        let status = unit.status.word();
        table.row([
            (unit.chunk.clone(), Tone::Strong),
            (status.to_owned(), Tone::of_status(status)),
            (unit.phase.word().to_owned(), Tone::Plain),
            (unit.flow.clone().unwrap_or_else(|| "-".to_owned()), Tone::Plain),
            (unit.blocked_by.join(", "), Tone::Plain),
        ]);
    }
    table.print();
    Ok(Exit::Success)
}

async fn show(context: &Context, chunk: &str) -> Result {
    let daemon = context.daemon()?;
    let unit = daemon.work_unit(chunk).await?;
    let history = daemon.work_unit_history(chunk).await?;
    if context.is_json {
        let mut shown = serde_json::json!(unit);
        shown["history"] = serde_json::json!(history.items);
        output::json(&shown);
        return Ok(Exit::Success);
    }
    print(context, &unit);
    if let Some(question) = unit.question.as_ref().filter(|question| !question.is_empty()) {
        output::line(format!("  {}", output::safe_line(question)));
    }
    if !unit.blocked_by.is_empty() {
        output::line(format!("  waits for {}", unit.blocked_by.join(", ")));
    }
    for change in &history.items {
        let from = change.old_status.map_or("-", UnitStatus::word);
        let forced = if change.forced { " (forced)" } else { "" };
        let reason = output::safe_line(&change.reason);
        output::line(
            format!(
                "  {}  {from} → {}{forced}  {reason}",
                change.timestamp,
                change.new_status.word()
            )
            .trim_end(),
        );
    }
    Ok(Exit::Success)
}

fn print(context: &Context, unit: &WorkUnit) {
    if context.is_json {
        output::json(unit);
        return;
    }
    let status = unit.status.word();
    output::line(format!(
        "{}  {}  {}",
        unit.chunk,
        Tone::of_status(status).paint(status),
        unit.phase.word()
    ));
}

async fn delete(context: &Context, chunk: &str) -> Result {
    context.daemon()?.delete_work_unit(chunk).await?;
    if context.is_json {
        output::json(&serde_json::json!({ "deleted": chunk }));
    } else {
        output::line(format!("{chunk} deleted; its history stays"));
    }
    Ok(Exit::Success)
}

async fn retry(context: &Context, chunk: &str) -> Result {
    let unit = context.daemon()?.retry_work_unit(chunk).await?;
    print(context, &unit);
    Ok(Exit::Success)
}
