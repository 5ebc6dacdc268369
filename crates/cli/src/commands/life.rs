//! The daemon's life: start, stop, and how it is.

use super::ui;
use crate::args::{StartArgs, StopArgs};
use crate::context::Context;
use crate::daemon;
use crate::error::Result;
use crate::exit::Exit;
use crate::output::{self, Table, Tone, duration};
use api::{HealthState, Port, Status};
use std::time::Duration;

pub(crate) async fn start(context: &Context, arguments: &StartArgs) -> Result {
    daemon::start(&context.home, arguments.port)?;
    let status = context.running()?.status().await?;
    if context.is_json {
        output::json(&status);
        return Ok(Exit::Success);
    }
    output::line(format!(
        "daemon started: process {}, home {}",
        status.pid, status.home
    ));
    if let Some(port) = arguments.port {
        let token = context.home.token();
        output::line(format!(
            "listening on http://127.0.0.1:{port}, token in {}",
            token.display()
        ));
    } else if let Some(port) = &status.port {
        output::line(format!("page: {}", place(port)));
    }
    Ok(Exit::Success)
}

pub(crate) fn stop(context: &Context, arguments: &StopArgs) -> Result {
    let was_firm = daemon::stop(&context.home, Duration::from_secs(arguments.wait))?;
    if context.is_json {
        output::json(&serde_json::json!({ "stopped": true, "firmly": was_firm }));
    } else if was_firm {
        output::line("daemon ended firmly; what was under way goes on at the next start");
    } else {
        output::line("daemon stopped; what was under way goes on at the next start");
    }
    Ok(Exit::Success)
}

pub(crate) async fn status(context: &Context) -> Result {
    let status = context.running()?.status().await?;
    if context.is_json {
        output::json(&status);
    } else {
        show(&status);
    }
    Ok(if status.health.state == HealthState::Down {
        Exit::Failed
    } else {
        Exit::Success
    })
}

/// Where the page is, or why it is no longer where it was.
fn place(port: &Port) -> String {
    let page = ui::page(port.number);
    match (&port.detail, port.is_open) {
        (_, true) => page,
        (Some(detail), false) => format!("not at {page} any more: {detail}; `partita ui` opens another port"),
        (None, false) => format!("not at {page} any more; `partita ui` opens another port"),
    }
}

fn show(status: &Status) {
    let tone = match status.health.state {
        HealthState::Good => Tone::Good,
        HealthState::Full | HealthState::Stopping => Tone::Waiting,
        HealthState::Down => Tone::Bad,
    };
    let health = match &status.health.detail {
        Some(detail) => format!("{}: {detail}", status.health.state.word()),
        None => status.health.state.word().to_owned(),
    };
    let counts = &status.counts;
    let (units, runs) = (counts.work_units, counts.runs);
    let mut table = Table::default();
    let mut row = |name: &str, value: String, tone: Tone| {
        table.row([(name.to_owned(), Tone::Faint), (value, tone)]);
    };
    row("health", health, tone);
    row(
        "process",
        format!(
            "{}, up {}, version {}",
            status.pid,
            duration(status.uptime_s * 1000),
            status.version
        ),
        Tone::Plain,
    );
    row("home", status.home.clone(), Tone::Plain);
    if let Some(port) = &status.port {
        let tone = if port.is_open { Tone::Plain } else { Tone::Bad };
        row("page", place(port), tone);
    }
    row(
        "tasks",
        format!("{} of {} slots busy", status.slots.busy, status.slots.total),
        Tone::Plain,
    );
    row(
        "runs",
        format!(
            "{} running, {} completed, {} failed, {} cancelled",
            runs.running, runs.completed, runs.failed, runs.cancelled
        ),
        Tone::Plain,
    );
    row(
        "work units",
        format!(
            "{} ready, {} running, {} blocked, {} need attention, {} done",
            units.ready, units.running, units.blocked, units.needs_attention, units.done
        ),
        Tone::Plain,
    );
    let waiting = if counts.open_attention == 0 {
        Tone::Plain
    } else {
        Tone::Waiting
    };
    row("waits for you", counts.open_attention.to_string(), waiting);
    for limit in &status.limits {
        row(
            "limit",
            format!("{} until {}: {}", limit.account, limit.until, limit.reason),
            Tone::Waiting,
        );
    }
    table.print();
}
