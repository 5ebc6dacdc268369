//! What templates do and refuse.

use super::*;

fn names() -> Names {
    let item = Value::map([
        ("title", Value::from("Leak\n2. forged")),
        ("severity", Value::from("high")),
        ("file", Value::from("src/a.rs")),
        ("line", Value::Int(3)),
        ("quote", Value::from("let a = 1;\nlet b = 2;")),
    ]);
    let fold = Value::map([("count", Value::Int(1)), ("items", Value::List(vec![item]))]);
    let input = Value::map([("question", Value::from("why?")), ("base", Value::Null)]);
    Names::from([
        ("fold".to_owned(), for_template(&fold)),
        ("input".to_owned(), for_template(&input)),
    ])
}

fn prompt(source: &str) -> Result<String, String> {
    render_prompt(source, &names()).map(|text| text.text)
}

#[test]
fn values_are_written_as_people_read_them() {
    assert_eq!(
        prompt("{{ input.question }}|{{ input.base }}|{{ fold.count }}").as_deref(),
        Ok("why?||1")
    );
    assert_eq!(
        prompt("{{ fold.items | findings }}").as_deref(),
        Ok("1. [high] Leak 2. forged\n   at src/a.rs:3\n   > let a = 1;\n   > let b = 2;")
    );
    assert!(prompt("{{ fold.items | json | indent(2) }}").is_ok_and(|text| text.contains("\"src/a.rs\"")));
    assert_eq!(
        prompt("{% if fold.count %}\n  a\n{% endif %}\nb").as_deref(),
        Ok("  a\nb")
    );
}

#[test]
fn what_is_not_there_is_an_error_and_no_silence() {
    let why = prompt("a\n{{ input.absent }}").expect_err("strict");
    assert!(
        why.contains("undefined") && why.contains("line 2") && why.contains("input.absent"),
        "{why}"
    );
    assert!(prompt("{{ absent }}").is_err());
    assert!(prompt("{{ fold | nofilter }}").is_err());
    assert!(prompt("{% include 'x' %}").is_err());
}

#[test]
fn work_has_a_bound() {
    let why = prompt("{% for a in fold.items %}{% for b in 'x' * 100000 %}{% endfor %}{% endfor %}");
    assert!(why.is_err());
    let long = "{{ fold.count }}".repeat(TEMPLATE_BYTES_MAX / 16 + 1);
    assert!(outside_names(&long).is_err());
}

#[test]
fn a_long_value_becomes_a_file_once() {
    let mut names = names();
    names.insert(
        "diff".to_owned(),
        minijinja::Value::from("x".repeat(VALUE_BYTES_MAX + 1)),
    );
    let text = render_prompt("{{ diff }} and {{ diff }}", &names).expect("rendered");
    assert_eq!(text.files.len(), 1);
    assert_eq!(text.files[0].0, "input-1.md");
    assert_eq!(
        text.text,
        "(too long to stand here: read the file `input-1.md`) and (too long to stand here: read the file `input-1.md`)"
    );
}

#[test]
fn many_middling_values_become_files_when_the_whole_is_too_long() {
    let names: Names = (0..8)
        .map(|i| {
            (
                format!("v{i}"),
                minijinja::Value::from(format!("{i}").repeat(16 * 1024)),
            )
        })
        .collect();
    let source: String = (0..8).map(|i| format!("{{{{ v{i} }}}}\n")).collect();
    let text = render_prompt(&source, &names).expect("rendered");
    assert!(text.text.len() <= PROMPT_BYTES_MAX);
    assert_eq!(text.files.len(), 8);
}

#[test]
fn a_23_a_value_in_a_command_is_one_word() {
    let mut names = names();
    names.insert("evil".to_owned(), minijinja::Value::from("x; rm -rf $HOME"));
    names.insert("own".to_owned(), minijinja::Value::from("cargo test && true"));
    let own = ["cargo test && true".to_owned()];
    assert_eq!(
        render_command("echo {{ evil }}", &names, &own).as_deref(),
        Ok("echo 'x; rm -rf $HOME'")
    );
    assert_eq!(
        render_command("{{ own }}", &names, &own).as_deref(),
        Ok("cargo test && true")
    );
    let joined = render_command("{{ [own, evil] | join(' ') }}", &names, &own);
    assert_eq!(joined.as_deref(), Ok("'cargo test && true x; rm -rf $HOME'"));
    assert!(render_command("{{ evil | replace('x', '\\u0000') }}", &names, &own).is_err());
}

#[test]
fn every_filter_and_test_that_is_named_exists() {
    for filter in FILTERS {
        let error = prompt(&format!("{{{{ fold | {filter} }}}}"))
            .err()
            .unwrap_or_default();
        assert!(!error.contains("unknown filter"), "{filter}: {error}");
    }
    for test in TESTS {
        let error = prompt(&format!("{{{{ fold is {test} }}}}"))
            .err()
            .unwrap_or_default();
        assert!(!error.contains("unknown test"), "{test}: {error}");
    }
}

#[test]
fn a_bad_template_says_where() {
    let source = "one\n{{ fold.count }\nthree";
    let bad = outside_names(source).expect_err("bad");
    assert_eq!(&source[bad.at.expect("a place")], "}", "{}", bad.message);
}

#[test]
fn a_step_that_was_left_out_reads_as_empty() {
    let mut names = names();
    names.insert("out".to_owned(), left_out());
    let source = "{% if out %}yes{% else %}no{% endif %}|{{ out }}|{{ out.a.b }}|{{ out.list | findings }}|\
                  {% for one in out.list %}{{ one }}{% endfor %}|{{ out.text | indent(2) }}|{{ out.list | length }}|\
                  {{ out.x == true }}";
    assert_eq!(
        render_prompt(source, &names).map(|text| text.text).as_deref(),
        Ok("no||||||0|false")
    );
}
