//! What a template may take from outside. Only that is made for it: made for each item of a fan-out, what nobody asks for
//! would cost the square of the list.

use super::{Names, outside_names};
use crate::paths;
use domain::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A template and what it may name.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pub(crate) source: String,
    mentions: BTreeMap<String, Wanted>,
}

/// What of a value a template may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Any of it.
    Whole,
    /// These entries of it and no other, should it be a map.
    Entries(BTreeSet<String>),
}

impl Template {
    /// Reads what a template may name: what its engine says, and every word of its tags besides. The engine overlooks what
    /// is cut in slices and what a name is set from that is its own; words alone would miss what stands behind a brace
    /// that only seems to end its tag. A word too many costs time, one too few an error.
    pub(crate) fn new(source: String) -> Self {
        let mut mentions = BTreeMap::new();
        // What cannot be read is rendered by nobody.
        for name in outside_names(&source).unwrap_or_default() {
            let mut parts = name.split('.');
            let (root, entry) = (parts.next().unwrap_or_default(), parts.next());
            mention(&mut mentions, root, entry);
        }
        for tag in paths::tags(&source) {
            words(&source[tag], &mut mentions);
        }
        Self { source, mentions }
    }

    /// What of the value of that name may be asked for; none when nothing is.
    pub(crate) fn wants(&self, name: &str) -> Option<&Wanted> {
        self.mentions.get(name)
    }

    /// Enters a value into what the template sees, as far as it may ask for it.
    pub(crate) fn give(&self, names: &mut Names, name: &str, value: &Value) {
        let Some(wanted) = self.wants(name) else { return };
        let made = match (wanted, value) {
            (Wanted::Entries(_), Value::Map(entries)) => {
                let entries = entries.iter().filter(|(entry, _)| wanted.has(entry));
                let made = entries.map(|(entry, value)| (entry.clone(), super::for_template(value)));
                minijinja::Value::from(made.collect::<BTreeMap<_, _>>())
            }
            _ => super::for_template(value),
        };
        names.insert(name.to_owned(), made);
    }
}

impl Wanted {
    /// Whether this entry may be asked for.
    pub(crate) fn has(&self, entry: &str) -> bool {
        match self {
            Self::Whole => true,
            Self::Entries(entries) => entries.contains(entry),
        }
    }
}

fn mention(mentions: &mut BTreeMap<String, Wanted>, root: &str, entry: Option<&str>) {
    let wanted = mentions
        .entry(root.to_owned())
        .or_insert_with(|| Wanted::Entries(BTreeSet::new()));
    match (wanted, entry) {
        (Wanted::Entries(entries), Some(entry)) => _ = entries.insert(entry.to_owned()),
        (wanted, None) => *wanted = Wanted::Whole,
        (Wanted::Whole, Some(_)) => {}
    }
}

/// Every word of a tag that does not stand right behind a dot, and the word behind its own dot.
fn words(tag: &str, mentions: &mut BTreeMap<String, Wanted>) {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let word_at = |at: usize| {
        let rest = tag.get(at..).unwrap_or_default();
        &rest[..rest.find(|c: char| !is_word(c)).unwrap_or(rest.len())]
    };
    let mut at = 0;
    while let Some(letter) = tag[at..].chars().next() {
        let word = word_at(at);
        if word.is_empty() {
            at += letter.len_utf8();
            continue;
        }
        let end = at + word.len();
        let entry = Some(word_at(end + 1))
            .filter(|_| tag[end..].starts_with('.'))
            .filter(|entry| entry.starts_with(|c: char| c.is_alphabetic() || c == '_'));
        if !tag[..at].ends_with('.') {
            mention(mentions, word, entry);
        }
        at = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::{for_template, render_prompt};

    fn world() -> BTreeMap<&'static str, Value> {
        let items = Value::List(vec![Value::Int(1), Value::Int(2)]);
        let fold = Value::map([("items", items.clone()), ("count", Value::Int(2))]);
        BTreeMap::from([
            ("fold", fold),
            ("other", Value::map([("fold", Value::from("inner"))])),
            ("list", items),
            ("item", Value::from("count")),
            ("none", Value::Null),
        ])
    }

    fn given(template: &Template) -> Names {
        let mut names = Names::new();
        for (name, value) in world() {
            template.give(&mut names, name, &value);
        }
        names
    }

    #[test]
    fn only_what_is_named_is_made() {
        for (source, made) in [
            ("the list and {# {{ fold }} #} a word", "{}"),
            ("{{ item }}", "{'item': 'count'}"),
            ("{{ fold.count }}", "{'fold': {'count': 2}}"),
            (
                "{{ fold.count }}{{ fold }}",
                "{'fold': {'count': 2, 'items': [1, 2]}}",
            ),
            ("{{ other.fold }}", "{'other': {'fold': 'inner'}}"),
            ("{{ fold['count'] }}", "{'fold': {'count': 2, 'items': [1, 2]}}"),
        ] {
            let names = given(&Template::new(source.to_owned()));
            assert_eq!(minijinja::Value::from(names).to_string(), made, "{source}");
        }
    }

    #[test]
    fn what_is_left_out_changes_no_text() {
        let all: Names = world()
            .iter()
            .map(|(name, value)| ((*name).to_owned(), for_template(value)))
            .collect();
        for source in [
            "{{ fold.count }} {{ fold .items }} {{ fold. count }} {{ fold\n.count }}",
            "{{ fold[item] }} {{ fold['items'][0] }} {{ list[0] }} {{ list.0 }}",
            "{% if not item %}{% set fold = 1 %}{% endif %}{{ fold }}",
            "{% if not item %}{% set fold = 1 %}{% endif %}{{ fold.count }}",
            "{% for fold in list %}{{ fold }}{% endfor %}{{ fold }}",
            "{% with fold = other %}{{ fold.fold }}{% endwith %}{{ fold.items }}",
            "{% set fold = fold.items %}{{ fold }} {{ list[:1] }} {{ other.fold[1:] }}",
            "{% with list = list %}{{ list }}{% endwith %}{% set x | indent(fold.count) %}a\nb{% endset %}{{ x }}",
            "{% for key in fold %}{{ key }}={{ fold[key] }} {% endfor %}",
            "{{ {\"a\": {\"b\": 1}}.a.b }} {{ list }}",
            "{{ {\"a\": {\"b\": item}} }}{{ {\"a\": {\"b\": 1}}[list[5]] or fold.count }}",
            "{% if {\"a\": {}} and not fold %}{% set list = 1 %}{% endif %}{{ list }}",
            "{{- fold.items | json | indent(2) -}}{%- if none %}x{% else %}{{ other.fold }}{% endif -%}",
            "{{ fold.absent is defined }} {{ fold is defined }} {{ absent is defined }} {{ none }}",
            "{% raw %}{{ fold }}{% endraw %}{{ '}}' }}{{ \"%}\" }}{{ item }}",
            "{{ fold.absent }}",
            "{{ fold.items.absent }}",
            "{{ absent }}",
            "{{ fold.count() }}",
            "{{{ item }}}",
        ] {
            let template = Template::new(source.to_owned());
            assert_eq!(
                render_prompt(source, &given(&template)),
                render_prompt(source, &all),
                "{source}"
            );
        }
    }
}
