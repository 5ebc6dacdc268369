//! Which home the daemon keeps everything in, and what lies where in it. A cloned repository can never choose the
//! daemon: a home inside a project counts only when the user's own registry lists it.

use crate::error::{CliError, Explain, Result};
use crate::exit::Exit;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The folders of one user, as the environment says.
#[derive(Clone, Debug)]
pub(crate) struct UserFolders {
    /// Where the user's own settings are: never read from a project.
    pub(crate) config: PathBuf,
    /// Where a home is when nothing else says so.
    pub(crate) state: PathBuf,
}

impl UserFolders {
    pub(crate) fn from_environment() -> Result<Self> {
        let of = |variable: &str, fallback: &str| {
            let set = std::env::var_os(variable)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute());
            let home = || {
                std::env::var_os("HOME")
                    .map(PathBuf::from)
                    .filter(|path| path.is_absolute())
            };
            set.or_else(|| home().map(|home| home.join(fallback)))
        };
        match (
            of("XDG_CONFIG_HOME", ".config"),
            of("XDG_STATE_HOME", ".local/state"),
        ) {
            (Some(config), Some(state)) => Ok(Self {
                config: config.join("partita"),
                state: state.join("partita"),
            }),
            _ => Err(
                CliError::new(Exit::Machine, "no_home", "cannot tell where to keep things")
                    .because("neither HOME nor XDG_STATE_HOME is set to an absolute path")
                    .hint("set HOME, or name a folder with --home"),
            ),
        }
    }

    /// The file that lists the projects with a home of their own.
    fn registry(&self) -> PathBuf {
        self.config.join("local-homes")
    }
}

/// The home that a command works with: `--home`, else `PARTITA_HOME`, else the project's own if the user listed it,
/// else the user's.
pub(crate) fn find(given: Option<&Path>, project: &Path, folders: &UserFolders) -> Result<Home> {
    let chosen = given
        .map(Path::to_path_buf)
        .or_else(|| std::env::var_os("PARTITA_HOME").map(PathBuf::from));
    let path = match chosen {
        Some(path) if path.as_os_str().is_empty() => {
            return Err(CliError::new(Exit::Usage, "bad_home", "the home's path is empty"));
        }
        Some(path) => resolved(&path)?,
        None => listed_home(project, folders)?.map_or_else(|| resolved(&folders.state), Ok)?,
    };
    Ok(Home { path })
}

/// The same text for the same folder, however it was named: links are followed as far as there are folders.
fn resolved(path: &Path) -> Result<PathBuf> {
    let path = std::path::absolute(path).explain(format!("cannot resolve {}", path.display()))?;
    let there = path
        .ancestors()
        .find_map(|folder| Some((folder, folder.canonicalize().ok()?)));
    Ok(match there {
        Some((folder, real)) if folder == path => real,
        Some((folder, real)) => path
            .strip_prefix(folder)
            .map_or(path.clone(), |rest| real.join(rest)),
        None => path,
    })
}

fn listed_home(project: &Path, folders: &UserFolders) -> Result<Option<PathBuf>> {
    let Ok(project) = project.canonicalize() else {
        return Ok(None);
    };
    let listed = read_registry(folders)?;
    Ok(project
        .ancestors()
        .find(|folder| listed.iter().any(|listed| listed == folder))
        .map(local_home))
}

fn local_home(project: &Path) -> PathBuf {
    project.join(".partita").join("home")
}

fn read_registry(folders: &UserFolders) -> Result<Vec<PathBuf>> {
    match std::fs::read_to_string(folders.registry()) {
        Ok(text) => Ok(text
            .lines()
            .filter(|line| !line.is_empty())
            .map(PathBuf::from)
            .collect()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).explain(format!("cannot read {}", folders.registry().display())),
    }
}

/// A folder that agents are to work on, as the system knows it.
pub(crate) fn project(given: &Path) -> Result<PathBuf> {
    let what = || format!("cannot use the folder {}", given.display());
    match given.canonicalize() {
        Ok(folder) if folder.is_dir() => Ok(folder),
        Ok(_) => Err(CliError::new(Exit::NotFound, "no_folder", what())
            .because("it is a file")
            .hint("name the folder that it lies in with --project-dir")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(CliError::new(Exit::NotFound, "no_folder", what())
                .because("it is not there")
                .hint("name a folder that is there with --project-dir"))
        }
        Err(error) => Err(error).explain(what()),
    }
}

