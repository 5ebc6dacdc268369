//! What a project says of itself in `.partita/partita.toml`: the gate of what is written in it, how a working copy is
//! set up, and what is taken when a person names none.
//!
//! Owns: reading and checking that file, and what of it becomes part of a flow.
//! Leaves out: who may approve its commands (`domain`), and who runs them (`agents`).

use crate::at::At;
use crate::beneath::{self, NotRead};
use crate::check::step::{SHELL, not_an_agent};
use crate::definition::{Checked, CheckedStep, Input};
use crate::diagnostic::{Problems, SourceText};
use crate::duration;
use crate::places::said;
use crate::read::{self, InputType, ProjectFile};
use domain::{Access, Network, Run, Size, StepKind, Value};
use engine::ports::{DefinitionError, Setup};
use std::ops::RangeInclusive;
use std::path::Path;

/// Where the file lies.
pub(crate) const FILE: &str = ".partita/partita.toml";
/// The input through which a flow is told its gate.
pub(crate) const GATE: &str = "gate";
/// A gate that says nothing.
const NO_GATE: &str = "true";
const FILE_BYTES_MAX: u64 = 64 * 1024;
const COMMAND_BYTES_MAX: usize = 16 * 1024;
const SETUP_MS: u64 = 10 * 60_000;
const SETUP_MS_BOUNDS: RangeInclusive<u64> = 1_000..=2 * 3_600_000;

/// What a project says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Project {
    /// A command that must pass before what was written counts as done.
    pub gate: Option<String>,
    /// What makes a fresh working copy ready.
    pub setup: Option<Setup>,
    /// The agent when nobody names one.
    pub agent: Option<String>,
    /// The model when nobody names one.
    pub model: Option<String>,
    /// The size when nobody names one.
    pub size: Option<Size>,
}

/// What of a project became part of a flow: only what that flow has a use for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) gate: Option<String>,
    pub(crate) setup: Option<Setup>,
}

impl Project {
    /// Reads the project's file; a project without one says nothing.
    ///
    /// # Errors
    /// When it is wrong. The error shows all that is, with line and caret.
    pub fn read(folder: &Path) -> Result<Self, DefinitionError> {
        Self::parse(Self::text(folder)?.as_deref())
    }

    /// The text of the project's file, if there is one.
    pub(crate) fn text(folder: &Path) -> Result<Option<String>, DefinitionError> {
        match beneath::read_text(folder, FILE, FILE_BYTES_MAX) {
            Ok(text) => Ok(Some(text)),
            Err(NotRead::Absent) => Ok(None),
            Err(why) => {
                let shown = format!("  × `{FILE}` cannot be read: {}\n", said(&why));
                Err(DefinitionError::Invalid { shown })
            }
        }
    }

    /// What that text says.
    pub(crate) fn parse(text: Option<&str>) -> Result<Self, DefinitionError> {
        let Some(text) = text else {
            return Ok(Self::default());
        };
        let problems = Problems::new(SourceText::new(FILE, text));
        let project = read::read_project(text, &problems).map(|file| check(&file, &problems));
        project
            .filter(|_| problems.is_empty())
            .ok_or_else(|| DefinitionError::Invalid {
                shown: problems.shown(),
            })
    }

    /// What of it the flow has a use for.
    pub(crate) fn taken_by(&self, flow: &Checked) -> Taken {
        let has_gate = takes_gate(flow) || flow.steps.iter().any(lacks_gate);
        let writes = |step: &CheckedStep| {
            let has_task = matches!(step.plan.kind, StepKind::Agent | StepKind::Command);
            has_task && step.plan.access == Access::Write
        };
        Taken {
            gate: self.gate.clone().filter(|_| has_gate),
            setup: self.setup.clone().filter(|_| flow.steps.iter().any(writes)),
        }
    }
}

impl Taken {
    /// Makes it part of the flow.
    pub(crate) fn enter(self, flow: &mut Checked) {
        if let Some(gate) = &self.gate {
            for input in flow.inputs.iter_mut().filter(|input| input.name == GATE) {
                if input.kind == InputType::Command && says_nothing(input.default.as_ref()) {
                    input.default = Some(Value::from(gate.as_str()));
                    input.is_required = false;
                }
            }
            let mut is_needed = false;
            for step in flow.steps.iter_mut().filter(|step| lacks_gate(step)) {
                step.plan.gate = true;
                is_needed = true;
            }
            if is_needed && flow.inputs.iter().all(|input| input.name != GATE) {
                flow.inputs.push(told(gate));
            }
        }
        flow.taken = self;
    }
}

