//! Values too long for a row: files named by the SHA-256 of what they hold, on the disk before anything names them.

use crate::home::{make_private_folder, private_file, sync_folder};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// The folder of blobs.
#[derive(Debug)]
pub(crate) struct Blobs {
    root: PathBuf,
    unfinished: PathBuf,
    counter: AtomicU64,
}

/// Why a blob cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BlobError {
    #[error("`{0}` is not the hash of a blob")]
    NotAHash(String),
    #[error("the file of blob {hash} cannot be read: {source}")]
    File { hash: String, source: io::Error },
    #[error("the file of blob {0} is damaged")]
    Damaged(String),
}

/// The hexadecimal SHA-256 of these bytes.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            // Writing to a string does not fail.
            let _always = write!(text, "{byte:02x}");
            text
        })
}

impl Blobs {
    /// Takes over the folder, and throws away what a crash left half written.
    pub(crate) fn open(root: PathBuf) -> io::Result<Self> {
        let unfinished = root.join("unfinished");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished)?;
        }
        make_private_folder(&unfinished)?;
        Ok(Self {
            root,
            unfinished,
            counter: AtomicU64::new(0),
        })
    }

    /// A look at the folder, which changes nothing in it.
    pub(crate) fn look(root: PathBuf) -> Self {
        let unfinished = root.join("unfinished");
        Self {
            root,
            unfinished,
            counter: AtomicU64::new(0),
        }
    }

    /// Keeps the bytes. When this returns, they survive the machine's death.
    pub(crate) fn put(&self, bytes: &[u8]) -> io::Result<String> {
        let hash = sha256(bytes);
        self.put_as(&hash, bytes)?;
        Ok(hash)
    }

    /// Keeps the bytes under the hash that they are known to have.
    pub(crate) fn put_as(&self, hash: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(hash);
        let folder = path.parent().unwrap_or(&self.root);
        if holds(&path, bytes) {
            // Somebody may have written it a moment ago and not be done: what we name must be on the disk.
            File::open(&path)?.sync_all()?;
        } else {
            if !folder.exists() {
                make_private_folder(folder)?;
                sync_folder(&self.root)?;
            }
            self.write(&path, bytes)?;
        }
        sync_folder(folder)
    }

    /// The bytes of that hash, if the file still holds them.
    pub(crate) fn get(&self, hash: &str) -> Result<Vec<u8>, BlobError> {
        if hash.len() != 64 || !hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(BlobError::NotAHash(hash.to_owned()));
        }
        let bytes = fs::read(self.path(hash)).map_err(|source| BlobError::File {
            hash: hash.to_owned(),
            source,
        })?;
        if sha256(&bytes) == hash {
            Ok(bytes)
        } else {
            Err(BlobError::Damaged(hash.to_owned()))
        }
    }

    fn path(&self, hash: &str) -> PathBuf {
        self.root.join(hash.get(..2).unwrap_or("_")).join(hash)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let serial = self.counter.fetch_add(1, Ordering::Relaxed);
        let unfinished = self.unfinished.join(serial.to_string());
        let written = (|| {
            let mut file = private_file().write(true).create_new(true).open(&unfinished)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&unfinished, path)
        })();
        if written.is_err() {
            // A full disk needs every byte back; the next start would throw it away as well.
            let _best_effort = fs::remove_file(&unfinished);
        }
        written
    }
}

fn holds(path: &Path, bytes: &[u8]) -> bool {
    fs::metadata(path).is_ok_and(|found| found.len() == bytes.len() as u64)
        && fs::read(path).is_ok_and(|found| found == bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_kept_once_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path().join("blobs")).unwrap();
        let hash = blobs.put(b"long").unwrap();
        assert_eq!(blobs.put(b"long").unwrap(), hash);
        assert_eq!(blobs.get(&hash).unwrap(), b"long");
        assert!(matches!(
            blobs.get("../../etc/passwd"),
            Err(BlobError::NotAHash(_))
        ));
    }

    #[test]
    fn f_59_a_damaged_blob_is_told_and_mended_by_the_next_put() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path().join("blobs")).unwrap();
        let hash = blobs.put(b"long").unwrap();
        fs::write(blobs.path(&hash), b"lung").unwrap();
        assert!(matches!(blobs.get(&hash), Err(BlobError::Damaged(_))));
        blobs.put(b"long").unwrap();
        assert_eq!(blobs.get(&hash).unwrap(), b"long");
    }

    #[test]
    fn what_a_crash_left_half_written_is_thrown_away() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("blobs");
        let blobs = Blobs::open(root.clone()).unwrap();
        fs::write(blobs.unfinished.join("0"), b"ha").unwrap();
        drop(blobs);
        let blobs = Blobs::open(root).unwrap();
        assert_eq!(fs::read_dir(&blobs.unfinished).unwrap().count(), 0);
    }
}
