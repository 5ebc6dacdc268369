//! Projects: folders agents work on.

use crate::App;
use crate::reply::{Answer, Json, Keyed, Place, Refused, engine_says, not_found, read_fails};
use crate::show;
use api::{NewProject, Page, Problem, Project, ProjectId};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use domain::BoardInput;
use engine::EngineError;
use std::path::{Path, PathBuf};

/// The projects, by name.
#[utoipa::path(get, path = "/api/projects", tag = "projects", responses((status = 200, body = Page<Project>), Refused))]
pub(super) async fn list(State(app): State<App>) -> Answer<Json<Page<Project>>> {
    let found = app
        .parts
        .reader
        .projects()
        .await
        .map_err(read_fails("list projects"))?;
    Ok(Json(Page::whole(found.into_iter().map(shown).collect())))
}

fn shown(project: store::ProjectView) -> Project {
    Project {
        id: show::id(project.id),
        name: project.name,
        path: project.path,
        added_at: project.added_at,
    }
}

/// Makes a folder a project.
#[utoipa::path(
    post,
    path = "/api/projects",
    tag = "projects",
    request_body = NewProject,
    responses((status = 201, body = Project), Refused)
)]
pub(super) async fn add(
    State(app): State<App>,
    keyed: Keyed,
    Json(new): Json<NewProject>,
) -> Answer<impl IntoResponse> {
    let what = format!("cannot make {:?} a project", new.path);
    let folder = resolve(&new.path, &what, "/path").await?;
    let id = domain::ProjectId::from_bits(app.id());
    let input = BoardInput::AddProject {
        project: id,
        name: new.name.unwrap_or_else(|| name_of(&folder)),
        path: text_of(&folder, &what)?,
    };
    let id = match app.parts.engine.change_board(input, keyed.receipt(id)).await {
        Ok(()) => id,
        Err(EngineError::Repeated { answer }) => answer.parse().unwrap_or(id),
        Err(error) => return Err(engine_says(what)(error)),
    };
    let found = app
        .parts
        .reader
        .project(id)
        .await
        .map_err(read_fails("show a project"))?;
    let project = found.map(shown).ok_or_else(|| unknown(show::id(id), &what))?;
    Ok((StatusCode::CREATED, Json(project)))
}

/// Lists a project no longer; its runs stay.
#[utoipa::path(delete, path = "/api/projects/{id}", tag = "projects", params(("id" = ProjectId, Path)), responses((status = 204), Refused))]
pub(super) async fn remove(
    State(app): State<App>,
    Place(id): Place<ProjectId>,
    keyed: Keyed,
) -> Answer<StatusCode> {
    // The board looks itself whether the project has runs under way.
    let input = BoardInput::RemoveProject {
        project: show::id(id),
        is_busy: false,
    };
    match app.parts.engine.change_board(input, keyed.receipt(id)).await {
        Ok(()) | Err(EngineError::Repeated { .. }) => Ok(StatusCode::NO_CONTENT),
        Err(error) => Err(engine_says(format!("cannot remove the project {id}"))(error)),
    }
}

/// The folder of a project.
pub(super) fn folder(app: &App, id: ProjectId, what: &str) -> Answer<PathBuf> {
    let board = app.parts.engine.board();
    let project = board.projects.get(&show::id(id));
    project
        .map(|project| PathBuf::from(&project.path))
        .ok_or_else(|| unknown(id, what))
}

pub(super) fn unknown(id: ProjectId, what: &str) -> Refused {
    not_found("unknown_project", "project", &id.to_string(), what).hint("`GET /api/projects` lists them")
}

/// The project of a folder, which becomes one when it is none yet.
pub(super) async fn of_folder(app: &App, folder: &Path, what: &str) -> Answer<domain::ProjectId> {
    let path = text_of(folder, what)?;
    if let Some(id) = find(app, &path) {
        return Ok(id);
    }
    let id = domain::ProjectId::from_bits(app.id());
    let input = BoardInput::AddProject {
        project: id,
        name: name_of(folder),
        path: path.clone(),
    };
    match app.parts.engine.change_board(input, None).await {
        Ok(()) => Ok(id),
        // Somebody else was quicker with the same folder.
        Err(EngineError::Refused(domain::Refusal::ProjectKnown(_))) => Ok(find(app, &path).unwrap_or(id)),
        Err(error) => Err(engine_says(what)(error)),
    }
}

/// The project of a folder, where it is one.
pub(super) fn known(app: &App, folder: &Path) -> Option<domain::ProjectId> {
    find(app, folder.to_str()?)
}

fn find(app: &App, path: &str) -> Option<domain::ProjectId> {
    let board = app.parts.engine.board();
    board
        .projects
        .iter()
        .find(|(_, project)| project.path == path)
        .map(|(id, _)| *id)
}

/// A folder as the system knows it: absolute, without links.
pub(super) async fn resolve(path: &str, what: &str, at: &str) -> Answer<PathBuf> {
    let wrong = |because: String| -> Refused {
        Problem::new(422, "bad_folder", "the folder cannot be used", what)
            .because(because.clone())
            .hint("name a folder that is there, with its whole path")
            .at(at, because)
            .into()
    };
    if !Path::new(path).is_absolute() {
        return Err(wrong(format!("{path:?} is not an absolute path")));
    }
    let folder = tokio::fs::canonicalize(path)
        .await
        .map_err(|error| wrong(format!("{path:?}: {error}")))?;
    let found = tokio::fs::metadata(&folder)
        .await
        .map_err(|error| wrong(format!("{path:?}: {error}")))?;
    if found.is_dir() {
        Ok(folder)
    } else {
        Err(wrong(format!("{path:?} is not a folder")))
    }
}

fn text_of(folder: &Path, what: &str) -> Answer<String> {
    let text = folder.to_str().map(str::to_owned);
    text.ok_or_else(|| {
        Problem::new(422, "bad_folder", "the folder cannot be used", what)
            .because("its path is not UTF-8")
            .hint("rename it, or reach it by another path")
            .into()
    })
}

fn name_of(folder: &Path) -> String {
    folder
        .file_name()
        .map_or_else(|| "root".to_owned(), |name| name.to_string_lossy().into_owned())
}
