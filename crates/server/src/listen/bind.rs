//! Opens listeners: a socket that only its owner reaches, in a folder that only its owner enters; and loopback ports.

use engine::faults::{Control, is_off};
use rustix::fs::{FileType, Mode, OFlags};
use std::fs::DirBuilder;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tokio::net::{TcpListener, UnixListener};

/// Why there is no listener. Nothing was changed that was there before.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The folder of the socket is not safe.
    #[error("the socket's folder {folder} is not safe: {because}")]
    UnsafeFolder {
        /// Which.
        folder: PathBuf,
        /// What is wrong with it.
        because: String,
    },
    /// Something else lies where the socket should be.
    #[error("{path} is in the way: {because}")]
    InTheWay {
        /// What.
        path: PathBuf,
        /// Why it is not taken for an old socket of ours.
        because: String,
    },
    /// The address is not loopback.
    #[error("{0} is not a loopback address: only 127.0.0.1 and ::1 are served")]
    NotLoopback(IpAddr),
    /// The system refused.
    #[error("cannot listen at {at}: {source}")]
    System {
        /// Where.
        at: String,
        /// What it said.
        source: io::Error,
    },
}

/// Listens at a socket. Whoever calls this holds the instance lock of the home, so a socket that is there already is
/// what a dead daemon left.
///
/// # Errors
/// When the folder is not its owner's alone, something else lies there, or the system refuses.
pub fn bind_unix(path: &Path) -> Result<UnixListener, BindError> {
    let system = |source: io::Error| BindError::System {
        at: path.display().to_string(),
        source,
    };
    let folder = path
        .parent()
        .ok_or_else(|| system(io::ErrorKind::InvalidInput.into()))?;
    if std::fs::symlink_metadata(folder).is_err() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(system)?;
    }
    check_folder(folder)?;
    clear(path)?;
    // Nobody else can enter the folder, so the moment before the mode is set belongs to nobody else either.
    let listener = UnixListener::bind(path).map_err(system)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(system)?;
    Ok(listener)
}

/// The folder itself, not what a link points to, belongs to us and is closed to everybody else.
fn check_folder(folder: &Path) -> Result<(), BindError> {
    if is_off(Control::SocketFolder) {
        return Ok(());
    }
    let not_safe = |because: &str| BindError::UnsafeFolder {
        folder: folder.to_owned(),
        because: because.to_owned(),
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = rustix::fs::open(folder, flags, Mode::empty())
        .map_err(|error| not_safe(&format!("it cannot be opened as a folder of its own ({error})")))?;
    let found = rustix::fs::fstat(&opened).map_err(|error| not_safe(&error.to_string()))?;
    if FileType::from_raw_mode(found.st_mode) != FileType::Directory {
        return Err(not_safe("it is no folder"));
    }
    if found.st_uid != rustix::process::geteuid().as_raw() {
        return Err(not_safe("it belongs to another user"));
    }
    let mode = found.st_mode & 0o777;
    if mode & 0o077 != 0 {
        return Err(not_safe(&format!(
            "others may enter it (mode {mode:03o}); it must be 700"
        )));
    }
    Ok(())
}

/// Removes the socket that a dead daemon left, and nothing else.
fn clear(path: &Path) -> Result<(), BindError> {
    let in_the_way = |because: &str| BindError::InTheWay {
        path: path.to_owned(),
        because: because.to_owned(),
    };
    let found = match std::fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(in_the_way(&error.to_string())),
    };
    if !found.file_type().is_socket() {
        return Err(in_the_way("it is no socket"));
    }
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(in_the_way("it is a socket of another user"));
    }
    std::fs::remove_file(path).map_err(|error| in_the_way(&error.to_string()))
}

/// Listens at a loopback port; 0 takes any that is free.
///
/// # Errors
/// When the address is another one, or the system refuses.
pub async fn bind_tcp(address: SocketAddr) -> Result<TcpListener, BindError> {
    let ip = address.ip();
    if ip != IpAddr::V4(Ipv4Addr::LOCALHOST) && ip != IpAddr::V6(Ipv6Addr::LOCALHOST) {
        return Err(BindError::NotLoopback(ip));
    }
    TcpListener::bind(address)
        .await
        .map_err(|source| BindError::System {
            at: address.to_string(),
            source,
        })
}
