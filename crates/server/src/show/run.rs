//! Runs and their step instances.

use super::{attention, id, run_status, task};
use std::collections::BTreeMap;
use store::{ChangeView, ManifestStep, RunDetail, RunView, StepView, UsageView};

pub(crate) fn run(run: RunView) -> Result<api::Run, String> {
    let input =
        serde_json::from_value(run.input).map_err(|error| format!("input of run {}: {error}", run.id))?;
    Ok(api::Run {
        id: id(run.id),
        branch: run.head.as_ref().map(|_| format!("partita/{}", run.slug)),
        slug: run.slug,
        project_id: id(run.project),
        unit_id: run.unit.map(id),
        flow: run.flow,
        flow_version: run.flow_version,
        flow_hash: run.flow_hash,
        input,
        status: run_status(run.status),
        is_paused: run.is_paused,
        is_cancelling: run.is_cancelling,
        reason: run.reason,
        base: run.base,
        head: run.head,
        drift: run.drift,
        usage: usage(run.usage),
        started_at: run.started_at,
        ended_at: run.ended_at,
    })
}

pub(crate) fn run_detail(detail: RunDetail) -> Result<api::RunDetail, String> {
    let manifest = detail.run.manifest.clone();
    let labels: BTreeMap<&str, &str> = manifest
        .iter()
        .map(|step| (step.id.as_str(), step.title.as_str()))
        .collect();
    let steps = detail.steps.into_iter().map(|view| step(view, &labels));
    Ok(api::RunDetail {
        steps: steps.collect::<Result<_, _>>()?,
        manifest: manifest.iter().map(manifest_step).collect::<Result<_, _>>()?,
        tasks: detail.tasks.into_iter().map(task).collect::<Result<_, _>>()?,
        attention: detail
            .attention
            .into_iter()
            .map(attention)
            .collect::<Result<_, _>>()?,
        report: detail.report,
        position: detail.at_position,
        run: run(detail.run)?,
    })
}

fn manifest_step(step: &ManifestStep) -> Result<api::ManifestStep, String> {
    Ok(api::ManifestStep {
        step_id: step.id.clone(),
        label: step.title.clone(),
        kind: read(&step.kind)?,
        access: step.access.as_deref().map(read).transpose()?,
    })
}

fn step(step: StepView, labels: &BTreeMap<&str, &str>) -> Result<api::Step, String> {
    let step_id = step.key.step.to_string();
    Ok(api::Step {
        key: step.key.to_string(),
        label: labels
            .get(step_id.as_str())
            .map_or_else(|| step_id.clone(), |label| (*label).to_owned()),
        step_id,
        item: step.key.item,
        item_value: step.item,
        kind: read(&step.kind)?,
        status: read(&step.status)?,
        skipped: step.is_skipped,
        chat_id: id(step.chat),
        task_id: step.task.map(id),
        agent: step.agent,
        has_output: step.has_output,
        origin_step: step.origin_step,
        not_before: step.not_before,
        waiting_for: step.waiting_for.map(id),
        reason: step.reason,
        failures: step.failures,
        change: step.change.map(change),
        planned_at: step.planned_at,
        started_at: step.started_at,
        ended_at: step.ended_at,
    })
}

pub(crate) fn usage(usage: UsageView) -> api::Usage {
    api::Usage {
        input_uncached: usage.input_uncached,
        input_cached: usage.input_cached,
        output: usage.output,
        cost_micros: usage.cost_micros,
    }
}

pub(super) fn change(change: ChangeView) -> api::Change {
    api::Change {
        base: change.base,
        head: change.head,
        files: change.files,
        insertions: change.insertions,
        deletions: change.deletions,
    }
}

/// A word of a row: the schema allows no others than the wire knows.
pub(super) fn read<T: std::str::FromStr<Err = api::NotAWord>>(word: &str) -> Result<T, String> {
    word.parse().map_err(|error: api::NotAWord| error.to_string())
}
