//! What agents said, what is under way, and the daemon's own log.

use crate::args::LogsArgs;
use crate::client::Daemon;
use crate::context::Context;
use crate::error::{CliError, Explain, Result};
use crate::exit::Exit;
use crate::output::{self, Table, Tone, safe};
use api::{Page, RunDetail, Said, Task, TaskId, TranscriptEntry};
use std::io::{Read, Seek, SeekFrom};

/// How much of the daemon's own log is shown.
const LOG_TAIL: u64 = 64 * 1024;

pub(crate) async fn carry_out(context: &Context, arguments: LogsArgs) -> Result {
    let Some(what) = &arguments.what else {
        return own_log(context);
    };
    let daemon = context.daemon()?;
    if let Ok(task) = what.parse::<TaskId>()
        && let Ok(found) = daemon.task(task).await
    {
        return show(context, &daemon, None, &[found.task]).await;
    }
    let run = daemon.run(what).await?;
    let tasks: Vec<Task> = run
        .tasks
        .iter()
        .filter(|task| arguments.step.as_ref().is_none_or(|step| is_of(task, step)))
        .cloned()
        .collect();
    if let (true, Some(step)) = (tasks.is_empty(), &arguments.step) {
        let keys: Vec<&str> = run.steps.iter().map(|step| step.key.as_str()).collect();
        return Err(CliError::new(
            Exit::NotFound,
            "unknown_step",
            format!("step `{step}` has no tasks"),
        )
        .hint(format!("steps of this run: {}", keys.join(", "))));
    }
    show(context, &daemon, Some(&run), &tasks).await
}

/// Of the step, or of one of its instances.
fn is_of(task: &Task, step: &str) -> bool {
    task.step_key == step || task.step_key.split('[').next() == Some(step)
}

async fn show(context: &Context, daemon: &Daemon, run: Option<&RunDetail>, tasks: &[Task]) -> Result {
    let mut all = Vec::new();
    for task in tasks {
        let entries = transcript(daemon, task.id).await?;
        if context.is_json {
            all.push(serde_json::json!({ "task": task, "entries": entries }));
            continue;
        }
        let label = run
            .and_then(|run| run.steps.iter().find(|step| step.key == task.step_key))
            .map_or("", |step| &step.label);
        let head = format!(
            "── {} {label}  task {}  {}  {} ──",
            task.step_key,
            task.id,
            task.agent,
            task.state.word()
        );
        output::line(Tone::Strong.paint(&head));
        print(&entries);
        if let Some(reason) = &task.reason {
            output::line(Tone::Bad.paint(&safe(reason)));
        }
    }
    if context.is_json {
        output::json(&Page::whole(all));
    }
    Ok(Exit::Success)
}

async fn transcript(daemon: &Daemon, task: TaskId) -> Result<Vec<TranscriptEntry>> {
    let mut entries = Vec::new();
    let mut after = 0;
    loop {
        let part = daemon.transcript(task, after).await?;
        entries.extend(part.entries);
        if part.is_whole || part.next == after {
            return Ok(entries);
        }
        after = part.next;
    }
}

fn print(entries: &[TranscriptEntry]) {
    let mut open = String::new();
    for entry in entries {
        if let Said::Text { text } | Said::Raw { text } = &entry.said {
            open.push_str(text);
            continue;
        }
        flush(&mut open);
        match &entry.said {
            Said::Text { .. } | Said::Raw { .. } => {}
            Said::Thought { text } => output::line(Tone::Faint.paint(&format!("  {}", safe(text)))),
            Said::Tool {
                title,
                status,
                detail,
                ..
            } => {
                output::line(Tone::Busy.paint(&format!("  [{}] {}", status.word(), safe(title))));
                if !detail.is_empty() {
                    let short: String = detail.lines().take(6).collect::<Vec<_>>().join("\n    ");
                    output::line(Tone::Faint.paint(&format!("    {}", safe(&short))));
                }
            }
            Said::Permission { title, allowed, rule } => {
                let (tone, word) = if *allowed {
                    (Tone::Good, "allowed")
                } else {
                    (Tone::Waiting, "denied")
                };
                output::line(tone.paint(&format!("  [{word}] {} ({})", safe(title), safe(rule))));
            }
            Said::Notice { text } => output::line(Tone::Waiting.paint(&format!("  {}", safe(text)))),
            Said::Prompt { text } => {
                output::line(Tone::Faint.paint(&format!("  told: {} characters", text.chars().count())))
            }
            Said::MessageEnd => {}
        }
    }
    flush(&mut open);
}

fn flush(open: &mut String) {
    if !open.is_empty() {
        output::line(safe(open.trim_end()));
        open.clear();
    }
}

pub(crate) async fn tasks(context: &Context) -> Result {
    let tasks = context.daemon()?.live_tasks().await?;
    if context.is_json {
        output::json(&tasks);
        return Ok(Exit::Success);
    }
    if tasks.items.is_empty() {
        output::note("no task is under way");
        return Ok(Exit::Success);
    }
    let mut table = Table::of(&["TASK", "STEP", "AGENT", "STATE", "PID", "SINCE"]);
    for task in &tasks.items {
        table.row([
            (task.id.to_string(), Tone::Plain),
            (task.step_key.clone(), Tone::Strong),
            (task.agent.clone(), Tone::Plain),
            (task.state.word().to_owned(), Tone::of_status(task.state.word())),
            (
                task.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string()),
                Tone::Plain,
            ),
            (
                task.started_at.clone().unwrap_or_else(|| task.ordered_at.clone()),
                Tone::Faint,
            ),
        ]);
    }
    table.print();
    Ok(Exit::Success)
}

/// The end of the daemon's own log. No daemon is needed to read it.
fn own_log(context: &Context) -> Result {
    let path = context.home.log();
    let read = || -> std::io::Result<String> {
        let mut file = std::fs::File::open(&path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    match read() {
        Ok(text) if context.is_json => {
            output::json(&serde_json::json!({ "log": path, "lines": text.lines().collect::<Vec<_>>() }));
        }
        Ok(text) => output::raw(&safe(&text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(crate::daemon::not_running(&context.home).because("there is no log yet"));
        }
        Err(error) => return Err(error).explain(format!("cannot read {}", path.display())),
    }
    Ok(Exit::Success)
}
