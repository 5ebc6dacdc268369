//! The verbs. A new one is a file in `verbs/` and a line in [`VERBS`].

mod bench;
mod cases;
mod controls;
mod leftovers;
mod rows;
mod soak;
mod tidy;

use std::fmt::Write as _;
use std::path::Path;

/// Every verb, in the order of the listing.
pub(crate) const VERBS: &[Verb] = &[
    tidy::VERB,
    rows::VERB,
    leftovers::VERB,
    bench::VERB,
    cases::VERB,
    controls::VERB,
    soak::VERB,
];

/// One chore.
pub(crate) struct Verb {
    pub(crate) name: &'static str,
    pub(crate) usage: &'static str,
    pub(crate) summary: &'static str,
    /// Takes the root of the repository and the words after the verb.
    pub(crate) run: fn(&Path, &[String]) -> anyhow::Result<Ended>,
}

/// How a chore ended that could be carried out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Well,
    WithFindings,
    /// As the command ended that was run.
    WithCode(u8),
}

impl Verb {
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        VERBS.iter().find(|verb| verb.name == name)
    }
}

/// The list of verbs, as printed to someone who named none of them.
pub(crate) fn listing(verbs: &[Verb]) -> String {
    let mut text = String::from("usage: cargo xtask VERB [OPTION…]\n\n");
    let call = |verb: &Verb| format!("{} {}", verb.name, verb.usage);
    let width = verbs
        .iter()
        .map(|verb| call(verb).chars().count())
        .max()
        .unwrap_or(0);
    for verb in verbs {
        writeln!(text, "  {:<width$}  {}", call(verb), verb.summary).expect("a string takes any text");
    }
    text
}

/// Refuses every option that the verb does not know; answers which of the known ones were given.
fn flags(words: &[String], known: &[&'static str]) -> anyhow::Result<Vec<&'static str>> {
    words
        .iter()
        .map(|word| {
            known
                .iter()
                .copied()
                .find(|flag| flag == word)
                .ok_or_else(|| anyhow::anyhow!("there is no option `{word}`; known: {}", known.join(" ")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_listing_names_every_verb_once() {
        let text = listing(VERBS);
        for verb in VERBS {
            assert_eq!(
                text.matches(&format!("\n  {} ", verb.name)).count(),
                1,
                "{}",
                verb.name
            );
        }
    }

    #[test]
    fn an_unknown_option_is_refused_by_name() {
        let refused = flags(&["--strickt".to_owned()], &["--strict"]).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "there is no option `--strickt`; known: --strict"
        );
    }
}
