//! Owns: files below a folder that somebody else can change meanwhile: no link is followed on the way.

use rustix::fs::{
    AtFlags, Mode, OFlags, RenameFlags, fstat, mkdirat, openat, renameat, renameat_with, unlinkat,
};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Component, Path};
use std::time::SystemTime;

/// No login file is larger.
const SIZE_MAX: u64 = 1 << 20;

/// A file's content and age.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) bytes: Vec<u8>,
    pub(super) changed: SystemTime,
}

/// Reads a file. None when it is not there, no plain file, or behind a link.
pub(super) fn read(root: &Path, below: &str) -> io::Result<Option<Content>> {
    let opened = walk(root, below, false).and_then(|found| {
        let Some((folder, name)) = found else {
            return Ok(None);
        };
        Ok(Some(openat(
            &folder,
            name,
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC,
            Mode::empty(),
        )?))
    });
    let file = match opened {
        Ok(Some(fd)) => File::from(fd),
        Ok(None) | Err(Errno::NOENT | Errno::LOOP | Errno::NOTDIR) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let seen = file.metadata()?;
    if !seen.is_file() || seen.len() > SIZE_MAX {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    (&file).take(SIZE_MAX).read_to_end(&mut bytes)?;
    Ok(Some(Content {
        bytes,
        changed: seen.modified()?,
    }))
}

/// Writes a file in one step, readable by its owner only, and as old as it is said to be.
pub(super) fn write(root: &Path, below: &str, content: &Content) -> io::Result<()> {
    let placed = place(root, below, content)?;
    placed.rename()
}

/// The same for a file that another may write at this moment: only if it is still what `seen` was. Says whether.
pub(super) fn replace(root: &Path, below: &str, seen: &Content, content: &Content) -> io::Result<bool> {
    let placed = place(root, below, content)?;
    if !placed.swap()? {
        // Not every file system can: then what is there is looked at last, and the moment in between is risked.
        let is_still = read(root, below)?.is_some_and(|now| now.bytes == seen.bytes);
        if is_still {
            placed.rename()?;
        } else {
            unlinkat(&placed.folder, &placed.partial, AtFlags::empty())?;
        }
        return Ok(is_still);
    }
    let partial = Path::new(below).with_file_name(&placed.partial);
    let taken = read(root, partial.to_str().unwrap_or_default())?;
    if taken.is_some_and(|taken| taken.bytes == seen.bytes) {
        unlinkat(&placed.folder, &placed.partial, AtFlags::empty())?;
        rustix::fs::fsync(&placed.folder)?;
        return Ok(true);
    }
    // Written meanwhile, or being written: it belongs where it was.
    placed.rename()?;
    Ok(false)
}

/// A file beside the one whose place it is to take.
struct Placed<'a> {
    folder: OwnedFd,
    partial: String,
    name: &'a str,
}

fn place<'a>(root: &Path, below: &'a str, content: &Content) -> io::Result<Placed<'a>> {
    let Some((folder, name)) = walk(root, below, true)? else {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{below} leads outside"),
        ));
    };
    let partial = format!(".{name}.partial");
    let _absent = unlinkat(&folder, &partial, AtFlags::empty());
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(openat(&folder, &partial, flags, Mode::from_raw_mode(0o600))?);
    file.write_all(&content.bytes)?;
    file.set_modified(content.changed)?;
    file.sync_all()?;
    Ok(Placed {
        folder,
        partial,
        name,
    })
}

