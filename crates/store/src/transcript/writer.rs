//! The one thread that writes transcripts: takes what waits, cleans it, writes it, tells those who listen.

use super::durable::Durable;
use super::file::{Limit, Taken, TaskFile};
use super::live::Listeners;
use super::record::{TranscriptEntry, decode, encode};
use super::redact::Redactor;
use super::{Shared, cost};
use domain::{ChatId, TaskId};
use engine::ports::{Clock, Entry, EntryKind};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, PoisonError, atomic::Ordering};
use tokio::sync::oneshot;

/// Entries written in one go.
const GROUP_MAX: usize = 1_024;
/// Past so much of them, what was taken is written before more is: until then it is held as it is told, and as it is
/// written, which may be six times as long.
const GROUP_BYTES_MAX: usize = 1024 * 1024;

/// From so many that wait on, pieces of one text become one entry: whoever writes and tells has less to do just when
/// there is much.
const JOINED_FROM: usize = 64;
/// An entry past this takes no more.
const JOINED_BYTES_MAX: usize = 16 * 1024;

/// What the thread is told.
pub(super) enum Message {
    Append(Entry),
    Close(TaskId),
    /// Answered once everything before is written.
    Settle(oneshot::Sender<()>),
    /// Answered once everything before is written and durable; then the thread ends.
    Stop(oneshot::Sender<()>),
}

pub(super) struct Writer {
    pub(super) queue: Receiver<Message>,
    pub(super) shared: Arc<Shared>,
    pub(super) root: PathBuf,
    pub(super) limit: Limit,
    pub(super) entry_bytes_max: usize,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) redactor: Redactor,
    pub(super) listeners: Listeners,
    pub(super) tasks: BTreeMap<TaskId, Task>,
    pub(super) durable: Durable,
}

/// A task whose transcript is open.
pub(super) struct Task {
    chat: ChatId,
    /// None while the file cannot be opened; what is said meanwhile is counted as lost.
    file: Option<TaskFile>,
    lost: u64,
    text: String,
    thought: String,
    raw: String,
    told: Vec<TranscriptEntry>,
}

impl Writer {
    pub(super) fn run(mut self) {
        while let Ok(first) = self.queue.recv() {
            let mut waiting = vec![first];
            while waiting.len() < GROUP_MAX {
                let Ok(next) = self.queue.try_recv() else { break };
                waiting.push(next);
            }
            if waiting.len() >= JOINED_FROM {
                waiting = self.join(waiting);
            }
            let mut settled = Vec::new();
            let mut taken = 0;
            for message in waiting {
                match message {
                    Message::Append(entry) => {
                        let bytes = cost(&entry);
                        self.take(entry);
                        taken += bytes;
                        if taken > GROUP_BYTES_MAX {
                            self.flush();
                            taken = 0;
                        }
                        self.shared.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
                    }
                    Message::Close(task) => self.close(task),
                    Message::Settle(reply) => settled.push(reply),
                    Message::Stop(reply) => {
                        self.end();
                        let _unheard = reply.send(());
                        return;
                    }
                }
            }
            self.mark_lost();
            self.flush();
            for reply in settled {
                let _unheard = reply.send(());
            }
        }
        self.end();
    }

    /// Each task's messages in their order, with fewer entries.
    fn join(&self, waiting: Vec<Message>) -> Vec<Message> {
        // An entry that is too long loses its middle: joining must never make one.
        let most = JOINED_BYTES_MAX.min(self.entry_bytes_max);
        let mut kept: Vec<Message> = Vec::with_capacity(waiting.len());
        let mut last: BTreeMap<TaskId, usize> = BTreeMap::new();
        for message in waiting {
            let Message::Append(entry) = message else {
                // What is asked for between two pieces is answered between them.
                last.clear();
                kept.push(message);
                continue;
            };
            let before = last.get(&entry.task).map(|index| &mut kept[*index]);
            if let Some(Message::Append(before)) = before
                && let Some(bytes) = append(before, &entry, most)
            {
                // Its text weighs on in the entry that took it.
                let own = cost(&entry) - bytes;
                self.shared.queued_bytes.fetch_sub(own, Ordering::Relaxed);
                continue;
            }
            last.insert(entry.task, kept.len());
            kept.push(Message::Append(entry));
        }
        kept
    }

