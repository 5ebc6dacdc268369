//! One step: that its fields fit its kind and each other, and what later steps see of it.

use super::words::Scope;
use super::{Checker, rules_kind};
use crate::at::At;
use crate::contract::Contract;
use crate::definition::{CheckedStep, StepTexts};
use crate::diagnostic::{Problem, Problems};
use crate::duration;
use crate::near;
use crate::read::{Kind, RetryFile, StepFile};
use crate::shape::Shape;
use crate::template::Template;
use domain::{Access, Name, Network, PlanStep, Retry, StepKind, Trigger};
use std::ops::{Range, RangeInclusive};

const TIMEOUT_MS: RangeInclusive<u64> = 1_000..=24 * 3_600_000;
const PAUSE_MS: RangeInclusive<u64> = 1..=24 * 3_600_000;
const RETRIES_MAX: u32 = 20;

impl Checker<'_> {
    /// The step and the shape of its output. The scope (what it sees, and what a fold of its needs gives) is absent
    /// while the order of steps is unknown.
    pub(super) fn step(&self, step: &StepFile, scope: Option<(&Scope, &Shape)>) -> (CheckedStep, Shape) {
        self.fields_fit(step);
        self.pairs_fit(step);
        let names = scope.map(|(names, _)| names);
        let (each, item) = match &step.each {
            // For other kinds it was refused already; what it runs over does not matter.
            Some(each) if WITH_TASK.contains(&step.kind.value) => {
                let (each, item) = self.each(each, names);
                (each, Some(item))
            }
            Some(_) | None => (None, None),
        };
        let when = step
            .when
            .as_ref()
            .and_then(|when| self.expression("when", when, names));
        let texts = self.texts(step, names, item);
        let shape = self.output_shape(step, &texts, scope.map(|(_, fold)| fold));
        let plan = PlanStep {
            title: step
                .title
                .as_ref()
                .map_or_else(|| title_of(&step.id.value), |title| title.value.clone()),
            needs: step
                .needs
                .iter()
                .map(|need| Name::from(need.value.as_str()))
                .collect(),
            each,
            when,
            trigger: step
                .trigger
                .as_ref()
                .map_or(Trigger::AllSuccess, |trigger| trigger.value),
            retry: self.retry(step.retry.as_ref()),
            access: step.access.as_ref().map_or(Access::Read, |access| access.value),
            network: self.network(step),
            agents: step
                .agents
                .iter()
                .map(|agent| Name::from(agent.value.as_str()))
                .collect(),
            model: step.model.as_ref().map(|model| model.value.clone()),
            gate: step.gate.is_some(),
            ..self.timed(step)
        };
        (
            CheckedStep {
                plan,
                texts,
                is_skipped_when_fast: step.skip_when_fast,
            },
            shape,
        )
    }

    /// Fields that mean nothing for the kind are refused: they would be ignored in silence.
    fn fields_fit(&self, step: &StepFile) {
        let kind = step.kind.value;
        if kind == Kind::Subflow {
            self.problems.add(
                self.problems
                    .at(
                        step.kind.at.clone(),
                        "`subflow` is not available in this version",
                        "not built yet",
                    )
                    .hint("write the steps of the other flow here".to_owned()),
            );
            return;
        }
        for (name, at, kinds) in present(step) {
            if !kinds.contains(&kind) {
                let article = if matches!(kind, Kind::Agent | Kind::Approval) {
                    "an"
                } else {
                    "a"
                };
                let message = format!("`{name}` means nothing for {article} {} step", kind.word());
                self.problems.add(
                    self.problems
                        .at(at, message, "not used")
                        .hint(instead(name, kind)),
                );
            }
        }
        let missing = match kind {
            Kind::Agent if step.prompt.is_none() => Some("prompt"),
            Kind::Command if step.command.is_none() => Some("command"),
            Kind::Fold | Kind::Merge if step.needs.is_empty() => Some("needs"),
            Kind::Agent | Kind::Command | Kind::Fold | Kind::Merge | Kind::Approval | Kind::Subflow => None,
        };
        if let Some(field) = missing {
            let message = format!("step `{}` has no `{field}`", step.id.value);
            let label = format!("every step of kind `{}` has one", kind.word());
            self.problems
                .add(self.problems.at(step.kind.at.clone(), message, label));
        }
    }

    /// Fields that do not fit each other.
    fn pairs_fit(&self, step: &StepFile) {
        let is_read = step
            .access
            .as_ref()
            .is_none_or(|access| access.value == Access::Read);
        if let (Some(gate), Kind::Agent, true) = (&step.gate, step.kind.value, is_read) {
            self.problems.add(
                self.problems
                    .at(
                        gate.at.clone(),
                        "a gate checks what a step wrote, and this step only reads",
                        "nothing to check",
                    )
                    .hint(
                        "give the step `access = \"write\"`, or make the gate a step of kind `command`"
                            .to_owned(),
                    ),
            );
        }
        for agent in step.agents.iter().filter(|agent| agent.value == SHELL) {
            self.problems.add(not_an_agent(self.problems, agent));
        }
        let has_schema = step.output.is_some() || step.output_schema.is_some();
        for contract in &step.contracts {
            match Contract::parse(&contract.value) {
                None => {
                    let known = Contract::WORDS.iter().map(|(word, _)| *word);
                    let message = format!("there is no contract `{}`", contract.value);
                    self.problems.add(
                        self.problems
                            .at(contract.at.clone(), message, "not known")
                            .hint(near::hint(&contract.value, known)),
                    );
                }
                Some(Contract::Evidence) if !has_schema => {
                    let message =
                        "the contract `evidence` is checked on structured output, and this step has none";
                    self.problems.add(
                        self.problems
                            .at(contract.at.clone(), message, "nothing to check")
                            .hint("add `output` or `output_schema`".to_owned()),
                    );
                }
                Some(Contract::Evidence | Contract::Yagni) => {}
            }
        }
    }

    fn texts(&self, step: &StepFile, names: Option<&Scope>, item: Option<Shape>) -> StepTexts {
        let scope = names.map(|names| {
            let mut scope = names.clone();
            let text = || Shape::Text;
            scope.insert(
                "run".to_owned(),
                Shape::map([("slug", text()), ("base", text()), ("head", text())]),
            );
            scope.insert("before".to_owned(), Shape::Any);
            if let Some(item) = item {
                scope.insert("item".to_owned(), item);
            }
            scope
        });
        for (field, text) in [
            ("prompt", &step.prompt),
            ("command", &step.command),
            ("gate", &step.gate),
        ] {
            if let Some(text) = text {
                self.template(field, text, scope.as_ref());
            }
        }
        let kept = |text: Option<&At<String>>| text.map(|text| Template::new(text.value.clone()));
        StepTexts {
            persona: self.persona(step.persona.as_ref()),
            prompt: kept(step.prompt.as_ref()),
            command: kept(step.command.as_ref()),
            gate: kept(step.gate.as_ref()),
            schema: self.schema(step),
            contracts: step
                .contracts
                .iter()
                .filter_map(|contract| Contract::parse(&contract.value))
                .collect(),
        }
    }

    fn persona(&self, name: Option<&At<String>>) -> Option<String> {
        let name = name?;
        let is_plain = name
            .value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        let found = if is_plain {
            self.places.persona(&name.value)
        } else {
            Ok(None)
        };
        match found {
            Ok(Some(text)) => return Some(text),
            Ok(None) => {
                let known = self.places.personas();
                let known = known.iter().map(String::as_str);
                let message = format!("there is no persona `{}`", name.value);
                self.problems.add(
                    self.problems
                        .at(name.at.clone(), message, "not found")
                        .hint(near::hint(&name.value, known)),
                );
            }
            Err(why) => self
                .problems
                .add(self.problems.at(name.at.clone(), why, "named here")),
        }
        None
    }

    fn output_shape(&self, step: &StepFile, texts: &StepTexts, fold: Option<&Shape>) -> Shape {
        let one = match step.kind.value {
            Kind::Agent | Kind::Command => {
                let is_structured = step.output.is_some() || step.output_schema.is_some();
                let known = texts.schema.as_ref().map(|schema| schema.shape.clone());
                known.unwrap_or(if is_structured { Shape::Any } else { Shape::Text })
            }
            Kind::Fold => fold.cloned().unwrap_or(Shape::Any),
            Kind::Merge | Kind::Approval | Kind::Subflow => Shape::Any,
        };
        if step.each.is_some() {
            Shape::list(one)
        } else {
            one
        }
    }

    fn retry(&self, retry: Option<&RetryFile>) -> Retry {
        let usual = Retry::default();
        let Some(retry) = retry else { return usual };
        if let Some(max) = retry.max.as_ref().filter(|max| max.value > RETRIES_MAX) {
            let message = format!("`max` is at most {RETRIES_MAX}");
            self.problems
                .add(self.problems.at(max.at.clone(), message, "too many"));
        }
        let base_ms = self
            .duration("base", retry.base.as_ref(), PAUSE_MS)
            .unwrap_or(usual.base_ms);
        let cap_ms = self
            .duration("cap", retry.cap.as_ref(), PAUSE_MS)
            .unwrap_or(usual.cap_ms.max(base_ms));
        if cap_ms < base_ms {
            let at = retry.cap.as_ref().map_or(retry.at.clone(), |cap| cap.at.clone());
            let message = format!(
                "`cap` is shorter than `base`, which is {}",
                duration::written(base_ms)
            );
            self.problems.add(self.problems.at(at, message, "too short"));
        }
        Retry {
            max: retry.max.as_ref().map_or(usual.max, |max| max.value),
            base_ms,
            cap_ms,
        }
    }

    /// A step of the right kind with its limits of time.
    fn timed(&self, step: &StepFile) -> PlanStep {
        let kind = rules_kind(step.kind.value).unwrap_or(StepKind::Approval);
        let usual = PlanStep::new(step.id.value.as_str(), kind);
        let timeout_ms = self
            .duration("timeout", step.timeout.as_ref(), TIMEOUT_MS)
            .unwrap_or(usual.timeout_ms);
        let idle = self.duration("idle_timeout", step.idle_timeout.as_ref(), TIMEOUT_MS);
        // A command may well be silent for as long as it runs: a build without output is no stuck agent.
        let idle_usual = if kind == StepKind::Command {
            timeout_ms
        } else {
            usual.idle_timeout_ms.min(timeout_ms)
        };
        PlanStep {
            timeout_ms,
            idle_timeout_ms: idle.unwrap_or(idle_usual),
            ..usual
        }
    }

    fn duration(&self, name: &str, text: Option<&At<String>>, bounds: RangeInclusive<u64>) -> Option<u64> {
        let text = text?;
        match duration::parse(&text.value, bounds) {
            Ok(length_ms) => Some(length_ms),
            Err(why) => {
                let message = format!("`{name}` is no duration: {why}");
                self.problems
                    .add(self.problems.at(text.at.clone(), message, "here"));
                None
            }
        }
    }

    fn network(&self, step: &StepFile) -> Network {
        let usual = if step.kind.value == Kind::Command {
            Network::None
        } else {
            Network::Open
        };
        let Some(network) = &step.network else {
            return usual;
        };
        network.value.unwrap_or_else(|| {
            self.problems.add(
                self.problems
                    .at(
                        network.at.clone(),
                        "`network = \"provider\"` is not available in this version",
                        "not built yet",
                    )
                    .hint("there are `none` and `open`".to_owned()),
            );
            usual
        })
    }
}

