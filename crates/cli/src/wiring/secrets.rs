//! What the daemon hands to agents and must not find again in what it keeps: keys of the environment and of `agents.toml`,
//! logins of account folders. Tells the redactor of each before an agent has it, and refuses a change that shows one.

use super::leaks::leaks;
use agents::{Catalog, Fleet};
use domain::{Access, Change, Name, ProcessIdentity, RunId, TaskId};
use engine::faults::{Control, is_off};
use engine::ports::{
    AdvanceSpec, Agents, Base, BeginError, Begun, Later, MergeOutcome, MergeSpec, Place, PlaceSpec,
    WorkOrder, WorkspaceError, Workspaces,
};
use git::Places;
use serde_json::Value as Json;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::Redactor;

/// A login's file is a few lines; anything longer is something else.
const FILE_BYTES_MAX: u64 = 256 * 1024;
/// Account folders are flat.
const DEPTH_MAX: u32 = 3;
/// Shorter values of a login's file are names and words.
const VALUE_BYTES_MIN: usize = 16;

/// Keys that are known before any agent runs.
pub(super) fn hide_keys(redactor: &Redactor, catalog: &Catalog) {
    for agent in catalog.agents.values() {
        for key in agent.login.keys.iter().chain(&agent.login.token) {
            if let Ok(secret) = std::env::var(key) {
                redactor.add(&secret);
            }
        }
        let is_key = |name: &String| agent.login.keys.contains(name) || is_secret_name(name);
        let given = agent.env.iter().filter(|(name, _)| is_key(name));
        for (_, secret) in given {
            redactor.add(secret);
        }
    }
}

fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["token", "secret", "password", "apikey", "api_key", "credential"]
        .iter()
        .any(|word| name.contains(word))
        || name == "key"
        || name.ends_with("_key")
}

/// What stands in the files of an account under the name of a secret.
fn hide_login(redactor: &Redactor, folder: &Path, depth: u32) {
    // An account without a folder has its key in the environment.
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        // Of the entry itself: a link is none of ours.
        let Ok(found) = entry.metadata() else { continue };
        if found.is_dir() && depth > 0 {
            hide_login(redactor, &entry.path(), depth - 1);
        } else if found.is_file() && found.len() <= FILE_BYTES_MAX {
            let text = std::fs::read(entry.path()).unwrap_or_default();
            if let Ok(json) = serde_json::from_slice(&text) {
                hide_values(redactor, &json, false);
            }
        }
    }
}

fn hide_values(redactor: &Redactor, json: &Json, is_secret: bool) {
    match json {
        Json::String(value) if is_secret && value.len() >= VALUE_BYTES_MIN && !value.contains(' ') => {
            redactor.add(value);
        }
        Json::Array(items) => items
            .iter()
            .for_each(|item| hide_values(redactor, item, is_secret)),
        Json::Object(entries) => entries.iter().for_each(|(name, value)| {
            hide_values(redactor, value, is_secret_name(name));
        }),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

/// The agents, each of whose logins is known before it begins.
pub(super) struct Discreet {
    pub(super) fleet: Arc<Fleet>,
    pub(super) accounts: PathBuf,
    pub(super) redactor: Redactor,
}

impl Agents for Discreet {
    fn ready(&self, agent: &Name, access: Access) -> Later<'_, Result<(), BeginError>> {
        self.fleet.ready(agent, access)
    }

    fn begin(&self, order: WorkOrder) -> Later<'_, Result<Begun, BeginError>> {
        Box::pin(async move {
            let folder = self.accounts.join(self.fleet.account(&order.agent).as_str());
            let redactor = self.redactor.clone();
            let hidden = tokio::task::spawn_blocking(move || hide_login(&redactor, &folder, DEPTH_MAX)).await;
            hidden.map_err(|error| BeginError::Failed(error.to_string()))?;
            self.fleet.begin(order).await
        })
    }

    fn end_leftover(&self, task: TaskId, process: Option<ProcessIdentity>) -> Later<'_, ()> {
        self.fleet.end_leftover(task, process)
    }

    fn account(&self, agent: &Name) -> Name {
        self.fleet.account(agent)
    }

    fn forget_run(&self, run: RunId) -> Later<'_, ()> {
        self.fleet.forget_run(run)
    }
}

