//! What people read when a flow is wrong: every diagnostic, word for word.

use domain::Size;
use engine::ports::{DefinitionError, Definitions};
use flows::Library;
use std::path::Path;

/// A project with one flow file `mine.toml` and what else it names.
fn project(flow: &str, others: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let mut files = vec![(".partita/flows/mine.toml", flow)];
    files.extend_from_slice(others);
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        std::fs::write(path, text).expect("written");
    }
    folder
}

fn compile(folder: &Path) -> Result<engine::ports::Compiled, DefinitionError> {
    Library::new().compile(Some(folder), "mine", Size::Small, false)
}

fn shown(flow: &str, others: &[(&str, &str)]) -> String {
    match compile(project(flow, others).path()).expect_err("wrong") {
        DefinitionError::Invalid { shown } => {
            assert!(!shown.contains('\u{1b}'), "no colour: {shown:?}");
            shown
        }
        other => panic!("{other:?}"),
    }
}

const HEAD: &str = "name = \"mine\"\ncategory = \"analysis\"\nsummary = \"A test.\"\n";

/// A flow of these steps.
fn flow(steps: &str) -> String {
    format!("{HEAD}{steps}")
}

fn ask(id: &str, rest: &str) -> String {
    format!("[[step]]\nid = \"{id}\"\nkind = \"agent\"\nprompt = \"Do it.\"\n{rest}\n")
}

macro_rules! diagnostics {
    ($($name:ident: $flow:expr $(, $others:expr)?;)*) => {$(
        #[test]
        fn $name() {
            let others: &[&[(&str, &str)]] = &[$($others)?];
            insta::assert_snapshot!(shown($flow.as_ref(), &others.concat()));
        }
    )*};
}

