//! Agents: which there are, and whether they work here.

use crate::App;
use crate::reply::{Answer, Json, Refused};
use api::{Agent, Page, ProbeAsk, Problem};
use axum::extract::State;

/// The configured agents, as far as known without starting any.
#[utoipa::path(get, path = "/api/agents", tag = "agents", responses((status = 200, body = Page<Agent>), Refused))]
pub(super) async fn list(State(app): State<App>) -> Json<Page<Agent>> {
    Json(Page::whole(app.parts.fleet.list().await))
}

/// Tries the agents: starts each and sees what it says.
#[utoipa::path(post, path = "/api/agents/probe", tag = "agents", request_body = ProbeAsk, responses((status = 200, body = Page<Agent>), Refused))]
pub(super) async fn probe(State(app): State<App>, Json(ask): Json<ProbeAsk>) -> Answer<Json<Page<Agent>>> {
    let probed = app.parts.fleet.probe(ask.agents).await;
    probed.map(|agents| Json(Page::whole(agents))).map_err(|unknown| {
        Problem::new(
            422,
            "unknown_agent",
            "there is no such agent",
            "cannot probe the agents",
        )
        .because(format!("not configured: {}", unknown.join(", ")))
        .hint("`partita agents` lists them")
        .at("/agents", "names an agent that is not configured")
        .into()
    })
}
