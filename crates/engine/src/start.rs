//! How a run comes to be: the definition is compiled and kept, the place it starts from is pinned, and what happens
//! first is decided. Storing it is the caller's.

use crate::EngineError;
use crate::ports::{Base, Compiled};
use crate::secrets;
use crate::shared::Shared;
use domain::{
    Access, Name, Plan, ProjectId, RunEvent, RunId, RunInput, RunStarted, StepKind, UnitId, Untrusted, Value,
    begin,
};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A run as a person, or a claim, asks for it.
#[derive(Clone, Debug, PartialEq)]
pub struct StartRun {
    /// Its id, made by the caller.
    pub run: RunId,
    /// Where.
    pub project: ProjectId,
    /// Which flow.
    pub flow: Name,
    /// What it is asked.
    pub input: RunInput,
    /// The work unit it does, if any.
    pub unit: Option<UnitId>,
}

/// What can be said of a run before anything of it is made: its definition, its input, its agents.
pub(crate) async fn check(
    shared: &Arc<Shared>,
    folder: &Path,
    flow: &Name,
    input: RunInput,
) -> Result<(Compiled, RunInput), EngineError> {
    let ports = &shared.ports;
    let mut input = secrets::of_run(ports.transcripts.as_ref(), input);
    let compiled = ports
        .definitions
        .compile(Some(folder), flow.as_str(), input.size, input.fast)?;
    ports.definitions.check_input(&compiled.flow, &mut input)?;
    let agents = compiled
        .plan
        .steps
        .iter()
        .filter(|step| step.kind == StepKind::Agent)
        .flat_map(|step| {
            let own = if step.agents.is_empty() {
                std::slice::from_ref(&input.agent)
            } else {
                &step.agents
            };
            own.iter().map(|agent| (agent.clone(), step.access))
        });
    for (agent, access) in agents.collect::<BTreeSet<_>>() {
        ports.agents.ready(&agent, access).await?;
    }
    Ok((compiled, input))
}

/// What the first batch of a run holds.
pub(crate) async fn prepare(shared: &Arc<Shared>, ask: StartRun) -> Result<Vec<RunEvent>, EngineError> {
    let ports = &shared.ports;
    let path = project_path(shared, ask.project)?;
    let (compiled, input) = check(shared, &path, &ask.flow, ask.input).await?;
    let base = find_base(shared, path, ask.run, &input, &compiled.plan).await?;
    ports.store.put_blob(compiled.bundle).await?;
    let untrusted = compiled
        .untrusted_commands
        .filter(|commands| !shared.board().approved.contains(&commands.hash))
        .map(|commands| Untrusted {
            hash: commands.hash,
            shown: commands.shown.join("\n"),
        });
    let started = RunStarted {
        project: ask.project,
        unit: ask.unit,
        slug: crate::slug::of(ask.run),
        flow: compiled.flow,
        plan: Arc::new(compiled.plan),
        input,
        base: base.commit,
    };
    Ok(begin(ask.run, started, untrusted))
}

/// Where the run starts: at `target`, else at what is checked out; a run that only looks sees what is not committed too.
async fn find_base(
    shared: &Arc<Shared>,
    path: PathBuf,
    run: RunId,
    input: &RunInput,
    plan: &Plan,
) -> Result<Base, EngineError> {
    let workspaces = &shared.ports.workspaces;
    let target = input
        .extra
        .get("target")
        .and_then(Value::as_text)
        .filter(|target| !target.is_empty());
    let is_reader = plan.steps.iter().all(|step| step.access == Access::Read);
    if target.is_none()
        && is_reader
        && let Some(base) = workspaces.working_state(path.clone(), run).await?
    {
        return Ok(base);
    }
    Ok(workspaces.base(path, run, target.map(str::to_owned)).await?)
}

fn project_path(shared: &Arc<Shared>, project: ProjectId) -> Result<PathBuf, EngineError> {
    let board = shared.board();
    let project = board
        .projects
        .get(&project)
        .ok_or(domain::Refusal::UnknownProject)?;
    Ok(PathBuf::from(&project.path))
}
