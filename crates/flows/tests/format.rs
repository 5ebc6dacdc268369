//! The format, its published schema and its documentation say the same.

use domain::{Name, RunInput, Size, Value};
use engine::ports::{Compiled, DefinitionError, Definitions};
use flows::{Library, flow_schema};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn compile_as(name: &str, flow: &str) -> Result<(Library, Compiled), DefinitionError> {
    let folder = tempfile::tempdir().expect("a folder");
    let flows = folder.path().join(".partita/flows");
    std::fs::create_dir_all(&flows).expect("made");
    std::fs::write(flows.join(format!("{name}.toml")), flow).expect("written");
    let library = Library::new();
    let compiled = library.compile(Some(folder.path()), name, Size::Small, false)?;
    Ok((library, compiled))
}

fn documented_example() -> String {
    let text = std::fs::read_to_string(root().join("docs/flows.md")).expect("the document");
    let start = text.find("```toml\n").expect("an example") + "```toml\n".len();
    text[start..].split("```").next().expect("its end").to_owned()
}

fn run_input(extra: &[(&str, Value)]) -> RunInput {
    RunInput {
        question: "Use `new` instead.".to_owned(),
        size: Size::Small,
        fast: false,
        agent: Name::from("rehearsal"),
        model: None,
        extra: extra
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect(),
    }
}

#[test]
fn the_documented_example_is_a_flow() {
    let (_, compiled) =
        compile_as("modernise", &documented_example()).unwrap_or_else(|error| panic!("{error}"));
    let ids: Vec<&str> = compiled.plan.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(ids, ["scan", "agreed", "replace", "together", "checked"]);
}

#[test]
fn a_22_commands_of_a_project_are_bound_to_their_content() {
    let example = documented_example();
    let brought = |flow: &str| {
        compile_as("modernise", flow)
            .expect("a flow")
            .1
            .untrusted_commands
            .expect("commands")
    };
    let before = brought(&example);
    assert_eq!(
        before.shown,
        [
            "step `checked`: {{ input.check }} && ! grep -rn -- {{ input.old }} .",
            "default of input `check`: true",
        ]
    );
    assert_eq!(brought(&example.replace("Replace `", "Change `")), before);
    assert_ne!(brought(&example.replace("grep -rn", "grep -r")).hash, before.hash);
    assert_ne!(
        brought(&example.replace("default = \"true\"", "default = \"sh x\"")).hash,
        before.hash
    );
}

#[test]
fn an_input_is_checked_and_completed() {
    let (library, compiled) = compile_as("modernise", &documented_example()).expect("a flow");
    let check = |extra: &[(&str, Value)]| {
        let mut input = run_input(extra);
        library
            .check_input(&compiled.flow, &mut input)
            .map(|()| input.extra)
            .map_err(|error| error.to_string())
    };
    assert_eq!(
        check(&[("old", Value::from("f"))]),
        Ok(BTreeMap::from([
            ("check".to_owned(), Value::from("true")),
            ("old".to_owned(), Value::from("f"))
        ]))
    );
    assert_eq!(
        check(&[]),
        Err("flow `modernise` needs the input `old` (the function to get rid of)".to_owned())
    );
    assert_eq!(
        check(&[("odl", Value::from("f"))]),
        Err("flow `modernise` takes no input `odl`: did you mean `old`?".to_owned())
    );
    assert_eq!(
        check(&[("old", Value::Int(3))]),
        Err("input `old` must be a text; this is a number".to_owned())
    );
    let mut empty = run_input(&[("old", Value::from("f"))]);
    empty.question = " ".to_owned();
    assert_eq!(
        library
            .check_input(&compiled.flow, &mut empty)
            .map_err(|error| error.to_string()),
        Err("flow `modernise` needs a question: what should it look into?".to_owned())
    );
    empty.question = "x".repeat(64_001);
    assert!(library.check_input(&compiled.flow, &mut empty).is_err());
}

#[test]
fn the_published_schema_is_the_formats() {
    let path = root().join("docs/flow.schema.json");
    let schema = format!("{:#}\n", flow_schema());
    if std::env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
        std::fs::write(&path, &schema).expect("written");
    }
    let published = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        published == schema,
        "docs/flow.schema.json is stale: run the tests with INSTA_UPDATE=always"
    );
}

fn validator() -> jsonschema::Validator {
    jsonschema::validator_for(&flow_schema()).expect("a schema")
}

fn as_json(flow: &str) -> serde_json::Value {
    let value: toml::Value = toml::from_str(flow).expect("TOML");
    serde_json::to_value(value).expect("JSON")
}

#[test]
fn the_schema_takes_what_the_reader_takes() {
    let validator = validator();
    let built_in = ["fix", "investigate", "review"].map(|name| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("builtin/flows/{name}.toml"));
        std::fs::read_to_string(path).expect("a flow")
    });
    for flow in built_in.into_iter().chain([documented_example()]) {
        let problems: Vec<String> = validator
            .iter_errors(&as_json(&flow))
            .map(|error| error.to_string())
            .collect();
        assert_eq!(problems, Vec::<String>::new(), "{flow}");
    }
}

/// The names that the reader suggests when it meets one that nobody would write.
fn names_of_the_reader(flow: &str) -> Vec<String> {
    let shown = compile_as("mine", flow)
        .expect_err("an unknown field")
        .to_string();
    let start = shown.find("help: there are ").expect("all names") + "help: there are ".len();
    let list = shown[start..].split("\n\n").next().unwrap_or_default();
    let mut names: Vec<String> = list.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    names.sort();
    names
}

fn names_of_the_schema(pointer: &str) -> Vec<String> {
    let schema = flow_schema();
    let properties = schema
        .pointer(pointer)
        .and_then(serde_json::Value::as_object)
        .expect(pointer);
    let mut names: Vec<String> = properties.keys().cloned().collect();
    names.sort();
    names
}

#[test]
fn the_schema_knows_the_readers_fields_and_no_others() {
    let head = "name = \"mine\"\ncategory = \"review\"\nsummary = \"x\"\n";
    let step = "[[step]]\nid = \"a\"\nkind = \"agent\"\nprompt = \"x\"\n";
    for (flow, pointer) in [
        (format!("{head}qqqqqq = 1\n{step}"), "/properties"),
        (format!("{head}{step}qqqqqq = 1\n"), "/$defs/Step/properties"),
        (
            format!("{head}[input.x]\nqqqqqq = 1\n{step}"),
            "/$defs/Input/properties",
        ),
        (
            format!("{head}{step}retry = {{ qqqqqq = 1 }}\n"),
            "/$defs/Retry/properties",
        ),
        (format!("{head}{step}[size.qqqqqq]\n"), "/$defs/Sizes/properties"),
    ] {
        assert_eq!(
            names_of_the_reader(&flow),
            names_of_the_schema(pointer),
            "{pointer}"
        );
    }
}

#[test]
fn every_field_is_documented() {
    let text = std::fs::read_to_string(root().join("docs/flows.md")).expect("the document");
    for pointer in [
        "/$defs/Step/properties",
        "/$defs/Input/properties",
        "/$defs/Retry/properties",
        "/properties",
    ] {
        for name in names_of_the_schema(pointer) {
            let is_named = [format!("`{name}`"), format!("[{name}."), format!("[[{name}]]")]
                .iter()
                .any(|it| text.contains(it));
            assert!(is_named, "`{name}` is not documented");
        }
    }
}
