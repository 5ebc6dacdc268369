//! Runs: started and watched, listed, shown, and told what to do.

use crate::args::{AskArgs, RunArgs, RunCommand, SizeArg};
use crate::client::Daemon;
use crate::commands::run_changes;
use crate::context::Context;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::output::{self, Table, Tone, counted, safe_line};
use crate::watch::Watch;
use api::{NewRun, NewRunInput, Run, RunDetail, RunFilter, RunId, RunStatus, Size};
use std::collections::BTreeMap;

pub(crate) async fn carry_out(context: &Context, arguments: RunArgs) -> Result {
    match (arguments.command, arguments.flow) {
        (None, Some(flow)) => start(context, flow, arguments.ask, arguments.detach).await,
        (None, None) => {
            Err(CliError::new(Exit::Usage, "no_flow", "no flow was named").hint("`partita flows` lists them"))
        }
        (Some(command), _) => tell(context, command).await,
    }
}

async fn tell(context: &Context, command: RunCommand) -> Result {
    match command {
        RunCommand::List { status, limit } => list(context, status, limit).await,
        RunCommand::Show { run } => show(context, &run).await,
        RunCommand::Watch { run } => {
            let daemon = context.daemon()?;
            let run = daemon.run(&run).await?;
            watch_to_the_end(context, &daemon, run.run.id).await
        }
        RunCommand::Diff { run } => run_changes::diff(context, &run).await,
        RunCommand::Apply { run, yes } => run_changes::apply(context, &run, yes).await,
        RunCommand::Export { run, format, output } => {
            run_changes::export(context, &run, format, output).await
        }
        RunCommand::Cancel { run } => change(context, &run, Verb::Cancel).await,
        RunCommand::Pause { run } => change(context, &run, Verb::Pause).await,
        RunCommand::Resume { run } => change(context, &run, Verb::Resume).await,
        RunCommand::Retry { run, step } => change(context, &run, Verb::Retry(step)).await,
        RunCommand::Skip { run, step } => change(context, &run, Verb::Skip(step)).await,
    }
}

pub(crate) const fn size_of(size: SizeArg) -> Size {
    match size {
        SizeArg::Small => Size::Small,
        SizeArg::Medium => Size::Medium,
        SizeArg::Large => Size::Large,
    }
}

/// What a flow takes beside the question, as the command line says it.
pub(crate) fn extra_inputs(ask: &AskArgs) -> Result<BTreeMap<String, serde_json::Value>> {
    let mut extra = BTreeMap::new();
    for input in &ask.inputs {
        let Some((name, value)) = input.split_once('=') else {
            return Err(
                CliError::new(Exit::Usage, "bad_input", format!("`{input}` is no input"))
                    .hint("write it as NAME=VALUE"),
            );
        };
        // What reads as a number, a boolean or a list is one; everything else is text.
        let value = match serde_json::from_str(value) {
            Ok(
                value @ (serde_json::Value::Bool(_)
                | serde_json::Value::Number(_)
                | serde_json::Value::Array(_)),
            ) => value,
            _ => serde_json::Value::from(value),
        };
        extra.insert(name.to_owned(), value);
    }
    let named = [("gate", &ask.gate), ("base", &ask.base), ("target", &ask.target)];
    for (name, value) in named
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_ref()?)))
    {
        extra.insert(name.to_owned(), serde_json::Value::from(value.as_str()));
    }
    Ok(extra)
}

async fn start(context: &Context, flow: String, ask: AskArgs, is_detached: bool) -> Result {
    let input = NewRunInput {
        question: ask.focus.clone(),
        size: ask.size.map(size_of),
        fast: Some(ask.fast),
        agent: ask.agent.clone(),
        model: ask.model.clone(),
        extra: extra_inputs(&ask)?,
    };
    let daemon = context.daemon()?;
    let project_path = Some(context.project.display().to_string());
    let run = NewRun {
        project_id: None,
        project_path,
        flow,
        input,
    };
    let started = daemon.start_run(&run).await?;
    if is_detached {
        if context.is_json {
            output::json(&started);
        } else {
            output::line(&started.slug);
            output::note(format!(
                "it goes on by itself; `partita run watch {}` shows it",
                started.slug
            ));
        }
        return Ok(Exit::Success);
    }
    output::note(format!(
        "run {} began with {}; Ctrl-C leaves it going",
        started.slug, started.agent
    ));
    watch_to_the_end(context, &daemon, started.id).await
}

/// Watches until the run ends or the person leaves, then says how it went.
async fn watch_to_the_end(context: &Context, daemon: &Daemon, id: RunId) -> Result {
    let mut watch = Watch::new(output::is_terminal() && !context.is_json);
    let ids = [id];
    let mut show = |runs: &[RunDetail]| watch.show(runs);
    let ended = tokio::select! {
        biased;
        ended = daemon.watch(&ids, &mut show) => ended?,
        _ = tokio::signal::ctrl_c() => {
            let run = daemon.run(id).await?;
            output::note(format!("the run goes on; `partita run watch {}` shows it again", run.run.slug));
            return Ok(Exit::Success);
        }
    };
    let run = ended.into_iter().next().expect("the run that was watched");
    if context.is_json {
        output::json(&run);
    } else {
        print_end(&run);
    }
    Ok(exit_of(&run.run))
}

pub(crate) const fn exit_of(run: &Run) -> Exit {
    match run.status {
        RunStatus::Completed | RunStatus::Running => Exit::Success,
        RunStatus::Failed | RunStatus::Cancelled => Exit::Failed,
    }
}

