//! The flows that come with the program: they compile at every size, and their prompts and reports hold together on
//! outputs such as agents give.

use domain::{
    Change, FlowRef, Name, PlannedStep, ProjectId, Role, Run, RunEvent, RunId, RunInput, RunStarted, Size,
    StepKey, StepKind, Value,
};
use engine::ports::{Compiled, Definitions, PromptAsk, Rendered};
use flows::{Library, from_json};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

const SIZES: [Size; 3] = [Size::Small, Size::Medium, Size::Large];
const FLOWS: [&str; 3] = ["fix", "investigate", "review"];

fn input(size: Size, fast: bool, model: Option<&str>) -> RunInput {
    RunInput {
        question: "Why does `parse` lose the last line?".to_owned(),
        size,
        fast,
        agent: Name::from("rehearsal"),
        model: model.map(str::to_owned),
        extra: BTreeMap::new(),
    }
}

fn start(library: &Library, compiled: &Compiled, mut input: RunInput) -> Run {
    library
        .check_input(&compiled.flow, &mut input)
        .expect("the input fits");
    let started = RunStarted {
        project: ProjectId::from_bits(1),
        unit: None,
        slug: "calm-otter".to_owned(),
        flow: compiled.flow.clone(),
        plan: Arc::new(compiled.plan.clone()),
        input,
        base: "1111111111111111111111111111111111111111".to_owned(),
    };
    Run::started(RunId::from_bits(7), &started)
}

/// What an agent could answer for a schema.
fn sample(flow: &str, step: &str) -> Value {
    let place = json!({ "title": "`parse` drops it", "file": "src/a.rs", "line": 2, "quote": "let a = 1;" });
    let finding = json!({
        "title": "The last line is lost", "severity": "high", "file": "src/a.rs", "line": 2, "quote": "let a = 1;",
        "explanation": "Without a line break at the end nothing is pushed.", "suggestion": "Push what is left."
    });
    let verdicts =
        json!({ "verdicts": [{ "finding": 1, "verdict": "stands", "reason": "src/a.rs:2 shows it." }] });
    from_json(&match (flow, step) {
        ("review", "angles") | ("fix", "review") => {
            json!({ "summary": "Read it all.", "findings": [finding] })
        }
        ("review" | "investigate", "refute") => verdicts,
        ("review", "verdict") | ("investigate", "synthesize") => {
            json!({ "answer": "It **drops** it.", "claims": [place] })
        }
        ("investigate", "survey") => json!({ "summary": "A parser.", "places": [place] }),
        ("investigate", "angles") => json!({ "summary": "Followed it.", "observations": [place] }),
        ("fix", "reproduce") => json!({
            "is_reproduced": true, "how": "Feed `a`.", "cause": "No flush.", "plan": "Flush.", "places": [place]
        }),
        ("fix", "change" | "rework") => json!("I flush what is left and test it."),
        (flow, step) => panic!("no sample for {flow}.{step}"),
    })
}

fn tree() -> tempfile::TempDir {
    let tree = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(tree.path().join("src")).expect("made");
    std::fs::write(tree.path().join("src/a.rs"), "fn parse() {\n    let a = 1;\n}\n").expect("written");
    tree
}

/// Walks a run through its plan by hand, rendering every prompt and checking every answer; gives what was rendered.
fn walk(library: &Library, name: &str, run: &mut Run) -> Vec<(StepKey, Rendered)> {
    let tree = tree();
    let mut rendered = Vec::new();
    let plan = Arc::clone(&run.start().plan);
    for step in &plan.steps {
        let planned: Vec<PlannedStep> = instances(run, step);
        run.apply(&RunEvent::StepsPlanned {
            steps: planned.clone(),
        });
        for PlannedStep { key, .. } in planned {
            let output = match step.kind {
                StepKind::Fold => gathered(run, &step.needs),
                StepKind::Agent => {
                    let ask = PromptAsk {
                        run,
                        key: &key,
                        role: Role::Work,
                        before: None,
                    };
                    rendered.push((key.clone(), library.render(ask).expect("rendered")));
                    answered(library, run, name, step.id.as_str(), tree.path())
                }
                StepKind::Command | StepKind::Merge | StepKind::Approval => Value::Null,
            };
            let change = (step.access == domain::Access::Write).then(|| Change {
                base: run.line().to_owned(),
                head: "2222222222222222222222222222222222222222".to_owned(),
                files: 1,
                insertions: 3,
                deletions: 1,
            });
            run.apply(&RunEvent::StepCompleted { key, output, change });
        }
    }
    rendered
}

