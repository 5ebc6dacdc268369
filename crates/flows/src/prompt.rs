//! What a task is told, put together: who it is, what to do, what went wrong before, its contracts, how to answer.

use crate::definition::{Checked, CheckedStep};
use crate::project;
use crate::read::InputType;
use crate::template::{self, Names, for_template};
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
    let names = names(step, run, key, before);
    match (role, step.plan.kind) {
        (Role::Gate, _) if step.texts.gate.is_none() => of_project(definition, run),
        (Role::Gate, _) => command(step.texts.gate.as_deref(), &names, definition, run),
        (Role::Work, StepKind::Command) => command(step.texts.command.as_deref(), &names, definition, run),
        (Role::Work, StepKind::Agent | StepKind::Approval | StepKind::Fold | StepKind::Merge) => {
            let text = template::render_prompt(step.texts.prompt.as_deref().unwrap_or_default(), &names)?;
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

fn command(line: Option<&str>, names: &Names, definition: &Checked, run: &Run) -> Result<Rendered, String> {
    let line = line.ok_or_else(|| "the step has no command".to_owned())?;
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
    let prompt = template::render_command(line, names, &own)?;
    Ok(Rendered {
        prompt,
        files: Vec::new(),
    })
}

/// What the step's templates see.
fn names(step: &CheckedStep, run: &Run, key: &StepKey, before: Option<&str>) -> Names {
    let scope = run.scope();
    let of_run = Value::map([
        ("slug", Value::from(run.start().slug.as_str())),
        ("base", Value::from(run.start().base.as_str())),
        ("head", Value::from(run.line())),
    ]);
    let mut names = Names::from([
        ("input".to_owned(), for_template(&scope.input())),
        ("size".to_owned(), for_template(&scope.size())),
        ("run".to_owned(), for_template(&of_run)),
        (
            "before".to_owned(),
            for_template(&before.map_or(Value::Null, Value::from)),
        ),
    ]);
    for other in &run.start().plan.steps {
        let output = scope.output(&other.id);
        let value = if *output == Value::Null {
            template::left_out()
        } else {
            for_template(&output)
        };
        names.insert(other.id.to_string(), value);
    }
    if step.plan.each.is_some() {
        let item = run
            .step(key)
            .map_or(Value::Null, |instance| instance.item.clone());
        names.insert("item".to_owned(), for_template(&item));
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
        .as_deref()
        .is_some_and(|prompt| prompt.contains("before"));
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
