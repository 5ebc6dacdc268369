//! What the machine itself takes: a flush of one page, the start of a process, the same rows in bare SQLite.

mod sqlite;

pub(crate) use sqlite::Rows;

use crate::round::median_of;
use anyhow::Context as _;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

const PAGE: usize = 4_096;

/// Appends a page to a file and waits until it is on the disk: the median of some times, in milliseconds.
pub(crate) fn flush_ms(folder: &Path, times: usize) -> anyhow::Result<f64> {
    let path = folder.join("flush.bin");
    let mut file = File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
    let page = [b'x'; PAGE];
    let median = median_of(times, || {
        file.write_all(&page)?;
        file.sync_data()?;
        Ok(())
    })?;
    std::fs::remove_file(&path)?;
    Ok(median)
}

/// Starts a process that does nothing and waits for its end: the median of some times, in milliseconds.
pub(crate) fn process_ms(times: usize) -> anyhow::Result<f64> {
    median_of(times, || {
        let done = Command::new("/bin/true")
            .stdin(Stdio::null())
            .env_clear()
            .status()?;
        anyhow::ensure!(done.success(), "/bin/true says no");
        Ok(())
    })
}
