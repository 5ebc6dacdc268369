//! Tasks and their transcripts.

use super::shown::unshown;
use crate::App;
use crate::reply::{Answer, Json, Parameters, Place, Refused, not_found, read_fails};
use crate::show;
use api::{Page, Task, TaskDetail, TaskId, TaskState, Transcript};
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

const ENTRIES_USUAL: usize = 500;

/// The tasks under way, oldest first.
#[utoipa::path(get, path = "/api/tasks", tag = "tasks", responses((status = 200, body = Page<Task>), Refused))]
pub(super) async fn list(State(app): State<App>) -> Answer<Json<Page<Task>>> {
    let found = app
        .parts
        .reader
        .live_tasks()
        .await
        .map_err(read_fails("list tasks"))?;
    let tasks = found
        .into_iter()
        .map(show::task)
        .collect::<Result<_, _>>()
        .map_err(unshown)?;
    Ok(Json(Page::whole(tasks)))
}

async fn read(app: &App, id: TaskId, what: &str) -> Answer<Task> {
    let found = app
        .parts
        .reader
        .task(show::id(id))
        .await
        .map_err(read_fails("show a task"))?;
    let found = found.ok_or_else(|| {
        not_found("unknown_task", "task", &id.to_string(), what)
            .hint("`partita run show --json` lists a run's tasks")
    })?;
    show::task(found).map_err(unshown)
}

/// One task, with what it was told.
#[utoipa::path(get, path = "/api/tasks/{id}", tag = "tasks", params(("id" = TaskId, Path)), responses((status = 200, body = TaskDetail), Refused))]
pub(super) async fn show(State(app): State<App>, Place(id): Place<TaskId>) -> Answer<Json<TaskDetail>> {
    let task = read(&app, id, &format!("cannot show the task {id}")).await?;
    let prompt = app
        .parts
        .reader
        .task_prompt(show::id(id))
        .await
        .map_err(read_fails("show a prompt"))?;
    Ok(Json(TaskDetail { task, prompt }))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct TranscriptAsk {
    /// The `next` of the part before; 0 unless said, for the beginning.
    after: Option<u64>,
    /// Entries at most: 500 unless said, never more than 1000.
    limit: Option<usize>,
}

/// What a task's agent said, from an offset on.
#[utoipa::path(get, path = "/api/tasks/{id}/transcript", tag = "tasks", params(("id" = TaskId, Path), TranscriptAsk), responses((status = 200, body = Transcript), Refused))]
pub(super) async fn transcript(
    State(app): State<App>,
    Place(id): Place<TaskId>,
    Parameters(ask): Parameters<TranscriptAsk>,
) -> Answer<Json<Transcript>> {
    // Asked before the transcript is read: what ended by now has said everything.
    let task = read(&app, id, &format!("cannot show the transcript of the task {id}")).await?;
    let is_over = !matches!(task.state, TaskState::Starting | TaskState::Running);
    if is_over {
        // Said is not yet written.
        app.parts.transcripts.settled().await;
    }
    let limit = ask.limit.unwrap_or(ENTRIES_USUAL).clamp(1, 1_000);
    let page = app
        .parts
        .transcripts
        .read(show::id(id), ask.after.unwrap_or(0), limit)
        .await;
    let page = page.map_err(read_fails("read a transcript"))?;
    Ok(Json(Transcript {
        is_whole: is_over && page.is_end,
        entries: page.entries.iter().map(show::transcript_entry).collect(),
        next: page.next,
    }))
}