fn instances(run: &Run, step: &domain::PlanStep) -> Vec<PlannedStep> {
    if step
        .when
        .as_ref()
        .is_some_and(|when| !when.evaluate(&run.scope()).is_truthy())
    {
        return Vec::new();
    }
    let Some(each) = &step.each else {
        return vec![PlannedStep {
            key: StepKey::only(step.id.clone()),
            item: Value::Null,
        }];
    };
    let Value::List(items) = each.evaluate(&run.scope()) else {
        panic!("`{}` gives no list", each.source())
    };
    assert!(!items.is_empty(), "`{}` is empty", each.source());
    (0..)
        .zip(items)
        .map(|(index, item)| PlannedStep {
            key: StepKey::item(step.id.clone(), index),
            item,
        })
        .collect()
}

fn gathered(run: &Run, needs: &[Name]) -> Value {
    let mut items = Vec::new();
    for need in needs {
        for (_, instance) in run.instances(need) {
            let Some(Value::Map(entries)) = &instance.output else {
                continue;
            };
            items.extend(entries.values().filter_map(Value::as_list).flatten().cloned());
        }
    }
    Value::map([
        ("count", Value::Int(items.len() as i64)),
        ("items", Value::List(items)),
    ])
}

fn answered(library: &Library, run: &Run, name: &str, step: &str, tree: &std::path::Path) -> Value {
    let flow: &FlowRef = &run.start().flow;
    let sample = sample(name, step);
    if !library.has_schema(flow, step) {
        return sample;
    }
    let message = format!("Done.\n```json\n{:#}\n```\n", flows::to_json(&sample));
    library
        .check_output(flow, step, &message, tree)
        .expect("the sample fits")
}

#[test]
fn every_built_in_flow_runs_on_sample_answers_at_every_size() {
    for name in FLOWS {
        for (size, fast) in SIZES.into_iter().flat_map(|size| [(size, false), (size, true)]) {
            let library = Library::new();
            let compiled = library.compile(None, name, size, fast).expect("it compiles");
            assert_eq!(compiled.untrusted_commands, None);
            let mut run = start(&library, &compiled, input(size, fast, None));
            for (key, rendered) in walk(&library, name, &mut run) {
                assert!(rendered.prompt.contains("## Rules"), "{name} {key}");
                assert!(
                    !rendered.prompt.contains("{{") && !rendered.prompt.contains("\n\n\n\n"),
                    "{name} {key}"
                );
            }
            let report = library.report(&run).expect("a report");
            assert!(report.starts_with(&format!("# Report: {name}\n")), "{report}");
        }
    }
}

#[test]
fn a_larger_size_makes_more_of_it() {
    let library = Library::new();
    for (name, list) in [("review", "angles"), ("investigate", "angles"), ("fix", "angles")] {
        let counts: Vec<usize> = SIZES
            .into_iter()
            .map(|size| {
                let plan = library
                    .compile(None, name, size, false)
                    .expect("it compiles")
                    .plan;
                plan.size[list].as_list().map_or(0, <[Value]>::len)
            })
            .collect();
        assert!(counts.is_sorted() && counts[0] < counts[2], "{name}: {counts:?}");
    }
}

#[test]
fn prompts_read_as_they_are_meant() {
    let library = Library::new();
    for name in FLOWS {
        let compiled = library
            .compile(None, name, Size::Small, false)
            .expect("it compiles");
        let mut asked = input(Size::Small, false, None);
        if name == "review" {
            asked.extra.insert("base".to_owned(), Value::from("main"));
        }
        if name == "fix" {
            asked
                .extra
                .insert("gate".to_owned(), Value::from("cargo test --quiet"));
        }
        let mut run = start(&library, &compiled, asked);
        for (key, rendered) in walk(&library, name, &mut run) {
            insta::assert_snapshot!(format!("prompt_{name}_{key}"), rendered.prompt);
        }
    }
}

