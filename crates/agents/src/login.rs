//! Owns: filling accounts, as a person's own command asks for it: by the agent's own login, by copying a login that
//! the person has, or by a long-lived token.

use crate::account::Accounts;
use crate::descriptor::Descriptor;
use crate::fleet::FleetConfig;
use crate::install::{expand, find};
use std::io;
use std::process::Command;

/// Why an account was not filled.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// No agent has that name.
    #[error("there is no agent `{0}`")]
    Unknown(String),
    /// The agent is not there.
    #[error("{0}")]
    Missing(String),
    /// There is nothing to do it with.
    #[error("{0}")]
    Impossible(String),
    /// The agent's own login did not succeed.
    #[error("the login of `{0}` did not succeed")]
    Refused(String),
    /// The account's files cannot be written.
    #[error("cannot fill the account: {0}")]
    Io(#[from] io::Error),
}

/// Runs the agent's own login on this terminal, in a home of its own, and fills the account with what comes of it. One
/// that is given up leaves the account as it was.
pub fn login(config: &FleetConfig, agent: &str, account: &str) -> Result<(), LoginError> {
    let descriptor = descriptor(config, agent)?;
    let accounts = config.accounts();
    if descriptor.login.command.is_empty() {
        let keys = descriptor.login.keys.join(" or ");
        return Err(LoginError::Impossible(format!(
            "`{agent}` has no login of its own that could be run: log in with it and use `import`, or set {keys}"
        )));
    }
    let installed = find(
        &descriptor.program,
        descriptor.interpreter.as_deref(),
        &config.places(),
    )
    .map_err(|wrong| LoginError::Missing(format!("agent `{agent}`: {wrong}; {}", descriptor.install)))?;
    let kept = accounts.prepare(agent, account)?;
    // No account's name has a point.
    let home = kept.with_file_name(format!("{account}.login"));
    crate::home::remove(&home);
    crate::account::private_folder(&home)?;
    let holes = crate::descriptor::Holes::from([("home", home.to_string_lossy().into_owned())]);
    crate::account::make_parents(
        &home,
        descriptor.login.files.iter().map(|file| file.path.as_str()),
    )?;
    let own = descriptor
        .env
        .iter()
        .filter_map(|(name, value)| Some((name, crate::descriptor::fill(value, &holes)?)));
    let (program, arguments) = installed
        .line
        .split_first()
        .ok_or_else(|| LoginError::Missing(descriptor.program.clone()))?;
    let status = Command::new(program)
        .args(arguments)
        .args(&descriptor.login.command)
        .envs(own)
        .env("HOME", &home)
        .current_dir(&home)
        .status()?;
    let filled = if status.success() && Accounts::has_login(&descriptor.login, &home) {
        accounts.fill(agent, account, &descriptor.login, &home)?;
        Ok(())
    } else {
        Err(LoginError::Refused(agent.to_owned()))
    };
    crate::home::remove(&home);
    filled
}

/// Copies a login that the person has. Their own files are only read. Says which were copied.
pub fn import(config: &FleetConfig, agent: &str, account: &str) -> Result<Vec<String>, LoginError> {
    let descriptor = descriptor(config, agent)?;
    if !Accounts::has_login(&descriptor.login, &config.user_home) {
        let named: Vec<_> = descriptor
            .login
            .files
            .iter()
            .map(|file| format!("~/{}", file.path))
            .collect();
        let named = if named.is_empty() {
            "a login in files".to_owned()
        } else {
            named.join(", ")
        };
        return Err(LoginError::Impossible(format!(
            "`{agent}` has left no login here: {named} is looked for"
        )));
    }
    Ok(config
        .accounts()
        .fill(agent, account, &descriptor.login, &config.user_home)?)
}

/// Keeps a long-lived token.
pub fn keep_token(config: &FleetConfig, agent: &str, account: &str, token: &str) -> Result<(), LoginError> {
    let descriptor = descriptor(config, agent)?;
    if descriptor.login.token.is_none() {
        return Err(LoginError::Impossible(format!(
            "`{agent}` knows no long-lived tokens"
        )));
    }
    Ok(config.accounts().keep_token(agent, account, token)?)
}

fn descriptor<'a>(config: &'a FleetConfig, agent: &str) -> Result<&'a Descriptor, LoginError> {
    config
        .catalog
        .agents
        .get(agent)
        .ok_or_else(|| LoginError::Unknown(agent.to_owned()))
}

impl FleetConfig {
    pub(crate) fn accounts(&self) -> Accounts {
        Accounts {
            folder: self.home.join("accounts"),
            environment: self.environment.clone(),
        }
    }

    pub(crate) fn places(&self) -> crate::install::Whereabouts {
        let own = self
            .catalog
            .sandbox
            .path
            .iter()
            .map(|folder| expand(folder, &self.user_home));
        let system = self
            .environment
            .get("PATH")
            .into_iter()
            .flat_map(|path| path.split(':'))
            .map(Into::into);
        let path = own
            .chain(system)
            .filter(|folder: &std::path::PathBuf| folder.is_absolute())
            .collect();
        crate::install::Whereabouts {
            path,
            home: self.user_home.clone(),
        }
    }
}
