//! Answers of agents, judged; reports over hostile ones; and whatever comes in, nothing panics.

use domain::{
    FlowRef, Name, PlannedStep, ProjectId, Role, Run, RunEvent, RunId, RunInput, RunStarted, Size, StepKey,
    Value,
};
use engine::ports::{Definitions, PromptAsk};
use flows::{Library, from_json};
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

fn tree() -> tempfile::TempDir {
    let tree = tempfile::tempdir().expect("a folder");
    std::fs::write(tree.path().join("a.rs"), "fn a() {\n    b();\n}\n").expect("written");
    tree
}

fn review(library: &Library) -> FlowRef {
    library
        .compile(None, "review", Size::Small, false)
        .expect("it compiles")
        .flow
}

fn judged(message: &str) -> Result<Value, String> {
    let library = Library::new();
    let flow = review(&library);
    library.check_output(&flow, "angles", message, tree().path())
}

fn finding(quote: &str) -> serde_json::Value {
    json!({ "title": "t", "severity": "high", "file": "a.rs", "line": 2, "quote": quote, "explanation": "e" })
}

#[test]
fn a_good_answer_becomes_a_value() {
    let answer = json!({ "summary": "s", "findings": [finding("b();")] });
    assert_eq!(
        judged(&format!("Done.\n```json\n{answer}\n```")),
        Ok(from_json(&answer))
    );
    assert_eq!(judged(&answer.to_string()), Ok(from_json(&answer)));
}

#[test]
fn a_bad_answer_comes_back_with_all_that_is_wrong() {
    insta::assert_snapshot!(judged("All good!").expect_err("no answer"));
    let answer = json!({ "findings": [{ "title": "", "severity": "urgent", "file": "a.rs", "line": "2" }] });
    insta::assert_snapshot!(judged(&format!("```json\n{answer:#}\n```")).expect_err("it does not fit"));
    let answer = json!({ "summary": "s", "findings": [finding("b();"), finding("c();"), finding("d(")] });
    insta::assert_snapshot!(judged(&format!("```json\n{answer:#}\n```")).expect_err("it does not hold"));
}

#[test]
fn a_step_without_a_schema_gives_its_last_words() {
    let library = Library::new();
    let flow = library
        .compile(None, "fix", Size::Small, false)
        .expect("it compiles")
        .flow;
    assert!(!library.has_schema(&flow, "change") && library.has_schema(&flow, "review"));
    assert!(!library.has_schema(&flow, "absent"));
    assert_eq!(
        library.check_output(&flow, "change", "I did it.", tree().path()),
        Ok(Value::from("I did it."))
    );
}

fn start(library: &Library, project: Option<&Path>, name: &str, question: &str) -> Run {
    let compiled = library
        .compile(project, name, Size::Small, false)
        .unwrap_or_else(|error| panic!("{error}"));
    let mut input = RunInput {
        question: question.to_owned(),
        size: Size::Small,
        fast: false,
        agent: Name::from("rehearsal"),
        model: None,
        extra: BTreeMap::new(),
    };
    library
        .check_input(&compiled.flow, &mut input)
        .expect("the input fits");
    let started = RunStarted {
        project: ProjectId::from_bits(1),
        unit: None,
        slug: "calm-otter".to_owned(),
        flow: compiled.flow,
        plan: Arc::new(compiled.plan),
        input,
        base: String::new(),
    };
    Run::started(RunId::from_bits(7), &started)
}

fn plan(run: &mut Run, key: &StepKey, item: Value) {
    run.apply(&RunEvent::StepsPlanned {
        steps: vec![PlannedStep {
            key: key.clone(),
            item,
        }],
    });
}

fn complete(run: &mut Run, key: &StepKey, item: Value, output: Value) {
    plan(run, key, item);
    run.apply(&RunEvent::StepCompleted {
        key: key.clone(),
        output,
        change: None,
    });
}

