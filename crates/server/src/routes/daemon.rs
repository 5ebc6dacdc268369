//! The daemon itself: how it is, what it can be asked, numbers for monitoring.

use super::document;
use crate::App;
use crate::reply::{Answer, Json, read_fails, store_fails};
use api::{Counts, Health, HealthState, Limit, RunCounts, Slots, Status, UnitCounts};
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use domain::UnitStatus;
use std::fmt::Write;
use store::{RunStatus, iso};

const WHAT: &str = "show the daemon's status";

/// How the daemon is and what it has in hand.
#[utoipa::path(get, path = "/api/status", tag = "daemon", responses((status = 200, body = Status), crate::reply::Refused))]
pub(super) async fn status(State(app): State<App>) -> Answer<Json<Status>> {
    read(&app).await.map(Json)
}

async fn read(app: &App) -> Answer<Status> {
    let (reader, daemon) = (&app.parts.reader, &app.parts.daemon);
    let board = app.parts.engine.board();
    let load = app.parts.engine.load();
    let now = app.now();
    let open = api::PageAsk::default();
    let counts = Counts {
        work_units: unit_counts(reader.unit_counts().await.map_err(read_fails(WHAT))?),
        runs: run_counts(reader.run_counts().await.map_err(read_fails(WHAT))?),
        live_tasks: reader.live_tasks().await.map_err(read_fails(WHAT))?.len() as u64,
        open_attention: count_open(app, open).await?,
    };
    let limits = board.accounts.iter().filter(|(_, account)| now < account.until);
    Ok(Status {
        pid: daemon.pid,
        uptime_s: now.ms_since(daemon.started_at) / 1_000,
        version: daemon.version.clone(),
        home: daemon.home.display().to_string(),
        started_at: iso(daemon.started_at),
        health: health(app),
        counts,
        slots: Slots {
            total: load.slots,
            busy: load.busy,
        },
        limits: limits
            .map(|(name, account)| Limit {
                account: name.to_string(),
                until: iso(account.until),
                reason: account.reason.clone(),
            })
            .collect(),
        position: reader.position().await.map_err(store_fails(WHAT))?,
        port: app.port.state(),
    })
}

fn health(app: &App) -> Health {
    let said = app.parts.engine.health().borrow().clone();
    let (state, detail) = match said {
        _ if *app.stopping.borrow() => (HealthState::Stopping, None),
        engine::Health::Good => (HealthState::Good, None),
        engine::Health::Full => (HealthState::Full, Some("the disk is full".to_owned())),
        engine::Health::Down(why) => (HealthState::Down, Some(why)),
    };
    Health { state, detail }
}

async fn count_open(app: &App, mut ask: api::PageAsk) -> Answer<u64> {
    let mut count = 0;
    loop {
        let page = store::PageAsk {
            after: ask.cursor.take(),
            limit: Some(500),
        };
        let page = app
            .parts
            .reader
            .open_attention(page)
            .await
            .map_err(read_fails(WHAT))?;
        count += page.items.len() as u64;
        match page.next {
            Some(next) => ask.cursor = Some(next),
            None => {
                let own = app.room.wanted(&app.parts.daemon.home);
                return Ok(count + own.into_iter().count() as u64);
            }
        }
    }
}

fn unit_counts(found: Vec<(UnitStatus, u64)>) -> UnitCounts {
    let mut counts = UnitCounts::default();
    for (status, count) in found {
        *match status {
            UnitStatus::Ready => &mut counts.ready,
            UnitStatus::Running => &mut counts.running,
            UnitStatus::Blocked => &mut counts.blocked,
            UnitStatus::NeedsAttention => &mut counts.needs_attention,
            UnitStatus::Done => &mut counts.done,
        } = count;
    }
    counts
}

fn run_counts(found: Vec<(RunStatus, u64)>) -> RunCounts {
    let mut counts = RunCounts::default();
    for (status, count) in found {
        *match status {
            RunStatus::Running => &mut counts.running,
            RunStatus::Completed => &mut counts.completed,
            RunStatus::Failed => &mut counts.failed,
            RunStatus::Cancelled => &mut counts.cancelled,
        } = count;
    }
    counts
}

/// This document.
#[utoipa::path(
    get,
    path = "/api/openapi.json",
    tag = "daemon",
    responses((status = 200, body = Object, content_type = "application/json"), crate::reply::Refused)
)]
pub(super) async fn openapi() -> impl IntoResponse {
    Json(document())
}

/// Numbers for a monitoring system, in Prometheus' text form.
#[utoipa::path(
    get,
    path = "/api/metrics",
    tag = "daemon",
    responses((status = 200, body = String, content_type = "text/plain"), crate::reply::Refused)
)]
pub(super) async fn metrics(State(app): State<App>) -> Answer<impl IntoResponse> {
    let status = read(&app).await?;
    let text = gauges(&status, app.hub.readers(), app.parts.engine.load().keepers);
    Ok((
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        text,
    ))
}

fn gauges(status: &Status, readers: usize, keepers: usize) -> String {
    let (units, runs) = (&status.counts.work_units, &status.counts.runs);
    let by_status = |pairs: &[(&str, u64)]| -> Vec<(String, u64)> {
        pairs
            .iter()
            .map(|(word, count)| (format!("{{status=\"{word}\"}}"), *count))
            .collect()
    };
    let one = |value: u64| vec![(String::new(), value)];
    let gauges = [
        (
            "partita_uptime_seconds",
            "How long the daemon has run.",
            one(status.uptime_s),
        ),
        (
            "partita_healthy",
            "1 when the daemon is as it should be.",
            one(u64::from(status.health.state == HealthState::Good)),
        ),
        (
            "partita_work_units",
            "Work units by status.",
            by_status(&[
                ("READY", units.ready),
                ("RUNNING", units.running),
                ("BLOCKED", units.blocked),
                ("NEEDS_ATTENTION", units.needs_attention),
                ("DONE", units.done),
            ]),
        ),
        (
            "partita_runs",
            "Runs by status.",
            by_status(&[
                ("running", runs.running),
                ("completed", runs.completed),
                ("failed", runs.failed),
                ("cancelled", runs.cancelled),
            ]),
        ),
        (
            "partita_live_tasks",
            "Tasks under way.",
            one(status.counts.live_tasks),
        ),
        (
            "partita_open_attention",
            "What waits for a person.",
            one(status.counts.open_attention),
        ),
        (
            "partita_slots",
            "Tasks that may be under way at once.",
            one(status.slots.total.into()),
        ),
        (
            "partita_slots_busy",
            "Slots that are taken.",
            one(status.slots.busy.into()),
        ),
        (
            "partita_accounts_limited",
            "Accounts at their usage limit.",
            one(status.limits.len() as u64),
        ),
        ("partita_keepers", "Runs in memory.", one(keepers as u64)),
        (
            "partita_feed_readers",
            "Readers of the feed.",
            one(readers as u64),
        ),
        (
            "partita_position",
            "Position of the last event.",
            one(status.position),
        ),
    ];
    let mut text = String::new();
    for (name, help, values) in gauges {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (labels, value) in values {
            let _ = writeln!(text, "{name}{labels} {value}");
        }
    }
    text
}
