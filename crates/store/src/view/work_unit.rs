//! The rows of work units and the log of their statuses. A deleted unit leaves the first and stays in the second.

use super::UnitScene;
use domain::{UnitCreated, UnitEvent};
use rusqlite::params;

pub(super) fn apply(scene: &UnitScene<'_>, event: &UnitEvent) -> rusqlite::Result<()> {
    match event {
        UnitEvent::Created(unit) => insert(scene, unit),
        UnitEvent::StatusChanged {
            from,
            to,
            reason,
            forced,
        } => {
            set(
                scene,
                "UPDATE work_units SET status = ?2, updated_at = ?3 WHERE id = ?1",
                to.word(),
            )?;
            log(scene, (Some(from.word()), to.word()), reason, *forced)
        }
        UnitEvent::PhaseChanged { to, .. } => set(
            scene,
            "UPDATE work_units SET phase = ?2, updated_at = ?3 WHERE id = ?1",
            to.word(),
        ),
        UnitEvent::BlockersChanged { blocked_by } => set(
            scene,
            "UPDATE work_units SET blocked_by = ?2, updated_at = ?3 WHERE id = ?1",
            &serde_json::json!(blocked_by).to_string(),
        ),
        UnitEvent::PriorityChanged { priority } => scene.write_one(
            "UPDATE work_units SET priority = ?2, updated_at = ?3 WHERE id = ?1",
            params![scene.subject.to_string(), priority, scene.at()],
        ),
        UnitEvent::Renamed { chunk } => set(
            scene,
            "UPDATE work_units SET chunk = ?2, updated_at = ?3 WHERE id = ?1",
            chunk,
        ),
        UnitEvent::RunAssigned { run } => set(
            scene,
            "UPDATE work_units SET run_id = ?2, updated_at = ?3 WHERE id = ?1",
            &run.to_string(),
        ),
        UnitEvent::Deleted => scene.write_one(
            "DELETE FROM work_units WHERE id = ?1",
            [scene.subject.to_string()],
        ),
    }
}

fn insert(scene: &UnitScene<'_>, unit: &UnitCreated) -> rusqlite::Result<()> {
    let UnitCreated {
        chunk,
        phase,
        status,
        blocked_by,
        priority,
        project,
        order,
    } = unit;
    scene.write(
        "INSERT INTO work_units (chunk, phase, status, blocked_by, created_at, updated_at, id, position, priority,
                                 project_id, flow, question)
         VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        params![
            chunk,
            phase.word(),
            status.word(),
            serde_json::json!(blocked_by).to_string(),
            scene.at(),
            scene.subject.to_string(),
            scene.position(),
            priority,
            project.map(|project| project.to_string()),
            order.as_ref().map(|order| order.flow.as_str()),
            order.as_ref().map(|order| order.question.as_str()),
        ],
    )?;
    log(scene, (None, status.word()), "created", false)
}

fn set(scene: &UnitScene<'_>, sql: &'static str, value: &str) -> rusqlite::Result<()> {
    scene.write_one(sql, params![scene.subject.to_string(), value, scene.at()])
}

fn log(
    scene: &UnitScene<'_>,
    (old, new): (Option<&str>, &str),
    reason: &str,
    forced: bool,
) -> rusqlite::Result<()> {
    scene.write_one(
        "INSERT INTO status_log (chunk, old_status, new_status, timestamp, unit_id, reason, forced)
         SELECT chunk, ?2, ?3, ?4, id, ?5, ?6 FROM work_units WHERE id = ?1",
        params![scene.subject.to_string(), old, new, scene.at(), reason, forced],
    )
}