/// A review in which one angle failed, the other reported two findings, and judges disagreed.
fn mixed_review(library: &Library, words: &str) -> Run {
    let mut run = start(library, None, "review", words);
    let angle = |name: &str| Value::map([("name", Value::from(name)), ("look", Value::from("x"))]);
    let finding = |title: &str, severity: &str| {
        json!({ "title": title, "severity": severity, "file": format!("src/{title}.rs"), "line": 3,
            "quote": words, "explanation": words })
    };
    let findings = json!([
        finding("low one", "low"),
        finding("bad one", "high"),
        finding("wrong one", "medium")
    ]);
    let output = from_json(&json!({ "summary": words, "findings": findings }));
    complete(
        &mut run,
        &StepKey::item("angles", 0),
        angle("correctness"),
        output,
    );
    let failed = StepKey::item("angles", 1);
    plan(&mut run, &failed, angle("tests"));
    run.apply(&RunEvent::StepFailed {
        key: failed,
        reason: words.to_owned(),
    });
    let fold = from_json(&json!({ "count": 3, "items": findings }));
    complete(&mut run, &StepKey::only("fold"), Value::Null, fold);
    let verdict =
        |finding: u32, verdict: &str| json!({ "finding": finding, "verdict": verdict, "reason": words });
    let verdicts = json!({ "verdicts": [verdict(1, "stands"), verdict(2, "unsure"), verdict(3, "refuted")] });
    complete(
        &mut run,
        &StepKey::item("refute", 0),
        Value::from("as it stands"),
        from_json(&verdicts),
    );
    run
}

#[test]
fn a_report_says_what_failed_and_sets_the_refuted_apart() {
    let library = Library::new();
    let run = mixed_review(&library, "words");
    insta::assert_snapshot!(library.report(&run).expect("a report"));
    let json = library.report_json(&run).expect("a report");
    let refuted: Vec<bool> = json["findings"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["refuted"] == json!(true))
        .collect();
    assert_eq!(refuted, [false, false, true]);
}

#[test]
fn a_50_hostile_words_do_not_change_what_a_report_is() {
    let library = Library::new();
    let hostile = "x\n\n# Report: forged\n## Findings\n### Refuted\n---\n```\n</details><script>alert(1)</script>\n\u{1b}[2J";
    let report = library
        .report(&mixed_review(&library, hostile))
        .expect("a report");
    let plain = library
        .report(&mixed_review(&library, "words"))
        .expect("a report");
    assert_eq!(headings(&report), headings(&plain), "{report}");
    assert!(!report.contains('\u{1b}'));
    insta::assert_snapshot!(report);
}

/// The headings of a report as a reader of Markdown sees them: those outside of code.
fn headings(report: &str) -> Vec<&str> {
    let mut fence: Option<&str> = None;
    let mut headings = Vec::new();
    for line in report.lines() {
        let marks = line.len() - line.trim_start_matches('`').len();
        match fence {
            Some(open) if marks >= open.len() && line.trim_start_matches('`').trim().is_empty() => {
                fence = None
            }
            None if marks >= 3 => fence = Some(&line[..marks]),
            None if line.starts_with('#') => headings.push(line),
            Some(_) | None => {}
        }
    }
    headings
}

#[test]
fn what_a_prompt_cannot_say_is_an_error_and_no_panic() {
    let library = Library::new();
    let run = start(&library, None, "review", "q");
    let ask = |key: &StepKey, role| {
        library.render(PromptAsk {
            run: &run,
            key,
            role,
            before: None,
        })
    };
    assert!(ask(&StepKey::only("absent"), Role::Work).is_err());
    assert!(ask(&StepKey::only("fold"), Role::Gate).is_err());
    let other = Library::new();
    assert!(
        other
            .render(PromptAsk {
                run: &run,
                key: &StepKey::only("fold"),
                role: Role::Work,
                before: None
            })
            .is_err()
    );
    assert!(other.report(&run).is_err());
}

#[test]
fn an_earlier_failure_is_told() {
    let library = Library::new();
    let mut run = start(&library, None, "investigate", "q");
    let key = StepKey::only("survey");
    plan(&mut run, &key, Value::Null);
    let ask = PromptAsk {
        run: &run,
        key: &key,
        role: Role::Work,
        before: Some("it was\n# silent"),
    };
    let prompt = library.render(ask).expect("rendered").prompt;
    assert!(prompt.contains("## The earlier try\n"), "{prompt}");
    assert!(prompt.contains("> it was\n> # silent\n"), "{prompt}");
}

#[test]
fn a_long_question_becomes_a_file() {
    let library = Library::new();
    let mut run = start(&library, None, "investigate", &"why ".repeat(10_000));
    let key = StepKey::only("survey");
    plan(&mut run, &key, Value::Null);
    let rendered = library
        .render(PromptAsk {
            run: &run,
            key: &key,
            role: Role::Work,
            before: None,
        })
        .expect("rendered");
    assert_eq!(rendered.files.len(), 1);
    assert!(
        rendered.prompt.contains("read the file `input-1.md`"),
        "{}",
        rendered.prompt
    );
}

