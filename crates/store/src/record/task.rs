//! Stored forms of what happens to a task.

use super::long::{Long, Spill};
use super::words::{FailureWord, RoleWord};
use super::{DecodeError, text};
use crate::blobs::Blobs;
use domain::{ChatId, Ending as Known, Moment, ProcessIdentity, StepKey, TaskId, Usage as KnownUsage};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

#[derive(Serialize, Deserialize)]
pub(super) struct TaskOrdered {
    #[serde(with = "text")]
    task: TaskId,
    #[serde(with = "text")]
    step: StepKey,
    #[serde(with = "text")]
    chat: ChatId,
    role: RoleWord,
    serial: u32,
    agent: String,
    model: Option<String>,
    prompt: Long<String>,
}

impl TaskOrdered {
    pub(super) fn of(order: &domain::TaskOrdered, spill: &mut Spill) -> Self {
        let domain::TaskOrdered {
            task,
            key,
            chat,
            role,
            serial,
            agent,
            model,
            prompt,
        } = order;
        Self {
            task: *task,
            step: key.clone(),
            chat: *chat,
            role: (*role).into(),
            serial: *serial,
            agent: agent.to_string(),
            model: model.clone(),
            prompt: spill.text(prompt),
        }
    }

    pub(super) fn restore(self, blobs: &Blobs) -> Result<domain::TaskOrdered, DecodeError> {
        Ok(domain::TaskOrdered {
            task: self.task,
            key: self.step,
            chat: self.chat,
            role: self.role.into(),
            serial: self.serial,
            agent: self.agent.into(),
            model: self.model,
            prompt: self.prompt.restore(blobs)?,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct TaskStarted {
    #[serde(with = "text")]
    task: TaskId,
    pid: u32,
    start_ticks: u64,
    boot_id: String,
}

impl TaskStarted {
    pub(super) fn of(task: TaskId, process: &ProcessIdentity) -> Self {
        let ProcessIdentity {
            pid,
            start_ticks,
            boot_id,
        } = process;
        Self {
            task,
            pid: *pid,
            start_ticks: *start_ticks,
            boot_id: boot_id.clone(),
        }
    }

    pub(super) fn restore(self) -> (TaskId, ProcessIdentity) {
        let Self {
            task,
            pid,
            start_ticks,
            boot_id,
        } = self;
        (
            task,
            ProcessIdentity {
                pid,
                start_ticks,
                boot_id,
            },
        )
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct TaskEnded {
    #[serde(with = "text")]
    pub(super) task: TaskId,
    pub(super) ending: Ending,
    pub(super) usage: Usage,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ending {
    Completed {
        output: Long<Json>,
        change: Option<Change>,
    },
    Failed {
        class: FailureWord,
        reason: String,
    },
    Interrupted {
        reason: String,
    },
    Parked {
        account: String,
        until_ms: Option<u64>,
        reason: String,
    },
    Cancelled,
}

impl Ending {
    pub(super) fn of(ending: &Known, spill: &mut Spill) -> Self {
        match ending {
            Known::Completed { output, change } => Self::Completed {
                output: spill.value(output),
                change: change.as_ref().map(Change::of),
            },
            Known::Failed { class, reason } => Self::Failed {
                class: (*class).into(),
                reason: reason.clone(),
            },
            Known::Interrupted { reason } => Self::Interrupted {
                reason: reason.clone(),
            },
            Known::Parked {
                account,
                until,
                reason,
            } => Self::Parked {
                account: account.to_string(),
                until_ms: until.map(Moment::as_ms),
                reason: reason.clone(),
            },
            Known::Cancelled => Self::Cancelled,
        }
    }

    pub(super) fn restore(self, blobs: &Blobs) -> Result<Known, DecodeError> {
        Ok(match self {
            Self::Completed { output, change } => Known::Completed {
                output: output.restore(blobs)?,
                change: change.map(Change::restore),
            },
            Self::Failed { class, reason } => Known::Failed {
                class: class.into(),
                reason,
            },
            Self::Interrupted { reason } => Known::Interrupted { reason },
            Self::Parked {
                account,
                until_ms,
                reason,
            } => Known::Parked {
                account: account.into(),
                until: until_ms.map(Moment::from_ms),
                reason,
            },
            Self::Cancelled => Known::Cancelled,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Change {
    base: String,
    head: String,
    files: u32,
    insertions: u32,
    deletions: u32,
}

impl Change {
    pub(super) fn of(change: &domain::Change) -> Self {
        let domain::Change {
            base,
            head,
            files,
            insertions,
            deletions,
        } = change.clone();
        Self {
            base,
            head,
            files,
            insertions,
            deletions,
        }
    }

    pub(super) fn restore(self) -> domain::Change {
        let Self {
            base,
            head,
            files,
            insertions,
            deletions,
        } = self;
        domain::Change {
            base,
            head,
            files,
            insertions,
            deletions,
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Usage {
    input_uncached: u64,
    input_cached: u64,
    output: u64,
    cost_micros: Option<u64>,
}

impl Usage {
    pub(super) fn of(usage: KnownUsage) -> Self {
        let KnownUsage {
            input_uncached,
            input_cached,
            output,
            cost_micros,
        } = usage;
        Self {
            input_uncached,
            input_cached,
            output,
            cost_micros,
        }
    }

    pub(super) fn restore(self) -> KnownUsage {
        let Self {
            input_uncached,
            input_cached,
            output,
            cost_micros,
        } = self;
        KnownUsage {
            input_uncached,
            input_cached,
            output,
            cost_micros,
        }
    }
}
