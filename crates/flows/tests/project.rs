//! What a project says of itself in `.partita/partita.toml`: its own words in every flow, and every way to be wrong.

use domain::{Name, Network, RunInput, Size, Value};
use engine::ports::{Compiled, DefinitionError, Definitions, Setup};
use flows::{Library, Project, project_schema};
use std::collections::BTreeMap;
use std::path::Path;

const WRITER: &str = r#"
name = "mine"
category = "authoring"
summary = "A test."
[[step]]
id = "write"
kind = "agent"
access = "write"
prompt = "Write."
"#;

fn folder(project: &str, flow: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir_all(folder.path().join(".partita/flows")).expect("made");
    std::fs::write(folder.path().join(".partita/partita.toml"), project).expect("written");
    std::fs::write(folder.path().join(".partita/flows/mine.toml"), flow).expect("written");
    folder
}

fn compile(project: &str, flow: &str, name: &str) -> (Library, Compiled) {
    let folder = folder(project, flow);
    let library = Library::new();
    let compiled = library
        .compile(Some(folder.path()), name, Size::Small, false)
        .unwrap_or_else(|error| panic!("{error}"));
    (library, compiled)
}

fn gates(compiled: &Compiled) -> Vec<&str> {
    let steps = compiled.plan.steps.iter().filter(|step| step.gate);
    steps.map(|step| step.id.as_str()).collect()
}

fn shown(compiled: &Compiled) -> Vec<String> {
    let commands = compiled.untrusted_commands.as_ref();
    commands
        .map(|commands| commands.shown.clone())
        .unwrap_or_default()
}

fn gate_of(library: &Library, compiled: &Compiled, told: Option<&str>) -> Value {
    let mut input = RunInput {
        question: "Why?".to_owned(),
        size: Size::Small,
        fast: false,
        agent: Name::from("rehearsal"),
        model: None,
        extra: told
            .map(|gate| ("gate".to_owned(), Value::from(gate)))
            .into_iter()
            .collect::<BTreeMap<_, _>>(),
    };
    library.check_input(&compiled.flow, &mut input).expect("an input");
    input.extra["gate"].clone()
}

#[test]
fn a_project_says_what_is_taken_when_nobody_says_more() {
    let all = r#"
gate = "cargo test"
setup = "npm ci"
setup_timeout = "3m"
setup_network = "open"
agent = "codex"
model = "fast"
size = "large"
"#;
    let expected = Project {
        gate: Some("cargo test".to_owned()),
        setup: Some(Setup {
            command: "npm ci".to_owned(),
            timeout_ms: 180_000,
            network: Network::Open,
        }),
        agent: Some("codex".to_owned()),
        model: Some("fast".to_owned()),
        size: Some(Size::Large),
    };
    assert_eq!(Project::read(folder(all, WRITER).path()), Ok(expected));
    assert_eq!(Project::read(folder("", WRITER).path()), Ok(Project::default()));
    assert_eq!(Project::read(Path::new("/nonexistent")), Ok(Project::default()));
    let short = Project::read(folder("setup = \"make\"", WRITER).path()).expect("a project");
    let setup = short.setup.expect("a setup");
    assert_eq!((setup.timeout_ms, setup.network), (600_000, Network::None));
}

#[test]
fn the_gate_of_a_project_is_that_of_fix_unless_the_run_is_told_another() {
    let (library, compiled) = compile("gate = \"cargo test\"", WRITER, "fix");
    assert_eq!(gates(&compiled), ["change", "rework"]);
    assert_eq!(gate_of(&library, &compiled, None), Value::from("cargo test"));
    assert_eq!(gate_of(&library, &compiled, Some("make")), Value::from("make"));
    assert_eq!(shown(&compiled), ["gate of `.partita/partita.toml`: cargo test"]);
    let (library, compiled) = compile("", WRITER, "fix");
    assert_eq!(gate_of(&library, &compiled, None), Value::from("true"));
    assert_eq!(shown(&compiled), Vec::<String>::new());
}

#[test]
fn a_writer_without_a_gate_has_that_of_the_project_and_one_with_its_own_keeps_it() {
    let (library, compiled) = compile("gate = \"cargo test\"", WRITER, "mine");
    assert_eq!(gates(&compiled), ["write"]);
    assert_eq!(gate_of(&library, &compiled, None), Value::from("cargo test"));
    assert_eq!(gate_of(&library, &compiled, Some("make")), Value::from("make"));
    let own = format!("{WRITER}gate = \"make check\"\n");
    let (_, compiled) = compile("gate = \"cargo test\"", &own, "mine");
    assert_eq!(shown(&compiled), ["gate of `write`: make check"]);
    let reader = WRITER.replace("access = \"write\"\n", "");
    let (_, compiled) = compile("gate = \"cargo test\"\nsetup = \"npm ci\"", &reader, "mine");
    assert_eq!((gates(&compiled), shown(&compiled)), (Vec::new(), Vec::new()));
}

#[test]
fn writers_side_by_side_are_not_held_to_what_only_all_of_them_can_pass() {
    let fan_out = WRITER.replace("access", "each = \"size.parts\"\naccess")
        + "[[step]]\nid = \"together\"\nkind = \"merge\"\nneeds = [\"write\"]\n"
        + "[size.small]\nparts = [1]\n[size.medium]\nparts = [1]\n[size.large]\nparts = [1]\n";
    let (library, compiled) = compile("gate = \"cargo test\"\nsetup = \"make\"", &fan_out, "mine");
    assert_eq!(gates(&compiled), Vec::<&str>::new());
    assert!(library.setup(&compiled.flow).expect("known").is_some());
}