/// The input by which a person says another gate than the project's.
fn told(gate: &str) -> Input {
    Input {
        name: GATE.to_owned(),
        kind: InputType::Command,
        default: Some(Value::from(gate)),
        is_required: false,
        summary: "a command that must pass before what was written counts as done".to_owned(),
    }
}

/// The gate of steps that have none of their own: what the run was told, else the project's.
pub(crate) fn gate_of<'a>(flow: &'a Checked, run: &'a Run) -> Option<&'a str> {
    let gate = flow.taken.gate.as_deref()?;
    let is_told = |input: &Input| {
        let default = input.default.as_ref().and_then(Value::as_text);
        input.name == GATE && input.kind == InputType::Command && default == Some(gate)
    };
    let told = run.start().input.extra.get(GATE).and_then(Value::as_text);
    told.filter(|_| flow.inputs.iter().any(is_told)).or(Some(gate))
}

/// Whether a person may tell the flow its gate, and it has none to go by otherwise.
fn takes_gate(flow: &Checked) -> bool {
    let mut gates = flow.inputs.iter().filter(|input| input.name == GATE);
    gates.any(|input| input.kind == InputType::Command && says_nothing(input.default.as_ref()))
}

/// An agent that writes on the run's line, checked by nothing. One of several that write side by side made a part only,
/// which need not pass by itself.
fn lacks_gate(step: &CheckedStep) -> bool {
    let plan = &step.plan;
    plan.kind == StepKind::Agent
        && plan.access == Access::Write
        && plan.each.is_none()
        && step.texts.gate.is_none()
}

fn says_nothing(default: Option<&Value>) -> bool {
    default.is_none_or(|default| default.as_text() == Some(NO_GATE))
}

fn check(file: &ProjectFile, problems: &Problems) -> Project {
    let setup = file
        .setup
        .as_ref()
        .and_then(|setup| command("setup", setup, problems));
    let without = [
        (
            "setup_timeout",
            file.setup_timeout.as_ref().map(|timeout| timeout.at.clone()),
        ),
        (
            "setup_network",
            file.setup_network.as_ref().map(|network| network.at.clone()),
        ),
    ];
    for (name, at) in without {
        if let Some(at) = at.filter(|_| file.setup.is_none()) {
            let message = format!("`{name}` means nothing without `setup`");
            problems.add(problems.at(at, message, "not used"));
        }
    }
    let timeout_ms = file.setup_timeout.as_ref().and_then(|text| {
        duration::parse(&text.value, SETUP_MS_BOUNDS)
            .map_err(|why| {
                let message = format!("`setup_timeout` is no duration: {why}");
                problems.add(problems.at(text.at.clone(), message, "here"));
            })
            .ok()
    });
    let named = |name: &str, text: &Option<At<String>>| {
        let text = text.as_ref()?;
        if text.value.trim().is_empty() {
            problems.add(problems.at(text.at.clone(), format!("`{name}` is empty"), "leave it out"));
        }
        Some(text.value.clone())
    };
    if let Some(agent) = file.agent.as_ref().filter(|agent| agent.value == SHELL) {
        problems.add(not_an_agent(problems, agent));
    }
    Project {
        gate: file.gate.as_ref().and_then(|gate| command(GATE, gate, problems)),
        setup: setup.map(|command| Setup {
            command,
            timeout_ms: timeout_ms.unwrap_or(SETUP_MS),
            network: file
                .setup_network
                .as_ref()
                .map_or(Network::None, |network| network.value),
        }),
        agent: named("agent", &file.agent),
        model: named("model", &file.model),
        size: file.size.as_ref().map(|size| size.value),
    }
}

/// A shell command line, as it is: nothing is filled in.
fn command(name: &str, text: &At<String>, problems: &Problems) -> Option<String> {
    let line = text.value.trim();
    let why = if line.is_empty() {
        "is empty"
    } else if line.contains('\0') {
        "holds a zero byte"
    } else if line.len() > COMMAND_BYTES_MAX {
        "is too long for a command line"
    } else {
        return Some(line.to_owned());
    };
    let hint = "write a shell command, as \"cargo test\"".to_owned();
    problems.add(
        problems
            .at(text.at.clone(), format!("`{name}` {why}"), "here")
            .hint(hint),
    );
    None
}