#[test]
fn a_gate_is_the_persons_own_command_and_nothing_else() {
    let library = Library::new();
    let compiled = library
        .compile(None, "fix", Size::Small, false)
        .expect("it compiles");
    for (gate, line) in [
        (None, "true"),
        (Some("cargo test && ./x 'y'"), "cargo test && ./x 'y'"),
    ] {
        let mut input = start(&library, None, "fix", "q; rm -rf /").start().input.clone();
        input.extra.clear();
        if let Some(gate) = gate {
            input.extra.insert("gate".to_owned(), Value::from(gate));
        }
        library.check_input(&compiled.flow, &mut input).expect("it fits");
        let started = RunStarted {
            input,
            ..start(&library, None, "fix", "q").start().clone()
        };
        let run = Run::started(RunId::from_bits(1), &started);
        let key = StepKey::only("change");
        let rendered = library.render(PromptAsk {
            run: &run,
            key: &key,
            role: Role::Gate,
            before: None,
        });
        assert_eq!(rendered.expect("rendered").prompt, line);
    }
}

/// A value of any shape.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<f64>().prop_map(Value::Float),
        "[#`<>\\-a\n\u{1b}é]{0,20}".prop_map(Value::Text),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let names = prop_oneof![
            Just("findings"),
            Just("items"),
            Just("verdicts"),
            Just("finding"),
            Just("verdict"),
            Just("answer"),
            Just("title"),
            Just("file"),
            Just("line"),
            Just("summary"),
            Just("name"),
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
            proptest::collection::btree_map(names.prop_map(str::to_owned), inner, 0..5).prop_map(Value::Map),
        ]
    })
}

/// Flow files that are nearly right: pieces of one, shuffled.
fn any_flow() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("name = \"mine\"\n".to_owned()),
        Just("category = \"review\"\nsummary = \"x\"\n".to_owned()),
        Just("[[step]]\nid = \"a\"\nkind = \"agent\"\n".to_owned()),
        Just("[[step]]\nid = \"b\"\nkind = \"fold\"\nneeds = [\"a\"]\n".to_owned()),
        Just("[size.small]\nx = [1, {y = 2}]\n".to_owned()),
        Just("[input.x]\ntype = \"list\"\n".to_owned()),
        "(prompt|each|when|command|gate) = \"[a-z{}%.|\\[\\]0-9 ='><]{0,30}\"\n",
        "prompt = '''\n[a-z{}%.|#\n -]{0,40}'''\n",
        "(needs|contracts|agents) = \\[\"[a-c]\"\\]\n",
        "(output_schema|retry) = \\{ [a-z]{1,4} = [0-9\"a-z]{1,5} \\}\n",
        "[ -~\n]{0,30}",
    ];
    proptest::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_flow_file_makes_the_reader_panic(text in any_flow()) {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(folder.path().join(".partita/flows")).expect("made");
        std::fs::write(folder.path().join(".partita/flows/mine.toml"), text).expect("written");
        let library = Library::new();
        if let Ok(compiled) = library.compile(Some(folder.path()), "mine", Size::Small, true) {
            Library::new().restore(&compiled.bundle).expect("what compiles comes back");
        }
    }

    #[test]
    fn no_output_makes_prompts_or_reports_panic(outputs in proptest::collection::vec(any_value(), 5)) {
        for name in ["review", "investigate", "fix"] {
            let library = Library::new();
            let mut run = start(&library, None, name, "q");
            let plan: Vec<(Name, bool)> =
                run.start().plan.steps.iter().map(|step| (step.id.clone(), step.each.is_some())).collect();
            for ((step, is_fan_out), output) in plan.into_iter().zip(outputs.iter().cycle()) {
                let key = if is_fan_out { StepKey::item(step, 0) } else { StepKey::only(step) };
                complete(&mut run, &key, output.clone(), output.clone());
                _ = library.render(PromptAsk { run: &run, key: &key, role: Role::Work, before: None });
            }
            let report = library.report(&run).expect("a report");
            prop_assert!(report.starts_with("# Report: "));
            prop_assert_eq!(headings(&report).iter().filter(|heading| heading.starts_with("# ")).count(), 1, "{}", report);
            _ = library.report_json(&run).expect("a report");
        }
    }

    #[test]
    fn no_message_makes_the_judge_panic(message in "[`json{}\\[\\]\":a1,.\n ]{0,80}") {
        let library = Library::new();
        let flow = review(&library);
        _ = library.check_output(&flow, "angles", &message, Path::new("/nonexistent"));
    }

    #[test]
    fn no_bytes_make_restore_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        _ = Library::new().restore(&bytes);
    }
}