/// Gives a project a home of its own.
pub(crate) fn list_local(project: &Path, folders: &UserFolders) -> Result<Home> {
    let project = self::project(project)?;
    let mut listed = read_registry(folders)?;
    if !listed.contains(&project) {
        listed.push(project.clone());
        let lines: Vec<String> = listed
            .iter()
            .map(|path| format!("{}\n", path.display()))
            .collect();
        private_folder(&folders.config)?;
        let registry = folders.registry();
        std::fs::write(&registry, lines.concat()).explain(format!("cannot write {}", registry.display()))?;
    }
    Ok(Home {
        path: local_home(&project),
    })
}

/// The folder that the daemon keeps everything in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Home {
    pub(crate) path: PathBuf,
}

impl Home {
    /// Makes the folder, for its owner alone.
    pub(crate) fn make(&self) -> Result<()> {
        let elsewhere = "name another folder with --home or PARTITA_HOME";
        if self.is_shared() {
            let what = format!("{} cannot be a home", self.path.display());
            return Err(CliError::new(Exit::Refused, "shared_home", what)
                .because("other things lie in it, and others may enter it; a home is closed to them")
                .hint(elsewhere));
        }
        private_folder(&self.path).map_err(|error| error.hint(elsewhere))
    }

    /// Whether the folder is one that others use: to be closed to them would break what they do there.
    fn is_shared(&self) -> bool {
        let is_open =
            std::fs::metadata(&self.path).is_ok_and(|found| found.permissions().mode() & 0o077 != 0);
        let names = || self.path.read_dir().into_iter().flatten().flatten();
        let is_ours = |name: &std::ffi::OsStr| name.as_encoded_bytes().starts_with(b"orchestrator.");
        is_open && names().next().is_some() && !names().any(|entry| is_ours(&entry.file_name()))
    }

    pub(crate) fn pid_file(&self) -> PathBuf {
        self.path.join("orchestrator.pid")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.path.join("orchestrator.log")
    }

    /// What a port that was asked for at the start can be reached with.
    pub(crate) fn token(&self) -> PathBuf {
        self.path.join("token")
    }

    /// Computed alike by daemon and clients, also where the path would be too long for the system.
    pub(crate) fn socket(&self) -> Result<PathBuf> {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        api::socket_path(&self.path, runtime.as_deref()).map_err(|error| {
            CliError::new(
                Exit::Machine,
                "no_socket_path",
                "the daemon would have no place to listen",
            )
            .because(error)
            .hint("choose a shorter home with --home or PARTITA_HOME")
        })
    }
}

/// A folder that only its owner can enter, made with all its parents.
pub(crate) fn private_folder(path: &Path) -> Result<()> {
    let make = || -> std::io::Result<()> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)?;
        let found = std::fs::metadata(path)?;
        if found.permissions().mode() & 0o077 != 0 {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))?;
        }
        Ok(())
    };
    make().explain(format!("cannot make the folder {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(at: &Path) -> UserFolders {
        UserFolders {
            config: at.join("config"),
            state: at.join("state"),
        }
    }

    #[test]
    fn a_project_chooses_its_home_only_when_the_user_listed_it() {
        let temp = tempfile::tempdir().unwrap();
        let project = temp.path().canonicalize().unwrap().join("project");
        std::fs::create_dir_all(project.join(".partita/home")).unwrap();
        let folders = folders(temp.path());

        let before = find(None, &project, &folders).unwrap();
        assert_eq!(before.path, folders.state);

        let made = list_local(&project, &folders).unwrap();
        assert_eq!(made.path, project.join(".partita/home"));
        assert_eq!(
            find(None, &project.join("src"), &folders).unwrap().path,
            folders.state,
            "no such folder yet"
        );
        std::fs::create_dir(project.join("src")).unwrap();
        assert_eq!(find(None, &project.join("src"), &folders).unwrap(), made);
    }

    #[test]
    fn a_folder_that_others_use_is_no_home() {
        let temp = tempfile::tempdir().unwrap();
        let home = Home {
            path: temp.path().join("shared"),
        };
        std::fs::create_dir(&home.path).unwrap();
        let mode = || std::fs::metadata(&home.path).unwrap().permissions().mode() & 0o777;
        let open = || std::fs::set_permissions(&home.path, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::write(home.path.join("notes"), "somebody's").unwrap();
        open();
        assert_eq!(home.make().unwrap_err().exit, Exit::Refused);
        assert_eq!(mode(), 0o755, "nothing was changed");
        std::fs::write(home.path.join("orchestrator.db"), "").unwrap();
        home.make().unwrap();
        assert_eq!(mode(), 0o700, "a home that somebody opened is closed again");
    }

    #[test]
    fn a_62_a_home_is_for_its_owner_alone() {
        let temp = tempfile::tempdir().unwrap();
        let home = Home {
            path: temp.path().join("a/b"),
        };
        home.make().unwrap();
        let mode = std::fs::metadata(&home.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
