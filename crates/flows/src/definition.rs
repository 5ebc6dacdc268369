//! A checked definition: what `compile` hands on as a plan, and what stays here to render prompts and judge answers.

use crate::contract::Contract;
use crate::project;
use crate::read::InputType;
use crate::schema::OutputSchema;
use crate::template::Template;
use domain::{Expression, Name, Network, Plan, PlanStep, Size, StepKind, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A flow that has no problem left. Steps stand in an order in which each comes after those that it needs.
#[derive(Clone, Debug)]
pub(crate) struct Checked {
    pub(crate) name: String,
    pub(crate) version: u32,
    pub(crate) category: &'static str,
    pub(crate) summary: String,
    pub(crate) sizes: BTreeMap<Size, BTreeMap<String, Value>>,
    pub(crate) inputs: Vec<Input>,
    pub(crate) steps: Vec<CheckedStep>,
    /// What the project adds.
    pub(crate) taken: project::Taken,
}

/// Something that a flow takes beside the question.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) kind: InputType,
    pub(crate) default: Option<Value>,
    pub(crate) is_required: bool,
    pub(crate) summary: String,
}

/// A step without problems.
#[derive(Clone, Debug)]
pub(crate) struct CheckedStep {
    pub(crate) plan: PlanStep,
    pub(crate) texts: StepTexts,
    pub(crate) is_skipped_when_fast: bool,
}

/// What a step's tasks are told and how their answers are judged.
#[derive(Clone, Debug, Default)]
pub(crate) struct StepTexts {
    pub(crate) persona: Option<String>,
    pub(crate) prompt: Option<Template>,
    pub(crate) command: Option<Template>,
    pub(crate) gate: Option<Template>,
    pub(crate) schema: Option<Arc<OutputSchema>>,
    pub(crate) contracts: Vec<Contract>,
}

impl Checked {
    /// The plan for a size.
    pub(crate) fn plan(&self, size: Size) -> Plan {
        Plan {
            steps: self.steps.iter().map(CheckedStep::planned).collect(),
            size: self.sizes.get(&size).cloned().unwrap_or_default(),
        }
    }

    pub(crate) fn step(&self, id: &Name) -> Option<&CheckedStep> {
        self.steps.iter().find(|step| step.plan.id == *id)
    }

    /// Command lines that the definition itself brings: what would run without a person having typed it.
    pub(crate) fn commands(&self) -> Vec<Brought> {
        let of_steps = self.steps.iter().flat_map(|step| {
            let id = step.plan.id.as_str();
            let brought = |what: &'static str, line: &Option<Template>| {
                Some(Brought {
                    what,
                    name: id.to_owned(),
                    line: line.as_ref()?.source.clone(),
                })
            };
            let command = brought("step", &step.texts.command);
            let gate = brought("gate of", &step.texts.gate);
            command.into_iter().chain(gate)
        });
        let of_inputs = self
            .inputs
            .iter()
            .filter(|input| input.kind == InputType::Command)
            .filter_map(|input| {
                let line = input.default.as_ref().and_then(Value::as_text)?;
                // It is shown as the project's.
                let is_taken = input.name == project::GATE && self.taken.gate.as_deref() == Some(line);
                (!is_taken).then(|| Brought {
                    what: "default of input",
                    name: input.name.clone(),
                    line: line.to_owned(),
                })
            });
        of_steps.chain(of_inputs).collect()
    }

    /// Command lines that the project adds to it.
    pub(crate) fn taken_commands(&self) -> Vec<Brought> {
        let gate = self.taken.gate.iter().map(|line| Brought {
            what: "gate of",
            name: project::FILE.to_owned(),
            line: line.clone(),
        });
        let setup = self.taken.setup.iter().map(|setup| Brought {
            what: match setup.network {
                Network::None => "setup of",
                Network::Open => "setup, with a way to the network, of",
            },
            name: project::FILE.to_owned(),
            line: setup.command.clone(),
        });
        setup.chain(gate).collect()
    }
}

/// A command line that a definition brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Brought {
    pub(crate) what: &'static str,
    pub(crate) name: String,
    pub(crate) line: String,
}

impl CheckedStep {
    /// The step as the rules see it. What is left out when speed matters is left out by its condition, so that a run's
    /// stored input decides it again after a restart.
    fn planned(&self) -> PlanStep {
        let mut plan = self.plan.clone();
        if self.is_skipped_when_fast {
            let rest = plan
                .when
                .as_ref()
                .map_or(String::new(), |when| format!(" and ({})", when.source()));
            plan.when = Expression::parse(&format!("not input.fast{rest}"))
                .ok()
                .or(plan.when);
        }
        plan
    }

    /// What its kind is called.
    pub(crate) const fn kind_word(&self) -> &'static str {
        match self.plan.kind {
            StepKind::Agent => "agent",
            StepKind::Command => "command",
            StepKind::Fold => "fold",
            StepKind::Merge => "merge",
            StepKind::Approval => "approval",
        }
    }
}
