//! The agents, in the words of the wire, and which of them is taken when nobody says.

use super::projects::now;
use crate::config::Config;
use crate::home::UserFolders;
use agents::{Fleet, LoginState, Probed};
use domain::{Access, Name};
use engine::ports::{Agents, Clock, Later};
use server::NoAgent;
use std::path::PathBuf;
use std::sync::Arc;

/// The agents, as the server shows them.
pub(crate) struct FleetOf {
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Where the user's own choice lies.
    pub(crate) folders: UserFolders,
}

impl server::Fleet for FleetOf {
    fn list(&self) -> Later<'_, Vec<api::Agent>> {
        Box::pin(async move { self.look(&self.listed(), None).await })
    }

    fn probe(&self, names: Vec<String>) -> Later<'_, Result<Vec<api::Agent>, Vec<String>>> {
        Box::pin(async move {
            let known = &self.fleet.catalog().agents;
            let unknown: Vec<String> = names
                .iter()
                .filter(|name| !known.contains_key(*name))
                .cloned()
                .collect();
            if !unknown.is_empty() {
                return Err(unknown);
            }
            let names = if names.is_empty() { self.listed() } else { names };
            let at = now(self.clock.as_ref());
            Ok(self.look(&names, Some(at)).await)
        })
    }

    fn names(&self) -> Vec<String> {
        self.fleet.catalog().agents.keys().cloned().collect()
    }

    fn default_agent(&self, _project: PathBuf) -> Later<'_, Result<String, NoAgent>> {
        Box::pin(async move {
            // Read anew: a daemon lives longer than a choice.
            let config = Config::read(&self.folders).map_err(|error| NoAgent {
                because: format!("{}: {}", error.what, error.because.join(": ")),
                hint: error.hints.join("; "),
            })?;
            if let Some(agent) = config.agent {
                return Ok(agent);
            }
            self.only_one().await
        })
    }
}

impl FleetOf {
    /// Agents that a person chooses among: not the parts of the program that are agents by form only.
    fn listed(&self) -> Vec<String> {
        let all = self.fleet.catalog().agents.iter();
        all.filter(|(_, agent)| !agent.is_hidden)
            .map(|(name, _)| name.clone())
            .collect()
    }

    async fn look(&self, names: &[String], at: Option<String>) -> Vec<api::Agent> {
        let mut agents = Vec::new();
        for name in names {
            if let Some(probed) = self.fleet.probe(name).await {
                agents.push(self.show(probed, at.clone()).await);
            }
        }
        agents
    }

    async fn show(&self, probed: Probed, at: Option<String>) -> api::Agent {
        let name = Name::from(probed.agent.as_str());
        let can_read = self.fleet.ready(&name, Access::Read).await;
        let can_write = self.fleet.ready(&name, Access::Write).await;
        let mut missing = probed.missing;
        for error in [&can_read, &can_write]
            .into_iter()
            .filter_map(|can| can.as_ref().err())
        {
            let said = error.to_string();
            if !missing
                .iter()
                .any(|known| said.contains(known.as_str()) || known.contains(&said))
            {
                missing.push(said);
            }
        }
        let (login, accounts) = match probed.login {
            LoginState::Free => (api::AgentLogin::NotNeeded, Vec::new()),
            LoginState::Key => (api::AgentLogin::LoggedIn, Vec::new()),
            LoginState::Account(account) => (api::AgentLogin::LoggedIn, vec![account]),
            LoginState::None { .. } => (api::AgentLogin::LoggedOut, Vec::new()),
        };
        let install = self
            .fleet
            .catalog()
            .agents
            .get(&probed.agent)
            .map(|agent| agent.install.clone());
        api::Agent {
            name: probed.agent,
            dialect: probed.dialect.to_owned(),
            is_built_in: agents::is_shipped(name.as_str()),
            executable: probed.program.map(|program| program.display().to_string()),
            version: probed.version,
            login,
            accounts,
            can_read: can_read.is_ok(),
            can_write: can_write.is_ok(),
            missing,
            install: install.filter(|install| !install.is_empty()),
            probed_at: at,
        }
    }

    /// The only agent that is there and logged in.
    async fn only_one(&self) -> Result<String, NoAgent> {
        let mut able = Vec::new();
        for name in self.listed() {
            if self
                .fleet
                .ready(&Name::from(name.as_str()), Access::Read)
                .await
                .is_ok()
            {
                able.push(name);
            }
        }
        match able.as_slice() {
            [only] => Ok(only.clone()),
            [] => Err(NoAgent {
                because: "no agent is installed and logged in".to_owned(),
                hint: self.how_to_install(),
            }),
            _ => Err(NoAgent {
                because: "several agents could do it".to_owned(),
                hint: format!(
                    "name one with --agent: {}; or set `agent` in config.toml",
                    able.join(", ")
                ),
            }),
        }
    }

    fn how_to_install(&self) -> String {
        let agents = &self.fleet.catalog().agents;
        let lines: Vec<&str> = self
            .listed()
            .iter()
            .filter_map(|name| agents.get(name))
            .map(|agent| agent.install.as_str())
            .collect();
        format!(
            "install one and log it in ({}), or see it work without any: `partita demo`",
            lines.join("; ")
        )
    }
}
