//! Where things lie in a home, and that nobody else may look at them.

use crate::error::OpenError;
use engine::faults::{Control, is_off};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The files of a home that the store owns.
#[derive(Clone, Debug)]
pub struct Home {
    root: PathBuf,
}

impl Home {
    /// The home in this folder, which need not exist yet.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.root.join("orchestrator.db")
    }

    /// Its write-ahead log.
    #[must_use]
    pub fn write_ahead_log(&self) -> PathBuf {
        self.root.join("orchestrator.db-wal")
    }

    /// Values too long for a row, by the hash of their content.
    #[must_use]
    pub fn blobs(&self) -> PathBuf {
        self.root.join("blobs")
    }

    /// What agents said, a file per task.
    #[must_use]
    pub fn transcripts(&self) -> PathBuf {
        self.root.join("transcripts")
    }

    /// Copies of the database.
    #[must_use]
    pub fn backups(&self) -> PathBuf {
        self.root.join("backups")
    }

    /// Room that is given up when the disk is full.
    #[must_use]
    pub fn ballast(&self) -> PathBuf {
        self.root.join("ballast")
    }

    /// Makes the folders and closes them to everybody else.
    pub(crate) fn prepare(&self) -> Result<(), OpenError> {
        for folder in [
            self.root.clone(),
            self.blobs(),
            self.transcripts(),
            self.backups(),
        ] {
            make_private_folder(&folder).map_err(OpenError::file("make the folder", &folder))?;
        }
        if is_network_disk(&self.root).map_err(OpenError::file("look at the disk of", &self.root))? {
            return Err(OpenError::NetworkDisk {
                path: self.root.clone(),
            });
        }
        Ok(())
    }
}

/// Makes a folder, parents included, that only its owner may enter.
pub(crate) fn make_private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    if fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(path, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// How a file that only its owner may read is opened.
pub(crate) fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(if is_off(Control::PrivateFiles) {
        0o666
    } else {
        0o600
    });
    options
}

/// Makes the names in a folder survive the machine's death.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Bytes that an ordinary user may still write on the disk of this path.
pub(crate) fn free_bytes(path: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(path)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Whether the folder is on a disk of another machine: NFS, SMB, AFS, Coda, Ceph. Elsewhere nobody can tell.
#[cfg(target_os = "linux")]
fn is_network_disk(path: &Path) -> io::Result<bool> {
    const KINDS: [u64; 7] = [
        0x6969,
        0x517b,
        0xff53_4d42,
        0xfe53_4d42,
        0x5346_414f,
        0x7375_7245,
        0x00c3_6400,
    ];
    let kind = rustix::fs::statfs(path)?.f_type;
    Ok(KINDS.contains(&(kind.cast_unsigned() as u64)))
}

/// Whether the folder is on a disk of another machine. Nobody can tell here.
#[cfg(not(target_os = "linux"))]
fn is_network_disk(_path: &Path) -> io::Result<bool> {
    Ok(false)
}