const AGENT: &[Kind] = &[Kind::Agent];
const WITH_TASK: &[Kind] = &[Kind::Agent, Kind::Command];

/// A field's name, its place, and the kinds of step that may have it.
type Field<P> = (&'static str, P, &'static [Kind]);

/// The fields that a step has and that not every kind may have.
fn present(step: &StepFile) -> Vec<Field<Range<usize>>> {
    fn at<T>(field: Option<&At<T>>) -> Option<Range<usize>> {
        field.map(|field| field.at.clone())
    }
    let fields: [Field<Option<Range<usize>>>; 15] = [
        ("each", at(step.each.as_ref()), WITH_TASK),
        ("persona", at(step.persona.as_ref()), AGENT),
        ("access", at(step.access.as_ref()), WITH_TASK),
        ("prompt", at(step.prompt.as_ref()), AGENT),
        ("command", at(step.command.as_ref()), &[Kind::Command]),
        ("output", at(step.output.as_ref()), WITH_TASK),
        ("output_schema", at(step.output_schema.as_ref()), WITH_TASK),
        ("contracts", at(step.contracts.first()), AGENT),
        ("gate", at(step.gate.as_ref()), AGENT),
        (
            "retry",
            step.retry.as_ref().map(|retry| retry.at.clone()),
            WITH_TASK,
        ),
        ("timeout", at(step.timeout.as_ref()), WITH_TASK),
        ("idle_timeout", at(step.idle_timeout.as_ref()), WITH_TASK),
        ("agents", at(step.agents.first()), AGENT),
        ("model", at(step.model.as_ref()), AGENT),
        ("network", at(step.network.as_ref()), WITH_TASK),
    ];
    fields
        .into_iter()
        .filter_map(|(name, at, kinds)| Some((name, at?, kinds)))
        .collect()
}

