//! Plain file work: off the async threads, whole or not at all, and without following what an agent may have linked.

use crate::error::{Answer, failed, io_failed};
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use tokio::task::JoinHandle;

/// Runs file work on a thread that may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Answer<T> + Send + 'static,
) -> Answer<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| failed(format!("file work was cut off: {error}")))?
}

/// The same for what is short and writes. A caller that is dropped is held until the work has ended, or was kept from
/// beginning: whoever clears up after it finds nothing that is still being written.
pub(crate) async fn writing<T: Send + 'static>(
    work: impl FnOnce() -> Answer<T> + Send + 'static,
) -> Answer<T> {
    let (at_work, ended) = mpsc::channel::<()>();
    let handle = tokio::task::spawn_blocking(move || {
        let _at_work = at_work;
        work()
    });
    let mut held = Held { handle, ended };
    (&mut held.handle)
        .await
        .map_err(|error| failed(format!("file work was cut off: {error}")))?
}

struct Held<T> {
    handle: JoinHandle<T>,
    ended: mpsc::Receiver<()>,
}

impl<T> Drop for Held<T> {
    fn drop(&mut self) {
        self.handle.abort();
        // Nothing is ever sent: the other end goes with the work.
        let _gone = self.ended.recv();
    }
}

/// A name beside `path` that no other process and no earlier call of this one uses.
pub(crate) fn unique_beside(path: &Path, purpose: &str) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    loop {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let candidate = path.with_file_name(format!(".{purpose}-{name}-{}-{count}", std::process::id()));
        // The number of a dead process may come again.
        if fs::symlink_metadata(&candidate).is_err() {
            return candidate;
        }
    }
}

/// Removes what dead processes left in `folder` under names of [`unique_beside`].
pub(crate) fn sweep_dead(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let maker = name.rsplit('-').nth(1).and_then(|pid| pid.parse::<i32>().ok());
        let maker = maker.and_then(rustix::process::Pid::from_raw);
        let is_dead =
            maker.is_some_and(|pid| rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH));
        if name.starts_with('.')
            && is_dead
            && let Err(error) = remove_tree(&entry.path())
        {
            tracing::debug!(name, %error, "rubbish stays for now");
        }
    }
}

/// Removes what makers and removers that were killed left in `folder`, whoever they were: nobody else is at work there.
pub(crate) fn sweep(folder: &Path) {
    for below in folders_in(folder) {
        let name = below.file_name().map(|name| name.to_string_lossy().into_owned());
        let is_rubbish = name.is_some_and(|name| name.starts_with(".making-") || name.starts_with(".trash-"));
        if is_rubbish && let Err(error) = remove_tree(&below) {
            tracing::debug!(folder = %below.display(), %error, "rubbish stays for now");
        }
    }
}

/// Makes a folder that only we may enter, and those above it.
pub(crate) fn make_private_folder(path: &Path) -> Answer<()> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| io_failed("make", path, &error))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))
        .map_err(|error| io_failed("protect", path, &error))
}

/// Writes a file so that after any crash the old or the new content is there.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Answer<()> {
    let beside = unique_beside(path, "new");
    let written = fs::File::create(&beside)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&beside, path));
    written.map_err(|error| {
        let _ = fs::remove_file(&beside);
        io_failed("write", path, &error)
    })
}

/// Removes a tree, also one whose folders were made unreadable. Links are removed, not followed. Absent is fine.
pub(crate) fn remove_tree(path: &Path) -> Answer<()> {
    const TRIES: u32 = 3;
    let mut refused = None;
    for _ in 0..TRIES {
        match remove_any(path) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            // Closed folders are opened. A child of a killed maker may still write: the next try meets the rest.
            Err(error) => {
                refused = Some(error);
                open_folders(path);
            }
        }
    }
    refused.map_or(Ok(()), |error| Err(io_failed("remove", path, &error)))
}

fn remove_any(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    }
}

fn open_folders(path: &Path) {
    let is_folder = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    if !is_folder {
        return;
    }
    let _ = fs::set_permissions(path, fs::Permissions::from_mode(0o700));
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        open_folders(&entry.path());
    }
}

/// Takes a tree out of sight in one step, then removes it: a crash in between leaves rubbish, never half a place.
pub(crate) fn discard(path: &Path) -> Answer<()> {
    let trash = unique_beside(path, "trash");
    match fs::rename(path, &trash) {
        Ok(()) => remove_tree(&trash),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(io_failed("discard", path, &error)),
    }
}

/// Whether there is a folder, and not a link to one.
pub(crate) fn is_real_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir())
}

/// Reads a file that must be a file: no link, no pipe, not larger than `most`.
pub(crate) fn read_regular(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_file() || metadata.len() > most {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "not a plain file of the expected size",
        ));
    }
    fs::read(path)
}

/// Copies an index together with its time. A file that changed in the second in which its index was written, and kept
/// its size, is looked into only because the index is no younger than it: a younger copy would call it unchanged.
pub(crate) fn copy_index(from: &Path, to: &Path) -> Answer<()> {
    let copied = || {
        // Taken first: an index that changes meanwhile may seem older than it is, never younger.
        let modified = fs::metadata(from)?.modified()?;
        fs::copy(from, to)?;
        fs::File::options().write(true).open(to)?.set_modified(modified)
    };
    copied().map_err(|error| io_failed("copy", from, &error))
}

/// The names of the folders in `path`; none when it is not there.
pub(crate) fn folders_in(path: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(path)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}

/// The number that changes with each start of the machine; empty where the system has none.
pub(crate) fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|text| text.trim().to_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use std::task::{Context, Waker};
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn whoever_gives_up_what_is_written_waits_for_its_end() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let (begun, has_begun) = mpsc::channel();
        let (go, may_go) = mpsc::channel::<()>();
        let _inside = runtime.enter();
        let told = Arc::clone(&order);
        let mut work = Box::pin(writing(move || {
            begun.send(()).unwrap();
            may_go.recv().unwrap();
            told.lock().unwrap().push("written");
            Ok(())
        }));
        let is_pending = work
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending();
        assert!(is_pending);
        has_begun.recv().unwrap();
        let (giving_up, gives_up) = mpsc::channel();
        let told = Arc::clone(&order);
        let other = std::thread::spawn(move || {
            giving_up.send(()).unwrap();
            drop(work);
            told.lock().unwrap().push("given up");
        });
        gives_up.recv().unwrap();
        // Whoever does not wait is done by now.
        for _ in 0..100 {
            std::thread::yield_now();
        }
        go.send(()).unwrap();
        other.join().unwrap();
        assert_eq!(*order.lock().unwrap(), ["written", "given up"]);
    }

    #[test]
    fn a_copied_index_is_as_old_as_the_index() {
        let ground = tempfile::tempdir().unwrap();
        let [from, to] = ["index", "copy"].map(|name| ground.path().join(name));
        let at = UNIX_EPOCH + Duration::from_millis(1_763_700_000_250);
        fs::write(&from, "entries").unwrap();
        fs::File::options()
            .write(true)
            .open(&from)
            .unwrap()
            .set_modified(at)
            .unwrap();
        copy_index(&from, &to).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"entries");
        assert_eq!(fs::metadata(&to).unwrap().modified().unwrap(), at);
    }
}
