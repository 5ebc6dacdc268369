//! Carries out what is owed and stored: compares what must be under way with what is.

use super::{Effort, Handle, Keeper};
use crate::board;
use crate::errand;
use crate::ports::{AdvanceSpec, MergeSpec, Rendered, TaskFile};
use crate::work::{self, Job};
use domain::{BoardInput, Duty, Phase, StepKey, TaskId, Trusted, duties};
use std::sync::Arc;
use tokio::sync::oneshot;

impl Keeper {
    pub(super) fn act(&mut self) {
        self.pass_on_trust();
        self.release();
        for duty in duties(self.run()) {
            match duty {
                Duty::Work { task } if !self.is_draining => self.ensure(task),
                // What an earlier life left behind is ended even by a daemon that is about to stop.
                Duty::Work { task } | Duty::Stop { task } => {
                    self.ensure(task);
                    self.stop(task);
                }
                Duty::Merge { key, onto, heads } if !self.is_draining => self.merge(key, onto, heads),
                Duty::Publish { from, to } if !self.is_draining => self.publish(from, to),
                Duty::Begin(_) | Duty::Report | Duty::Merge { .. } | Duty::Publish { .. } => {}
            }
        }
        let is_burial = |handle: &Handle| matches!(handle, Handle::Burial { .. });
        if !self.under_way.values().any(is_burial) {
            self.shared.recovered(self.id);
        }
    }

    /// What a person trusts for this run is trusted for all. Said until the board knows, so that no crash forgets it.
    fn pass_on_trust(&self) {
        let Some(Trusted { hash, by }) = self.run().trusted() else {
            return;
        };
        if self.shared.board().approved.contains(hash) {
            return;
        }
        let input = BoardInput::ApproveCommands {
            hash: hash.clone(),
            by: by.clone(),
        };
        let (answer, _) = oneshot::channel();
        // A board that is gone takes the daemon with it.
        let _ = self.shared.to_board.send(board::Message::Change {
            input,
            idempotency: None,
            answer,
        });
    }

    /// A task that must be under way is, or is begun, or is found to have been lost.
    fn ensure(&mut self, task: TaskId) {
        if self.is_under_way(&Effort::Task(task)) || self.is_under_way(&Effort::Release) {
            return;
        }
        let known = &self.run().tasks()[&task];
        let (key, process) = (known.key.clone(), known.process.clone());
        let handle = match self.job(task) {
            Some(job) => Handle::Task {
                key,
                stop: Some(work::begin(Arc::clone(&self.shared), job)),
            },
            None => {
                work::bury(Arc::clone(&self.shared), self.id, task, process);
                Handle::Burial { key }
            }
        };
        self.under_way.insert(Effort::Task(task), handle);
    }

    fn is_under_way(&self, effort: &Effort) -> bool {
        self.under_way.contains_key(effort)
    }

    /// The job of a task that was ordered by this very life of the keeper; none for one from an earlier life.
    fn job(&mut self, task: TaskId) -> Option<Job> {
        let Rendered { prompt, files } = self.told.remove(&task)?;
        let files = files
            .into_iter()
            .map(|(name, content)| TaskFile { name, content })
            .collect();
        let project = self.project_path()?;
        Some(Job::of(self.run(), task, project, files, prompt))
    }

    fn stop(&mut self, task: TaskId) {
        let handle = self.under_way.get_mut(&Effort::Task(task));
        if let Some(Handle::Task { stop, .. }) = handle
            && let Some(stop) = stop.take()
        {
            // A task that is ending by itself needs no stop.
            let _ = stop.send(());
        }
    }

    fn merge(&mut self, key: StepKey, onto: String, heads: Vec<String>) {
        if self.is_under_way(&Effort::Merge) {
            return;
        }
        let spec = self.project_path().map(|project| MergeSpec {
            project,
            run: self.id,
            onto,
            heads,
        });
        errand::merge(Arc::clone(&self.shared), self.id, key, spec);
        self.under_way.insert(Effort::Merge, Handle::Errand);
    }

    fn publish(&mut self, from: Option<String>, to: String) {
        if self.is_under_way(&Effort::Publish) {
            return;
        }
        let slug = self.run().start().slug.clone();
        let spec = self.project_path().map(|project| AdvanceSpec {
            project,
            slug,
            from,
            to,
        });
        errand::publish(Arc::clone(&self.shared), self.id, spec);
        self.under_way.insert(Effort::Publish, Handle::Errand);
    }

    /// Lets go, once per life, of what a run that ended kept outside the history.
    fn release(&mut self) {
        let is_over = matches!(self.run().phase(), Phase::Ended(_));
        self.is_released &= is_over;
        let is_idle = self.under_way.is_empty();
        if !is_over || !is_idle || self.is_draining || std::mem::replace(&mut self.is_released, true) {
            return;
        }
        errand::release(Arc::clone(&self.shared), self.id, self.project_path());
        self.under_way.insert(Effort::Release, Handle::Errand);
    }
}
