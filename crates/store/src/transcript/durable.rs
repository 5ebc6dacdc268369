//! Makes transcripts that ended survive the machine's death, on a thread of its own: three flushes a task would hold up
//! what all the others say.

use super::file::TaskFile;
use domain::TaskId;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

/// Files that wait at most; then whoever writes waits as well, because each of them is open.
const WAITING_MAX: usize = 64;

/// The thread, and the way to it.
pub(super) struct Durable {
    files: SyncSender<(TaskId, TaskFile)>,
    thread: JoinHandle<()>,
}

impl Durable {
    pub(super) fn start() -> io::Result<Self> {
        let (files, queue) = sync_channel(WAITING_MAX);
        let thread = Builder::new()
            .name("transcript-sync".to_owned())
            .spawn(move || serve(&queue))?;
        Ok(Self { files, thread })
    }

    /// Makes it durable soon.
    pub(super) fn take(&self, id: TaskId, file: TaskFile) {
        if let Err(left) = self.files.send((id, file)) {
            let (id, file) = left.0;
            sync(id, &file);
        }
    }

    /// Waits until all that was taken is durable.
    pub(super) fn finish(self) {
        drop(self.files);
        if self.thread.join().is_err() {
            tracing::error!("transcripts may not be durable: the thread that sees to it broke");
        }
    }
}

fn serve(queue: &Receiver<(TaskId, TaskFile)>) {
    while let Ok((id, file)) = queue.recv() {
        sync(id, &file);
    }
}

fn sync(id: TaskId, file: &TaskFile) {
    if let Err(error) = file.sync() {
        tracing::error!(%error, %id, "cannot make a transcript durable");
    }
}
