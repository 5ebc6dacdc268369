//! Agents: what is installed and logged in, and logging in.

use crate::args::AgentsCommand;
use crate::clock::SystemClock;
use crate::context::Context;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::output::{self, Table, Tone, safe_line};
use crate::wiring;
use agents::{FleetConfig, LoginError};
use api::{Agent, AgentLogin, Page, ProbeAsk};
use std::sync::Arc;

pub(crate) async fn carry_out(context: &Context, command: Option<AgentsCommand>) -> Result {
    match command {
        None => probe(context, Vec::new()).await,
        Some(AgentsCommand::Probe { agent }) => probe(context, agent.into_iter().collect()).await,
        Some(AgentsCommand::Login { agent, account }) => login(context, &agent, &account),
        Some(AgentsCommand::Import { agent, account }) => import(context, &agent, &account),
    }
}

async fn probe(context: &Context, agents: Vec<String>) -> Result {
    let found = context.daemon()?.probe_agents(&ProbeAsk { agents }).await?;
    if context.is_json {
        output::json(&found);
    } else {
        print(&found);
    }
    Ok(Exit::Success)
}

pub(crate) fn print(found: &Page<Agent>) {
    let mut table = Table::of(&["AGENT", "VERSION", "LOGIN", "READ", "WRITE", "MISSING"]);
    for agent in &found.items {
        let yes = |can: bool| {
            if can {
                ("yes".to_owned(), Tone::Good)
            } else {
                ("no".to_owned(), Tone::Bad)
            }
        };
        let login = match agent.login {
            AgentLogin::LoggedIn => ("logged in", Tone::Good),
            AgentLogin::LoggedOut => ("logged out", Tone::Waiting),
            AgentLogin::NotNeeded => ("not needed", Tone::Plain),
            AgentLogin::Unknown => ("unknown", Tone::Waiting),
        };
        table.row([
            (agent.name.clone(), Tone::Strong),
            (
                agent.version.clone().unwrap_or_else(|| "-".to_owned()),
                Tone::Plain,
            ),
            (login.0.to_owned(), login.1),
            yes(agent.can_read),
            yes(agent.can_write),
            (agent.missing.join("; "), Tone::Plain),
        ]);
    }
    table.print();
    for agent in found.items.iter().filter(|agent| agent.executable.is_none()) {
        if let Some(install) = &agent.install {
            output::note(format!("{}: {}", agent.name, safe_line(install)));
        }
    }
}

fn config(context: &Context) -> Result<FleetConfig> {
    context.home.make()?;
    wiring::fleet_config(&context.home, &context.folders, Arc::new(SystemClock))
}

fn login(context: &Context, agent: &str, account: &str) -> Result {
    agents::login(&config(context)?, agent, account).map_err(|error| refused(agent, &error))?;
    done(context, agent, account, "logged in")
}

fn import(context: &Context, agent: &str, account: &str) -> Result {
    let files = agents::import(&config(context)?, agent, account).map_err(|error| refused(agent, &error))?;
    for file in &files {
        output::note(format!("copied {}", safe_line(file)));
    }
    done(context, agent, account, "imported")
}

fn refused(agent: &str, error: &LoginError) -> CliError {
    let (exit, hint) = match error {
        LoginError::Unknown(_) => (Exit::NotFound, "`partita agents` lists them"),
        LoginError::Missing(_) | LoginError::Impossible(_) | LoginError::Refused(_) | LoginError::Io(_) => {
            (Exit::Machine, "`partita agents` says what is missing")
        }
    };
    CliError::new(exit, "login", format!("agent `{agent}` was not logged in"))
        .because(error)
        .hint(hint)
}

fn done(context: &Context, agent: &str, account: &str, word: &str) -> Result {
    if context.is_json {
        output::json(&serde_json::json!({ "agent": agent, "account": account, "done": word }));
    } else {
        output::line(format!("{agent}/{account} {word}"));
    }
    Ok(Exit::Success)
}
