//! Stored forms of what happens to a run.

use super::attention::{AttentionAnswered, AttentionRaised, OfAttention};
use super::long::{Long, Spill};
use super::plan::{Flow, Plan};
use super::task::{Change, Ending, TaskEnded, TaskOrdered, TaskStarted, Usage};
use super::words::SizeWord;
use super::{DecodeError, Record, Stored, first, text};
use crate::blobs::Blobs;
use domain::{Moment, ProjectId, RunEvent, RunInput, RunStarted, StepKey, UnitId, Value};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Serialize, Deserialize)]
struct Started {
    #[serde(with = "text")]
    project: ProjectId,
    #[serde(with = "text::option")]
    unit: Option<UnitId>,
    slug: String,
    flow: Flow,
    plan: Long<Json>,
    input: Input,
    base: String,
}

#[derive(Serialize, Deserialize)]
struct Input {
    question: Long<String>,
    size: SizeWord,
    fast: bool,
    agent: String,
    model: Option<String>,
    extra: BTreeMap<String, Long<Json>>,
}

#[derive(Serialize, Deserialize)]
struct StepsPlanned {
    steps: Vec<PlannedStep>,
}

#[derive(Serialize, Deserialize)]
struct PlannedStep {
    #[serde(with = "text")]
    step: StepKey,
    item: Long<Json>,
}

#[derive(Serialize, Deserialize)]
struct StepsLeftOut {
    steps: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct RetryScheduled {
    #[serde(with = "text")]
    step: StepKey,
    failures: u32,
    not_before_ms: u64,
}

#[derive(Serialize, Deserialize)]
struct AgentChanged {
    #[serde(with = "text")]
    step: StepKey,
    agent: String,
}

#[derive(Serialize, Deserialize)]
struct StepCompleted {
    #[serde(with = "text")]
    step: StepKey,
    output: Long<Json>,
    change: Option<Change>,
}

#[derive(Serialize, Deserialize)]
struct StepFailed {
    #[serde(with = "text")]
    step: StepKey,
    reason: String,
}

#[derive(Serialize, Deserialize)]
struct OfStep {
    #[serde(with = "text")]
    step: StepKey,
}

#[derive(Serialize, Deserialize)]
struct StepBy {
    #[serde(with = "text")]
    step: StepKey,
    by: String,
}

#[derive(Serialize, Deserialize)]
struct By {
    by: String,
}

#[derive(Serialize, Deserialize)]
struct LinePublished {
    head: String,
}

#[derive(Serialize, Deserialize)]
struct DefinitionDrifted {
    found: String,
}

#[derive(Serialize, Deserialize)]
struct Completed {
    report: Long<String>,
}

#[derive(Serialize, Deserialize)]
struct Failed {
    reason: String,
    report: Long<String>,
}

#[derive(Serialize, Deserialize)]
struct Cancelled {}

impl Started {
    fn of(started: &RunStarted, spill: &mut Spill) -> Self {
        let RunStarted {
            project,
            unit,
            slug,
            flow,
            plan,
            input,
            base,
        } = started;
        let plan = serde_json::to_value(Plan::of(plan)).expect("stored forms are JSON");
        Self {
            project: *project,
            unit: *unit,
            slug: slug.clone(),
            flow: Flow::of(flow),
            plan: spill.json(plan),
            input: Input::of(input, spill),
            base: base.clone(),
        }
    }

    fn restore(self, blobs: &Blobs) -> Result<RunStarted, DecodeError> {
        let plan: Plan = serde_json::from_value(self.plan.restore_json(blobs)?)
            .map_err(|error| DecodeError::Part("plan", error.to_string()))?;
        Ok(RunStarted {
            project: self.project,
            unit: self.unit,
            slug: self.slug,
            flow: self.flow.restore(),
            plan: Arc::new(plan.restore()?),
            input: self.input.restore(blobs)?,
            base: self.base,
        })
    }
}

impl Input {
    fn of(input: &RunInput, spill: &mut Spill) -> Self {
        let RunInput {
            question,
            size,
            fast,
            agent,
            model,
            extra,
        } = input;
        Self {
            question: spill.text(question),
            size: (*size).into(),
            fast: *fast,
            agent: agent.to_string(),
            model: model.clone(),
            extra: extra
                .iter()
                .map(|(name, value)| (name.clone(), spill.value(value)))
                .collect(),
        }
    }