    fn take(&mut self, entry: Entry) {
        let Entry { chat, task: id, kind } = entry;
        let redactor = self.redactor.clone();
        let task = self.open(id, chat);
        task.chat = chat;
        let clean = |text: &str| redactor.whole(text);
        // Pieces of one text are one text: a secret cut in two by their border is found as well.
        let kind = match kind {
            EntryKind::Text(piece) => match next_piece(&redactor, &mut task.text, &piece) {
                Some(text) => EntryKind::Text(text),
                None => return,
            },
            EntryKind::Thought(piece) => match next_piece(&redactor, &mut task.thought, &piece) {
                Some(text) => EntryKind::Thought(text),
                None => return,
            },
            EntryKind::Raw(piece) => match next_piece(&redactor, &mut task.raw, &piece) {
                Some(text) => EntryKind::Raw(text),
                None => return,
            },
            EntryKind::Tool {
                id,
                title,
                status,
                detail,
            } => EntryKind::Tool {
                id: clean(&id),
                title: clean(&title),
                status,
                detail: clean(&detail),
            },
            EntryKind::Permission { title, allowed, rule } => EntryKind::Permission {
                title: clean(&title),
                allowed,
                rule,
            },
            EntryKind::Notice(text) => EntryKind::Notice(clean(&text)),
            EntryKind::Prompt(text) => EntryKind::Prompt(clean(&text)),
            EntryKind::MessageEnd => {
                self.end_pieces(id, false);
                EntryKind::MessageEnd
            }
        };
        self.push(id, kind);
    }

    fn open(&mut self, id: TaskId, chat: ChatId) -> &mut Task {
        let (root, limit) = (&self.root, self.limit);
        let task = self.tasks.entry(id).or_insert_with(|| Task {
            chat,
            file: None,
            lost: 0,
            text: String::new(),
            thought: String::new(),
            raw: String::new(),
            told: Vec::new(),
        });
        if task.file.is_none() {
            task.file = TaskFile::open(root, id, limit)
                .inspect_err(|error| tracing::error!(%error, %id, "cannot open a transcript"))
                .ok();
        }
        task
    }

    /// What was held back in case it became a secret: it did not.
    fn end_pieces(&mut self, id: TaskId, with_raw: bool) {
        let redactor = self.redactor.clone();
        let Some(task) = self.tasks.get_mut(&id) else {
            return;
        };
        let take = |held: &mut String| redactor.whole(&std::mem::take(held));
        let (text, thought) = (take(&mut task.text), take(&mut task.thought));
        let raw = if with_raw {
            take(&mut task.raw)
        } else {
            String::new()
        };
        for kind in [
            EntryKind::Thought(thought),
            EntryKind::Text(text),
            EntryKind::Raw(raw),
        ] {
            if cost_of(&kind) > 0 {
                self.push(id, kind);
            }
        }
    }

    fn push(&mut self, id: TaskId, kind: EntryKind) {
        let at = self.clock.now();
        let kind = shortened(kind, self.entry_bytes_max);
        let Some(task) = self.tasks.get_mut(&id) else {
            return;
        };
        let Some(file) = &mut task.file else {
            task.lost += 1;
            return;
        };
        let chat = task.chat;
        match file.push(encode(at, chat, &kind)) {
            Taken::At(index) => task.told.push(TranscriptEntry {
                index,
                at,
                chat,
                task: id,
                kind,
            }),
            Taken::FirstOfEnd => {
                let kind = EntryKind::Notice(
                    "The transcript is full: what follows is left out, but for its end, which is kept once the task \
                     has ended."
                        .to_owned(),
                );
                let index = file.add(&encode(at, chat, &kind));
                task.told.push(TranscriptEntry {
                    index,
                    at,
                    chat,
                    task: id,
                    kind,
                });
            }
            Taken::OfEnd => {}
        }
    }

    fn notice(&mut self, id: TaskId, text: String) {
        let at = self.clock.now();
        let Some(task) = self.tasks.get_mut(&id) else {
            return;
        };
        let Some(file) = &mut task.file else { return };
        let kind = EntryKind::Notice(text);
        let index = file.add(&encode(at, task.chat, &kind));
        task.told.push(TranscriptEntry {
            index,
            at,
            chat: task.chat,
            task: id,
            kind,
        });
    }

    /// Says in the transcript what could not be taken.
    fn mark_lost(&mut self) {
        let lost = std::mem::take(&mut *self.shared.lost.lock().unwrap_or_else(PoisonError::into_inner));
        for (id, (chat, count)) in lost {
            self.open(id, chat).lost += count;
        }
        let ids: Vec<_> = self
            .tasks
            .iter()
            .filter(|(_, task)| task.lost > 0)
            .map(|(id, _)| *id)
            .collect();
        for id in ids {
            let Some(task) = self.tasks.get_mut(&id) else {
                continue;
            };
            if task.file.is_some() {
                let lost = std::mem::take(&mut task.lost);
                self.notice(
                    id,
                    format!("{lost} entries are missing here: they could not be kept."),
                );
            }
        }
    }

