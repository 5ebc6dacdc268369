//! What a task is told, put together: who it is, what to do, what went wrong before, its contracts, how to answer.

use crate::definition::{Checked, CheckedStep};
use crate::project;
use crate::read::InputType;
use crate::template::{self, Names, Template};
use domain::{Access, Role, Run, StepKey, StepKind, Value};
use engine::ports::Rendered;

/// Renders what a task of the step is told.
pub(crate) fn render(
    definition: &Checked,
    step: &CheckedStep,
    run: &Run,
    ask: (&StepKey, Role, Option<&str>),
) -> Result<Rendered, String> {
    let (key, role, before) = ask;
    let names = |template: &Template| names(template, step, run, (key, before));
    match (role, step.plan.kind) {
        (Role::Gate, _) => match &step.texts.gate {
            None => of_project(definition, run),
            Some(line) => command(line, &names(line), definition, run),
        },
        (Role::Work, StepKind::Command) => {
            let line = step.texts.command.as_ref();
            let line = line.ok_or_else(|| "the step has no command".to_owned())?;
            command(line, &names(line), definition, run)
        }
        (Role::Work, StepKind::Agent | StepKind::Approval | StepKind::Fold | StepKind::Merge) => {
            let text = match &step.texts.prompt {
                Some(prompt) => template::render_prompt(&prompt.source, &names(prompt))?,
                None => template::Text::default(),
            };
            let prompt = if step.plan.kind == StepKind::Agent {
                whole(step, project::gate_of(definition, run), (&text.text, before))
            } else {
                text.text
            };
            Ok(Rendered {
                prompt,
                files: text.files,
            })
        }
    }
}

/// The project's gate is a command line as it stands, and so is one that a person says instead.
fn of_project(definition: &Checked, run: &Run) -> Result<Rendered, String> {
    let gate = project::gate_of(definition, run);
    Ok(Rendered {
        prompt: gate.ok_or_else(|| "the step has no gate".to_owned())?.to_owned(),
        files: Vec::new(),
    })
}

fn command(line: &Template, names: &Names, definition: &Checked, run: &Run) -> Result<Rendered, String> {
    let is_command = |name: &str| {
        definition
            .inputs
            .iter()
            .any(|input| input.kind == InputType::Command && input.name == name)
    };
    let given = run
        .start()
        .input
        .extra
        .iter()
        .filter(|(name, _)| is_command(name));
    let own: Vec<String> = given
        .filter_map(|(_, value)| value.as_text())
        .map(str::to_owned)
        .collect();
    let prompt = template::render_command(&line.source, names, &own)?;
    Ok(Rendered {
        prompt,
        files: Vec::new(),
    })
}

/// What a template of the step sees, as far as it may ask for it.
fn names(template: &Template, step: &CheckedStep, run: &Run, ask: (&StepKey, Option<&str>)) -> Names {
    let (key, before) = ask;
    let scope = run.scope();
    let mut names = Names::new();
    if let Some(wanted) = template.wants("input") {
        template.give(&mut names, "input", &scope.input_of(|entry| wanted.has(entry)));
    }
    if let Some(wanted) = template.wants("size") {
        template.give(&mut names, "size", &scope.size_of(|entry| wanted.has(entry)));
    }
    let of_run = Value::map([
        ("slug", Value::from(run.start().slug.as_str())),
        ("base", Value::from(run.start().base.as_str())),
        ("head", Value::from(run.line())),
    ]);
    template.give(&mut names, "run", &of_run);
    template.give(&mut names, "before", &before.map_or(Value::Null, Value::from));
    for other in &run.start().plan.steps {
        let id = other.id.as_str();
        if template.wants(id).is_none() {
            continue;
        }
        let output = scope.output(&other.id);
        if *output == Value::Null {
            names.insert(id.to_owned(), template::left_out());
        } else {
            template.give(&mut names, id, &output);
        }
    }
    if step.plan.each.is_some() {
        let item = run.step(key).map_or(&Value::Null, |instance| &instance.item);
        template.give(&mut names, "item", item);
    }
    names
}

fn whole(step: &CheckedStep, gate: Option<&str>, (task, before): (&str, Option<&str>)) -> String {
    let mut parts: Vec<String> = Vec::new();
    parts.extend(
        step.texts
            .persona
            .as_deref()
            .map(|persona| persona.trim().to_owned()),
    );
    parts.push(task.trim().to_owned());
    // A prompt that speaks of the earlier try itself says it better.
    let says_before = step
        .texts
        .prompt
        .as_ref()
        .is_some_and(|prompt| prompt.source.contains("before"));
    if let Some(before) = before.filter(|_| !says_before) {
        parts.push(format!(
            "## The earlier try\n\nThis was tried before and did not do. What was said about it:\n\n{}",
            quoted(before)
        ));
    }
    let mut rules = vec![access_text(step.plan.access).to_owned()];
    rules.extend(
        step.texts
            .contracts
            .iter()
            .map(|contract| contract.text().to_owned()),
    );
    if let Some(gate) = gate.filter(|_| step.plan.gate && step.texts.gate.is_none()) {
        rules.push(format!(
            "This command must pass afterwards, and it will be run without you: `{gate}`"
        ));
    }
    parts.push(format!("## Rules\n\n{}", rules.join("\n\n")));
    if let Some(schema) = &step.texts.schema {
        parts.push(format!("{ANSWER}\n\n```json\n{}\n```", schema.text));
    }
    let mut prompt = parts.join("\n\n");
    prompt.push('\n');
    prompt
}

