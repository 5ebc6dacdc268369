//! Owns: what can be said about an agent without giving it work: whether it is there, which version, whether it is
//! logged in, and what is missing.

use crate::account::Accounts;
use crate::confined::{Errand, Limits, run};
use crate::descriptor::Descriptor;
use crate::fleet::Fleet;
use crate::install::{Installed, find};
use crate::sandbox::{Policy, Program};
use domain::{Access, Network};
use std::path::PathBuf;
use std::time::Duration;

/// What is known about an agent on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probed {
    /// Its name.
    pub agent: String,
    /// What people call it.
    pub title: String,
    /// How it is spoken to.
    pub dialect: &'static str,
    /// Where its program is.
    pub program: Option<PathBuf>,
    /// What interprets it, if anything does.
    pub interpreter: Option<PathBuf>,
    /// What is mounted for it.
    pub roots: Vec<PathBuf>,
    /// What it calls its version.
    pub version: Option<String>,
    /// How it is logged in.
    pub login: LoginState,
    /// Its modes for reading and writing.
    pub modes: (Option<String>, Option<String>),
    /// Models worth naming.
    pub models: Vec<String>,
    /// Whether a sandbox of its own works inside ours.
    pub nests: bool,
    /// Whether it is left out where agents are chosen by themselves.
    pub is_hidden: bool,
    /// What is missing, in words, each with what to do about it; empty when it can work.
    pub missing: Vec<String>,
}

/// How an agent is logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginState {
    /// It needs no login.
    Free,
    /// By a key of the environment, or of `agents.toml`.
    Key,
    /// By the account of that name.
    Account(String),
    /// Not; whether the person has a login that can be imported.
    None {
        /// Whether `import` would work.
        is_importable: bool,
    },
}

impl Fleet {
    /// Looks at an agent. May be asked for several at once.
    pub async fn probe(&self, agent: &str) -> Option<Probed> {
        let descriptor = self.config.catalog.agents.get(agent)?;
        let login = self.login_state(agent, descriptor);
        let mut probed = Probed {
            agent: agent.to_owned(),
            title: descriptor.title.clone(),
            dialect: descriptor.dialect.word(),
            program: None,
            interpreter: None,
            roots: Vec::new(),
            version: None,
            login,
            modes: (descriptor.read.mode.clone(), descriptor.write.mode.clone()),
            models: descriptor.models.clone(),
            nests: self.in_force.nests,
            is_hidden: descriptor.is_hidden,
            missing: Vec::new(),
        };
        let own = self.config.program.to_string_lossy();
        let program = if descriptor.program == "{self}" {
            &own
        } else {
            descriptor.program.as_str()
        };
        match find(program, descriptor.interpreter.as_deref(), &self.places) {
            Ok(installed) => {
                probed.program = installed.line.last().map(PathBuf::from);
                probed.interpreter.clone_from(&installed.interpreter);
                probed.roots.clone_from(&installed.roots);
                self.see_version(descriptor, installed, &mut probed).await;
            }
            Err(wrong) => probed.missing.push(format!("{wrong}; {}", descriptor.install)),
        }
        if let LoginState::None { is_importable } = probed.login {
            let way = if is_importable { "import" } else { "login" };
            probed
                .missing
                .push(format!("not logged in; partita agents {way} {agent}"));
        }
        if descriptor.needs_model && descriptor.model.is_none() {
            probed.missing.push(format!(
                "no model; set `model` under [agents.{agent}] in agents.toml"
            ));
        }
        Some(probed)
    }

    /// Looks at every agent, one after another: each start takes much of the machine.
    pub async fn probe_all(&self) -> Vec<Probed> {
        let mut all = Vec::new();
        for agent in self.config.catalog.agents.keys() {
            all.extend(self.probe(agent).await);
        }
        all
    }

