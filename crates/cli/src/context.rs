//! What every command knows: whose home, which project, how to answer.

use crate::args::Global;
use crate::client::Daemon;
use crate::config::Config;
use crate::daemon;
use crate::error::{Explain, Result};
use crate::home::{self, Home, UserFolders};
use crate::lock::{self, Holder};
use std::path::PathBuf;

/// What every command knows.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) home: Home,
    pub(crate) folders: UserFolders,
    /// The folder agents work on, absolute and resolved.
    pub(crate) project: PathBuf,
    pub(crate) is_json: bool,
}

impl Context {
    pub(crate) fn new(global: &Global) -> Result<Self> {
        let folders = UserFolders::from_environment()?;
        let given = match &global.project_dir {
            Some(folder) => folder.clone(),
            None => std::env::current_dir().explain("cannot tell which folder this is")?,
        };
        let project = home::project(&given)?;
        let home = home::find(global.home.as_deref(), &project, &folders)?;
        Ok(Self {
            home,
            folders,
            project,
            is_json: global.json,
        })
    }

    pub(crate) fn config(&self) -> Result<Config> {
        Config::read(&self.folders)
    }

    /// The daemon, started when there is none.
    pub(crate) fn daemon(&self) -> Result<Daemon> {
        daemon::ensure(&self.home)?;
        Daemon::at(&self.home)
    }

    /// The daemon, if it runs.
    pub(crate) fn running(&self) -> Result<Daemon> {
        match lock::holder(&self.home)? {
            Holder::Daemon(_) => Daemon::at(&self.home),
            Holder::Nobody => Err(daemon::not_running(&self.home)),
        }
    }
}