/// What to write instead of a field that means nothing.
fn instead(name: &str, kind: Kind) -> Option<String> {
    let hint = match (name, kind) {
        ("each", Kind::Approval) => "a person is asked once: fold the items in a step before it",
        ("gate", Kind::Merge) => "check the merged result by a step of kind `command` after it",
        ("gate", Kind::Command) => "a command that fails fails its step: it is its own gate",
        ("prompt", Kind::Approval) => "the person reads the step's `title`",
        ("prompt", Kind::Command) => "what a command step runs stands in `command`",
        ("command", Kind::Agent) => {
            "a command that must pass stands in `gate`, or in a step of kind `command`"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

/// The agent of command steps: a shell.
pub(crate) const SHELL: &str = "command";

/// A prompt is nobody's command: it would run without anybody having approved it, and with what agents said in it.
pub(crate) fn not_an_agent(problems: &Problems, name: &At<String>) -> Problem {
    let message =
        format!("`{SHELL}` is no agent that a project may choose: it would run prompts as shell commands");
    let hint = format!("name another agent; what is to be run stands in a step of kind `{SHELL}`");
    problems.at(name.at.clone(), message, "a shell").hint(hint)
}

/// What people call a step that has no title.
fn title_of(id: &str) -> String {
    let words = id.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map_or(String::new(), |first| {
        first.to_uppercase().chain(letters).collect()
    })
}
