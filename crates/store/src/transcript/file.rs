//! The file of one task's transcript: lines that are only ever added, and beside it where each of them begins.
//!
//! Past its limit a file keeps its beginning and, once the task has ended, its end.

use crate::home::{make_private_folder, private_file, sync_folder};
use domain::TaskId;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Where the transcript of a task lies.
pub(super) fn path_of(root: &Path, task: TaskId) -> PathBuf {
    let name = task.to_string();
    root.join(&name[..2]).join(name + ".jsonl")
}

/// Where its index lies: for each line, the eight bytes of where it begins.
pub(super) fn index_of(path: &Path) -> PathBuf {
    path.with_extension("idx")
}

/// A transcript that is being written.
pub(super) struct TaskFile {
    path: PathBuf,
    lines: File,
    index: File,
    /// Lines in the file.
    count: u64,
    /// Bytes in the file.
    bytes: u64,
    unwritten: Vec<u8>,
    unwritten_starts: Vec<u8>,
    unwritten_count: u64,
    limit: Limit,
    end: VecDeque<Vec<u8>>,
    end_bytes: u64,
    left_out: u64,
}

/// How much of a transcript is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    pub(super) bytes: u64,
    /// Of these, so many for the end.
    pub(super) end_bytes: u64,
}

/// What became of a line.
pub(super) enum Taken {
    /// It is the line of this number.
    At(u64),
    /// It is the first that does not fit; it and what follows may be part of the end.
    FirstOfEnd,
    /// It may be part of the end.
    OfEnd,
}

impl TaskFile {
    /// Opens the file, and mends what a crash left of its last line and its index.
    pub(super) fn open(root: &Path, task: TaskId, limit: Limit) -> io::Result<Self> {
        let path = path_of(root, task);
        if let Some(folder) = path.parent()
            && !folder.exists()
        {
            make_private_folder(folder)?;
            sync_folder(root)?;
        }
        let mut options = private_file();
        options.read(true).write(true).create(true).truncate(false);
        let lines = options.open(&path)?;
        let index = options.open(index_of(&path))?;
        let mut file = Self {
            path,
            lines,
            index,
            count: 0,
            bytes: 0,
            unwritten: Vec::new(),
            unwritten_starts: Vec::new(),
            unwritten_count: 0,
            limit,
            end: VecDeque::new(),
            end_bytes: 0,
            left_out: 0,
        };
        file.mend()?;
        Ok(file)
    }