/// The report, the branch, what it cost, and the next command.
pub(crate) fn print_end(run: &RunDetail) {
    if let Some(report) = &run.report {
        output::line("");
        output::raw(&output::safe(report));
        output::line("");
    }
    print_summary(run);
}

pub(crate) fn print_summary(run: &RunDetail) {
    let Run {
        slug, status, usage, ..
    } = &run.run;
    let tone = Tone::of_status(status.word());
    output::line(format!(
        "run {}  {}",
        Tone::Strong.paint(slug),
        tone.paint(status.word())
    ));
    if let Some(reason) = &run.run.reason {
        output::line(format!("  because: {}", safe_line(reason)));
    }
    if let Some(branch) = &run.run.branch {
        let (files, plus, minus) =
            run.steps
                .iter()
                .filter_map(|step| step.change.as_ref())
                .fold((0, 0, 0), |sum, change| {
                    (
                        sum.0 + change.files,
                        sum.1 + change.insertions,
                        sum.2 + change.deletions,
                    )
                });
        output::line(format!(
            "  branch:  {branch}  ({} changed, +{plus} -{minus})",
            counted(files, "file")
        ));
    }
    let cost = usage.cost_micros.map_or_else(
        || "cost not known".to_owned(),
        |micros| format!("${}.{:04}", micros / 1_000_000, micros % 1_000_000 / 100),
    );
    let input = usage.input_uncached + usage.input_cached;
    output::line(format!(
        "  used:    {input} tokens in ({} cached), {} out, {cost}",
        usage.input_cached, usage.output
    ));
    let next = match status {
        RunStatus::Running => format!("partita run watch {slug}"),
        RunStatus::Completed if run.run.branch.is_some() => {
            format!("partita run diff {slug}, then partita run apply {slug}")
        }
        RunStatus::Completed => format!("partita run show {slug}"),
        RunStatus::Failed => format!("partita logs {slug}, then partita run retry {slug}"),
        RunStatus::Cancelled => format!("partita run show {slug}"),
    };
    output::line(format!("  next:    {next}"));
    for item in run
        .attention
        .iter()
        .filter(|item| item.state == api::AttentionState::Open)
    {
        output::line(format!(
            "  waits for you: {} (partita answer {} …)",
            safe_line(&item.title),
            short(&item.id.to_string())
        ));
    }
}

/// Enough of an id to type.
pub(crate) fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

async fn list(context: &Context, status: Option<String>, limit: u32) -> Result {
    let status = match status {
        None => None,
        Some(word) => Some(word.parse().map_err(|error: api::NotAWord| {
            CliError::new(Exit::Usage, "bad_word", format!("`{word}` is no status of a run"))
                .hint(format!("use one of {}", error.known.join(", ")))
        })?),
    };
    let runs = context
        .daemon()?
        .newest_runs(
            &RunFilter {
                project_id: None,
                status,
            },
            limit,
        )
        .await?;
    if context.is_json {
        output::json(&runs);
        return Ok(Exit::Success);
    }
    if runs.items.is_empty() {
        output::note("no runs; `partita flows` lists what can be run");
        return Ok(Exit::Success);
    }
    let mut table = Table::of(&["RUN", "FLOW", "STATUS", "STARTED", "QUESTION"]);
    for run in &runs.items {
        let status = run.status.word();
        let question: String = run.input.question.chars().take(60).collect();
        table.row([
            (run.slug.clone(), Tone::Strong),
            (run.flow.clone(), Tone::Plain),
            (status.to_owned(), Tone::of_status(status)),
            (run.started_at.clone(), Tone::Faint),
            (question, Tone::Plain),
        ]);
    }
    table.print();
    Ok(Exit::Success)
}

async fn show(context: &Context, name: &str) -> Result {
    let run = context.daemon()?.run(name).await?;
    if context.is_json {
        output::json(&run);
        return Ok(Exit::Success);
    }
    Watch::new(false).show(std::slice::from_ref(&run));
    print_end(&run);
    Ok(Exit::Success)
}

async fn change(context: &Context, name: &str, verb: Verb) -> Result {
    let daemon = context.daemon()?;
    let run = daemon.run(name).await?;
    let id = run.run.id;
    let done = match &verb {
        Verb::Cancel => {
            daemon.cancel_run(id).await?;
            "is being cancelled".to_owned()
        }
        Verb::Pause => {
            daemon.pause_run(id).await?;
            "starts nothing new".to_owned()
        }
        Verb::Resume => {
            daemon.resume_run(id).await?;
            "goes on".to_owned()
        }
        Verb::Retry(None) => {
            daemon.retry_run(id).await?;
            "does again what failed".to_owned()
        }
        Verb::Retry(Some(step)) => {
            daemon.retry_step(id, step).await?;
            format!("does step {step} again")
        }
        Verb::Skip(step) => {
            daemon.skip_step(id, step).await?;
            format!("goes on without step {step}")
        }
    };
    said(context, &run, &done)
}

/// What a person tells a run.
enum Verb {
    Cancel,
    Pause,
    Resume,
    Retry(Option<String>),
    Skip(String),
}

fn said(context: &Context, run: &RunDetail, done: &str) -> Result {
    if context.is_json {
        output::json(&serde_json::json!({ "run": run.run.slug, "id": run.run.id }));
    } else {
        output::line(format!("run {} {done}", run.run.slug));
    }
    Ok(Exit::Success)
}