    fn flush(&mut self) {
        for (id, task) in &mut self.tasks {
            let Some(file) = &mut task.file else { continue };
            let told = std::mem::take(&mut task.told);
            match file.flush() {
                Ok(()) => self.listeners.tell(&told),
                Err((count, error)) => {
                    tracing::error!(%error, %id, count, "cannot write a transcript");
                    task.lost += count;
                }
            }
        }
    }

    fn close(&mut self, id: TaskId) {
        self.end_pieces(id, true);
        self.mark_lost();
        self.write_end(id);
        self.flush();
        if let Some(file) = self.tasks.remove(&id).and_then(|task| task.file) {
            self.durable.take(id, file);
        }
    }

    fn write_end(&mut self, id: TaskId) {
        let Some(file) = self.tasks.get_mut(&id).and_then(|task| task.file.as_mut()) else {
            return;
        };
        let (left_out, end) = file.take_end();
        if left_out > 0 {
            self.notice(id, format!("{left_out} entries were left out here."));
        }
        let Some(task) = self.tasks.get_mut(&id) else {
            return;
        };
        let Some(file) = &mut task.file else { return };
        for line in end {
            let index = file.add(&line);
            task.told.extend(decode(&line, index, id));
        }
    }

    fn end(mut self) {
        let ids: Vec<_> = self.tasks.keys().copied().collect();
        ids.into_iter().for_each(|id| self.close(id));
        self.durable.finish();
    }
}

/// Adds a piece to the one before it, where both are of one text and not too long together; says how long it was.
fn append(before: &mut Entry, entry: &Entry, most: usize) -> Option<usize> {
    let ((EntryKind::Text(text), EntryKind::Text(more))
    | (EntryKind::Thought(text), EntryKind::Thought(more))
    | (EntryKind::Raw(text), EntryKind::Raw(more))) = (&mut before.kind, &entry.kind)
    else {
        return None;
    };
    if before.chat != entry.chat || text.len() + more.len() > most {
        return None;
    }
    text.push_str(more);
    Some(more.len())
}

/// What is surely no secret of a text so far; the rest is held back.
fn next_piece(redactor: &Redactor, held: &mut String, piece: &str) -> Option<String> {
    held.push_str(piece);
    let (clean, rest) = redactor.open(held);
    *held = rest;
    (!clean.is_empty()).then_some(clean)
}

fn cost_of(kind: &EntryKind) -> usize {
    match kind {
        EntryKind::Text(text)
        | EntryKind::Thought(text)
        | EntryKind::Notice(text)
        | EntryKind::Raw(text)
        | EntryKind::Prompt(text) => text.len(),
        EntryKind::Tool { title, detail, .. } => title.len() + detail.len(),
        EntryKind::Permission { title, rule, .. } => title.len() + rule.len(),
        EntryKind::MessageEnd => 0,
    }
}

/// What an entry weighs while it waits.
pub(super) fn weight(kind: &EntryKind) -> usize {
    cost_of(kind) + 128
}

/// Keeps the beginning and the end of what is too long for one entry.
fn shortened(kind: EntryKind, most: usize) -> EntryKind {
    let cut = |text: String| {
        if text.len() > most {
            ends_of(&text, most)
        } else {
            text
        }
    };
    match kind {
        EntryKind::Text(text) => EntryKind::Text(cut(text)),
        EntryKind::Thought(text) => EntryKind::Thought(cut(text)),
        EntryKind::Notice(text) => EntryKind::Notice(cut(text)),
        EntryKind::Raw(text) => EntryKind::Raw(cut(text)),
        EntryKind::Prompt(text) => EntryKind::Prompt(cut(text)),
        EntryKind::Tool {
            id,
            title,
            status,
            detail,
        } => EntryKind::Tool {
            id: cut(id),
            title: cut(title),
            status,
            detail: cut(detail),
        },
        EntryKind::Permission { title, allowed, rule } => EntryKind::Permission {
            title: cut(title),
            allowed,
            rule: cut(rule),
        },
        EntryKind::MessageEnd => EntryKind::MessageEnd,
    }
}

fn ends_of(text: &str, most: usize) -> String {
    let head = text.floor_char_boundary(most / 2);
    let tail = text.ceil_char_boundary(text.len() - most / 2);
    format!(
        "{}\n[{} bytes left out]\n{}",
        &text[..head],
        tail - head,
        &text[tail..]
    )
}
