//! The rows of step instances.

use super::{RunScene, instant};
use crate::record::{Fitted, fit_value, plain};
use crate::time::iso;
use domain::{
    Attention, AttentionId, Change, Choice, Ending, Moment, Name, PlannedStep, Role, StepKey, TaskId,
    TaskOrdered, Value,
};
use rusqlite::{OptionalExtension, params};
use serde::Deserialize;

/// What the manifest of a run says of a step.
#[derive(Deserialize)]
struct Manifest {
    id: String,
    kind: String,
}

pub(super) fn plan(scene: &RunScene<'_>, steps: &[PlannedStep]) -> rusqlite::Result<()> {
    let manifest = manifest(scene)?;
    for (ordinal, PlannedStep { key, item }) in steps.iter().enumerate() {
        let known = manifest.iter().find(|step| step.id == key.step.as_str());
        let chat = key.chat(scene.subject).to_string();
        scene.write(
            "INSERT INTO flow_steps (id, run_id, position, ordinal, step_key, step_id, item, item_value, kind, status,
                                     chat_id, planned_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'pending', ?1, ?10)",
            params![
                chat,
                scene.subject.to_string(),
                scene.position(),
                i64::try_from(ordinal).unwrap_or(i64::MAX),
                key.to_string(),
                key.step.as_str(),
                key.item,
                (*item != Value::Null).then(|| plain(item).to_string()),
                known.map_or("agent", |step| step.kind.as_str()),
                scene.at(),
            ],
        )?;
    }
    Ok(())
}

fn manifest(scene: &RunScene<'_>) -> rusqlite::Result<Vec<Manifest>> {
    let text: Option<String> = scene
        .connection
        .prepare_cached("SELECT manifest FROM flow_runs WHERE id = ?1")?
        .query_row([scene.subject.to_string()], |row| row.get(0))
        .optional()?;
    Ok(text
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default())
}

pub(super) fn begin(scene: &RunScene<'_>, order: &TaskOrdered) -> rusqlite::Result<()> {
    let chat = order.chat.to_string();
    match order.role {
        Role::Work => scene.write_one(
            "UPDATE flow_steps SET status = 'running', task_id = ?2, agent = ?3, not_before = NULL,
                                   started_at = coalesce(started_at, ?4)
             WHERE id = ?1",
            params![chat, order.task.to_string(), order.agent.as_str(), scene.at()],
        ),
        // The step's task is the one that did it, not the one that checks it.
        Role::Gate => scene.write_one("UPDATE flow_steps SET status = 'running' WHERE id = ?1", [chat]),
    }
}

pub(super) fn task_ended(scene: &RunScene<'_>, task: TaskId, ending: &Ending) -> rusqlite::Result<()> {
    match ending {
        // What comes next is said by the event that follows: the step is done, or its gate is owed.
        Ending::Completed { .. } => Ok(()),
        Ending::Failed { .. } | Ending::Cancelled => wait(
            scene,
            "UPDATE flow_steps SET status = 'pending', not_before = ?2
             WHERE id = (SELECT chat_id FROM task_log WHERE task_id = ?1)",
            (task, None),
        ),
        // A gate that was interrupted is owed again; its work stays done.
        Ending::Interrupted { .. } => wait(scene, WORK_WAITS, (task, None)),
        Ending::Parked { until, .. } => wait(scene, WORK_WAITS, (task, *until)),
    }
}

const WORK_WAITS: &str = "UPDATE flow_steps SET status = 'pending', not_before = ?2
    WHERE id = (SELECT chat_id FROM task_log WHERE task_id = ?1 AND role = 'work')";

fn wait(
    scene: &RunScene<'_>,
    sql: &'static str,
    (task, until): (TaskId, Option<Moment>),
) -> rusqlite::Result<()> {
    scene.write(sql, params![task.to_string(), instant(until)])?;
    Ok(())
}