impl Placed<'_> {
    fn rename(&self) -> io::Result<()> {
        renameat(&self.folder, &self.partial, &self.folder, self.name)?;
        // A renewed login that a power cut takes back is a spent one.
        Ok(rustix::fs::fsync(&self.folder)?)
    }

    /// Lets both change places; false where that cannot be done.
    fn swap(&self) -> io::Result<bool> {
        let (folder, flags) = (&self.folder, RenameFlags::EXCHANGE);
        match renameat_with(folder, &self.partial, folder, self.name, flags) {
            Ok(()) => Ok(true),
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Removes a file, if it is there. A link on the way leads nowhere.
pub(super) fn remove(root: &Path, below: &str) -> io::Result<()> {
    let removed = walk(root, below, false).and_then(|found| match found {
        Some((folder, name)) => unlinkat(&folder, name, AtFlags::empty()),
        None => Ok(()),
    });
    match removed {
        Ok(()) | Err(Errno::NOENT | Errno::LOOP | Errno::NOTDIR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The folder that holds it and its name there; folders on the way are made if asked for.
fn walk<'a>(root: &Path, below: &'a str, makes: bool) -> Result<Option<(OwnedFd, &'a str)>, Errno> {
    let folder_flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut folder = rustix::fs::open(root, folder_flags, Mode::empty())?;
    let mut parts = Vec::new();
    for part in Path::new(below).components() {
        match part {
            Component::Normal(name) => parts.push(name.to_str().ok_or(Errno::INVAL)?),
            Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => {
                return Ok(None);
            }
        }
    }
    let Some((name, folders)) = parts.split_last() else {
        return Ok(None);
    };
    for part in folders {
        if makes {
            match mkdirat(&folder, *part, Mode::from_raw_mode(0o700)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error),
            }
        }
        folder = openat(&folder, *part, folder_flags, Mode::empty())?;
        let _is_folder = fstat(&folder)?;
    }
    Ok(Some((folder, name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_file_comes_back_as_it_was_written_and_is_private() {
        let root = tempfile::tempdir().unwrap();
        let changed = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000);
        let content = Content {
            bytes: b"secret".to_vec(),
            changed,
        };
        write(root.path(), ".agent/deep/key", &content).unwrap();
        assert_eq!(read(root.path(), ".agent/deep/key").unwrap(), Some(content));
        let mode = |below: &str| {
            std::fs::metadata(root.path().join(below))
                .unwrap()
                .permissions()
                .mode()
                & 0o777
        };
        assert_eq!((mode(".agent/deep/key"), mode(".agent/deep")), (0o600, 0o700));
    }

    #[test]
    fn what_somebody_wrote_meanwhile_is_not_replaced() {
        let root = tempfile::tempdir().unwrap();
        let content = |text: &str| Content {
            bytes: text.as_bytes().to_vec(),
            changed: SystemTime::UNIX_EPOCH,
        };
        let (old, ours, theirs) = (content("old"), content("ours"), content("theirs"));
        write(root.path(), "a/key", &theirs).unwrap();
        assert!(!replace(root.path(), "a/key", &old, &ours).unwrap());
        assert_eq!(read(root.path(), "a/key").unwrap(), Some(theirs.clone()));
        assert!(replace(root.path(), "a/key", &theirs, &ours).unwrap());
        assert_eq!(read(root.path(), "a/key").unwrap(), Some(ours.clone()));
        std::fs::remove_file(root.path().join("a/key")).unwrap();
        assert!(!replace(root.path(), "a/key", &theirs, &ours).unwrap());
        assert_eq!(std::fs::read_dir(root.path().join("a")).unwrap().count(), 0);
    }

    #[test]
    fn links_lead_nowhere() {
        let root = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        std::fs::write(elsewhere.path().join("key"), "theirs").unwrap();
        symlink(elsewhere.path(), root.path().join("folder")).unwrap();
        symlink(elsewhere.path().join("key"), root.path().join("file")).unwrap();
        assert_eq!(read(root.path(), "folder/key").unwrap(), None);
        assert_eq!(read(root.path(), "file").unwrap(), None);
        let ours = Content {
            bytes: b"ours".to_vec(),
            changed: SystemTime::UNIX_EPOCH,
        };
        assert!(write(root.path(), "folder/key", &ours).is_err());
        assert!(write(root.path(), "../key", &ours).is_err());
        write(root.path(), "file", &ours).unwrap();
        assert_eq!(std::fs::read(elsewhere.path().join("key")).unwrap(), b"theirs");
    }
}
