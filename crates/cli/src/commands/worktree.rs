//! Working copies: listed, and removed when nothing needs them.

use crate::args::WorktreeCommand;
use crate::commands::run::short;
use crate::commands::run_changes::places;
use crate::context::Context;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::output::{self, Table, Tone};
use domain::RunId;
use git::{PlaceInfo, PlaceState, PruneAsk, PruneStep};

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
    .hint("`partita doctor` says whether git can be used here")
}

async fn list(context: &Context) -> Result {
    let found = places(context).await?.list().await.map_err(failed)?;
    if context.is_json {
        let items = found.iter().map(|place| {
            let (state, detail) = state(place);
            serde_json::json!({ "path": place.path, "state": state, "detail": detail })
        });
        let items: Vec<_> = items.collect();
        output::json(&serde_json::json!({ "items": items, "next": null }));
        return Ok(Exit::Success);
    }
    if found.is_empty() {
        output::note("no working copies");
        return Ok(Exit::Success);
    }
    let mut table = Table::of(&["STATE", "PATH", "HOLDS"]);
    for place in &found {
        let (state, detail) = state(place);
        table.row([
            (state.to_owned(), Tone::Plain),
            (place.path.display().to_string(), Tone::Plain),
            (detail, Tone::Faint),
        ]);
    }
    table.print();
    Ok(Exit::Success)
}

/// What the copy holds, in a word, and more about it.
fn state(place: &PlaceInfo) -> (&'static str, String) {
    match &place.state {
        PlaceState::Clean => ("clean", String::new()),
        PlaceState::Harvested(commit) => ("kept", format!("in commit {}", short(commit))),
        PlaceState::Unkept(files) => ("unkept", format!("nobody else has {}", files.join(", "))),
        PlaceState::Unknown(why) => ("unknown", why.clone()),
        PlaceState::Rubbish => ("rubbish", "left by somebody who was killed".to_owned()),
    }
}

async fn prune(context: &Context, is_dry: bool) -> Result {
    let daemon = context.daemon()?;
    let active = daemon.all_running().await?;
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