#[test]
fn a_22_other_commands_of_a_project_are_other_commands_to_approve_and_another_definition() {
    let of = |project: &str| {
        let (_, compiled) = compile(project, WRITER, "fix");
        (
            compiled.flow.hash,
            compiled.untrusted_commands.map(|commands| commands.hash),
        )
    };
    let texts = [
        "",
        "gate = \"a\"",
        "gate = \"b\"",
        "setup = \"a\"",
        "setup = \"a\"\nsetup_network = \"open\"",
        "setup = \"a\"\ngate = \"b\"",
    ];
    let all: Vec<_> = texts.iter().map(|text| of(text)).collect();
    for (number, one) in all.iter().enumerate() {
        for other in &all[number + 1..] {
            assert_ne!(one.0, other.0);
            assert_ne!(one.1, other.1);
        }
    }
    // What is no command needs no second yes, and no run follows another definition for it.
    assert_eq!(of("gate = \"a\"\nagent = \"x\""), all[1]);
}

#[test]
fn a_run_that_is_taken_up_again_keeps_the_setup_and_gate_that_it_began_with() {
    let (_, compiled) = compile("gate = \"cargo test\"\nsetup = \"npm ci\"", WRITER, "fix");
    let later = Library::new();
    later.restore(&compiled.bundle).expect("a bundle");
    assert_eq!(gate_of(&later, &compiled, None), Value::from("cargo test"));
    let setup = later.setup(&compiled.flow).expect("known").expect("a setup");
    assert_eq!(setup.command, "npm ci");
}

fn refused(project: &str) -> String {
    match Library::new().compile(Some(folder(project, WRITER).path()), "fix", Size::Small, false) {
        Err(DefinitionError::Invalid { shown }) => shown,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_wrong_is_shown_with_file_line_caret_and_the_nearest_name() {
    let shown = refused("agent = \"codex\"\ngaet = \"cargo test\"\n");
    let expected = "  × the project's file has an unknown field `gaet`\n   \
                    ╭─[.partita/partita.toml:2:1]\n 1 │ agent = \"codex\"\n 2 │ gaet = \"cargo test\"\n   \
                    · ──┬─\n   ·   ╰── not known\n   ╰────\n  help: did you mean `gate`?\n";
    assert_eq!(shown, expected);
    for (project, says) in [
        ("gate = 3", "`gate` of the project's file must be a text"),
        ("gate = \" \"", "`gate` is empty"),
        ("setup = \"a\\u0000b\"", "`setup` holds a zero byte"),
        (
            "setup_timeout = \"5m\"",
            "`setup_timeout` means nothing without `setup`",
        ),
        (
            "setup = \"a\"\nsetup_timeout = \"9h\"",
            "`setup_timeout` is no duration",
        ),
        ("setup = \"a\"\nsetup_network = \"opne\"", "did you mean `open`?"),
        ("size = \"hueg\"", "`hueg` is no value of `size`"),
        ("agent = \"\"", "`agent` is empty"),
        (
            "agent = \"command\"",
            "`command` is no agent that a project may choose",
        ),
        ("gate = ", "partita.toml:1"),
    ] {
        let shown = refused(project);
        assert!(shown.contains(says), "{project}: {shown}");
    }
}

#[test]
fn a_22_a_prompt_of_a_project_does_not_become_a_command() {
    let agents = ["agent = \"command\"", "agents = [\"codex\", \"command\"]"];
    for agent in agents {
        let flow = format!("{WRITER}{agent}\n");
        let compiled = Library::new().compile(Some(folder("", &flow).path()), "mine", Size::Small, false);
        let Err(DefinitionError::Invalid { shown }) = compiled else {
            panic!("{compiled:?}");
        };
        assert!(
            shown.contains("it would run prompts as shell commands"),
            "{shown}"
        );
    }
}

#[test]
fn a_link_is_not_followed_out_of_the_project() {
    let folder = folder("", WRITER);
    let other = tempfile::tempdir().expect("a folder");
    std::fs::write(other.path().join("theirs"), "gate = \"x\"").expect("written");
    let path = folder.path().join(".partita/partita.toml");
    std::fs::remove_file(&path).expect("removed");
    std::os::unix::fs::symlink(other.path().join("theirs"), &path).expect("linked");
    assert!(matches!(
        Project::read(folder.path()),
        Err(DefinitionError::Invalid { .. })
    ));
}

#[test]
fn the_published_schema_is_the_formats_and_every_field_is_documented() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = root.join("docs/partita.schema.json");
    let schema = format!("{:#}\n", project_schema());
    if std::env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
        std::fs::write(&path, &schema).expect("written");
    }
    assert!(
        std::fs::read_to_string(&path).unwrap_or_default() == schema,
        "docs/partita.schema.json is stale: run the tests with INSTA_UPDATE=always"
    );
    let schema = project_schema();
    let fields = schema["properties"].as_object().expect("fields");
    let shown = refused("qqqqqqqq = 1");
    let document = std::fs::read_to_string(root.join("docs/configuration.md")).expect("the document");
    for name in fields.keys() {
        assert!(
            shown.contains(&format!("`{name}`")),
            "the reader knows no `{name}`: {shown}"
        );
        assert!(
            document.contains(&format!("| `{name}` |")),
            "`{name}` is not documented"
        );
    }
    assert_eq!(shown.matches('`').count() / 2, fields.len() + 1);
}