diagnostics! {
    an_unknown_field: flow(&ask("one", "need = [\"two\"]"));
    several_unknown_fields_at_once: format!("{HEAD}sumary = \"x\"\n{}", ask("one", "promt = \"x\"\nzzz = 1"));
    an_unknown_field_of_a_retry: flow(&ask("one", "retry = { max = 1, bsae = \"5s\" }"));
    a_wrong_type: flow(&ask("one", "needs = \"two\"\ntimeout = 20\nskip_when_fast = \"yes\""));
    no_toml_at_all: "name = \"mine\ncategory == 3\n";
    nothing_in_it: "";
    no_step: HEAD;
    a_step_without_id_and_kind: flow("[[step]]\nprompt = \"x\"\n");
    a_step_as_a_plain_table: flow("[step]\nid = \"one\"\nkind = \"agent\"\n");
    an_unknown_kind: flow("[[step]]\nid = \"one\"\nkind = \"agnet\"\nprompt = \"x\"\n");
    an_unknown_category: "name = \"mine\"\ncategory = \"analyses\"\nsummary = \"x\"\n".to_owned() + &ask("one", "");
    a_name_that_is_a_verb_of_run: format!("name = \"watch\"\ncategory = \"review\"\nsummary = \"x\"\n{}", ask("one", ""));
    a_name_that_is_not_the_files: format!("name = \"ours\"\ncategory = \"review\"\nsummary = \"x\"\n{}", ask("one", ""));
    an_unknown_step_in_needs: flow(&(ask("scan", "") + &ask("fold", "needs = [\"scam\"]")));
    an_unknown_step_in_each: flow(&(ask("scan", "") + &ask("look", "needs = [\"scan\"]\neach = \"scann.items\"")));
    an_unknown_step_in_when: flow(&(ask("scan", "") + &ask("look", "needs = [\"scan\"]\nwhen = \"not scna\"")));
    a_step_used_without_being_needed: flow(&(ask("scan", "") + &ask("look", "when = \"scan.count > 0\"")));
    a_circle: flow(&(ask("a", "needs = [\"b\"]") + &ask("b", "needs = [\"c\"]") + &ask("c", "needs = [\"a\"]")));
    a_step_that_needs_itself: flow(&ask("a", "needs = [\"a\"]"));
    an_id_twice: flow(&(ask("a", "") + &ask("a", "")));
    ids_that_are_none: flow(&(ask("a-b", "") + &ask("size", "") + &ask("Ab", "")));
    bad_durations: flow(&ask("a", "timeout = \"20 minutes\"\nidle_timeout = \"0s\"\nretry = { base = \"10m\", cap = \"5m\", max = 99 }"));
    a_bad_expression: flow(&(ask("a", "") + &ask("b", "needs = [\"a\"]\nwhen = \"a.count > > 3\"")));
    an_expression_that_ends_too_soon: flow(&(ask("a", "") + &ask("b", "needs = [\"a\"]\nwhen = \"a.count >\"")));
    a_bad_template: flow("[[step]]\nid = \"a\"\nkind = \"agent\"\nprompt = \"\"\"\nOne line.\n{% if input.fast %}\nnever ends\n\"\"\"\n");
    a_bad_tag_in_a_template: flow("[[step]]\nid = \"a\"\nkind = \"agent\"\nprompt = \"\"\"\nOne line.\n\nAsk {{ input.question } now.\n\"\"\"\n");
    unknown_variables_in_a_template: flow("[[step]]\nid = \"a\"\nkind = \"agent\"\nprompt = \"\"\"\nOne {{ input.qestion }}\n  two {{ itme.name }} and {{ size.angels }}\n\"\"\"\n");
    an_item_without_each: flow("[[step]]\nid = \"a\"\nkind = \"agent\"\nprompt = \"Look at {{ item.name }}.\"\n");
    an_unknown_filter: flow("[[step]]\nid = \"a\"\nkind = \"agent\"\nprompt = \"Ask {{ input.question | uper }}.\"\n");
    a_tag_that_templates_do_not_have: flow("[[step]]\nid = \"a\"\nkind = \"agent\"\nprompt = \"{% include 'other' %}\"\n");
    an_operator_that_templates_do_not_have: flow("[[step]]\nid = \"a\"\nkind = \"agent\"\nprompt = \"{{ input.question ~ '+' ~ input.agent }}\"\n");
    a_field_that_a_schema_lacks: flow(&(ask("scan", "output_schema = { type = \"object\", additionalProperties = false, properties = { files = { type = \"array\" } } }")
        + "[[step]]\nid = \"look\"\nkind = \"agent\"\nneeds = [\"scan\"]\nprompt = \"{{ scan.flies }}\"\n"));
    a_missing_schema_file: flow(&ask("a", "output = \"schemas/absent.json\""));
    a_schema_file_outside: flow(&ask("a", "output = \"../../secret.json\""));
    a_schema_file_that_is_no_json: flow(&ask("a", "output = \"s.json\"")), &[(".partita/flows/s.json", "{\n  \"type\": object\n}\n")];
    a_schema_that_is_none: flow(&ask("a", "output = \"s.json\"")), &[(".partita/flows/s.json", "{ \"type\": \"objekt\" }\n")];
    a_schema_that_looks_elsewhere: flow(&ask("a", "output_schema = { \"$ref\" = \"https://example.org/s.json\" }"));
    two_schemas: flow(&ask("a", "output = \"s.json\"\noutput_schema = { type = \"object\" }")), &[(".partita/flows/s.json", "{}")];
    a_missing_persona: flow(&ask("a", "persona = \"reviewr\""));
    an_unknown_contract: flow(&ask("a", "contracts = [\"evidnce\"]"));
    evidence_without_a_schema: flow(&ask("a", "contracts = [\"evidence\"]"));
    each_over_no_list: flow(&(ask("a", "") + "[[step]]\nid = \"f\"\nkind = \"fold\"\nneeds = [\"a\"]\n" + &ask("b", "needs = [\"a\", \"f\"]\neach = \"f\"")));
    each_over_a_text: flow(&(ask("a", "") + &ask("b", "needs = [\"a\"]\neach = \"a\"")));
    writers_without_a_merge: flow(&ask("w", "each = \"input.parts\"\naccess = \"write\"")) + "[input.parts]\ntype = \"list\"\n";
    a_merge_without_writers: flow(&(ask("a", "") + "[[step]]\nid = \"m\"\nkind = \"merge\"\nneeds = [\"a\"]\n"));
    a_fold_of_nothing: flow("[[step]]\nid = \"f\"\nkind = \"fold\"\n");
    a_gate_on_a_reader: flow(&ask("a", "gate = \"cargo test\""));
    an_approval_with_each: flow("[[step]]\nid = \"ok\"\nkind = \"approval\"\neach = \"input.question\"\nprompt = \"Really?\"\n");
    fields_of_another_kind: flow("[[step]]\nid = \"c\"\nkind = \"command\"\ncommand = \"true\"\nprompt = \"x\"\npersona = \"reviewer\"\n");
    what_this_version_does_not_do: flow(&(ask("a", "supervise = true\nbudget = { money = 3 }\nnetwork = \"provider\"") + "[[step]]\nid = \"s\"\nkind = \"subflow\"\nflow = \"review\"\n"));
    agent_and_agents: flow(&ask("a", "agent = \"claude\"\nagents = [\"codex\"]"));
    a_size_that_lacks_a_value: format!("{HEAD}[size.small]\nn = 1\n[size.medium]\nn = 2\nm = 3\n{}", ask("a", ""));
    inputs_that_do_not_fit: format!("{HEAD}[input.model]\n[input.n]\ntype = \"number\"\ndefault = \"x\"\n[input.r]\nrequired = true\ndefault = \"y\"\n[input.k]\ntype = \"txt\"\n{}", ask("a", ""));
    more_than_fits_a_screen: flow(&(0..20).map(|i| ask(&format!("s{i}"), "nedes = []")).collect::<String>());
    a_hostile_file: format!("{HEAD}[[step]]\nid = \"a\"\nkind = \"agent\"\nprompt = \"x\" \u{1b}]0;owned\u{7}\n");
}