const ANSWER: &str = "## Your answer\n\nEnd your final message with one block fenced as ```json that holds the whole \
answer. A program reads only that block: the last one counts, and it must fit this JSON schema. Plain JSON, no comments, \
nothing after the block.";

const fn access_text(access: Access) -> &'static str {
    match access {
        Access::Read => {
            "You read only: files in the working copy cannot be changed, and an attempt ends the task. Work without \
             questions: nobody answers while you work."
        }
        Access::Write => {
            "The working copy is yours alone: change what the task needs and leave it there. Do not commit, push, or \
             touch branches; what you leave behind is taken as your result. Work without questions: nobody answers while \
             you work."
        }
    }
}

fn quoted(text: &str) -> String {
    text.trim()
        .lines()
        .map(|line| format!("> {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// What an agent is told when its answer did not do.
pub(crate) fn repair(problems: &[String]) -> String {
    let list: Vec<String> = problems.iter().map(|problem| format!("- {problem}")).collect();
    format!(
        "Your answer cannot be used yet:\n\n{}\n\nMend it and send the whole answer again, as one block fenced as ```json \
         at the end of your message.",
        list.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::{Found, Library};
    use crate::places::Places;
    use crate::template::for_template;
    use domain::{FlowRef, Name, PlannedStep, ProjectId, RunEvent, RunId, RunInput, RunStarted, Size};
    use std::sync::Arc;

    const WIDE: &str = r#"
name = "wide"
category = "analysis"
summary = "Many items."

[size]
small = { depth = 1, items = [] }
medium = { depth = 3, items = [] }
large = { depth = 9, items = [] }

[[step]]
id = "survey"
kind = "agent"
prompt = "Look."

[[step]]
id = "all"
kind = "agent"
needs = ["survey"]
each = "size.items"
prompt = "All of the survey's items, {{ size.depth }} deep: {{ item }}."
"#;

    /// The wide flow in the middle of it: a long survey, and a list of which half is done.
    fn world(items: u32) -> (Checked, Run) {
        let found = Found {
            label: "wide.toml".to_owned(),
            text: WIDE.to_owned(),
            places: Places::built_in(),
        };
        let checked = Library::check(&found, Some("wide")).expect("a flow");
        let mut plan = checked.plan(Size::Medium);
        let list = Value::List((0..items).map(|item| Value::Int(item.into())).collect());
        plan.size.insert("items".to_owned(), list.clone());
        let started = RunStarted {
            project: ProjectId::from_bits(1),
            unit: None,
            slug: "calm-otter".to_owned(),
            flow: FlowRef {
                name: Name::from("wide"),
                version: 1,
                hash: String::new(),
            },
            plan: Arc::new(plan),
            input: RunInput {
                question: "Why?".to_owned(),
                size: Size::Medium,
                fast: false,
                agent: Name::from("rehearsal"),
                model: None,
                extra: [("list".to_owned(), list.clone())].into(),
            },
            base: "1".repeat(40),
        };
        let mut run = Run::started(RunId::from_bits(7), &started);
        let survey = StepKey::only(Name::from("survey"));
        let steps = (0..items).map(|item| PlannedStep {
            key: StepKey::item(Name::from("all"), item),
            item: Value::Int(item.into()),
        });
        let first = PlannedStep {
            key: survey.clone(),
            item: Value::Null,
        };
        let steps = std::iter::once(first).chain(steps).collect();
        run.apply(&RunEvent::StepsPlanned { steps });
        let done = (0..items / 2).map(|item| (StepKey::item(Name::from("all"), item), Value::from("Done.")));
        for (key, output) in std::iter::once((survey, list)).chain(done) {
            run.apply(&RunEvent::StepCompleted {
                key,
                output,
                change: None,
            });
        }
        (checked, run)
    }

    #[test]
    fn what_an_item_is_told_does_not_grow_with_the_list() {
        let (checked, run) = world(40);
        let step = checked.step(&Name::from("all")).expect("the step");
        let key = StepKey::item(Name::from("all"), 39);
        let template = step.texts.prompt.as_ref().expect("a prompt");

        let names = names(template, step, &run, (&key, None));

        // What is not named is not made: neither the list, nor the survey, nor what the other items gave.
        let made = Names::from([
            (
                "size".to_owned(),
                for_template(&Value::map([("depth", Value::Int(3))])),
            ),
            ("item".to_owned(), for_template(&Value::Int(39))),
        ]);
        assert_eq!(names, made);
        let told = render(&checked, step, &run, (&key, Role::Work, None)).expect("rendered");
        assert!(
            told.prompt.starts_with("All of the survey's items, 3 deep: 39."),
            "{}",
            told.prompt
        );
    }
}
