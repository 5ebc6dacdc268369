//! The file in which pages outlive the daemon: replaced as a whole or not at all, for its owner alone, and never with
//! a secret in it.

use rustix::fs::{FileType, Mode, OFlags};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// More than the sessions that there can be.
const BYTES_MAX: u64 = 64 * 1024;

/// The file, and how new what it holds is.
pub(super) struct Kept {
    path: PathBuf,
    /// Writes may overtake each other: an older one is left out.
    newest: Mutex<u64>,
}

impl Kept {
    pub(super) const fn at(path: PathBuf) -> Self {
        Self {
            path,
            newest: Mutex::new(0),
        }
    }

    /// What was kept; nothing where there is no file. A file that others could have written is not believed.
    pub(super) fn read(&self) -> io::Result<Option<Vec<u8>>> {
        // Without waiting: something else than a file may lie there, a pipe for instance.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = match rustix::fs::open(&self.path, flags, Mode::empty()) {
            Ok(opened) => opened,
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let found = rustix::fs::fstat(&opened)?;
        let is_ours = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile
            && found.st_uid == rustix::process::geteuid().as_raw()
            && found.st_mode & 0o077 == 0;
        if !is_ours {
            return Err(io::Error::other("it is not a file that only its owner reaches"));
        }
        let mut text = Vec::new();
        File::from(opened).take(BYTES_MAX + 1).read_to_end(&mut text)?;
        if text.len() as u64 > BYTES_MAX {
            return Err(io::Error::other("it is too long"));
        }
        Ok(Some(text))
    }

    /// Keeps this unless something newer is kept already. Blocks until the disk has it.
    pub(super) fn write(&self, serial: u64, text: &[u8]) -> io::Result<()> {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if serial <= *newest {
            return Ok(());
        }
        let beside = self.path.with_extension("new");
        remove(&beside)?;
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)?;
        file.write_all(text)?;
        file.sync_all()?;
        std::fs::rename(&beside, &self.path)?;
        self.sync_folder()?;
        *newest = serial;
        Ok(())
    }

    /// Removes the file: what must not come back does not, even where nothing can be written any more.
    pub(super) fn forget(&self) -> io::Result<()> {
        remove(&self.path)?;
        self.sync_folder()
    }

    fn sync_folder(&self) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_62_the_file_is_replaced_as_a_whole_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("page.json");
        let kept = Kept::at(path.clone());
        assert_eq!(kept.read().unwrap(), None);
        // What a crash in the middle of a write left.
        std::fs::write(path.with_extension("new"), "half of").unwrap();
        kept.write(2, b"two").unwrap();
        kept.write(1, b"one, which was overtaken").unwrap();
        assert_eq!(kept.read().unwrap().unwrap(), b"two");
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_62_a_file_that_others_could_have_written_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("page.json");
        let kept = Kept::at(path.clone());
        kept.write(1, b"ours").unwrap();
        for mode in [0o620, 0o604, 0o666] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert!(kept.read().is_err(), "{mode:o}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::rename(&path, folder.path().join("elsewhere")).unwrap();
        symlink(folder.path().join("elsewhere"), &path).unwrap();
        assert!(kept.read().is_err(), "a link");
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(kept.read().is_err(), "a folder");
        std::fs::remove_dir(&path).unwrap();
        kept.write(2, &vec![b' '; 65 * 1024]).unwrap();
        assert!(kept.read().is_err(), "too long");
    }
}