    fn mend(&mut self) -> io::Result<()> {
        if self.lines.metadata()?.len() == 0 {
            return self.index.set_len(0);
        }
        let mut starts = Vec::new();
        let mut reader = BufReader::new(&self.lines);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            starts.extend_from_slice(&self.bytes.to_le_bytes());
            self.bytes += line.len() as u64;
            self.count += 1;
            line.clear();
        }
        self.lines.set_len(self.bytes)?;
        self.lines.seek(SeekFrom::Start(self.bytes))?;
        self.index.set_len(0)?;
        self.index.seek(SeekFrom::Start(0))?;
        self.index.write_all(&starts)
    }

    /// Takes a line; it is in the file after the next [`Self::flush`].
    pub(super) fn push(&mut self, line: Vec<u8>) -> Taken {
        let size = line.len() as u64;
        let is_cut = self.left_out > 0 || !self.end.is_empty();
        let room = self.limit.bytes.saturating_sub(self.limit.end_bytes);
        if !is_cut && self.bytes + self.unwritten.len() as u64 + size <= room {
            return Taken::At(self.add(&line));
        }
        self.end_bytes += size;
        self.end.push_back(line);
        while self.end_bytes > self.limit.end_bytes {
            let Some(first) = self.end.pop_front() else { break };
            self.end_bytes -= first.len() as u64;
            self.left_out += 1;
        }
        if is_cut { Taken::OfEnd } else { Taken::FirstOfEnd }
    }

    /// Adds a line whatever the limit.
    pub(super) fn add(&mut self, line: &[u8]) -> u64 {
        let start = self.bytes + self.unwritten.len() as u64;
        self.unwritten_starts.extend_from_slice(&start.to_le_bytes());
        self.unwritten.extend_from_slice(line);
        self.unwritten_count += 1;
        self.count + self.unwritten_count - 1
    }

    /// The lines that were kept for the end, and how many before them were left out.
    pub(super) fn take_end(&mut self) -> (u64, Vec<Vec<u8>>) {
        self.end_bytes = 0;
        (
            std::mem::take(&mut self.left_out),
            std::mem::take(&mut self.end).into(),
        )
    }

    /// Writes what was taken. After an error nothing of it is in the file; it says how many lines that were.
    pub(super) fn flush(&mut self) -> Result<(), (u64, io::Error)> {
        if self.unwritten.is_empty() {
            return Ok(());
        }
        let (lines, starts) = (
            std::mem::take(&mut self.unwritten),
            std::mem::take(&mut self.unwritten_starts),
        );
        let count = std::mem::take(&mut self.unwritten_count);
        let written = self
            .lines
            .write_all(&lines)
            .and_then(|()| self.index.write_all(&starts));
        match written {
            Ok(()) => {
                self.bytes += lines.len() as u64;
                self.count += count;
                Ok(())
            }
            Err(error) => {
                self.take_back();
                Err((count, error))
            }
        }
    }

    fn take_back(&mut self) {
        let back = self
            .lines
            .set_len(self.bytes)
            .and_then(|()| self.lines.seek(SeekFrom::Start(self.bytes)))
            .and_then(|_| self.index.set_len(self.count * 8))
            .and_then(|()| self.index.seek(SeekFrom::Start(self.count * 8)));
        if let Err(error) = back {
            tracing::error!(%error, path = %self.path.display(), "cannot take back a torn line");
        }
    }

    /// Makes everything that was flushed survive the machine's death.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.lines.sync_all()?;
        self.index.sync_all()?;
        sync_folder(self.path.parent().unwrap_or(&self.path))
    }
}

/// Lines that were read, each with its number.
#[derive(Default)]
pub(super) struct Lines {
    pub(super) lines: Vec<(u64, Vec<u8>)>,
    /// Whether nothing follows, for now.
    pub(super) is_end: bool,
}

/// Bytes that are read at once; the line that goes past them is the last.
const READ_BYTES_MAX: usize = 1024 * 1024;

/// Up to `limit` lines from the line of that number on. A last line without its end is not one.
pub(super) fn read(path: &Path, from: u64, limit: usize) -> io::Result<Lines> {
    let mut found = Lines::default();
    let mut lines = match File::open(path) {
        Ok(lines) => lines,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            found.is_end = true;
            return Ok(found);
        }
        Err(error) => return Err(error),
    };
    let (start, mut number) = nearest(&index_of(path), from)?;
    lines.seek(SeekFrom::Start(start))?;
    let mut reader = BufReader::with_capacity(64 * 1024, lines);
    let mut bytes = 0;
    while found.lines.len() < limit && bytes < READ_BYTES_MAX {
        let mut line = Vec::new();
        if reader.read_until(b'\n', &mut line)? == 0 || !line.ends_with(b"\n") {
            found.is_end = true;
            break;
        }
        if number >= from {
            bytes += line.len();
            found.lines.push((number, line));
        }
        number += 1;
    }
    Ok(found)
}

/// Where the line begins, or the last one before it that the index knows: a crash may have cost its end.
fn nearest(index: &Path, from: u64) -> io::Result<(u64, u64)> {
    let mut file = match File::open(index) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((0, 0)),
        Err(error) => return Err(error),
    };
    let known = file.metadata()?.len() / 8;
    let Some(number) = known.checked_sub(1).map(|last| last.min(from)) else {
        return Ok((0, 0));
    };
    file.seek(SeekFrom::Start(number * 8))?;
    let mut start = [0; 8];
    file.read_exact(&mut start)?;
    Ok((u64::from_le_bytes(start), number))
}