    fn restore(self, blobs: &Blobs) -> Result<RunInput, DecodeError> {
        Ok(RunInput {
            question: self.question.restore(blobs)?,
            size: self.size.into(),
            fast: self.fast,
            agent: self.agent.into(),
            model: self.model,
            extra: restore_extra(self.extra, blobs)?,
        })
    }
}

pub(super) fn restore_extra(
    extra: BTreeMap<String, Long<Json>>,
    blobs: &Blobs,
) -> Result<BTreeMap<String, Value>, DecodeError> {
    extra
        .into_iter()
        .map(|(name, value)| Ok((name, value.restore(blobs)?)))
        .collect()
}

pub(super) fn encode(event: &RunEvent, spill: &mut Spill) -> Record {
    match event {
        RunEvent::Started(started) => first("run.started", &Started::of(started, spill)),
        RunEvent::StepsPlanned { steps } => {
            let planned = |step: &domain::PlannedStep| PlannedStep {
                step: step.key.clone(),
                item: spill.value(&step.item),
            };
            first(
                "run.steps_planned",
                &StepsPlanned {
                    steps: steps.iter().map(planned).collect(),
                },
            )
        }
        RunEvent::StepsLeftOut { steps } => first(
            "run.steps_left_out",
            &StepsLeftOut {
                steps: steps.iter().map(ToString::to_string).collect(),
            },
        ),
        RunEvent::TaskOrdered(order) => first("run.task_ordered", &TaskOrdered::of(order, spill)),
        RunEvent::TaskStarted { task, process } => {
            first("run.task_started", &TaskStarted::of(*task, process))
        }
        RunEvent::TaskEnded { task, ending, usage } => first(
            "run.task_ended",
            &TaskEnded {
                task: *task,
                ending: Ending::of(ending, spill),
                usage: Usage::of(*usage),
            },
        ),
        RunEvent::RetryScheduled {
            key,
            failures,
            not_before,
        } => first(
            "run.retry_scheduled",
            &RetryScheduled {
                step: key.clone(),
                failures: *failures,
                not_before_ms: not_before.as_ms(),
            },
        ),
        RunEvent::AgentChanged { key, agent } => first(
            "run.agent_changed",
            &AgentChanged {
                step: key.clone(),
                agent: agent.to_string(),
            },
        ),
        RunEvent::StepCompleted { key, output, change } => first(
            "run.step_completed",
            &StepCompleted {
                step: key.clone(),
                output: spill.value(output),
                change: change.as_ref().map(Change::of),
            },
        ),
        RunEvent::StepFailed { key, reason } => first(
            "run.step_failed",
            &StepFailed {
                step: key.clone(),
                reason: reason.clone(),
            },
        ),
        RunEvent::StepCancelled { key } => first("run.step_cancelled", &OfStep { step: key.clone() }),
        RunEvent::StepSkipped { key, by } => first(
            "run.step_skipped",
            &StepBy {
                step: key.clone(),
                by: by.clone(),
            },
        ),
        RunEvent::StepReopened { key, by } => first(
            "run.step_reopened",
            &StepBy {
                step: key.clone(),
                by: by.clone(),
            },
        ),
        RunEvent::AttentionRaised(item) => first("run.attention_raised", &AttentionRaised::of(item, spill)),
        RunEvent::AttentionAnswered {
            attention,
            choice,
            text,
            by,
        } => first(
            "run.attention_answered",
            &AttentionAnswered {
                attention: *attention,
                choice: (*choice).into(),
                text: text.clone(),
                by: by.clone(),
            },
        ),
        RunEvent::AttentionWithdrawn { attention } => first(
            "run.attention_withdrawn",
            &OfAttention {
                attention: *attention,
            },
        ),
        RunEvent::Paused { by } => first("run.paused", &By { by: by.clone() }),
        RunEvent::Resumed { by } => first("run.resumed", &By { by: by.clone() }),
        RunEvent::CancelRequested { by } => first("run.cancel_requested", &By { by: by.clone() }),
        RunEvent::LinePublished { head } => {
            first("run.line_published", &LinePublished { head: head.clone() })
        }
        RunEvent::DefinitionDrifted { found } => first(
            "run.definition_drifted",
            &DefinitionDrifted { found: found.clone() },
        ),
        RunEvent::Completed { report } => first(
            "run.completed",
            &Completed {
                report: spill.text(report),
            },
        ),
        RunEvent::Failed { reason, report } => first(
            "run.failed",
            &Failed {
                reason: reason.clone(),
                report: spill.text(report),
            },
        ),
        RunEvent::Cancelled => first("run.cancelled", &Cancelled {}),
    }
}

pub(super) fn decode(stored: Stored<'_>) -> Result<RunEvent, DecodeError> {
    let blobs = stored.blobs;
    Ok(match (stored.kind, stored.version) {
        ("run.started", 1) => RunEvent::Started(Box::new(stored.read::<Started>()?.restore(blobs)?)),
        ("run.steps_planned", 1) => {
            let StepsPlanned { steps } = stored.read()?;
            let planned = |PlannedStep { step, item }| {
                Ok(domain::PlannedStep {
                    key: step,
                    item: item.restore(blobs)?,
                })
            };
            RunEvent::StepsPlanned {
                steps: steps
                    .into_iter()
                    .map(planned)
                    .collect::<Result<_, DecodeError>>()?,
            }
        }
        ("run.steps_left_out", 1) => {
            let StepsLeftOut { steps } = stored.read()?;
            RunEvent::StepsLeftOut {
                steps: steps.into_iter().map(Into::into).collect(),
            }
        }
        ("run.task_ordered", 1) => {
            RunEvent::TaskOrdered(Box::new(stored.read::<TaskOrdered>()?.restore(blobs)?))
        }
        ("run.task_started", 1) => {
            let (task, process) = stored.read::<TaskStarted>()?.restore();
            RunEvent::TaskStarted { task, process }
        }
        ("run.task_ended", 1) => {
            let TaskEnded { task, ending, usage } = stored.read()?;
            RunEvent::TaskEnded {
                task,
                ending: ending.restore(blobs)?,
                usage: usage.restore(),
            }
        }
        ("run.retry_scheduled", 1) => {
            let RetryScheduled {
                step,
                failures,
                not_before_ms,
            } = stored.read()?;
            RunEvent::RetryScheduled {
                key: step,
                failures,
                not_before: Moment::from_ms(not_before_ms),
            }
        }
        ("run.agent_changed", 1) => {
            let AgentChanged { step, agent } = stored.read()?;
            RunEvent::AgentChanged {
                key: step,
                agent: agent.into(),
            }
        }
        ("run.step_completed", 1) => {
            let StepCompleted { step, output, change } = stored.read()?;
            RunEvent::StepCompleted {
                key: step,
                output: output.restore(blobs)?,
                change: change.map(Change::restore),
            }
        }
        ("run.step_failed", 1) => {
            let StepFailed { step, reason } = stored.read()?;
            RunEvent::StepFailed { key: step, reason }
        }
        ("run.step_cancelled", 1) => {
            let OfStep { step } = stored.read()?;
            RunEvent::StepCancelled { key: step }
        }
        ("run.step_skipped", 1) => {
            let StepBy { step, by } = stored.read()?;
            RunEvent::StepSkipped { key: step, by }
        }
        ("run.step_reopened", 1) => {
            let StepBy { step, by } = stored.read()?;
            RunEvent::StepReopened { key: step, by }
        }
        ("run.attention_raised", 1) => {
            RunEvent::AttentionRaised(Box::new(stored.read::<AttentionRaised>()?.restore(blobs)?))
        }
        ("run.attention_answered", 1) => {
            let AttentionAnswered {
                attention,
                choice,
                text,
                by,
            } = stored.read()?;
            RunEvent::AttentionAnswered {
                attention,
                choice: choice.into(),
                text,
                by,
            }
        }
        ("run.attention_withdrawn", 1) => {
            let OfAttention { attention } = stored.read()?;
            RunEvent::AttentionWithdrawn { attention }
        }
        ("run.paused", 1) => RunEvent::Paused {
            by: stored.read::<By>()?.by,
        },
        ("run.resumed", 1) => RunEvent::Resumed {
            by: stored.read::<By>()?.by,
        },
        ("run.cancel_requested", 1) => RunEvent::CancelRequested {
            by: stored.read::<By>()?.by,
        },
        ("run.line_published", 1) => RunEvent::LinePublished {
            head: stored.read::<LinePublished>()?.head,
        },
        ("run.definition_drifted", 1) => RunEvent::DefinitionDrifted {
            found: stored.read::<DefinitionDrifted>()?.found,
        },
        ("run.completed", 1) => RunEvent::Completed {
            report: stored.read::<Completed>()?.report.restore(blobs)?,
        },
        ("run.failed", 1) => {
            let Failed { reason, report } = stored.read()?;
            RunEvent::Failed {
                reason,
                report: report.restore(blobs)?,
            }
        }
        ("run.cancelled", 1) => {
            let Cancelled {} = stored.read()?;
            RunEvent::Cancelled
        }
        (_, _) => return Err(stored.unknown()),
    })
}
