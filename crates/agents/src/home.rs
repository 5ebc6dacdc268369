//! Owns: the homes that steps keep, `homes/<run>/<step>/<agent>/`, and what is put into one before a task.

use crate::account::{Holder, private_folder};
use crate::sandbox::STAND_IN;
use domain::{RunId, StepKey};
use engine::ports::TaskFile;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The folders of one step's agent.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    /// Its `HOME`; later attempts of the same agent get it again.
    pub(crate) home: PathBuf,
    /// Its folder for what is temporary, of one task only.
    pub(crate) temporary: PathBuf,
    /// Always empty.
    pub(crate) empty: PathBuf,
    /// A file that says nothing.
    pub(crate) unseen: PathBuf,
    /// Inputs too long for a prompt.
    pub(crate) files: PathBuf,
    /// For setting up the step's working copy, whoever works in it.
    pub(crate) setup: PathBuf,
}

impl Home {
    /// Makes the folders, those of one task empty.
    pub(crate) fn prepare(homes: &Path, run: RunId, key: &StepKey, agent: &str) -> io::Result<Self> {
        let step = of_run(homes, run).join(folder_name(key));
        let folder = step.join(agent);
        let made = Self {
            home: folder.join("home"),
            temporary: folder.join("tmp"),
            empty: folder.join("tmp.empty"),
            unseen: folder.join("tmp.unseen"),
            files: folder.join("files"),
            // No agent's name has a point.
            setup: step.join(".setup"),
        };
        for fresh in [&made.temporary, &made.empty, &made.files] {
            remove(fresh);
        }
        for needed in [&made.home, &made.temporary, &made.empty, &made.files] {
            private_folder(needed)?;
        }
        private_file(&made.unseen, STAND_IN.as_bytes())?;
        Ok(made)
    }

    /// The same as a place for a login. The note on whose it is lies beside the home, where no task reaches it.
    pub(crate) fn holder(&self) -> Holder {
        let beside = self.home.parent().unwrap_or(&self.home);
        Holder {
            home: self.home.clone(),
            beside: beside.to_owned(),
        }
    }

    /// Puts inputs where the task can read them. Names are made harmless, not trusted.
    pub(crate) fn put_files(&self, files: &[TaskFile]) -> io::Result<Vec<(String, PathBuf)>> {
        files
            .iter()
            .map(|file| {
                let name = Path::new(&file.name)
                    .file_name()
                    .and_then(std::ffi::OsStr::to_str);
                let name =
                    name.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a file without a name"))?;
                let path = self.files.join(name);
                private_file(&path, file.content.as_bytes())?;
                Ok((file.name.clone(), path))
            })
            .collect()
    }
}

/// Writes a file for the owner only, whatever the umask.
fn private_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)?.write_all(content)
}

/// The folder of a run's homes.
pub(crate) fn of_run(homes: &Path, run: RunId) -> PathBuf {
    homes.join(run.to_string())
}

/// Every home that an agent's tasks left.
pub(crate) fn of_agent(homes: &Path, agent: &str) -> Vec<Holder> {
    let within = |folder: &Path| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let steps = within(homes).into_iter().flat_map(|run| within(&run));
    let found = steps.map(|step| Holder {
        home: step.join(agent).join("home"),
        beside: step.join(agent),
    });
    found.filter(|holder| holder.home.is_dir()).collect()
}

/// A step's name as a folder's: short, harmless, and another for every other step.
fn folder_name(key: &StepKey) -> String {
    use sha2::{Digest, Sha256};
    let said = key.to_string();
    let plain: String = said
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        })
        .take(40)
        .collect();
    let digest = Sha256::digest(said.as_bytes());
    format!(
        "{plain}-{:02x}{:02x}{:02x}{:02x}",
        digest[0], digest[1], digest[2], digest[3]
    )
}

/// Removes a folder, whatever rights were left on what is in it. What cannot be removed is said in the log.
pub(crate) fn remove(folder: &Path) {
    let first = std::fs::remove_dir_all(folder);
    let denied = first
        .as_ref()
        .is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied);
    let last = if denied {
        open_up(folder);
        std::fs::remove_dir_all(folder)
    } else {
        first
    };
    match last {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(folder = %folder.display(), %error, "cannot be removed");
        }
        Ok(()) | Err(_) => {}
    }
}

/// Gives the owner every right on every folder below. Follows no link.
fn open_up(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let is_folder = std::fs::symlink_metadata(folder).is_ok_and(|seen| seen.is_dir());
    if !is_folder {
        return;
    }
    let _tried = std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700));
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        open_up(&entry.path());
    }
}