/// The places, from which no change is taken that shows a secret.
pub(super) struct DiscreetPlaces {
    pub(super) places: Arc<Places>,
    pub(super) redactor: Redactor,
}

impl DiscreetPlaces {
    async fn refuse_secrets(
        &self,
        place: &Place,
        task: TaskId,
        change: &Change,
    ) -> Result<(), WorkspaceError> {
        let project = &place.spec.project;
        let diff = self.places.diff(project, &change.base, &change.head).await?;
        let (redactor, tree) = (self.redactor.clone(), place.path.clone());
        let looked = tokio::task::spawn_blocking(move || leaks(&redactor, &diff, &tree)).await;
        let found = looked.map_err(io::Error::other).flatten().map_err(|error| {
            WorkspaceError::Failed(format!("cannot look for keys in the change: {error}"))
        })?;
        let files: Vec<String> = found.into_iter().map(|file| self.redactor.clean(file)).collect();
        if files.is_empty() || is_off(Control::KeysStayIn) {
            return Ok(());
        }
        // A daemon that dies before this takes the same result again, and refuses it again.
        self.places.forget_result(place, task, change).await?;
        Err(WorkspaceError::Leaks(files.join(", ")))
    }
}

impl Workspaces for DiscreetPlaces {
    fn base(
        &self,
        project: PathBuf,
        run: RunId,
        wanted: Option<String>,
    ) -> Later<'_, Result<Base, WorkspaceError>> {
        self.places.base(project, run, wanted)
    }

    fn working_state(&self, project: PathBuf, run: RunId) -> Later<'_, Result<Option<Base>, WorkspaceError>> {
        self.places.working_state(project, run)
    }

    fn prepare(&self, spec: PlaceSpec) -> Later<'_, Result<Place, WorkspaceError>> {
        self.places.prepare(spec)
    }

    fn changed(&self, place: Place) -> Later<'_, Result<Vec<String>, WorkspaceError>> {
        self.places.changed(place)
    }

    fn harvest(
        &self,
        place: Place,
        task: TaskId,
        message: String,
    ) -> Later<'_, Result<Option<Change>, WorkspaceError>> {
        Box::pin(async move {
            let change = self.places.harvest(place.clone(), task, message).await?;
            if let Some(change) = &change {
                self.refuse_secrets(&place, task, change).await?;
            }
            Ok(change)
        })
    }

    fn advance(&self, spec: AdvanceSpec) -> Later<'_, Result<(), WorkspaceError>> {
        self.places.advance(spec)
    }

    fn merge(&self, spec: MergeSpec, message: String) -> Later<'_, Result<MergeOutcome, WorkspaceError>> {
        self.places.merge(spec, message)
    }

    fn release(&self, project: PathBuf, run: RunId) -> Later<'_, Result<(), WorkspaceError>> {
        self.places.release(project, run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_60_what_a_login_file_calls_a_secret_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let text = r#"{"claudeAiOauth": {"accessToken": "abcdefgh-12345678-ijkl", "scopes": ["user:inference:long-name"],
            "tokens": ["mnopqrst-12345678-uvwx"]}, "email": "somebody@example.invalid"}"#;
        std::fs::write(folder.path().join("credentials.json"), text).unwrap();
        let redactor = Redactor::default();
        hide_login(&redactor, folder.path(), DEPTH_MAX);
        let said =
            "abcdefgh-12345678-ijkl mnopqrst-12345678-uvwx user:inference:long-name somebody@example.invalid";
        assert_eq!(
            redactor.clean(said.to_owned()),
            "[secret] [secret] user:inference:long-name somebody@example.invalid"
        );
    }
}
