//! The rows of runs.

use super::{RunScene, attention, int, step, task};
use crate::record::{AccessWord, Fitted, SizeWord, StepKindWord, Word, fit_text, plain};
use domain::{Plan, RunEvent, RunInput, RunStarted, Usage};
use rusqlite::params;
use serde_json::{Map, Value as Json, json};

pub(super) fn apply(scene: &RunScene<'_>, event: &RunEvent) -> rusqlite::Result<()> {
    match event {
        RunEvent::Started(started) => insert(scene, started),
        RunEvent::StepsPlanned { steps } => step::plan(scene, steps),
        // Steps that do not apply have no rows.
        RunEvent::StepsLeftOut { .. } => Ok(()),
        RunEvent::TaskOrdered(order) => {
            task::insert(scene, order)?;
            step::begin(scene, order)
        }
        RunEvent::TaskStarted { task, process } => task::start(scene, *task, process),
        RunEvent::TaskEnded { task, ending, usage } => {
            task::end(scene, *task, ending, *usage)?;
            step::task_ended(scene, *task, ending)?;
            add_usage(scene, *usage)
        }
        RunEvent::RetryScheduled {
            key,
            failures,
            not_before,
        } => step::retry(scene, key, *failures, *not_before),
        RunEvent::AgentChanged { key, agent } => step::change_agent(scene, key, agent),
        RunEvent::StepCompleted { key, output, change } => {
            step::complete(scene, key, output, change.as_ref())
        }
        RunEvent::StepFailed { key, reason } => step::fail(scene, key, reason),
        RunEvent::StepCancelled { key } => step::cancel(scene, key),
        RunEvent::StepSkipped { key, .. } => step::skip(scene, key),
        RunEvent::StepReopened { key, .. } => {
            step::reopen(scene, key)?;
            reopen(scene)
        }
        RunEvent::AttentionRaised(item) => {
            attention::insert(scene, item)?;
            step::ask(scene, item)
        }
        RunEvent::AttentionAnswered {
            attention,
            choice,
            text,
            by,
        } => {
            attention::answer(scene, *attention, *choice, text, by)?;
            step::stop_asking(scene, *attention)
        }
        RunEvent::AttentionWithdrawn { attention } => {
            attention::withdraw(scene, *attention)?;
            step::stop_asking(scene, *attention)
        }
        RunEvent::Paused { .. } => set(scene, "UPDATE flow_runs SET paused = 1 WHERE id = ?1"),
        RunEvent::Resumed { .. } => set(scene, "UPDATE flow_runs SET paused = 0 WHERE id = ?1"),
        RunEvent::CancelRequested { .. } => set(scene, "UPDATE flow_runs SET cancelling = 1 WHERE id = ?1"),
        RunEvent::LinePublished { head } => scene.write_one(
            "UPDATE flow_runs SET head = ?2 WHERE id = ?1",
            params![scene.subject.to_string(), head],
        ),
        RunEvent::DefinitionDrifted { found } => scene.write_one(
            "UPDATE flow_runs SET drift = ?2 WHERE id = ?1",
            params![scene.subject.to_string(), found],
        ),
        RunEvent::Completed { report } => end(scene, "completed", None, Some(report)),
        RunEvent::Failed { reason, report } => end(scene, "failed", Some(reason), Some(report)),
        RunEvent::Cancelled => end(scene, "cancelled", None, None),
    }
}

fn insert(scene: &RunScene<'_>, started: &RunStarted) -> rusqlite::Result<()> {
    let RunStarted {
        project,
        unit,
        slug,
        flow,
        plan,
        input,
        base,
    } = started;
    scene.write(
        "INSERT INTO flow_runs (id, position, project_id, unit_id, slug, flow, flow_version, flow_hash, input,
                                manifest, base, status, started_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 'running', ?12)",
        params![
            scene.subject.to_string(),
            scene.position(),
            project.to_string(),
            unit.map(|unit| unit.to_string()),
            slug,
            flow.name.as_str(),
            flow.version,
            flow.hash,
            input_json(input).to_string(),
            manifest(plan).to_string(),
            base,
            scene.at(),
        ],
    )?;
    Ok(())
}

/// The input as the wire has it: what the flow takes beside the fixed names lies next to them.
fn input_json(input: &RunInput) -> Json {
    let RunInput {
        question,
        size,
        fast,
        agent,
        model,
        extra,
    } = input;
    let mut json: Map<String, Json> = extra
        .iter()
        .map(|(name, value)| (name.clone(), plain(value)))
        .collect();
    let fixed = [
        ("question", json!(question)),
        ("size", json!(SizeWord::from(*size).word())),
        ("fast", json!(fast)),
        ("agent", json!(agent.as_str())),
        ("model", json!(model)),
    ];
    json.extend(fixed.map(|(name, value)| (name.to_owned(), value)));
    Json::Object(json)
}

fn manifest(plan: &Plan) -> Json {
    let steps = plan.steps.iter().map(|step| {
        let kind = StepKindWord::from(step.kind).word();
        let access = AccessWord::from(step.access).word();
        json!({"id": step.id.as_str(), "title": step.title, "kind": kind, "access": access})
    });
    Json::Array(steps.collect())
}

fn add_usage(scene: &RunScene<'_>, usage: Usage) -> rusqlite::Result<()> {
    if usage == Usage::default() {
        return Ok(());
    }
    scene.write_one(
        "UPDATE flow_runs SET input_uncached = input_uncached + ?2, input_cached = input_cached + ?3,
                              output_tokens = output_tokens + ?4,
                              cost_micros = iif(?5 IS NULL, cost_micros, coalesce(cost_micros, 0) + ?5)
         WHERE id = ?1",
        params![
            scene.subject.to_string(),
            int(usage.input_uncached),
            int(usage.input_cached),
            int(usage.output),
            usage.cost_micros.map(int),
        ],
    )
}

fn set(scene: &RunScene<'_>, sql: &'static str) -> rusqlite::Result<()> {
    scene.write_one(sql, [scene.subject.to_string()])
}

fn reopen(scene: &RunScene<'_>) -> rusqlite::Result<()> {
    set(
        scene,
        "UPDATE flow_runs SET status = 'running', cancelling = 0, reason = NULL, report = NULL, report_blob = NULL,
                              ended_at = NULL
         WHERE id = ?1",
    )
}

fn end(
    scene: &RunScene<'_>,
    status: &str,
    reason: Option<&str>,
    report: Option<&str>,
) -> rusqlite::Result<()> {
    let Fitted { inline, blob } = report.map_or(
        Fitted {
            inline: None,
            blob: None,
        },
        fit_text,
    );
    scene.write_one(
        "UPDATE flow_runs SET status = ?2, cancelling = 0, paused = 0, reason = ?3, report = ?4, report_blob = ?5,
                              ended_at = ?6
         WHERE id = ?1",
        params![scene.subject.to_string(), status, reason, inline, blob, scene.at()],
    )
}
