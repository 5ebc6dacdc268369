//! Flows that cannot be used: refused with file, line, caret and hint, and nothing is created.

use crate::env::TestEnv;
use serde_json::json;

fn refused(name: &str, text: &str) -> (TestEnv, String) {
    let env = TestEnv::new();
    env.make_repository();
    let folder = env.project().join(".partita/flows");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("{name}.toml")), text).unwrap();
    let given = env.run(&["run", name, "--focus", "anything", "--agent", "rehearsal"]);
    assert_eq!(given.code, 6, "{given:#?}");
    assert!(given.out.is_empty(), "{given:#?}");
    assert_eq!(
        env.run(&["run", "list", "--json"]).json()["items"],
        json!([]),
        "nothing was created"
    );
    (env, given.err)
}

const HEAD: &str = "category = \"analysis\"\nversion = 1\nsummary = \"A flow.\"\n";

#[test]
fn a_circle_is_shown_step_by_step() {
    let text = format!(
        "name = \"circle\"\n{HEAD}[[step]]\nid = \"a\"\nkind = \"agent\"\nneeds = [\"b\"]\nprompt = \"x\"\n[[step]]\nid = \"b\"\nkind = \"agent\"\nneeds = [\"a\"]\nprompt = \"x\"\n"
    );
    let (_env, error) = refused("circle", &text);
    assert!(error.contains("circle.toml:"), "{error}");
    assert!(
        error.contains("a → b → a") || error.contains("b → a → b"),
        "{error}"
    );
}

#[test]
fn an_unknown_step_names_the_nearest() {
    let text = format!(
        "name = \"lost\"\n{HEAD}[[step]]\nid = \"survey\"\nkind = \"agent\"\nprompt = \"x\"\n[[step]]\nid = \"b\"\nkind = \"agent\"\nneeds = [\"survei\"]\nprompt = \"x\"\n"
    );
    let (_env, error) = refused("lost", &text);
    assert!(error.contains("lost.toml:"), "{error}");
    assert!(error.contains("`survey`"), "{error}");
}

#[test]
fn an_unknown_field_names_the_nearest() {
    let text = format!("name = \"field\"\n{HEAD}[[step]]\nid = \"a\"\nkind = \"agent\"\npromt = \"x\"\n");
    let (_env, error) = refused("field", &text);
    assert!(error.contains("field.toml:"), "{error}");
    assert!(error.contains("`promt`") && error.contains("`prompt`"), "{error}");
}

#[test]
fn a_bad_template_is_shown_in_its_line() {
    let text = format!(
        "name = \"template\"\n{HEAD}[[step]]\nid = \"a\"\nkind = \"agent\"\nprompt = \"\"\"\nfirst\n{{{{ nobody.knows }}}}\n\"\"\"\n"
    );
    let (_env, error) = refused("template", &text);
    assert!(error.contains("template.toml:"), "{error}");
    assert!(error.contains("nobody"), "{error}");
}

#[test]
fn a_bad_schema_is_refused() {
    let text = format!(
        "name = \"schema\"\n{HEAD}[[step]]\nid = \"a\"\nkind = \"agent\"\nprompt = \"x\"\noutput_schema = {{ type = \"objct\" }}\n"
    );
    let (_env, error) = refused("schema", &text);
    assert!(error.contains("schema.toml:"), "{error}");
    assert!(error.contains("objct"), "{error}");
}

#[test]
fn a_broken_flow_is_listed_and_spoils_no_other() {
    let text = format!("name = \"field\"\n{HEAD}[[step]]\nid = \"a\"\nkind = \"agent\"\npromt = \"x\"\n");
    let (env, _) = refused("field", &text);
    let listed = env.run(&["flows", "--json"]).json();
    let of = |name: &str| {
        listed["items"]
            .as_array()
            .unwrap()
            .iter()
            .find(|flow| flow["name"] == name)
            .unwrap()
            .clone()
    };
    assert!(of("field")["error"].is_string());
    assert_eq!(of("review")["error"], json!(null));
    assert_eq!(env.run(&["flows", "field"]).code, 6);
}