    fn login_state(&self, agent: &str, descriptor: &Descriptor) -> LoginState {
        match self.accounts.resolve(agent, descriptor) {
            Ok(Some(_)) if descriptor.login.is_free => LoginState::Free,
            Ok(Some(login)) if login.is_keyed => LoginState::Key,
            Ok(Some(login)) => LoginState::Account(login.account),
            Ok(None) | Err(_) => LoginState::None {
                is_importable: Accounts::has_login(&descriptor.login, &self.config.user_home),
            },
        }
    }

    async fn see_version(&self, descriptor: &Descriptor, installed: Installed, probed: &mut Probed) {
        if descriptor.version_args.is_empty() {
            return;
        }
        match self.ask_version(descriptor, installed).await {
            Ok(said) => {
                let oldest = descriptor.min_version.as_deref();
                if let Some(oldest) = oldest.filter(|oldest| numbers(&said) < numbers(oldest)) {
                    let install = &descriptor.install;
                    probed
                        .missing
                        .push(format!("version {said} is older than {oldest}; {install}"));
                }
                probed.version = Some(said);
            }
            Err(wrong) => probed.missing.push(wrong),
        }
    }

    /// The first line with a number in it that the agent says when asked, in a home that is thrown away.
    async fn ask_version(&self, descriptor: &Descriptor, installed: Installed) -> Result<String, String> {
        let scratch = self
            .homes()
            .join(format!("asked-{}-{}", std::process::id(), crate::serial()));
        let [home, temporary, place] = ["home", "tmp", "place"].map(|name| scratch.join(name));
        for folder in [&home, &temporary, &place] {
            crate::account::private_folder(folder).map_err(|error| error.to_string())?;
        }
        let mut environment = crate::environment::basic(&self.config.environment, &installed.path);
        environment.push(("HOME".to_owned(), home.to_string_lossy().into_owned()));
        let line = installed
            .line
            .into_iter()
            .chain(descriptor.version_args.iter().cloned())
            .collect();
        let policy = Policy {
            place,
            access: Access::Read,
            protects_tree: false,
            unseen: Vec::new(),
            network: Network::None,
            home: Some(home),
            temporary,
            readable: installed.roots,
            writable: Vec::new(),
        };
        let errand = Errand {
            mark: "probe",
            policy: &policy,
            bounds: &self.in_force.bounds,
            program: Program { line, environment },
            input: None,
            limits: Limits {
                time: Duration::from_secs(60),
                output_max: 1 << 16,
            },
        };
        let ended = run(&self.spawner, errand)
            .await
            .map_err(|error| error.to_string());
        crate::home::remove(&scratch);
        let ended = ended?;
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        let line = said
            .lines()
            .find(|line| line.bytes().any(|byte| byte.is_ascii_digit()));
        match line {
            Some(line) if ended.code == Some(0) => Ok(line.trim().to_owned()),
            Some(_) | None if ended.is_late => Err("it did not say its version in a minute".to_owned()),
            Some(_) | None => {
                let complaint = String::from_utf8_lossy(&ended.stderr).into_owned();
                Err(format!(
                    "it does not run: {}",
                    complaint.lines().last().unwrap_or("it says nothing")
                ))
            }
        }
    }
}

/// The first three numbers of a version, however it is dressed.
fn numbers(said: &str) -> [u64; 3] {
    let start = said.find(|c: char| c.is_ascii_digit()).unwrap_or(said.len());
    let dressed = said[start..]
        .split(|c: char| !c.is_ascii_digit() && c != '.')
        .next()
        .unwrap_or_default();
    let mut numbers = dressed.split('.').map(|part| part.parse().unwrap_or(0));
    [(); 3].map(|()| numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_however_they_are_dressed() {
        assert_eq!(numbers("2.1.329 (Claude Code)"), [2, 1, 329]);
        assert_eq!(numbers("codex-cli 0.169.0"), [0, 169, 0]);
        assert!(numbers("v0.24.4-nightly.1") < numbers("0.160"));
        assert_eq!(numbers("none"), [0, 0, 0]);
    }
}
