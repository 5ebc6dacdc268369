//! Working copies: listed, and removed when nothing needs them.

use crate::args::WorktreeCommand;
use crate::commands::run_changes::places;
use crate::context::Context;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::output::{self, Table, Tone};
use api::{RunFilter, RunStatus};
use domain::RunId;
use git::{PlaceInfo, PruneAsk, PruneStep};

pub(crate) async fn carry_out(context: &Context, command: WorktreeCommand) -> Result {
    match command {
        WorktreeCommand::List => list(context).await,
        WorktreeCommand::Prune { dry_run } => prune(context, dry_run).await,
    }
}

fn failed(error: impl std::fmt::Display) -> CliError {
    CliError::new(
        Exit::Machine,
        "worktrees",
        "the working copies cannot be looked at",
    )
    .because(error)
}

async fn list(context: &Context) -> Result {
    let found = places(context).await?.list().await.map_err(failed)?;
    if context.is_json {
        let items: Vec<_> = found
            .iter()
            .map(|place| serde_json::json!({ "path": place.path, "state": state(place) }))
            .collect();
        output::json(&serde_json::json!({ "items": items, "next": null }));
        return Ok(Exit::Success);
    }
    if found.is_empty() {
        output::note("no working copies");
        return Ok(Exit::Success);
    }
    let mut table = Table::of(&["STATE", "PATH"]);
    for place in &found {
        table.row([
            (state(place), Tone::Plain),
            (place.path.display().to_string(), Tone::Plain),
        ]);
    }
    table.print();
    Ok(Exit::Success)
}

fn state(place: &PlaceInfo) -> String {
    format!("{:?}", place.state)
}

async fn prune(context: &Context, is_dry: bool) -> Result {
    let daemon = context.daemon()?;
    let filter = RunFilter {
        project_id: None,
        status: Some(RunStatus::Running),
    };
    let active = daemon.newest_runs(&filter, 500).await?;
    let projects = daemon.projects().await?;
    let ask = PruneAsk {
        active: active
            .items
            .iter()
            .map(|run| RunId::from_bits(run.id.bits()))
            .collect(),
        projects: projects
            .items
            .iter()
            .map(|project| project.path.clone().into())
            .collect(),
        discard_unlanded: false,
    };
    let places = places(context).await?;
    let plan = places.prune_plan(&ask).await.map_err(failed)?;
    for step in &plan.steps {
        output::note(match step {
            PruneStep::RemovePlace(place) => format!("remove {}", place.path.display()),
            PruneStep::DeleteRef { project, name, .. } => format!("delete {name} in {}", project.display()),
        });
    }
    for kept in &plan.kept {
        output::note(format!("keep {}: {}", kept.what, kept.why));
    }
    let skipped = if is_dry {
        Vec::new()
    } else {
        places.prune(&plan).await.map_err(failed)?
    };
    let done = if is_dry {
        0
    } else {
        plan.steps.len() - skipped.len()
    };
    if context.is_json {
        output::json(
            &serde_json::json!({ "planned": plan.steps.len(), "done": done, "kept": plan.kept.len() }),
        );
    } else if is_dry {
        output::line(format!(
            "{} to remove, {} kept",
            plan.steps.len(),
            plan.kept.len()
        ));
    } else {
        output::line(format!(
            "{done} removed, {} kept",
            plan.kept.len() + skipped.len()
        ));
    }
    Ok(Exit::Success)
}