pub(super) fn retry(
    scene: &RunScene<'_>,
    key: &StepKey,
    failures: u32,
    not_before: Moment,
) -> rusqlite::Result<()> {
    scene.write_one(
        "UPDATE flow_steps SET status = 'pending', failures = ?2, not_before = ?3 WHERE id = ?1",
        params![id(scene, key), failures, iso(not_before)],
    )
}

pub(super) fn change_agent(scene: &RunScene<'_>, key: &StepKey, agent: &Name) -> rusqlite::Result<()> {
    scene.write_one(
        "UPDATE flow_steps SET status = 'pending', agent = ?2, not_before = NULL WHERE id = ?1",
        params![id(scene, key), agent.as_str()],
    )
}

pub(super) fn complete(
    scene: &RunScene<'_>,
    key: &StepKey,
    output: &Value,
    change: Option<&Change>,
) -> rusqlite::Result<()> {
    let Fitted { inline, blob } = fit_value(output);
    scene.write_one(
        "UPDATE flow_steps SET status = 'completed', not_before = NULL, waiting_for = NULL, reason = NULL,
                               ended_at = ?2, output = ?3, output_blob = ?4, commit_base = ?5, commit_head = ?6,
                               files = ?7, insertions = ?8, deletions = ?9
         WHERE id = ?1",
        params![
            id(scene, key),
            scene.at(),
            inline,
            blob,
            change.map(|change| &change.base),
            change.map(|change| &change.head),
            change.map(|change| change.files),
            change.map(|change| change.insertions),
            change.map(|change| change.deletions),
        ],
    )
}

pub(super) fn fail(scene: &RunScene<'_>, key: &StepKey, reason: &str) -> rusqlite::Result<()> {
    scene.write_one(
        "UPDATE flow_steps SET status = 'failed', not_before = NULL, waiting_for = NULL, reason = ?2, ended_at = ?3
         WHERE id = ?1",
        params![id(scene, key), reason, scene.at()],
    )
}

pub(super) fn cancel(scene: &RunScene<'_>, key: &StepKey) -> rusqlite::Result<()> {
    scene.write_one(
        "UPDATE flow_steps SET status = 'cancelled', not_before = NULL, waiting_for = NULL, ended_at = ?2
         WHERE id = ?1",
        params![id(scene, key), scene.at()],
    )
}

/// A step that a person skipped counts as done, and says so.
pub(super) fn skip(scene: &RunScene<'_>, key: &StepKey) -> rusqlite::Result<()> {
    scene.write_one(
        "UPDATE flow_steps SET status = 'completed', skipped = 1, not_before = NULL, waiting_for = NULL,
                               ended_at = ?2
         WHERE id = ?1",
        params![id(scene, key), scene.at()],
    )
}

pub(super) fn reopen(scene: &RunScene<'_>, key: &StepKey) -> rusqlite::Result<()> {
    scene.write_one(
        "UPDATE flow_steps SET status = 'pending', skipped = 0, failures = 0, not_before = NULL, waiting_for = NULL,
                               reason = NULL, ended_at = NULL, output = NULL, output_blob = NULL
         WHERE id = ?1",
        [id(scene, key)],
    )
}

/// A look that is offered holds nothing up; everything else stops its step.
pub(super) fn ask(scene: &RunScene<'_>, item: &Attention) -> rusqlite::Result<()> {
    match &item.key {
        Some(key) if item.choices != [Choice::Dismiss] => scene.write_one(
            "UPDATE flow_steps SET status = 'pending', waiting_for = ?2, not_before = NULL WHERE id = ?1",
            params![id(scene, key), item.id.to_string()],
        ),
        Some(_) | None => Ok(()),
    }
}

pub(super) fn stop_asking(scene: &RunScene<'_>, attention: AttentionId) -> rusqlite::Result<()> {
    scene.write(
        "UPDATE flow_steps SET waiting_for = NULL WHERE run_id = ?1 AND waiting_for = ?2",
        params![scene.subject.to_string(), attention.to_string()],
    )?;
    Ok(())
}

fn id(scene: &RunScene<'_>, key: &StepKey) -> String {
    key.chat(scene.subject).to_string()
}