#[test]
fn an_unknown_flow_names_the_nearest() {
    let folder = project(&flow(&ask("a", "")), &[]);
    let wrong = |name| {
        Library::new()
            .compile(Some(folder.path()), name, Size::Small, false)
            .expect_err("unknown")
    };
    let near = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        wrong("reviev"),
        DefinitionError::Unknown {
            name: "reviev".to_owned(),
            near: near(&["review"])
        }
    );
    assert_eq!(
        wrong("mien"),
        DefinitionError::Unknown {
            name: "mien".to_owned(),
            near: near(&["mine"])
        }
    );
    assert_eq!(
        wrong("../mine"),
        DefinitionError::Unknown {
            name: "../mine".to_owned(),
            near: Vec::new()
        }
    );
    assert_eq!(
        wrong(""),
        DefinitionError::Unknown {
            name: String::new(),
            near: Vec::new()
        }
    );
}

#[test]
fn a_link_in_a_project_leads_nowhere() {
    let folder = project(&flow(&ask("a", "persona = \"thief\"\noutput = \"s.json\"")), &[]);
    let partita = folder.path().join(".partita");
    std::fs::create_dir(partita.join("personas")).expect("made");
    std::os::unix::fs::symlink("/etc/passwd", partita.join("personas/thief.md")).expect("linked");
    std::os::unix::fs::symlink("/etc/hostname", partita.join("flows/s.json")).expect("linked");
    std::os::unix::fs::symlink("/etc/hostname", partita.join("flows/linked.toml")).expect("linked");
    insta::assert_snapshot!(compile(folder.path()).expect_err("wrong").to_string());
    let linked = Library::new().compile(Some(folder.path()), "linked", Size::Small, false);
    insta::assert_snapshot!(linked.expect_err("wrong").to_string());
}

#[test]
fn a_broken_flow_is_listed_with_what_is_wrong() {
    let folder = project(
        "name = 3\n",
        &[(
            ".partita/flows/fine.toml",
            &flow(&ask("a", "")).replace("mine", "fine"),
        )],
    );
    let listed = Library::new().list(Some(folder.path()));
    let names: Vec<(&str, bool)> = listed
        .iter()
        .map(|flow| (flow.name.as_str(), flow.card.is_ok()))
        .collect();
    assert_eq!(
        names,
        [
            ("fine", true),
            ("fix", true),
            ("investigate", true),
            ("mine", false),
            ("review", true)
        ]
    );
    assert!(
        listed[3]
            .card
            .as_ref()
            .expect_err("broken")
            .contains(".partita/flows/mine.toml:1:8")
    );
}
