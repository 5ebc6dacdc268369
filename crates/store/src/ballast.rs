//! Room kept in reserve beside the database: on a full disk not even "paused" could be saved without it.

use crate::home::{free_bytes, private_file};
use engine::faults::{Control, is_off};
use rustix::fs::FallocateFlags;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

/// A file of real blocks that is given up when the disk is full.
#[derive(Debug)]
pub(crate) struct Ballast {
    path: PathBuf,
    bytes: u64,
}

impl Ballast {
    pub(crate) const fn new(path: PathBuf, bytes: u64) -> Self {
        Self { path, bytes }
    }

    /// Gives the room back to the disk.
    pub(crate) fn release(&self) {
        if is_off(Control::BallastReleased) {
            return;
        }
        match fs::remove_file(&self.path) {
            Ok(()) => tracing::warn!(bytes = self.bytes, "the disk is full: the ballast was released"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::error!(%error, "the disk is full, and the ballast cannot be released"),
        }
    }

    /// Takes the room again if twice as much is free. Says whether it is held now.
    pub(crate) fn hold(&self) -> bool {
        self.is_held() || self.try_hold().unwrap_or(false)
    }

    fn is_held(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|found| found.len() >= self.bytes)
    }

    fn try_hold(&self) -> io::Result<bool> {
        let folder = self.path.parent().unwrap_or(&self.path);
        if free_bytes(folder)? < self.bytes.saturating_mul(2) {
            return Ok(false);
        }
        let file = private_file()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&self.path)?;
        let taken = match rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, self.bytes) {
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => self.fill(&file),
            other => other.map_err(io::Error::from),
        };
        if taken.is_err() {
            fs::remove_file(&self.path)?;
        }
        taken.map(|()| true)
    }

    /// For file systems that reserve nothing: blocks that no compression makes small.
    fn fill(&self, mut file: &fs::File) -> io::Result<()> {
        let mut noise = 0x9e37_79b9_7f4a_7c15_u64;
        let mut block = Vec::with_capacity(64 * 1024);
        let mut left = self.bytes;
        while left > 0 {
            block.clear();
            while block.len() < 64 * 1024 {
                noise ^= noise << 13;
                noise ^= noise >> 7;
                noise ^= noise << 17;
                block.extend_from_slice(&noise.to_le_bytes());
            }
            block.truncate(usize::try_from(left).unwrap_or(usize::MAX).min(64 * 1024));
            file.write_all(&block)?;
            left -= block.len() as u64;
        }
        file.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn f_56_the_ballast_has_real_blocks_and_gives_them_back() {
        let folder = tempfile::tempdir().unwrap();
        let ballast = Ballast::new(folder.path().join("ballast"), 1 << 20);
        assert!(ballast.hold());
        assert!(fs::metadata(&ballast.path).unwrap().blocks() * 512 >= 1 << 20);
        ballast.release();
        assert!(!ballast.path.exists());
        assert!(ballast.hold());
    }
}