#[test]
fn s4_17_contracts_are_part_of_the_prompt() {
    let library = Library::new();
    let compiled = library
        .compile(None, "review", Size::Small, false)
        .expect("it compiles");
    let mut run = start(&library, &compiled, input(Size::Small, false, None));
    let rendered = walk(&library, "review", &mut run);
    let prompt = &rendered[0].1.prompt;
    assert!(
        prompt.contains("### Evidence") && prompt.contains("### Only what is needed"),
        "{prompt}"
    );
    // The stored definition names the contracts; it does not hold their texts.
    let bundle = String::from_utf8(compiled.bundle).expect("text");
    assert!(!bundle.contains("### Evidence"), "{bundle}");
}

#[test]
fn s4_08_the_plan_comes_back_from_the_definition_and_the_stored_input() {
    for name in FLOWS {
        let before = Library::new()
            .compile(None, name, Size::Medium, true)
            .expect("it compiles");
        let library = Library::new();
        assert!(!library.has(&before.flow.hash));
        library.restore(&before.bundle).expect("restored");
        assert!(library.has(&before.flow.hash));
        let after = library
            .compile(None, name, Size::Medium, true)
            .expect("it compiles");
        assert_eq!(before, after);
        assert_eq!(
            library.current_hash(None, name, Size::Medium, true),
            Some(before.flow.hash.clone())
        );
        assert_ne!(
            library.current_hash(None, name, Size::Large, true),
            Some(before.flow.hash)
        );
        assert_eq!(library.current_hash(None, "absent", Size::Small, false), None);
    }
}

#[test]
fn s4_01_a_definition_is_pure_the_same_for_every_way_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let library = Library::new();
    let library = &library;
    let ways: Vec<Compiled> = std::thread::scope(|scope| {
        let ways = [None, Some(folder.path()), None, Some(folder.path())];
        let threads: Vec<_> = ways
            .into_iter()
            .map(|project| scope.spawn(move || library.compile(project, "fix", Size::Large, false)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic").expect("it compiles"))
            .collect()
    });
    assert!(ways.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn s4_02_a_definition_cannot_reach_for_what_starts_work() {
    let manifest =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).expect("the manifest");
    let dependencies = manifest.split("[dependencies]").nth(1).expect("dependencies");
    for reaching in ["agents", "git", "store", "server", "cli", "tokio", "futures"] {
        assert!(
            !dependencies.lines().any(|line| line.starts_with(reaching)),
            "{reaching}"
        );
    }
}

#[test]
fn s4_20_no_input_raises_what_a_step_may_touch() {
    let library = Library::new();
    for name in ["review", "investigate"] {
        let compiled = library
            .compile(None, name, Size::Large, false)
            .expect("it compiles");
        assert!(
            compiled
                .plan
                .steps
                .iter()
                .all(|step| step.access == domain::Access::Read),
            "{name}"
        );
        for override_ in ["access", "mode", "mode_id", "network", "gate"] {
            let mut asked = input(Size::Large, false, None);
            asked.extra.insert(override_.to_owned(), Value::from("write"));
            assert!(
                library.check_input(&compiled.flow, &mut asked).is_err(),
                "{name} {override_}"
            );
        }
    }
}

#[test]
fn s4_24_the_report_names_the_model_of_the_run() {
    let library = Library::new();
    let compiled = library
        .compile(None, "review", Size::Small, false)
        .expect("it compiles");
    let mut run = start(&library, &compiled, input(Size::Small, false, Some("opus-9")));
    walk(&library, "review", &mut run);
    assert!(
        library
            .report(&run)
            .expect("a report")
            .contains("- **Model:** opus-9\n")
    );
    assert_eq!(library.report_json(&run).expect("a report")["model"], "opus-9");

    let run = start(&library, &compiled, input(Size::Small, false, None));
    assert!(
        library
            .report(&run)
            .expect("a report")
            .contains("- **Model:** agent default\n")
    );
}

#[test]
fn reports_read_as_they_are_meant() {
    for name in FLOWS {
        let library = Library::new();
        let compiled = library
            .compile(None, name, Size::Small, false)
            .expect("it compiles");
        let mut run = start(&library, &compiled, input(Size::Small, false, None));
        walk(&library, name, &mut run);
        insta::assert_snapshot!(format!("report_{name}"), library.report(&run).expect("a report"));
        // The hash changes with every word of the flow; the rest is worth a look.
        let mut json = library.report_json(&run).expect("a report");
        json["flow"]["hash"] = json!("…");
        insta::assert_json_snapshot!(format!("report_{name}_json"), json);
    }
}
