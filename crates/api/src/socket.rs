//! Where the daemon of a home listens: computed alike by both sides.

use std::path::{Path, PathBuf};

/// The socket's name, wherever it lies.
pub const SOCKET_NAME: &str = "orchestrator.sock";

/// Bytes that a socket's path may have on every system we run on (`sun_path` of macOS, less its closing zero).
pub const SOCKET_PATH_BYTES_MAX: usize = 103;

/// Why a home has no usable socket path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSocketPath {
    /// The home is not absolute.
    #[error("the home {0} is not an absolute path")]
    NotAbsolute(PathBuf),
    /// The path is too long, and there is no other place.
    #[error(
        "the socket path {0} is too long for this system, and XDG_RUNTIME_DIR names no folder to use instead"
    )]
    TooLong(PathBuf),
}

/// The socket of the daemon of `home`: in the home itself, or, where that path is too long for the system, in a folder
/// of `runtime_dir` (the value of `XDG_RUNTIME_DIR`) named after the home. `home` must be resolved, so that both
/// sides start from the same text.
///
/// # Errors
/// When the home is not absolute, or both paths are too long.
pub fn socket_path(home: &Path, runtime_dir: Option<&Path>) -> Result<PathBuf, NoSocketPath> {
    if !home.is_absolute() {
        return Err(NoSocketPath::NotAbsolute(home.to_owned()));
    }
    let in_home = home.join(SOCKET_NAME);
    if fits(&in_home) {
        return Ok(in_home);
    }
    let folder = format!("partita-{:016x}", hash(home));
    runtime_dir
        .filter(|folder| folder.is_absolute())
        .map(|runtime| runtime.join(folder).join(SOCKET_NAME))
        .filter(|path| fits(path))
        .ok_or(NoSocketPath::TooLong(in_home))
}

fn fits(path: &Path) -> bool {
    path.as_os_str().len() <= SOCKET_PATH_BYTES_MAX
}

/// FNV-1a: the same text gives the same folder in every version.
fn hash(home: &Path) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    home.as_os_str()
        .as_encoded_bytes()
        .iter()
        .fold(OFFSET, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_home_holds_its_own_socket() {
        assert_eq!(
            socket_path(Path::new("/home/me/.local/state/partita"), None),
            Ok(PathBuf::from("/home/me/.local/state/partita/orchestrator.sock"))
        );
    }

    #[test]
    fn a_long_home_has_its_socket_in_the_runtime_folder() {
        let home = PathBuf::from(format!("/{}", "long/".repeat(30)));
        let runtime = Path::new("/run/user/1000");
        let path = socket_path(&home, Some(runtime)).unwrap();
        assert_eq!(
            path,
            Path::new("/run/user/1000/partita-da4001ee27e3aa08/orchestrator.sock")
        );
        assert_ne!(path, socket_path(&home.join("x"), Some(runtime)).unwrap());
        assert!(matches!(socket_path(&home, None), Err(NoSocketPath::TooLong(_))));
        assert!(matches!(
            socket_path(Path::new("home"), None),
            Err(NoSocketPath::NotAbsolute(_))
        ));
    }
}
